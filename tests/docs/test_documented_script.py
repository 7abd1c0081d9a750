"""The script in FLARECAST's documentation runs unchanged except for the host."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests
from astropy.io import fits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    command = [sys.executable, "-m", "sunpy_flarecast", "serve", "--demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield child.stdout.readline().split()[2]
        child.terminate()
        child.communicate(timeout=60)


def test_list_keywords_and_download(host: str, tmp_path: Path) -> None:
    # List the records of a time range,
    address = f"{host}/HMI/hmi.sharp_720s?start=2015-12-11T23%3A30%3A00Z&end=2015-12-11T23%3A40%3A00Z&meta=false"
    response = requests.get(address, timeout=60).json()
    records = response["data"]
    assert len(records) > 3
    for record in records[:2]:
        # request a few keywords of each by its number,
        address = f"{host}/HMI/hmi.sharp_720s/meta/{record['recnum']}?fields=area,cmask,distcoef"
        meta = requests.get(address, timeout=60).json()[str(record["recnum"])]
        assert set(meta["meta"]) == {"area", "cmask", "distcoef"}
        assert meta["meta"]["area"] > 0
        assert meta["harpnum"] == record["harpnum"]
        assert meta["urls"] == []
        # and download its files under the names sent by the service.
        for url in record["urls"][:3]:
            answer = requests.get(url, stream=True, timeout=60)
            [name] = re.findall("filename=(.+)", answer.headers["Content-Disposition"])
            with (tmp_path / name).open("wb") as file:
                for chunk in answer.iter_content(chunk_size=1024):
                    file.write(chunk)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 6
    assert all(re.fullmatch(r"hmi\.sharp_720s\.\d+\.20151211_233600_TAI\.\w+\.fits", name) for name in names)
    for name in names:
        with fits.open(tmp_path / name, checksum=True) as hdus:
            assert hdus[-1].data.ndim == 2
