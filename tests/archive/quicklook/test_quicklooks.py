"""Quicklooks over HTTP: pictures, validators, damaged files, bounds, and processes that die."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from datetime import UTC, datetime

import numpy as np
import pytest
from astropy.io import fits
from indexed import CCD, CEA, header_of, name_of
from PIL import Image
from starlette.exceptions import HTTPException
from wire import get

from sunpy_flarecast.archive import DemoArchive, DirectoryArchive, Settings, running
from sunpy_flarecast.archive.quicklook.draw import Job
from sunpy_flarecast.archive.quicklook.painters import Painters

ROWS, COLUMNS = 40, 80
DAY = datetime(2015, 12, 11, tzinfo=UTC), datetime(2015, 12, 12, tzinfo=UTC)


def write(path, data, **cards):
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.CompImageHDU(data, fits.Header(cards)).writeto(path, overwrite=True)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Serve a folder of a few images, one of them damaged."""
    root = tmp_path_factory.mktemp("seen")
    field = np.zeros((ROWS, COLUMNS), dtype=np.int32)
    field[: ROWS // 2, : COLUMNS // 4] = 3000  # bottom left
    for harp in range(1, 4):
        write(root / name_of(harp, 0, "Br"), field, **header_of(harp, 0))
    write(root / name_of(1, 0, "magnetogram", CCD), field, **header_of(1, 0, CROTA2=180.1))
    write(root / name_of(2, 0, "Bt"), np.full((ROWS, COLUMNS), np.nan, dtype=np.float32), **header_of(2, 0))
    write(root / name_of(1, 0, "bitmap", CEA), (field > 0) * np.int16(33) + np.int16(1), **header_of(1, 0))
    damaged = root / name_of(3, 0, "Br")
    content = damaged.read_bytes()
    begin = content.rindex(b"END ") // 2880 * 2880 + 2880  # the compressed rows
    damaged.write_bytes(content[:begin] + b"\xff" * (len(content) - begin))
    with DirectoryArchive(root) as archive, running(archive) as url:
        yield archive, url


def address(archive, harp=1, series=CEA, segment="Br", width=160):
    record = next(iter(archive.records(series, *DAY, harpnums=[harp])))
    return f"/quicklook/{series}/{record.recnum}/{segment}.png?width={width}"


def job_of(path):
    settings = {"series": CEA, "recnum": 1, "segment": "Br", "width": 640, "title": "", "upside_down": False}
    return Job(source=str(path), mark="", **settings)


def pixels(reply):
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")
    return np.asarray(Image.open(io.BytesIO(reply.content)).convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("series", "segment", "corner"), [(CEA, "Br", "bottom left"), (CCD, "magnetogram", "top right")]
)
def test_north_is_up(service, series, segment, corner):
    archive, url = service
    seen = pixels(get(url + address(archive, series=series, segment=segment)))
    assert seen.shape == (80, 160, 3)
    bright = seen[..., 0] > 200
    rows, columns = np.nonzero(bright)
    assert bright.mean() == pytest.approx(1 / 8, abs=0.01)
    assert ("top" if rows.max() < 40 else "bottom", "left" if columns.max() < 40 else "right") == tuple(corner.split())


def test_a_small_picture_has_the_colours_of_a_large_one(service):
    archive, url = service
    small, large = (pixels(get(url + address(archive, segment="bitmap", width=width))) for width in (160, 1280))
    assert large.shape[1] == 1280
    colours = {tuple(colour) for colour in small.reshape(-1, 3)}
    assert len(colours) == 2
    assert colours <= {tuple(colour) for colour in large.reshape(-1, 3)}


def test_a_damaged_file_gives_a_picture_with_a_message(service):
    archive, url = service
    good, bad = (get(url + address(archive, harp=harp)) for harp in (2, 3))
    assert pixels(bad).shape == (120, 160, 3)
    assert (pixels(bad) == 255).any()  # letters
    assert pixels(good).shape == (80, 160, 3)


def test_an_image_of_missing_pixels(service):
    archive, url = service
    small, large = (pixels(get(url + address(archive, harp=2, segment="Bt", width=width))) for width in (160, 1280))
    assert {tuple(colour) for colour in small.reshape(-1, 3)} <= {tuple(colour) for colour in large.reshape(-1, 3)}


def test_a_temporary_failure_is_not_cached(service, tmp_path):
    """The picture of a damaged file is cached until the file changes, which is wrong for a temporary failure."""

    async def scenario():
        with pytest.raises(FileNotFoundError):
            await painters.draw("missing", job_of(tmp_path / "missing.fits"))

    painters = Painters(service[0], jobs=1)
    asyncio.run(scenario())
    painters.close()


def test_validators_and_the_cache(service):
    archive, url = service
    place = url + address(archive, harp=2, width=320)
    first = get(place)
    assert first.headers["cache-control"] == "no-cache"
    assert get(place, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    assert get(place.replace("320", "160")).headers["etag"] != first.headers["etag"]
    assert first.content in [path.read_bytes() for path in archive.cache.glob("quicklooks/*/*")]
    assert archive.condition().fault is None
    assert not [path for path, _ in archive.skipped if "cache" in str(path)]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        (f"/quicklook/{CEA}/1/Br.png", 404, "no record 1"),
        ("/quicklook/hmi.none/1/Br.png", 404, "holds no series 'hmi.none'"),
        (f"/quicklook/{CEA}/1/Br.png?width=161", 400, "Pictures are 160, 320, 640 or 1280 pixels wide, not 161"),
        (f"/quicklook/{CEA}/x/Br.png", 422, "'recnum' is invalid"),
        (f"/quicklook/{CEA}/1/Br.png?size=1", 400, "Unknown parameter 'size'"),
    ],
)
def test_invalid_requests(service, path, status, message):
    reply = get(service[1] + path)
    assert reply.status_code == status
    assert message in reply.json()["message"]


def test_another_segment(service):
    archive, url = service
    reply = get(url + address(archive, segment="<b>"))
    assert (reply.status_code, "has no segment '<b>'" in reply.json()["message"]) == (404, True)


def test_without_pages(memory):
    with running(memory([]), settings=Settings(pages=False)) as url:
        assert [get(f"{url}{path}").status_code for path in ("/quicklook/720/1/Br.png", "/", "/ui")] == [404, 404, 200]


def test_synthetic_pictures_are_marked():
    """White letters on black mark them."""
    archive = DemoArchive()
    with running(archive) as url:
        seen = pixels(get(f"{url}{address(archive, harp=4951)}"))
    letters = seen[-16:, :70]
    assert (letters > 225).all(axis=2).sum() > 50
    assert (letters < 30).all(axis=2).sum() > 50


def test_pictures_of_copies_of_synthetic_records_are_marked(tmp_path):
    for harp, content in enumerate(("HMI observable", "SYNTHETIC HMI observable"), 1):
        write(tmp_path / name_of(harp, 0, "Br"), np.zeros((ROWS, COLUMNS)), **header_of(harp, 0, CONTENT=content))
    with DirectoryArchive(tmp_path) as archive, running(archive) as url:
        pictures = [pixels(get(f"{url}{address(archive, harp)}"))[-16:, :70] for harp in (1, 2)]
    assert [((picture < 30).all(axis=2).sum() > 50) for picture in pictures] == [False, True]


def test_a_full_queue_and_a_process_that_is_killed(service, tmp_path):
    write(tmp_path / "one.fits", np.zeros((ROWS, COLUMNS), dtype=np.int32))
    painters = Painters(service[0], jobs=1, most=4)
    whole = job_of(tmp_path / "one.fits")

    async def scenario():
        drawing = await painters.draw("w", whole)  # starts the process
        many = [painters.draw(str(number), whole) for number in range(20)]
        replies = await asyncio.gather(*many, return_exceptions=True)
        rejected = [reply for reply in replies if isinstance(reply, HTTPException)]
        assert 0 < len(rejected) <= 16
        assert [reply for reply in replies if reply not in rejected] == [drawing] * (20 - len(rejected))
        assert {(reply.status_code, reply.headers["Retry-After"]) for reply in rejected} == {(503, "2")}
        first, second = await asyncio.gather(painters.draw("x", whole), painters.draw("x", whole))
        assert first is second  # drawn once
        for process in list(painters._pool._processes):
            os.kill(process, signal.SIGKILL)
        killed = painters._pool
        with pytest.raises(HTTPException, match="was killed"):
            await painters.draw("y", whole)
        assert await painters.draw("z", whole) == drawing
        painters._end(killed)  # like another request that waited for the same processes
        assert await painters.draw("z", whole) == drawing
        assert painters._pool is not None

    asyncio.run(scenario())
    painters.close()


def test_a_hanging_process_is_replaced(service, tmp_path):
    """Otherwise no more pictures would be drawn, and the service would not end."""
    write(tmp_path / "one.fits", np.zeros((ROWS, COLUMNS), dtype=np.int32))
    painters = Painters(service[0], jobs=1)

    async def scenario():
        drawing = await painters.draw("a", job_of(tmp_path / "one.fits"))
        for process in list(painters._pool._processes):
            os.kill(process, signal.SIGSTOP)
        painters._patience = 0.1
        with pytest.raises(HTTPException, match="takes too long"):
            await painters.draw("b", job_of(tmp_path / "one.fits"))
        painters._patience = 60
        assert await painters.draw("c", job_of(tmp_path / "one.fits")) == drawing

    asyncio.run(scenario())
    painters.close()
