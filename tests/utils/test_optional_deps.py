"""Errors for missing extras: one sentence with the install command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sunpy_flarecast.utils.optional_deps import install_command

#: Packages that only extras install.
PACKAGES = ("matplotlib", "pyarrow", "fastapi", "uvicorn", "swagger_ui_bundle", "click", "rich")

#: Calls that require an extra, and its name.
CALLS = {
    "flarecast.load('x.fits')": "plot",
    "import_module('sunpy_flarecast.plot').save": "plot",
    "table.plot_disk()": "plot",
    "table.plot_coverage()": "plot",
    "table.timeseries('usflux')": "timeseries",
    "table.write('search.parquet')": "parquet",
    "flarecast.FLARECASTResponse.read('search.parquet')": "parquet",
    "write_keywords(table, 'keywords.parquet')": "parquet",
    "flarecast.read_keywords('keywords.parquet')": "parquet",
    "archive.create_app": "archive",
    "archive.running": "archive",
    "archive.serve": "archive",
    "run_demo(Path('x'), say=print, show=print)": "demo",
}

SCRIPT = """
import json, sys
from importlib import import_module
from pathlib import Path

packages, calls = json.loads(sys.argv[1])
sys.modules |= dict.fromkeys(packages)

import sunpy_flarecast as flarecast
from sunpy_flarecast import archive
from sunpy_flarecast.tour import run_demo
from sunpy_flarecast.keywords.files import write_keywords
from sunpy_flarecast.rest.list_reply import read_records

reply = b'[{"recnum": 1, "harpnum": 1, "t_rec_index": 1005598, "urls": ["http://h/HMI/hmi.sharp_720s/1/bitmap.fits"]}]'
table = flarecast.FLARECASTResponse.from_records(read_records(reply, "hmi.sharp_720s")[0])
messages = {}
for call in calls:
    try:
        eval(call)
    except Exception as error:
        messages[call] = [isinstance(error, (ImportError, flarecast.QueryError)), str(error)]
print(json.dumps(messages))
"""


@pytest.fixture(scope="module")
def messages() -> dict[str, list[object]]:
    arguments = [sys.executable, "-c", SCRIPT, json.dumps([PACKAGES, list(CALLS)])]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(("call", "extra"), CALLS.items())
def test_a_one_line_error_names_the_extra(messages: dict[str, list[object]], call: str, extra: str) -> None:
    expected, text = messages[call]
    assert expected, text
    assert re.fullmatch(rf"[^\n]* needs? the package \S+, which [^\n]*: {re.escape(install_command(extra))}", str(text))


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, 'python -m pip install "sunpy-flarecast[plot]"'),
        ({"url": "https://host/package.whl", "archive_info": {}}, 'python -m pip install "sunpy-flarecast[plot]"'),
        ({"url": "file:///home/me/a%20b", "dir_info": {}}, 'python -m pip install "/home/me/a b[plot]"'),
        ({"url": "file:///home/me/c", "dir_info": {"editable": True}}, 'python -m pip install -e "/home/me/c[plot]"'),
    ],
)
def test_the_command_fits_the_installation(
    origin: object, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "sunpy_flarecast-1.dist-info"
    about.mkdir()
    about.joinpath("METADATA").write_text("Name: sunpy-flarecast\nVersion: 1\n")
    if origin:
        about.joinpath("direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(tmp_path)
    assert install_command("plot") == command


def test_the_documented_extras_exist() -> None:
    root = Path(__file__).parents[2]
    extras = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    pages = [*root.joinpath("sunpy_flarecast").rglob("*.py"), *root.joinpath("docs").rglob("*.md"), root / "README.md"]
    named = {
        extra
        for path in pages
        if "generated" not in path.parts
        for group in re.findall(r"(?:sunpy-flarecast|\.)\[([a-z,]+)\]\"", path.read_text("utf-8"))
        for extra in group.split(",")
    }
    assert named
    assert named <= extras.keys()
