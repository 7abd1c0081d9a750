"""Shards and groups made from FITS files, opened with xarray without this package."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import sunpy.map
import xarray
from astropy.io import fits
from patches import BLANK, FIRST, full, numbers, settings, stored, task

from sunpy_flarecast.archive import DemoArchive
from sunpy_flarecast.dataset.image_header import header_of
from sunpy_flarecast.dataset.model import Encoding, ImageRecord, ShardFacts, ShardTask, Status
from sunpy_flarecast.dataset.shard import facts_path, finish_harp, finish_images, make_shard
from sunpy_flarecast.errors import FileError, TransferError
from sunpy_flarecast.maps.load import load, make_map
from sunpy_flarecast.sharp.t_rec import text_slot
from sunpy_flarecast.utils.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sunpy_flarecast.dataset.model import Settings

Files = list[list[Path | str]]
HARP = 377


def build(out: Path, chosen: Settings, tasks: Sequence[ShardTask], files: Sequence[Files]) -> list[ShardFacts]:
    """Build the images of one HARP."""
    store = Store(out)
    made = [make_shard(task, chosen, store, paths) for task, paths in zip(tasks, files, strict=True)]
    facts, written = finish_harp(tasks, made, chosen, store)
    written |= finish_images([tasks[0].harp], chosen, store)
    for shard in facts:
        written |= shard.files
    found = {name: (out / name).read_bytes() for name in store.names("images.zarr")}
    assert written == {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in found.items()}
    return facts


def opened(out: Path, harp: int = HARP) -> xarray.Dataset:
    group = f"harp/{harp:05d}"
    alone = xarray.open_zarr(out / "images.zarr", group=group, chunks=None)
    tree = xarray.open_datatree(out / "images.zarr", engine="zarr")
    xarray.testing.assert_identical(tree[group].to_dataset(), alone)
    return alone


def by_astropy(path: Path) -> Any:
    with fits.open(path) as hdus:
        return np.array(hdus[-1].data)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Return six records with files of two segments."""
    folder = tmp_path_factory.mktemp("records")
    return [
        [
            stored(folder / f"{step}.{name}.fits", numbers(5, 7, 2 * step + k), **full(HARP, step))
            for k, name in enumerate(["Bp", "Br"])
        ]
        for step in range(6)
    ]


def test_real_files_round_trip_with_their_maps(shared_data: Path, tmp_path: Path) -> None:
    names = ["20151030_000000_TAI", "20151030_001200_TAI", "20151030_002400_TAI"]
    chosen = settings("Bp", "Bt", "Br")
    slots = [text_slot(f"2015.10.30_{name[9:11]}:{name[11:13]}:00_TAI") or 0 for name in names]
    folder = shared_data / "sharp_fits"
    files: Files = [
        [folder / f"hmi.sharp_cea_720s.6060.{name}.{segment}.fits" for segment in chosen.segments] for name in names
    ]
    facts = build(tmp_path, chosen, [task(6060, 0, [], 3, slots)], [files])
    assert facts[0].complete
    assert facts[0].images[1].sha256[2] == hashlib.sha256(Path(files[1][2]).read_bytes()).hexdigest()
    harp = opened(tmp_path, 6060)
    assert harp.image.dtype == np.float64
    assert harp.image.attrs["units"] == "Mx/cm^2"
    assert str(harp.time.values[1])[:23] == "2015-10-30T00:11:24.000"
    assert harp.segment.values.tolist() == ["Bp", "Bt", "Br"]
    for index, row in enumerate(files):
        assert_same_maps(harp, index, row)


def test_maps_of_smarps_round_trip(shared_data: Path, tmp_path: Path) -> None:
    segments, slot = ("magnetogram", "bitmap"), text_slot("2010.07.14_12:48:00_TAI") or 0
    chosen = msgspec.structs.replace(settings(*segments), series="mdi.smarp_cea_96m")
    row = [shared_data / "cases" / f"{chosen.series}.13520.20100714_124800_TAI.{segment}.fits" for segment in segments]
    build(tmp_path, chosen, [task(13520, 0, [], 2, [slot])], [[row]])
    assert_same_maps(opened(tmp_path, 13520), 0, row)


def test_ccd_maps_round_trip_with_pixels_beyond_the_limb(tmp_path: Path) -> None:
    archive, segments, day = DemoArchive(), ("magnetogram", "field"), datetime(2014, 1, 1, tzinfo=UTC)
    chosen = msgspec.structs.replace(settings(*segments), series="hmi.sharp_720s")
    records = archive.records(chosen.series, day, day + timedelta(hours=1))
    record = next(record for record in records if record.harpnum == 3238)
    row = [tmp_path / f"{chosen.series}.3238.{segment}.fits" for segment in segments]
    for path, segment in zip(row, segments, strict=True):
        path.write_bytes(archive.segment(chosen.series, record.recnum, segment))
    build(tmp_path / "out", chosen, [task(3238, 0, [], 2, [record.t_rec_index or 0])], [[row]])
    harp = opened(tmp_path / "out", 3238)
    assert np.isnan(harp.image.values).any()
    assert_same_maps(harp, 0, row)


def assert_same_maps(harp: xarray.Dataset, index: int, row: Sequence[Path | str]) -> None:
    for segment, path in zip(harp.segment.values.tolist(), row, strict=True):
        expected = load(path)
        pixels = harp.image[index].sel(segment=segment).values
        np.testing.assert_array_equal(pixels, expected.data)
        assert_same_map(make_map(pixels, header_of(harp, index, segment), segment), expected)


def assert_same_map(ours: Any, expected: Any) -> None:
    assert ours.wcs.wcs.compare(expected.wcs.wcs, tolerance=0)
    for name in ("date", "reference_date", "unit", "instrument", "observatory", "measurement", "scale", "wavelength"):
        assert getattr(ours, name) == getattr(expected, name), name
    assert ours.latex_name == expected.latex_name
    ours_from, from_there = ours.observer_coordinate, expected.observer_coordinate
    assert ours_from.separation_3d(from_there).value == 0
    for name in ("crval1", "dsun_obs", "rsun_obs", "obs_vr", "harpnum", "tarpnum", "car_rot", "naxis1", "cunit1"):
        assert ours.meta.get(name) == expected.meta.get(name), name


def test_bytes_depend_on_the_files_only(tmp_path: Path, records: Files) -> None:
    chosen = settings("Bp", "Br")
    tasks = [task(HARP, 0, range(4), 2), task(HARP, 1, range(4, 6), 2)]
    build(tmp_path / "one", chosen, tasks, [records[:4], records[4:]])
    store = Store(tmp_path / "two")
    files = [records[:4], records[4:]]
    with ThreadPoolExecutor() as workers:  # numcodecs behaves differently in the main thread
        again = list(workers.map(lambda task, rows: make_shard(task, chosen, store, rows), tasks, files))
    finish_harp(tasks, again, chosen, store)
    finish_images([HARP, HARP], chosen, store)
    names = Store(tmp_path / "one").names()
    assert names == store.names()
    assert len([name for name in names if "/image/c/" in name]) == 2
    assert all((tmp_path / "one" / name).read_bytes() == store.read(name) for name in names)


def test_facts_round_trip_through_json(tmp_path: Path, records: Files) -> None:
    facts = make_shard(task(HARP, 0, range(2), 2), settings("Bp", "Br"), Store(tmp_path), records[:2])
    assert None in facts.images[0].wcs
    assert msgspec.json.decode(msgspec.json.encode(facts), type=ShardFacts) == facts


def test_images_that_are_missing_are_nan_and_marked_with_a_reason(tmp_path: Path, records: Files) -> None:
    other = stored(tmp_path / "other.fits", numbers(5, 7), **full(378, 1))
    early = stored(tmp_path / "early.fits", numbers(5, 7), **full(HARP, 0))
    small = stored(tmp_path / "small.fits", numbers(5, 6), **full(HARP, 3))
    broken = tmp_path / "broken.fits"
    broken.write_bytes(records[0][0].read_bytes()[:-2880])
    urls = [("u", ""), ("u", "u"), ("u", "u"), ("u", "u"), ("u", "u")]
    shard = ShardTask(HARP, 0, tuple(ImageRecord(step, FIRST + step, 1024 * step, urls[step]) for step in range(5)))
    files: Files = [
        [records[0][0], ""],
        [other, records[1][1]],
        ["HTTP 500", early],
        [records[3][0], small],
        [broken, "x"],
    ]
    (facts,) = build(tmp_path / "out", settings("Bp", "Br", shard_records=5), [shard], [files])
    assert [image.status for image in facts.images] == [(0, 1), (3, 0), (2, 3), (0, 3), (3, 2)]
    assert [image.reasons for image in facts.images] == [
        (),
        ("Bp: other.fits belongs to HARP 378, not 377",),
        ("Bp: HTTP 500", "Br: early.fits has T_REC 2015.12.11_00:12:00_TAI, not 2015.12.11_00:36:00_TAI"),
        ("Br: the image has 5 × 6 pixels, but other segments of the record have 5 × 7",),
        ("Bp: broken.fits ends at byte 8,640 of 11,520", "Br: x"),
    ]
    assert not facts.complete
    harp = opened(tmp_path / "out")
    there = np.array([[True, False], [False, True], [False, False], [True, False], [False, False]])
    assert (np.isfinite(harp.image.values).any(axis=(2, 3)) == there).all()
    assert (harp.status.values == [image.status for image in facts.images]).all()
    meanings = harp.status.attrs["flag_meanings"].split()
    assert meanings[harp.status.values[2, 0]] == "not_fetched"
    assert harp.quality.values.tolist() == [0, 1024, 2048, 3072, 4096]
    np.testing.assert_array_equal(harp.image.values[1, 1], by_astropy(records[1][1]))
    assert np.isnat(harp.date_obs.values).tolist() == [False, False, True, False, True]


def test_patches_of_several_shapes_are_padded_with_a_mask(tmp_path: Path, records: Files) -> None:
    chosen = settings("Bp", "Br", shard_records=2)
    grown = [
        [stored(tmp_path / f"{step}.{k}.fits", numbers(6, 4 + step, step), **full(HARP, step)) for k in range(2)]
        for step in range(2, 4)
    ]
    files = [records[:2], grown, records[4:6]]
    tasks = [task(HARP, 0, [0, 1], 2), task(HARP, 1, [2, 3], 2), task(HARP, 2, [4, 5], 2)]
    facts = build(tmp_path / "out", chosen, tasks, files)
    assert [shard.shape for shard in facts] == [(6, 7)] * 3
    harp = opened(tmp_path / "out")
    assert harp.mask.dtype == bool
    for index, (path, _) in enumerate(path for part in files for path in part):
        expected = by_astropy(path)
        rows, columns = expected.shape
        assert facts[index // 2].images[index % 2].shape == (rows, columns)
        mask = harp.mask.values[index]
        assert mask.sum() == rows * columns
        np.testing.assert_array_equal(harp.image.values[index, 0][:rows, :columns], expected)
        assert mask[:rows, :columns].all()
        assert np.isnan(harp.image.values[index, 0][~mask]).all()
        header = header_of(harp, index, "Bp")
        assert (header["NAXIS2"], header["NAXIS1"]) == (rows, columns)
    # The facts in the store are those of the second time; a finished data set is unchanged.
    store = Store(tmp_path / "out")
    text = store.read(facts_path(HARP, 0))
    assert text is not None
    assert msgspec.json.decode(text, type=ShardFacts) == facts[0]
    before = {name: store.read(name) for name in store.names()}
    finish_harp(tasks, facts, chosen, store)
    assert {name: store.read(name) for name in store.names()} == before


class _Full(Store):
    """A store on a disk without space for shards."""

    @contextmanager
    def open(self, path: str, mode: Any = "rb") -> Iterator[Any]:
        if "/image/c/" in path:
            raise TransferError("full")
        with super().open(path, mode) as file:
            yield file


def test_a_shard_whose_rewriting_failed_has_no_facts(tmp_path: Path, records: Files) -> None:
    chosen = settings("Bp", "Br", shard_records=1)
    large = stored(tmp_path / "large.fits", numbers(8, 8), **full(HARP, 1))
    tasks, store = [task(HARP, 0, [0], 2), task(HARP, 1, [1], 2)], Store(tmp_path / "out")
    made = [
        make_shard(task, chosen, store, [row]) for task, row in zip(tasks, [records[0], [large, large]], strict=True)
    ]
    for shard in made:
        store.write(facts_path(HARP, shard.number), msgspec.json.encode(shard))
    with pytest.raises(TransferError):
        finish_harp(tasks, made, chosen, _Full(tmp_path / "out"))
    assert [store.exists(facts_path(HARP, number)) for number in (0, 1)] == [False, True]
    store.remove("images.zarr/harp/00377/image/c/0")
    with pytest.raises(FileError, match=r"is missing\. Run the build again"):
        finish_harp(tasks, made, chosen, store)


def test_segments_with_several_scalings_keep_their_values(tmp_path: Path, records: Files) -> None:
    rows: Files = []
    for step in range(2):
        codes = np.array([[0, 33, 34], [-32768, 1, 2]], np.int16)[[0, 1, 0, 1, 0]][:, [0, 1, 2, 0, 1, 2, 0]]
        cards = full(HARP, step, BSCALE=1.0, BLANK=-32768)
        doppler = full(HARP, step, BSCALE=0.5, BZERO=3.25)
        rows.append(
            [
                stored(tmp_path / f"{step}.bitmap.fits", codes, packed=False, **cards),
                stored(tmp_path / f"{step}.doppler.fits", numbers(5, 7), **doppler),
                records[step][0],
            ]
        )
    chosen = settings("bitmap", "Dopplergram", "Bp")
    missing: Files = [["HTTP 500"] * 3]
    (facts,) = build(tmp_path / "out", chosen, [task(HARP, 0, range(3), 3)], [rows + missing])
    assert facts.encoding == Encoding("float64")
    harp = opened(tmp_path / "out")
    assert np.isnan(harp.image.values[2]).all()
    assert "units" not in harp.image.attrs
    assert harp.segment.attrs["segment_units"] == ["", "m/s", "Mx/cm^2"]
    for index, row in enumerate(rows):
        for place, path in enumerate(row):
            np.testing.assert_array_equal(harp.image.values[index, place], by_astropy(path))


def test_shards_with_different_scalings_share_one_encoding(tmp_path: Path, records: Files) -> None:
    coarse = stored(tmp_path / "coarse.fits", numbers(5, 7), **full(HARP, 1, BSCALE=0.1))
    chosen = settings("Bp", shard_records=1)
    tasks = [task(HARP, 0, [0], 1), task(HARP, 1, [1], 1)]
    files: list[Files] = [[[records[0][0]]], [[coarse]]]
    facts = build(tmp_path / "out", chosen, tasks, files)
    assert {shard.encoding for shard in facts} == {Encoding("float64")}
    harp = opened(tmp_path / "out")
    for index, ((path,),) in enumerate(files):
        np.testing.assert_array_equal(harp.image.values[index, 0], by_astropy(path))


@pytest.mark.parametrize(("kind", "side"), [("int16", 1), ("binned", 3)])
def test_smaller_encodings(tmp_path: Path, records: Files, kind: Any, side: int) -> None:
    chosen = settings("Bp", "Br", encoding=kind, bin=side)
    build(tmp_path, chosen, [task(HARP, 0, range(4), 2)], [records[:4]])
    harp = opened(tmp_path)
    assert harp.image.dtype == np.float32
    original = by_astropy(records[2][1])
    if kind == "int16":
        np.testing.assert_array_equal(harp.image.values[2, 1], np.rint(original))
        return
    assert harp.image.shape == (4, 2, 2, 3)
    np.testing.assert_allclose(harp.image.values[2, 1, 0, 0], np.nanmean(original[:3, :3]), rtol=1e-6)
    # The edges of both maps are at the same place on the Sun.
    whole = sunpy.map.Map(original, full(HARP, 2) | {"BUNIT": "Mx/cm^2"})
    bins = make_map(harp.image.values[2, 1], header_of(harp, 2, "Br"), "Br")
    for ours, theirs in zip(bins.wcs.wcs_pix2world(0.5, 1.5, 0), whole.wcs.wcs_pix2world(2.5, 5.5, 0), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_files_without_keywords_have_images_without_coordinates(tmp_path: Path) -> None:
    path = stored(tmp_path / "bare.fits", numbers(5, 7), BSCALE=0.01, BLANK=BLANK)
    (facts,) = build(tmp_path / "out", settings("Br"), [task(HARP, 0, [0], 1)], [[[path]]])
    assert facts.images[0].status == (Status.THERE,)
    harp = opened(tmp_path / "out")
    np.testing.assert_array_equal(harp.image.values[0, 0], by_astropy(path))
    header = header_of(harp, 0, "Br")
    assert "CRVAL1" not in header
    assert "DATE-OBS" not in header


def test_a_harp_without_any_image_can_be_opened(tmp_path: Path) -> None:
    (facts,) = build(tmp_path, settings("Br"), [task(HARP, 0, range(3), 1)], [[["HTTP 404"]] * 3])
    assert facts.files == {}
    harp = opened(tmp_path)
    assert harp.image.shape == (3, 1, 0, 0)
    assert (harp.status.values == Status.NOT_FETCHED).all()


def test_keywords_that_differ_within_a_harp_are_merged_or_omitted(tmp_path: Path) -> None:
    names = {"INSTRUME": ("HMI_SIDE1", "HMI_COMBINED"), "CUNIT1": ("degree", "deg"), "TELESCOP": ("SDO/HMI", "other")}
    files: Files = [
        [
            stored(
                tmp_path / f"{step}.fits",
                numbers(5, 7),
                **full(HARP, step, **{name: values[step] for name, values in names.items()}),
            )
        ]
        for step in range(2)
    ]
    build(tmp_path / "out", settings("Br"), [task(HARP, 0, range(2), 1)], [files])
    header = header_of(opened(tmp_path / "out"), 1, "Br")
    assert header["INSTRUME"] == "HMI"
    assert header["CUNIT1"] == "deg"
    assert "TELESCOP" not in header
    assert header["CRVAL1"] == 101.25


def test_remains_of_an_earlier_build_are_removed(tmp_path: Path, records: Files) -> None:
    chosen, store = settings("Bp", "Br"), Store(tmp_path / "out")
    small = stored(tmp_path / "small.fits", numbers(4, 4), **full(HARP, 1))
    both = task(HARP, 0, [0, 1], 2)
    build(tmp_path / "out", chosen, [both], [[records[0], [small, small]]])
    assert store.exists("images.zarr/harp/00377/mask")
    build(tmp_path / "out", chosen, [both], [records[:2]])  # fails if there are other files
    assert "mask" not in opened(tmp_path / "out")
    (facts,) = build(tmp_path / "out", chosen, [both], [[["HTTP 503"] * 2] * 2])
    assert facts.files == {}
    assert np.isnan(opened(tmp_path / "out").image.values).all()


def test_a_shard_that_is_damaged_is_refused_when_it_is_padded(tmp_path: Path, records: Files) -> None:
    chosen, store = settings("Bp", "Br", shard_records=1), Store(tmp_path / "out")
    large = stored(tmp_path / "large.fits", numbers(8, 8), **full(HARP, 1))
    tasks = [task(HARP, 0, [0], 2), task(HARP, 1, [1], 2)]
    made = [
        make_shard(task, chosen, store, [row]) for task, row in zip(tasks, [records[0], [large, large]], strict=True)
    ]
    path = "images.zarr/harp/00377/image/c/0/0/0/0"
    data = store.read(path) or b""
    store.write(path, bytes(100) + data[100:])
    with pytest.raises(FileError, match=r"00377/image/c/0/0/0/0 in .* is damaged. Remove it"):
        finish_harp(tasks, made, chosen, store)
