"""Downloads of many files as one tar file: content, bounds, and transfers that fail half-way."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import tarfile

import pytest
import requests
from indexed import CEA, header_of, name_of, tiny
from wire import get

from sunpy_flarecast.archive import DemoArchive, DirectoryArchive, NotHeldError, Settings, running

PATH = f"/download?series={CEA}"

#: The first and last T_REC.
FROM, TO = "20151211_001200_TAI", "20151211_003600_TAI"


@pytest.fixture
def root(tmp_path):
    """Return a folder of two HARPs and three segments, with one file compressed."""
    folder = tmp_path / "held"
    for harp in (377, 401):
        for step in range(3):
            for number, segment in enumerate(("Br", "Bt", "magnetogram")):
                tiny(
                    folder / str(harp) / name_of(harp, step, segment),
                    pixel=harp + number & 255,
                    **header_of(harp, step),
                )
    packed = folder / "401" / name_of(401, 2, "Br")
    packed.with_name(f"{packed.name}.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    return folder


def contents(reply):
    with tarfile.open(fileobj=io.BytesIO(reply.content)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive.getmembers()}


def on_disk(root, *, harp="*", segment="*"):
    files = sorted(root.glob(f"{harp}/*.{segment}.fits*"))
    return {
        path.name.removesuffix(".gz"): gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in files
    }


def test_files_match_the_folder(root):
    with DirectoryArchive(root) as archive, running(archive) as url:
        reply = get(url + PATH)
        assert reply.headers["content-type"] == "application/x-tar"
        assert reply.headers["content-disposition"] == f"attachment; filename={CEA}.{FROM}-{TO}.tar"
        assert "content-encoding" not in reply.headers
        found = contents(reply)
        assert found == on_disk(root)
        segments = ("magnetogram", "Bt", "Br")  # JSOC's order
        assert list(found) == [
            name_of(harp, step, segment) for step in range(3) for harp in (377, 401) for segment in segments
        ]
        assert get(url + PATH).content == reply.content
        chosen = get(f"{url}{PATH}&harp=377&segment=br&segment=Bt&cadence=24min")
        assert set(contents(chosen)) == {name for name in on_disk(root, harp="377", segment="B?") if "_002400_" in name}
        assert chosen.headers["content-disposition"] == f"attachment; filename={CEA}.377.20151211_002400_TAI.tar"
        head = requests.head(url + PATH, timeout=20)
        assert (head.status_code, head.content) == (200, b"")


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs tar")
def test_a_transfer_is_resumed_with_tar(root, tmp_path):
    with DirectoryArchive(root) as archive, running(archive) as url:
        whole = get(url + PATH).content
    target = tmp_path / "target"
    target.mkdir()
    part = subprocess.run(["tar", "-x", "-C", target], input=whole[: len(whole) // 2], capture_output=True)
    assert part.returncode != 0
    (broken,) = [path for path in target.iterdir() if path.stat().st_size < 5760]
    broken.unlink()
    assert 0 < len(list(target.iterdir())) < len(on_disk(root))
    done = subprocess.run(["tar", "-x", "--skip-old-files", "-C", target], input=whole, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert {path.name: path.read_bytes() for path in target.iterdir()} == on_disk(root)


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 413, "More than 10 files match, but one download may contain at most 10. Choose fewer segments"),
        ("&segment=Bz", 404, f"{CEA} has no segment 'Bz'. It has: magnetogram, Bt, Br"),
        ("&harp=5", 404, "No files match"),
        ("&harp=x", 400, "'harp' is invalid: 'x'"),
        ("&segments=Br", 400, "Unknown parameter 'segments'. Did you mean 'segment'?"),
        ("&segment=Br", 200, None),
    ],
)
def test_limits_and_invalid_parameters(root, query, status, message):
    with DirectoryArchive(root) as archive, running(archive, settings=Settings(max_download=10)) as url:
        reply = get(f"{url}{PATH}{query}")
        assert reply.status_code == status
        assert message is None or message in reply.json()["message"]


class Failing(DirectoryArchive):
    """An archive whose files vanish or shrink after some were read."""

    left = 0
    truncated = False

    def segment(self, series, recnum, name):
        stored = super().segment(series, recnum, name)
        self.left -= 1
        if self.left < 0 and not self.truncated:
            raise NotHeldError("it vanished")
        if self.left < 0:
            with stored.path.open("r+b") as file:
                file.truncate(2880)
        return stored


@pytest.mark.parametrize("truncated", [False, True])
def test_a_file_that_vanishes_aborts_the_transfer(root, tmp_path, truncated):
    with Failing(root) as archive, running(archive) as url:
        archive.left, archive.truncated = 5, truncated
        received = []
        with requests.get(f"{url}{PATH}&harp=377", stream=True, timeout=20) as reply:
            assert reply.status_code == 200
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                received.extend(reply.iter_content(1024))
        # The received part does not pass for a complete tar file, even behind a proxy that hides the failure.
        (tmp_path / "part.tar").write_bytes(b"".join(received))
        with tarfile.open(tmp_path / "part.tar") as part, pytest.raises(tarfile.ReadError, match="unexpected end"):
            part.extractall(tmp_path, filter="data")
        assert sum(path.stat().st_size == 5760 for path in tmp_path.glob("*.fits")) == 5
        archive.left, archive.truncated = 0, False
        reply = get(url + PATH)
        assert (reply.status_code, reply.json()["message"]) == (404, "it vanished")


def test_synthetic_files():
    archive = DemoArchive()
    with running(archive) as url:
        found = contents(get(f"{url}{PATH}&start=2015-12-11&end=2015-12-11T00:20&segment=bitmap&harp=4928"))
    assert list(found) == [f"{CEA}.4928.20151211_001200_TAI.bitmap.fits"]
    (content,) = found.values()
    assert b"SYNTHETIC" in content
