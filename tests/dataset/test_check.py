"""Checks of data sets, and their descriptions."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from astropy.table import QTable, Table
from patches import FIRST, full, numbers, settings, stored, task

from sunpy_flarecast.dataset import opened
from sunpy_flarecast.dataset.checking import CheckReport, check
from sunpy_flarecast.dataset.checksums import CHECKSUMS, read_checksums, write_checksums
from sunpy_flarecast.dataset.datasheet import data_sheet, provenance
from sunpy_flarecast.dataset.harp_numbers import number_pairs
from sunpy_flarecast.dataset.label import label
from sunpy_flarecast.dataset.model import FlareSettings, SplitSettings, label_column
from sunpy_flarecast.dataset.parquet import RecordsWriter, read_records, write_flare_table, write_labels
from sunpy_flarecast.dataset.regions import regions
from sunpy_flarecast.dataset.shard import finish_harp, finish_images, make_shard
from sunpy_flarecast.dataset.split import split, split_summary
from sunpy_flarecast.dataset.summary import info
from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.flares import read_flares
from sunpy_flarecast.sharp.t_rec import slot_time
from sunpy_flarecast.sharp.times import utc_dates
from sunpy_flarecast.utils.masked import column_with
from sunpy_flarecast.utils.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HARPS = (377, 378, 380)
STEPS = 5


def make(out: Path, scratch: Path) -> None:
    """Make a data set of three HARPs, two of which share a NOAA number, like a build."""
    store = Store(out)
    flares = read_flares(
        Table({"peak": ["2015-12-11T02:00", "2015-12-14T00:00"], "class": ["M1.0", "C1.0"], "noaa": [11984, 0]})
    )
    wanted = FlareSettings(digest=flares.digest, windows=(1.0, 24.0), thresholds=("C1.0", "M1.0"))
    chosen = msgspec.structs.replace(
        settings("Bp", "Br"),
        keywords=("noaa_ars",),
        query=("hmi.sharp_cea_720s in December",),
        flares=wanted,
        split=SplitSettings(sets={"train": 0.5, "test": 0.5}),
    )
    harps, slots = np.repeat(HARPS, STEPS), FIRST + np.tile(np.arange(STEPS), len(HARPS))
    noaas = np.repeat(["11984", "", "11984,11985"], STEPS)
    times = utc_dates(slot_time(slots))
    pairs = number_pairs(harps, noaas, times)
    found = regions(harps, pairs)
    labels = label(times, harps, pairs, flares, wanted)
    sets = split(chosen.split, times, found)  # type: ignore[arg-type]
    images, records, written = [], [], {}
    for harp in HARPS:
        files: list[list[Any]] = [
            [
                stored(scratch / f"{harp}.{step}.{name}.fits", numbers(5, 7, step), **full(harp, step))
                for name in ("Bp", "Br")
            ]
            for step in range(STEPS)
        ]
        files[1][0] = "404 Not Found"
        tasks = [task(harp, 0, range(4), 2), task(harp, 1, [4], 2)]
        facts, more = finish_harp(
            tasks, [make_shard(tasks[0], chosen, store, files[:4]), make_shard(tasks[1], chosen, store, files[4:])],
            chosen, store,
        )  # fmt: skip
        written |= more
        for shard in facts:
            images += shard.images
            written |= shard.files
        records += [record for task in tasks for record in task.records]
    written |= finish_images(HARPS, chosen, store)
    table = QTable({"HARPNUM": harps, "T_REC": slot_time(slots), "region": found})
    table["noaa_ars"] = column_with(noaas, noaas == "")
    table["split"] = sets
    values = {
        label_column(hours, name): labels.value[:, window, place]
        for window, hours in enumerate(wanted.windows)
        for place, name in enumerate(wanted.thresholds)
    }
    for name, value in values.items():
        table[name] = column_with(value, value < 0)
    table["index"] = np.tile(np.arange(STEPS), len(HARPS))
    table["height"], table["width"] = np.array([image.shape for image in images]).T
    table["recnum"] = [record.recnum for record in records]
    for place, segment in enumerate(chosen.segments):
        table[f"status_{segment}"] = np.array([image.status[place] for image in images])
        for name, texts in (
            ("url", [record.urls[place] for record in records]),
            ("sha256", [image.sha256[place] for image in images]),
        ):
            table[f"{name}_{segment}"] = column_with(np.array(texts), np.array(texts) == "")
    with RecordsWriter(store, len(table)) as writer:
        writer.write(table)
    write_labels(store, labels, wanted, flares)
    write_flare_table(store, flares, labels)
    summary = split_summary(chosen.split, sets, found, values)  # type: ignore[arg-type]
    store.write("split.json", json.dumps(summary).encode())
    report = {
        "records": len(table),
        "images": 27,
        "origin": "",
        "missing": ["2015-12-12 to 2015-12-13 (503)"],
        "failures": {"404 Not Found": 3},
        "unlisted": {"Br": 1},
        "notes": [],
        "padded": [],
        "labels": {
            name: {kind: int((value == number).sum()) for kind, number in KINDS.items()}
            for name, value in values.items()
        },
    }
    about = provenance(chosen, report, flares=labels.counts, created="2026-01-01T00:00:00Z")
    store.write("provenance.json", json.dumps(about).encode())
    store.write("README.md", data_sheet(about, summary).encode())
    store.write(".build/settings.json", b"{}")
    write_checksums(store, written)


KINDS = {"positive": 1, "negative": 0, "unknown": -1}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "sharps"
    make(out, tmp_path_factory.mktemp("scratch"))
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "sharps")
    return tmp_path / "sharps"


def test_a_new_data_set_has_no_problems(made: Path) -> None:
    report = check(made)
    assert report.problems == []
    assert (report.ok, report.records, report.images, report.foreign) == (True, 15, 27, [])
    assert str(report) == f"{made}: {report.files} files, 15 records, 27 images; no problems."


def test_sha256sum_reads_the_checksums(made: Path) -> None:
    found = subprocess.run(["sha256sum", "-c", "--strict", CHECKSUMS], cwd=made, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")
    every = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    own = {name for name in every if name.startswith(".build/")}
    assert own
    assert {line.removesuffix(": OK") for line in found.stdout.splitlines()} == every - own - {CHECKSUMS}


def changed(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda out: changed(out / "images.zarr/harp/00378/image/c/0/0/0/0"), "image/c/0/0/0/0 has changed: it"),
        (lambda out: (out / "images.zarr/harp/00378/image/c/1/0/0/0").unlink(), "image/c/1/0/0/0 is missing. Restore"),
        (lambda out: (out / "flares.parquet").unlink(), "flares.parquet is missing"),
        (lambda out: [(out / "README.md").unlink(), (out / "README.md").mkdir()], "README.md cannot be read"),
        (lambda out: (out / "labels.parquet").unlink(), "^labels.parquet is missing"),
        (lambda out: (out / "records.parquet").unlink(), "^records.parquet is missing"),
        (lambda out: changed(out / "records.parquet"), "^records.parquet has changed"),
        (lambda out: shutil.rmtree(out / "images.zarr"), "^images.zarr/zarr.json is missing"),
        (lambda out: (out / CHECKSUMS).write_text("x"), "checksums.txt in .* is damaged"),
        (lambda out: (out / CHECKSUMS).write_text(""), "checksums.txt in .* is damaged"),
        (lambda out: (out / CHECKSUMS).write_text(f"{'0' * 64}  ../x\n"), "checksums.txt in .* is damaged"),
        (lambda out: (out / "split.json").unlink(), "^split.json is missing"),
        (lambda out: (out / "split.json").write_text("[]"), "^split.json has changed"),
        (lambda out: (out / "images.zarr/more").touch(), "images.zarr/more does not belong to the data set. Remove it"),
    ],
)  # fmt: skip
def test_changed_and_missing_files_are_problems(out: Path, change: Callable[[Path], Any], problem: str) -> None:
    change(out)
    report = check(out, progress=False)
    assert not report.ok
    assert any(re.search(problem, found) for found in report.problems), report.problems
    if problem.startswith("^"):  # the file is named once, although it is needed to check others
        assert len(report.problems) == 1 or "images.zarr" in problem, report.problems
        assert not any("images.zarr is missing or damaged" in found for found in report.problems)


def rewritten(out: Path, change: Callable[[QTable], Any]) -> list[str]:
    """Write other records, with correct checksums."""
    store = Store(out)
    table = read_records(store)
    table = given if (given := change(table)) is not None else table
    with RecordsWriter(store, len(table)) as writer:
        writer.write(table)
    write_checksums(store, {})
    return check(out, progress=False).problems


def put(name: str, row: int, value: Any) -> Callable[[QTable], None]:
    def change(table: QTable) -> None:
        table[name][row] = value

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (put("label_1h_M1.0", 0, 1), "Column label_1h_M1.0 differs from labels.parquet in 1 record."),
        (put("index", 1, 3), "HARP 377 has 5 records in records.parquet and 5 in images.zarr, in another order."),
        (put("status_Br", 1, 3), "The status or record numbers of the images of HARP 377 differ from records"),
        (put("status_Bp", 1, 1), "The status of Bp contradicts its URL and SHA-256 in 1 record."),
        (put("recnum", 14, 3), "The status or record numbers of the images of HARP 380 differ from records"),
        (put("height", 0, 99), "Images of HARP 377 are larger in records.parquet"),
        (put("height", 0, 0), "The height contradicts the status of the images in 1 record."),
        (lambda table: table[:-1], "labels.parquet must have one row for each record, window and threshold (56)"),
        (lambda table: table[:10], "Records and images have different HARPs: 00380"),
        (lambda table: table[[*table.colnames[:-1]]], "has no column 'sha256_Br'"),
    ],
)
def test_inconsistent_tables_and_images_are_problems(out: Path, change: Any, problem: str) -> None:
    assert any(problem in found for found in rewritten(out, change))


@pytest.mark.parametrize("name", ["images.zarr", "images.zarr/harp/00378", "README.md"])
def test_links_to_places_outside_are_refused(out: Path, tmp_path: Path, name: str) -> None:
    (out / name).rename(tmp_path / "elsewhere")
    (out / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(QueryError, match=f"{name} is a link to {tmp_path}/elsewhere, but a data set must"):
        check(out)


def test_a_folder_that_is_a_link_and_links_to_its_own_files_are_read(out: Path, tmp_path: Path) -> None:
    (out / "README.md").rename(out / ".build/README.md")  # as git-annex stores files
    (out / "README.md").symlink_to(".build/README.md")
    (tmp_path / "link").symlink_to(out)
    assert check(tmp_path / "link", progress=False).ok


@pytest.mark.parametrize("read", [check, info, opened.open])
def test_deeply_nested_json_gives_a_one_line_error(out: Path, read: Any) -> None:
    (out / "provenance.json").write_text("[" * 100_000)
    with pytest.raises(QueryError, match=r"provenance\.json"):
        read(out)


def test_an_image_of_an_unlisted_file_is_not_a_problem(out: Path) -> None:
    def unlisted(table: QTable) -> None:
        table["url_Br"] = column_with(np.asarray(table["url_Br"]), np.arange(len(table)) == 0)

    assert rewritten(out, unlisted) == []


def test_a_region_in_two_sets(out: Path) -> None:
    def swap(table: QTable) -> None:
        """Put HARP 380, which is in the region of HARP 377, into the other set."""
        here = table["HARPNUM"] == 380
        table["split"][here] = "train" if table["split"][0] == "test" else "test"

    problems = rewritten(out, swap)
    assert any("The region of HARP 377 is in the sets test and train" in problem for problem in problems)
    assert any("records, but" in problem and "in split.json" in problem for problem in problems)


def test_foreign_files_are_reported_but_are_not_problems(out: Path) -> None:
    (out / "notes.txt").touch()
    report = check(out, progress=False)
    assert (report.ok, report.foreign) == (True, ["notes.txt"])
    assert "do not belong to the data set:\nnotes.txt" in str(report)
    assert str(CheckReport("x", problems=["a."] * 30)).endswith("... and 10 more")


@pytest.mark.parametrize("function", [check, info, opened.open])
def test_a_folder_without_a_finished_data_set_is_refused(out: Path, tmp_path: Path, function: Any) -> None:
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(QueryError, match=r"is not a data set: it has no provenance\.json\. Correct the path"):
            function(folder)
    provenance = (out / "provenance.json").read_bytes()
    (out / "provenance.json").unlink()
    with pytest.raises(QueryError, match=r"is damaged: it has no provenance\.json\. Run the build again, or get"):
        function(out)
    shutil.copytree(out, tmp_path / "copy", ignore=shutil.ignore_patterns(".build"))
    with pytest.raises(QueryError, match=r"is damaged: it has no provenance\.json\. Get a complete copy\.$"):
        function(tmp_path / "copy")
    (out / "provenance.json").write_bytes(provenance)
    for removed in (CHECKSUMS, "provenance.json"):
        (out / removed).unlink()
        with pytest.raises(QueryError, match=r"is unfinished\. Run the same build again to resume it\."):
            function(out)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/provenance.json").touch()
    with pytest.raises(QueryError, match=r"is not a data set: it has no checksums\.txt"):
        function(tmp_path / "empty")


@pytest.mark.parametrize("function", [check, info, opened.open])
def test_a_damaged_or_newer_provenance_gives_a_one_line_error(out: Path, function: Any) -> None:
    about = json.loads((out / "provenance.json").read_text())
    about["settings"]["format"] = 2
    (out / "provenance.json").write_text(json.dumps(about))
    with pytest.raises(QueryError, match=r"has format 2, .* Install a newer version"):
        function(out)
    for text in ("", "{", "{}", "[]", '{"settings": {"format": "x"}}', json.dumps({**about, "settings": {}})):
        (out / "provenance.json").write_text(text)
        with pytest.raises(QueryError, match=r"is damaged: its provenance\.json is invalid"):
            function(out)


def test_a_data_set_in_object_storage_is_checked(made: Path, s3: str) -> None:
    store = Store(f"{s3}/sharps")
    for path in made.rglob("*"):
        if path.is_file():
            store.write(str(path.relative_to(made)), path.read_bytes())
    assert check(str(store), progress=False).problems == []
    assert read_checksums(store) == read_checksums(Store(made))
    assert str(info(str(store))).startswith(f"{store}: 15 records, 27 images\nBuilt 2026-01-01T00:00:00Z by ")


def test_the_data_sheet_has_the_entries_that_repositories_require(made: Path) -> None:
    text = (made / "README.md").read_text()
    for part in (
        "15 records of the series `hmi.sharp_cea_720s` with 27 images of the segments `Bp`, `Br`",
        "- hmi.sharp_cea_720s in December",
        "service http://localhost/",
        "exactly as in the FITS files",
        "its peak within the window (T_REC, T_REC + window]",
        "| label_24h_M1.0 | ",
        "- Not searched: 2015-12-12 to 2015-12-13 (503)",
        "- 3 x 404 Not Found",
        "- The service lists no Br image for 1 record.",
        "Records were split by region: train 0.5, test 0.5, seed 0",
        "without region: 1",
        "sha256sum -c checksums.txt",
        "## Licence",
    ):
        assert part in text
    # All rows of a Markdown table have the same number of cells.
    for table in text.split("\n\n"):
        rows = [line.count("|") for line in table.splitlines() if line.startswith("|")]
        assert len(set(rows)) <= 1
    assert "\n\n\n" not in text


def test_a_summary(made: Path) -> None:
    found = info(made)
    assert "Label label_24h_M1.0: " in str(found)
    assert "Keywords none; not in samples by default: noaa_ars\n" in str(found)
    assert "Split by region: train 0.5, test 0.5, seed 0\n  train: " in str(found)
    assert str(found).endswith(
        "Missing: 3 files, keywords of 0 records, 1 time range\nThe service lists no Br image for 1 record."
    )
    assert repr(found) == f"<Info: {made}: 15 records, 27 images>"
    assert found.settings.segments == ("Bp", "Br")


def test_synthetic_records_are_marked(out: Path) -> None:
    about = json.loads((out / "provenance.json").read_text())
    assert "synthetic" not in data_sheet(about).casefold()
    about["report"]["origin"] = "SYNTHETIC"
    text = data_sheet(about)
    assert text.startswith(
        "# SYNTHETIC SDO/HMI SHARP data set for solar flare forecasting\n\n**The records are SYNTHETIC"
    )
    assert "state that it is synthetic" in text
    assert "SDO data are open" not in text
    (out / "provenance.json").write_text(json.dumps(about))
    assert str(info(out)).startswith(f"{out}: SYNTHETIC data, 15 records, 27 images")
    assert opened.open(out).origin == opened.open(out).records.meta["origin"] == "SYNTHETIC"


def test_the_data_sheet_of_smarps_names_mdi(made: Path) -> None:
    about = json.loads((made / "provenance.json").read_text())
    assert "SMARP" not in data_sheet(about)
    about["settings"]["series"] = "mdi.smarp_cea_96m"
    text = data_sheet(about)
    assert text.startswith("# SOHO/MDI SMARP data set")
    assert "doi:10.3847/1538-4365/ac1f1d" in text
    assert "SDO" not in text


@pytest.mark.parametrize(
    ("padded", "sentence"),
    [
        ([377], "The images of HARP 377 differ in shape"),
        ([377, 378], "The images within each of the HARPs 377 and 378 differ in shape"),
        ([*range(1, 53)], " 49, 50 and 2 more differ in shape"),
    ],
)
def test_the_data_sheet_names_harps_with_padded_images(made: Path, padded: list[int], sentence: str) -> None:
    about = json.loads((made / "provenance.json").read_text())
    about["report"]["padded"] = padded
    assert sentence in data_sheet(about)
