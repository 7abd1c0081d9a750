"""An opened data set: tables, images, samples, arrays of one shape, maps and a plot."""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import astropy.units as u
import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from astropy.table import Table
from counting import QUERY
from faults import answer, pointed_at
from zarr.storage import LocalStore

import sunpy_flarecast
from sunpy_flarecast import FileError, MissingDataWarning, QueryError, dataset
from sunpy_flarecast.dataset.picture import bin_slots
from sunpy_flarecast.flares import read_flares
from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.sharp.t_rec import slot_of

if TYPE_CHECKING:
    from pathlib import Path

    from faults import Layer
    from matplotlib.figure import Figure

    from sunpy_flarecast.dataset import Dataset

SERIES = "hmi.sharp_cea_720s"
SHAPE = (48, 96)


@pytest.fixture(scope="session")
def _built(_small_service: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a data set that lacks the last Bt image, and the last labels of 24 hours."""
    out = tmp_path_factory.mktemp("opened") / "sharps"
    with pointed_at(_small_service[:2]), sunpy_flarecast.conf.set_temp("retry_wait", 0.01):
        found = sunpy_flarecast.FLARECASTClient().search(*QUERY, progress=False)
        _small_service[1].faults[f"{found['Record'][-1]}/Bt"] = answer(b"{}", status=500)
        numbers = found.keywords("noaa_ars", progress=False)["noaa_ars"]
        flares = Table({
            "peak_time": ["2015-12-10T12:00", "2015-12-11T15:00", "2015-12-12T13:00"],
            "class": ["C1.0", "M2.0", "C5.0"],
            "noaa": [0, int(str(numbers[0]).partition(",")[0]), 0],
        })  # fmt: skip
        with pytest.warns(MissingDataWarning):
            dataset.build(
                out,
                *QUERY,
                flares=flares,
                windows=[12, 24] * u.hour,
                split={"train": 0.7, "test": 0.3},
                shard_records=2,
                progress=False,
            )
    return out


@pytest.fixture
def built(_built: Path) -> Path:
    return _built


@pytest.fixture
def ds(built: Path) -> Dataset:
    return dataset.open(built)


def pixels(folder: Path, row: Any, segment: str) -> Any:
    """Read the image of a record from its FITS file."""
    return fits.getdata(folder / named(row, segment))


def named(row: Any, segment: str) -> str:
    return file_name(SERIES, segment, harpnum=int(row["HARPNUM"]), slot=int(slot_of(row["T_REC"])))


def test_tables(ds: Dataset) -> None:
    assert len(ds.records) == 9
    assert ds.records["usflux"].unit == u.Mx
    assert len(ds.labels) == 9 * 2
    assert ds.labels["window"].unit == u.hour
    assert ds.flares["class"].tolist() == ["C1.0", "M2.0", "C5.0"]


def test_the_representation_is_short(ds: Dataset, built: Path) -> None:
    text = repr(ds)
    assert "9 records of 3 HARPs, 2015-12-1" in text
    assert "labels: M1.0 within 12, 24 h after T_REC" in text
    names = ", ".join(ds.samples(window=12 * u.hour).keyword_names)
    assert f"keywords: {names}; not in samples by default: noaa_ar," in text
    assert "sets: train" in text
    assert len(text.splitlines()) == 5
    page = ElementTree.fromstring(ds._repr_html_())
    assert page.findtext("strong") == f"Dataset {built}"
    facts = {row.findtext("th"): row.findtext("td") for row in page.iter("tr")}
    assert list(facts) == ["records", "images", "keywords", "labels", "sets"]
    assert facts["labels"] == "M1.0 within 12, 24 h after T_REC"


# --- Images -----------------------------------------------------------------------------------------------------------


def test_images_of_a_harp_equal_the_files_and_are_read_on_access(ds: Dataset, small_files: Path) -> None:
    for row in ds.records:
        harp = ds.images[row["HARPNUM"]]
        assert not harp["image"].variable._in_memory
        if row["status_Br"] == 0:
            image = harp["image"].isel(time=row["index"]).sel(segment="Br")[: row["height"], : row["width"]]
            np.testing.assert_array_equal(image, pixels(small_files, row, "Br"))


def test_images_open_as_a_data_tree(ds: Dataset) -> None:
    assert isinstance(ds.images, xr.DataTree)
    shown = "<ImageTree of 3 HARPs; images[HARPNUM] opens the xarray.Dataset of a HARP>"
    assert str(ds.images) == repr(ds.images) == shown
    harp = int(ds.records["HARPNUM"][0])
    assert len(ds.images["harp"].children) == 3
    xr.testing.assert_identical(ds.images[f"harp/{harp:05d}"].to_dataset(), ds.images[harp])
    assert len(ds.images.copy()["harp"].children) == 3


def test_an_unknown_harp_is_refused(ds: Dataset) -> None:
    with pytest.raises(QueryError, match="no images of HARP 5"):
        ds.images[5]


# --- Samples ----------------------------------------------------------------------------------------------------------


def test_samples_are_the_records_whose_label_and_images_are_known(ds: Dataset, small_files: Path) -> None:
    records = ds.records
    found = []
    for name in ("train", "test"):
        samples = ds.samples(name, window=12 * u.hour)
        label = np.ma.MaskedArray(records["label_12h_M1.0"])
        inside = np.ma.filled(records["split"] == name, False)
        unknown = inside & np.ma.getmaskarray(label)
        missing = inside & ~unknown & ((records["status_Br"] != 0) | (records["status_Bt"] != 0))
        assert samples.rows.tolist() == np.flatnonzero(inside & ~unknown & ~missing).tolist()
        assert samples.left_out.get("an unknown label", 0) == unknown.sum()
        assert samples.left_out.get("a missing image", 0) == missing.sum()
        assert len(list(samples)) == len(samples)
        for row, (image, keywords, value) in zip(samples.rows, samples, strict=True):
            assert (image.dtype, type(value)) == (np.float32, int)
            assert value == label[row]
            for place, segment in enumerate(samples.segments):
                np.testing.assert_array_equal(image[place], pixels(small_files, records[row], segment).astype("f4"))
            flux = records["usflux"][row].value
            assert keywords[samples.keyword_names.index("usflux")] == flux
        found.append(samples)
    assert sum(map(len, found)) + sum(sum(samples.left_out.values()) for samples in found) == 9
    assert sum(samples.labels.sum() for samples in found) > 0
    assert sum(
        samples.left_out.get("a missing image", 0) + samples.left_out.get("an unknown label", 0) for samples in found
    )


def test_left_out_records_are_counted(ds: Dataset) -> None:
    everything = ds.samples(window=24 * u.hour, threshold="M1")
    assert "left out: " in repr(everything)
    assert "with an unknown label" in repr(everything)
    # The missing image is of Bt; Br is complete.
    only = ds.samples(window=12 * u.hour, segments="br")
    assert "a missing image" not in only.left_out
    assert (len(only) - len(ds.samples(window=12 * u.hour))) == ds.samples(window=12 * u.hour).left_out.get(
        "a missing image", 0
    )


def test_missing_keywords_are_nan_and_positions_are_requested_by_name(ds: Dataset) -> None:
    assert "lat_min" not in ds.samples(window=12 * u.hour).keyword_names
    assert ds.samples(window=12 * u.hour, keywords="usflux").keyword_names == ("usflux",)
    chosen = ds.samples(window=12 * u.hour, keywords=["LAT_MIN", "usflux"])
    assert chosen.keyword_names == ("lat_min", "usflux")
    np.testing.assert_array_equal(chosen.keywords[:, 0], ds.records["lat_min"].value[chosen.rows])


def test_samples_are_a_sequence(ds: Dataset) -> None:
    samples = ds.samples(window=12 * u.hour, shape=SHAPE, fill=0)
    np.testing.assert_array_equal(samples[-1][0], samples[len(samples) - 1][0])
    assert samples[1:3].rows.tolist() == samples.rows[1:3].tolist()
    np.testing.assert_array_equal(samples[1:3][0][0], samples[1][0])
    with pytest.raises(IndexError):
        samples[len(samples)]


@pytest.mark.parametrize("how", ["crop", "bin"])
def test_arrays_of_one_shape_equal_the_samples(ds: Dataset, how: Any) -> None:
    samples = ds.samples(window=12 * u.hour, shape=SHAPE, how=how)
    fixed = ds.fixed(SHAPE, how)
    assert fixed["image"].shape == fixed["mask"].shape == (9, 2, *SHAPE)
    assert fixed["image"].chunks is not None
    assert list(fixed["segment"].values) == list(samples.segments)
    loaded = fixed.compute()
    np.testing.assert_array_equal(loaded["mask"], np.isfinite(loaded["image"]))
    for row, (image, _, _) in zip(samples.rows, samples, strict=True):
        np.testing.assert_array_equal(loaded["image"][row], image)
    factors = [
        1 if how == "crop" else max(-(-record["height"] // 48), -(-record["width"] // 96), 1) for record in ds.records
    ]
    assert loaded["bin"].values.tolist() == factors
    filled = ds.samples(window=12 * u.hour, shape=SHAPE, how=how, fill=-7)[0][0]
    np.testing.assert_array_equal(filled, np.where(np.isnan(samples[0][0]), np.float32(-7), samples[0][0]))


def test_a_missing_image_is_masked_in_an_array_of_one_shape(ds: Dataset) -> None:
    (row,) = np.flatnonzero(ds.records["status_Bt"] != 0)
    mask = ds.fixed(SHAPE)["mask"][row].values
    assert not mask[ds.samples(window=12 * u.hour).segments.index("Bt")].any()
    train = ds.fixed(SHAPE, name="train", segments=["Br"])
    assert train["row"].values.tolist() == np.flatnonzero(np.ma.filled(ds.records["split"] == "train", False)).tolist()


def test_a_sample_decodes_only_its_chunk(ds: Dataset, built: Path, tmp_path: Path) -> None:
    samples = ds.samples(window=12 * u.hour)
    kept = next(number for number in range(len(samples)) if samples.indices[number] == 0)
    image = samples[kept][0]
    copy = tmp_path / "copy"
    shutil.copytree(built, copy)
    shard = copy / f"images.zarr/harp/{samples.harps[kept]:05d}/image/c/0/0/0/0"
    # A shard ends with offset and size of its two chunks, and a checksum.
    data = bytearray(shard.read_bytes())
    at, size = np.frombuffer(data[-20:-4], "<u8").tolist()
    data[at : at + size] = bytes(size)
    shard.write_bytes(data)
    np.testing.assert_array_equal(dataset.open(copy).samples(window=12 * u.hour)[kept][0], image)


def test_lost_or_damaged_images_give_a_one_line_error(ds: Dataset, built: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(built, copy)
    row = ds.records[0]
    group = copy / f"images.zarr/{row['group']}"
    shard = group / f"image/c/{row['index'] // 2}/0/0/0"

    def refused(text: str) -> None:
        again = dataset.open(copy)
        for read in (
            lambda: again.samples(window=12 * u.hour)[0],
            lambda: again.fixed(SHAPE).compute(),
            lambda: again.map(row["HARPNUM"], row["T_REC"], "Br"),
        ):
            with pytest.raises(FileError, match=f"{text}.*Get a complete copy"):
                read()

    shard.write_bytes(shard.read_bytes()[:50])
    refused("is damaged or cannot be read")
    # zarr returns missing values for a missing shard.
    shard.unlink()
    refused("image/c/0/0/0/0 is missing in")
    shutil.rmtree(group)
    refused("harp/0.* is missing in")
    with pytest.raises(FileError, match="is missing in"):
        dataset.open(copy).images[row["HARPNUM"]]


# Users may fork a process that has threads, too; Python warns about that.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_samples_in_threads_and_processes(ds: Dataset) -> None:
    samples = ds.samples(window=12 * u.hour, shape=SHAPE)
    expected = [image for image, _, _ in samples]
    places = range(len(samples))
    with ThreadPoolExecutor(4) as pool:
        found = [list(pool.map(samples.__getitem__, places))]
    found.append([pickle.loads(pickle.dumps(samples))[place] for place in places])
    if "fork" in multiprocessing.get_all_start_methods():
        with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as forked:
            found.append(list(forked.map(samples.__getitem__, places)))
    for images in found:
        np.testing.assert_array_equal([image for image, _, _ in images], expected)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_samples_in_a_data_loader_of_torch(ds: Dataset, method: str) -> None:
    data = pytest.importorskip("torch.utils.data", reason="torch is not installed")
    samples = ds.samples(window=12 * u.hour, shape=SHAPE, fill=0)
    loader = data.DataLoader(samples, batch_size=3, num_workers=2, multiprocessing_context=method)
    images, labels = zip(*((image, label) for image, _, label in loader), strict=True)
    np.testing.assert_array_equal(np.concatenate(images), [image for image, _, _ in samples])
    assert np.concatenate(labels).tolist() == samples.labels.tolist()


@pytest.mark.parametrize(
    ("choose", "answer"),
    [
        (lambda ds: ds["validation"], "no set 'validation'; it has 'train', 'test'"),
        (lambda ds: ds["train"], r"windows \(in hours\) 12, 24. Write, for example, window=12"),
        (lambda ds: ds.samples(window=3 * u.m), "not a time with a unit"),
        (lambda ds: ds.samples(window=3 * u.h), r"windows \(in hours\) 12, 24"),
        (lambda ds: ds.samples(window=12 * u.h, threshold="X1"), "threshold M1.0. Write"),
        (lambda ds: ds.samples(window=12 * u.h, threshold="Z9"), "not a GOES class"),
        (lambda ds: ds.samples(window=12 * u.h, segments=["Bp"]), "the data set has B[rt], B[rt]"),
        (lambda ds: ds.samples(window=12 * u.h, segments=[]), "the data set has B[rt], B[rt]"),
        (lambda ds: ds.samples(window=12 * u.h, keywords=["foo"]), "no keyword 'foo'; it has usflux"),
        (lambda ds: ds.samples(window=12 * u.h, keywords=["noaa_ars"]), "is text"),
        (lambda ds: ds.samples(window=12 * u.h, shape=(3,)), "rows and columns"),
        (lambda ds: ds.samples(window=12 * u.h, fill="0"), "fill='0' is not a number"),
        (lambda ds: ds.fixed(SHAPE, "stretch"), "how='stretch' is invalid"),
    ],
)
def test_invalid_choices_are_refused(ds: Dataset, choose: Any, answer: str) -> None:
    with pytest.raises(QueryError, match=answer):
        choose(ds)


# --- Maps -------------------------------------------------------------------------------------------------------------


def test_maps_equal_those_of_the_files(ds: Dataset, small_files: Path) -> None:
    for row in ds.records[::4]:
        one = ds.map(row["HARPNUM"], row["T_REC"], "br")
        other = sunpy_flarecast.load(small_files / named(row, "Br"))
        assert type(one) is type(other)
        np.testing.assert_array_equal(one.data, other.data)
        assert one.data.dtype == other.data.dtype
        assert one.wcs.wcs.compare(other.wcs.wcs)
        assert (one.unit, one.date, one.reference_date) == (other.unit, other.date, other.reference_date)
        assert one.observer_coordinate.separation_3d(other.observer_coordinate) < 1 * u.m
        assert one.plot_settings["cmap"] == other.plot_settings["cmap"]


def test_the_nearest_record_within_half_a_step_is_used(ds: Dataset) -> None:
    row = ds.records[0]
    near = ds.map(row["HARPNUM"], (row["T_REC"].utc + 5 * u.min).isot, "Br")
    np.testing.assert_array_equal(near.data, ds.map(row["HARPNUM"], row["T_REC"], "Br").data)
    text = row["T_REC"].strftime("%Y.%m.%d_%H:%M:%S_TAI")
    assert ds.map(row["HARPNUM"], text, "Br").date == near.date
    with pytest.raises(QueryError, match=f"the nearest is at {text}"):
        ds.map(row["HARPNUM"], row["T_REC"] + 7 * u.min, "Br")
    with pytest.raises(QueryError, match="'x' is not a HARP number"):
        ds.map("x", [1])  # type: ignore[arg-type]
    for wrong in ([1], ["2015-12-11", "2015-12-12"]):
        with pytest.raises(QueryError, match="Cannot parse the time"):
            ds.map(row["HARPNUM"], wrong, "Br")


def test_maps_that_cannot_be_made(ds: Dataset) -> None:
    harp, time = ds.records["HARPNUM"][0], ds.records["T_REC"][0]
    with pytest.raises(QueryError, match="Choose one with segment="):
        ds.map(harp, time)
    with pytest.raises(QueryError, match="Cannot parse the time 'soon'"):
        ds.map(harp, "soon", "Br")
    lost = ds.records[ds.records["status_Bt"] != 0][0]
    with pytest.raises(QueryError, match=r"no Bt image of HARP \d+ at .*: not fetched"):
        ds.map(lost["HARPNUM"], lost["T_REC"], "Bt")


# --- The plot ---------------------------------------------------------------------------------------------------------


def test_the_plot_shows_the_records_and_that_they_are_synthetic(ds: Dataset) -> None:
    figure = ds.plot()
    figure.draw_without_rendering()
    assert "SYNTHETIC" in figure.get_suptitle()
    times, classes, missing = figure.axes
    sets = {line.get_label(): line for line in times.get_lines()}
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in sets.values()}) == len(sets)
    for name in ("train", "test"):
        count = int(np.ma.filled(ds.records["split"] == name, False).sum())
        assert sets[f"{name} ({count})"].get_ydata().sum() == count
    assert "within 12 h" in classes.get_title(loc="left")
    assert "images: not fetched" in [label.get_text() for label in missing.get_yticklabels()]
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in (*axes.texts, *axes.get_yticklabels()) if text.get_text()]
        assert not any(box.overlaps(other) for place, box in enumerate(boxes) for other in boxes[:place])


def missing_in(plot: Figure) -> dict[str, str]:
    """Read the panel of missing data: numbers by what is missing."""
    axes = plot.axes[2]
    names = [label.get_text() for label in axes.get_yticklabels()] if axes.patches else []
    return dict(zip(names, [text.get_text() for text in axes.texts], strict=False))


def test_the_plot_counts_missing_data_as_the_data_sheet_does(
    demo: tuple[str, Layer], small_flares: Table, tmp_path: Path
) -> None:
    found = sunpy_flarecast.FLARECASTClient().search(*QUERY[:2], QUERY[-1], progress=False)
    found = found[(found["HARPNUM"] < found["HARPNUM"].max()) | (found["T_REC"] == found["T_REC"].max())]
    options: dict[str, Any] = {
        "flares": read_flares(small_flares, extent=("2015-12-01", "2016-01-01")),
        "split": {"train": ("2015-12-10", "2015-12-11T18:00"), "test": ("2015-12-11T18:00", "2015-12-13")},
        "split_by": "time",
        "images": False,
        "progress": False,
    }
    dataset.build(tmp_path / "a", found, **options)
    ds = dataset.open(tmp_path / "a")
    assert ds.records["noaa_ars"].mask.any()  # a HARP without a NOAA number lacks nothing
    assert ds.records["split"].mask.any()  # its region is in the other set
    assert "Nothing that was requested is missing." in (tmp_path / "a/README.md").read_text()
    assert [text.get_text() for text in ds.plot().axes[2].texts] == ["Nothing is missing."]
    assert "Missing" not in str(dataset.info(tmp_path / "a"))

    demo[1].faults[str(found["Record"][0])] = answer(b"{}", status=500)
    with pytest.warns(MissingDataWarning, match="1 is missing"), sunpy_flarecast.conf.set_temp("max_retries", 0):
        dataset.build(tmp_path / "b", found, **options)
    assert "- 1 x keywords: " in (tmp_path / "b/README.md").read_text()
    assert missing_in(dataset.open(tmp_path / "b").plot()) == {"keywords: not fetched": "1", "labels": "1"}
    assert "Missing: 0 files, keywords of 1 record, 0 time ranges" in str(dataset.info(tmp_path / "b"))


@pytest.mark.parametrize(("cadence", "count"), [(1, 30), (8, 400), (240, 31), (600, 200), (5, 1)])
def test_bins_of_time_have_equally_many_records(cadence: int, count: int) -> None:
    slots = 1_234_567 + cadence * np.arange(count)
    step = bin_slots(slots)
    counts = np.bincount(slots // step - slots[0] // step)
    assert len(counts) <= 62
    assert set(counts[1:-1].tolist()) <= {step // cadence}


@pytest.mark.usefixtures("small")
def test_a_data_set_without_labels_and_sets(small_files: Path, tmp_path: Path) -> None:
    out = f"memory://{tmp_path.name}"
    dataset.build(out, *QUERY, keywords=["usflux"], files=small_files, progress=False)
    ds = dataset.open(out)
    with pytest.raises(QueryError, match="built without a list of flares"):
        ds.samples()
    with pytest.raises(QueryError, match="built without a list of flares"):
        _ = ds.labels
    with pytest.raises(QueryError, match="built without a split"):
        ds["train"]
    assert ds.images[int(ds.records["HARPNUM"][0])]["image"][0].notnull().all()
    assert "labels:" not in repr(ds)
    assert "SYNTHETIC data, 9 records of 3 HARPs" in repr(ds)
    assert "no labels" in ds.plot().axes[1].texts[0].get_text()


@pytest.mark.usefixtures("small")
def test_keyword_patterns_with_keywords_that_the_service_lacks(
    small_files: Path, small_flares: Table, tmp_path: Path
) -> None:
    out = f"memory://{tmp_path.name}"
    dataset.build(out, *QUERY, keywords="*", flares=small_flares, files=small_files, progress=False)
    ds = dataset.open(out)
    assert set(ds.settings.keywords) - set(ds.records.colnames)
    assert {"usflux", "crpix1"} <= set(ds.samples().keyword_names)
    with pytest.raises(QueryError, match="no keyword 'ambnpad'"):
        ds.samples(keywords=["ambnpad"])
    assert "SYNTHETIC" in ds.plot().get_suptitle()


# --- Without this package ---------------------------------------------------------------------------------------------


def test_xarray_alone_reads_the_images(built: Path) -> None:
    tree = xr.open_datatree(LocalStore(built / "images.zarr"), engine="zarr")
    assert len(tree["harp"].children) == 3
