"""Builds of a data set give the same bytes, however they run and after every failure or kill."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import astropy.units as u
import dying
import numpy as np
import pytest
from astropy.io import fits
from astropy.time import TimeDelta
from click.testing import CliRunner
from counting import QUERY, Counting
from faults import answer
from indexed import CEA, FIRST, header_of, name_of
from sunpy.net import attrs as a
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast import (
    FLARECASTClient,
    Interrupted,
    MissingDataWarning,
    QueryError,
    Segment,
    Series,
    ServiceError,
    TransferError,
    conf,
    dataset,
)
from sunpy_flarecast.archive import DirectoryArchive, create_app, running
from sunpy_flarecast.cli import cli
from sunpy_flarecast.dataset import building, image_stage, records
from sunpy_flarecast.sharp.t_rec import slot_time
from sunpy_flarecast.utils.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults import Layer

BROKEN = answer(b"{}", status=500)


def content(out: Any) -> dict[str, bytes]:
    """Read the content of a data set, without the date and circumstances of its build."""
    store = Store(out)
    files = {path: store.read(path) for path in store.names() if path != "provenance.json"}
    files["checksums.txt"] = b"".join(
        line for line in files["checksums.txt"].splitlines(True) if b"provenance.json" not in line
    )
    return files


@pytest.fixture
def whole(small: Counting, _whole: dict[str, bytes]) -> dict[str, bytes]:
    """Return the content of an undisturbed build."""
    return _whole


@pytest.fixture(scope="module")
def _whole(_small_service: Any, tmp_path_factory: pytest.TempPathFactory, small_flares: Any) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "sharps"
    with conf.set_temp("url", _small_service[0]):
        report = dataset.build(
            out,
            *QUERY,
            flares=small_flares,
            windows=[12, 24] * u.hour,
            split={"train": 0.7, "test": 0.3},
            shard_records=2,
            progress=False,
        )
    assert report.complete
    assert (report.records, report.images, report.origin) == (9, 18, "SYNTHETIC")  # according to the files
    return content(out)


def same(out: Any, whole: dict[str, bytes]) -> None:
    found = content(out)
    assert sorted(found) == sorted(whole)
    assert [path for path in whole if found[path] != whole[path]] == []


def test_a_build_is_complete_and_repeating_it_does_nothing(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    report = dataset.build(tmp_path / "a", *QUERY, **arguments)
    same(tmp_path / "a", whole)
    assert report.complete
    assert sum(report.sets.values()) == 9
    assert {"search.zip", "keywords"}.isdisjoint(path.name for path in (tmp_path / "a/.build").iterdir())
    assert json.loads((tmp_path / "a/split.json").read_text())["sets"]["test"]["records"] > 0
    for counts in report.labels.values():
        assert sum(counts.values()) == 9
    assert len(small.files) == 18
    small.clear()
    again = dataset.build(tmp_path / "a", *QUERY, **arguments)
    assert small.requests == []
    assert (again.records, again.images, again.labels) == (report.records, report.images, report.labels)
    assert (report.kept, again.kept, again.seconds) == (0, 18, 0)
    assert str(again).startswith(f"{again.out}: SYNTHETIC data, 9 records, 18 images (all made by earlier calls).")
    same(tmp_path / "a", whole)
    # The order of a table does not matter.
    table = FLARECASTClient().search(*QUERY, progress=False)
    dataset.build(tmp_path / "b", table[::-1], **arguments)
    settings = ".build/settings.json"
    same_tables = {path: data for path, data in content(tmp_path / "b").items() if path not in (settings, "README.md")}
    assert all(whole[path] == data for path, data in same_tables.items() if path != "checksums.txt")


def test_other_settings_are_refused_and_overwrite_starts_over(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    out = tmp_path / "a"
    other = {**arguments, "threshold": "C1.0", "encoding": "int16"}
    with pytest.raises(QueryError, match="cannot be split into 4 sets"):
        dataset.build(out, *QUERY, **{**other, "split": {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}})
    small.clear()
    dataset.build(out, *QUERY, **other)
    assert len(small.requests) == len(small.files) == 18  # keywords received before the error are used
    before = content(out)
    small.clear()
    with pytest.raises(
        QueryError, match=r"threshold was C1\.0 and is now M1\.0; encoding was int16 and is now lossless"
    ):
        dataset.build(out, *QUERY, **arguments)
    same(out, before)
    assert small.requests == []
    dataset.build(out, *QUERY, **arguments, overwrite=True)
    same(out, whole)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(QueryError, match=r"holds other files, such as notes\.txt"):
            dataset.build(tmp_path / "mine", *QUERY, **arguments, overwrite=overwrite)


def test_a_killed_overwrite_leaves_no_data_set_that_seems_finished(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a"
    dataset.build(out, *QUERY, **arguments)
    remove = Store.remove

    def killed(store: Store, path: str) -> None:
        remove(store, path)
        if path == "images.zarr":
            raise KeyboardInterrupt

    monkeypatch.setattr(Store, "remove", killed)
    with pytest.raises(Interrupted):
        dataset.build(out, *QUERY, **arguments, overwrite=True)
    monkeypatch.undo()
    dataset.build(out, *QUERY, **arguments)
    same(out, whole)


def test_a_data_set_that_was_moved_or_whose_provenance_is_damaged(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    dataset.build(tmp_path / "a", *QUERY, **arguments)
    moved = (tmp_path / "a").rename(tmp_path / "b")
    small.clear()
    assert dataset.build(moved, *QUERY, **arguments).out == str(moved)
    for text in ("{", "{}", '{"report": 1}'):
        (moved / "provenance.json").write_text(text)
        assert dataset.build(moved, *QUERY, **arguments).complete
        same(moved, whole)
    assert small.files == []


@pytest.mark.parametrize("number", [1, 2, *random.Random(15).sample(range(3, 90), 4)])
def test_a_build_killed_at_a_write_and_resumed_gives_the_same_data_set(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any], number: int
) -> None:
    given = (conf.url, str(tmp_path / "a"), QUERY, arguments)
    assert dying.child(dying.dying_at_write, number, *given) == -9
    dataset.build(tmp_path / "a", *QUERY, **arguments)
    same(tmp_path / "a", whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "workers"), [*((stage, 1) for stage in dying.STAGES), ("make_images", 2), ("finish_harps", 2)]
)
def test_a_build_killed_ten_times_in_each_stage_gives_the_same_data_set(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any], stage: str, workers: int
) -> None:
    arguments["workers"] = workers
    given = (conf.url, str(tmp_path / "a"), QUERY, arguments)
    # The first kills come soon after the stage has begun: a finished build cannot be killed.
    moments = [0.3 * workers * (number / 10) ** 2 for number in range(1, 11)]
    killed = sum(dying.child(dying.dying_in, stage, within, seed, *given) == -9 for seed, within in enumerate(moments))
    assert killed
    dataset.build(tmp_path / "a", *QUERY, **arguments)
    same(tmp_path / "a", whole)


def test_the_same_call_requests_data_that_the_service_failed_to_send(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    out, lost = tmp_path / "a", min(_urls(whole))
    small.faults[lost] = BROKEN
    with pytest.warns(MissingDataWarning, match="1 is missing"):
        report = dataset.build(out, *QUERY, **arguments)
    assert not report.complete
    assert report.images == 17
    assert sum(report.failures.values()) == 1
    assert "500" in next(iter(report.failures))
    small.clear()
    assert dataset.build(out, *QUERY, **arguments).complete
    same(out, whole)
    # Only the files of the incomplete shard.
    assert lost in "".join(small.files)
    assert len(small.files) <= 4


def test_a_build_resumes_with_a_service_at_another_url_with_one_warning(
    small: Counting, small_files: Path, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    out, before = tmp_path / "a", conf.url
    small.faults[min(_urls(whole))] = BROKEN
    with pytest.warns(MissingDataWarning, match="1 is missing"):
        dataset.build(out, *QUERY, **arguments)
    moved = Counting(create_app(DirectoryArchive(small_files)))
    with running(moved) as url, conf.set_temp("url", url):
        with pytest.raises(QueryError, match=r"other settings: threshold was M1\.0 and is now C1\.0\. Choose"):
            dataset.build(out, *QUERY, **{**arguments, "threshold": "C1.0"})
        with pytest.warns(
            SunpyUserWarning, match=f"started with the service {before} and is resumed with {url}"
        ) as caught:
            assert dataset.build(out, *QUERY, **arguments).complete
    assert len(caught) == 1
    assert len(moved.requests) == len(moved.files) <= 4
    described = ("README.md", ".build/settings.json", "checksums.txt")
    found = {path: data for path, data in content(out).items() if path not in described}
    assert found == {path: data for path, data in whole.items() if path not in described}
    assert json.loads((out / "provenance.json").read_text())["settings"]["earlier"] == [before]
    assert str(out) not in (out / "provenance.json").read_text()
    assert f"{before}, later {url}" in str(dataset.info(out))
    assert dataset.check(out).ok
    small.clear()
    again = dataset.build(out, *QUERY, **arguments)
    assert again.complete  # a finished build does not depend on the URL of the service
    assert again.out == str(out)
    assert small.requests == []


def _urls(whole: dict[str, bytes]) -> Iterator[str]:
    import pyarrow
    from pyarrow import parquet

    table = parquet.read_table(pyarrow.BufferReader(whole["records.parquet"]))
    for name in ("url_Br", "url_Bt"):
        for url in table[name].to_pylist():
            yield url.partition("/HMI/")[2]


def test_finished_work_is_kept_if_the_service_becomes_unreachable(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_stage, "_EMPTY_SHARDS", 2)
    out, urls = tmp_path / "a", list(_urls(whole))
    for url in (*urls[3:9], *urls[12:]):
        small.faults[url] = BROKEN
    with pytest.raises(ServiceError, match=r"No file of the last 2 shards.*the same call resumes the build"):
        dataset.build(out, *QUERY, **arguments)
    kept = Store(out).names(".build/shards")
    assert len(kept) == 4
    small.clear()
    report = dataset.build(out, *QUERY, **arguments)
    assert str(report).startswith(f"{out}: SYNTHETIC data, 9 records, 18 images (6 made by earlier calls)")
    same(out, whole)
    assert len(small.files) == 12


def test_ctrl_c_keeps_finished_work(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, stage in enumerate(dying.STAGES):
        with monkeypatch.context() as patch:

            def interrupted(*_: Any, **__: Any) -> None:
                raise KeyboardInterrupt

            patch.setattr(building, stage, interrupted)
            with pytest.raises(Interrupted, match="The same call resumes it") as caught:
                dataset.build(tmp_path / "a", *QUERY, **arguments)
        assert caught.value.partial.interrupted
        assert not caught.value.partial.complete
        done = Store(tmp_path / "a").names(".build/shards")
        assert caught.value.partial.images == (18 if done else 0)
        text = str(caught.value.partial).partition("\n")[0]
        if stage == "search":
            assert text == f"{tmp_path / 'a'}: interrupted before the records were known."
        else:
            assert text.startswith(f"{tmp_path / 'a'}: SYNTHETIC data, 9 records, at least {18 if done else 0} images")
        assert number < 5 or len(small.files) == 18
    dataset.build(tmp_path / "a", *QUERY, **arguments)
    same(tmp_path / "a", whole)
    assert len(small.files) == 18


def test_workers_make_the_same_data_set_with_the_same_number_of_requests(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    dataset.build(tmp_path / "one", *QUERY, **arguments, max_conn=2)
    alone, most = small.files, small.most
    small.clear()
    dataset.build(tmp_path / "two", *QUERY, **arguments, max_conn=2, workers=2)
    same(tmp_path / "two", whole)
    assert small.files == alone
    assert 0 < small.most <= 2
    assert 0 < most <= 2


def test_a_client_with_a_killed_worker_makes_the_same_data_set(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any], cluster: Any
) -> None:
    pid = min(cluster.run(os.getpid).values())
    before = len(small.requests)

    def kill() -> None:
        small.wait_for(before + 8)  # including files
        os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    dataset.build(tmp_path / "a", *QUERY, **arguments, client=cluster, max_conn=2)
    thread.join()
    same(tmp_path / "a", whole)
    assert pid not in cluster.run(os.getpid).values()
    assert small.most <= 2


@pytest.mark.slow
def test_a_client_whose_workers_are_killed_ten_times_makes_the_same_data_set(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any], cluster: Any
) -> None:
    chance = random.Random(16)
    dataset.build(tmp_path / "a", *QUERY, **arguments, client=cluster)
    others, files = len(small.requests) - len(small.files), len(small.files)
    for number in range(10):
        pid = chance.choice(sorted(cluster.run(os.getpid).values()))
        small.clear()
        moment = others + chance.randrange(1, files)

        def kill(pid: int = pid, moment: int = moment) -> None:
            small.wait_for(moment)
            os.kill(pid, signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        dataset.build(tmp_path / str(number), *QUERY, **arguments, client=cluster)
        thread.join()
        same(tmp_path / str(number), whole)
        cluster.wait_for_workers(2, timeout=60)


def test_existing_files_are_used_and_downloaded_files_are_kept(
    small: Counting, small_files: Path, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    dataset.build(tmp_path / "a", *QUERY, **arguments, files=small_files)
    same(tmp_path / "a", whole)
    assert small.files == []
    dataset.build(tmp_path / "b", *QUERY, **arguments, keep_files=tmp_path / "kept")
    same(tmp_path / "b", whole)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "kept").rglob("*.fits")}
    assert kept == {path.name: path.read_bytes() for path in small_files.rglob("*.fits")}


def test_object_storage_gets_the_same_data_set(
    small: Counting, whole: dict[str, bytes], arguments: dict[str, Any], s3: str
) -> None:
    for out in ("memory://test-build/sharps", f"{s3}/sharps"):
        dataset.build(out, *QUERY, **arguments)
        same(out, whole)
    with pytest.raises(QueryError, match="Leave out workers"):
        dataset.build("memory://test-build/other", *QUERY, **arguments, workers=2)


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"workers": 0}, "workers=0"),
        ({"workers": 2, "client": "tcp://127.0.0.1:9"}, "client=.* and workers=2 cannot be combined"),
        ({"max_conn": 0}, "max_conn=0"),
        ({"client": "tcp://127.0.0.1:9"}, "client"),
        ({"files": "nowhere"}, "nowhere"),
        ({"out": "ftp-unknown://host/x"}, "ftp-unknown"),
        ({"out": "/proc/none"}, "/proc/none"),
        ({"out": ""}, "requires a folder or a URL"),
    ],
    ids=str,
)
def test_invalid_input_is_refused_before_any_file_is_fetched(
    small: Counting, tmp_path: Path, arguments: dict[str, Any], more: dict[str, Any], part: str
) -> None:
    given = {**arguments, **more}
    with pytest.raises(QueryError, match=part):
        dataset.build(given.pop("out", tmp_path / "a"), *QUERY, **given)
    assert small.files == []


def test_a_full_disk_gives_a_one_line_error_and_finished_work_is_kept(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    opened = Store.open

    def full(self: Store, path: str, mode: Any = "rb") -> Any:
        if mode == "wb" and path.startswith("images.zarr"):
            if len(written) == 3:
                raise TransferError("The disk is full.")
            written.append(path)
        return opened(self, path, mode)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "open", full)
        with pytest.raises(TransferError, match="disk is full"):
            dataset.build(tmp_path / "a", *QUERY, **arguments)
    small.clear()
    dataset.build(tmp_path / "a", *QUERY, **arguments)
    same(tmp_path / "a", whole)
    assert len(small.files) == 18 - 10


def test_labels_of_records_without_keywords_are_unknown(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sunpy_flarecast.dataset.keyword_stage._ROWS", 4)
    table = FLARECASTClient().search(*QUERY, progress=False)
    lost = str(np.sort(table[table["HARPNUM"] == 4935]["Record"])[-1])
    small.faults[f"meta/{lost}"] = BROKEN
    with pytest.warns(MissingDataWarning, match="1 is missing"):
        report = dataset.build(tmp_path / "a", *QUERY, **arguments)
    assert [text for text in report.failures if text.startswith("keywords: ")]
    from sunpy_flarecast.dataset.parquet import read_records

    table = read_records(Store(tmp_path / "a"))
    assert table["label_12h_M1.0"].mask[table["recnum"] == int(lost)].all()
    small.clear()
    assert dataset.build(tmp_path / "a", *QUERY, **arguments).complete
    same(tmp_path / "a", whole)


def test_no_records_and_no_flares(small: Counting, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="The search found no records for a data set"):
        dataset.build(tmp_path / "a", a.Time("2009-01-01", "2009-01-02"), QUERY[1], progress=False)
    # A corrected query may use the same folder.
    report = dataset.build(tmp_path / "a", *QUERY, progress=False)
    assert (report.complete, report.labels, report.sets) == (True, {}, {})
    assert not (tmp_path / "a/labels.parquet").exists()


def test_a_shard_whose_facts_are_damaged_is_rebuilt(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    for path, data in whole.items():
        (tmp_path / "a" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / path).write_bytes(data)
    (tmp_path / "a/checksums.txt").unlink(missing_ok=True)
    facts = min((tmp_path / "a/.build/shards").iterdir())
    facts.write_text('{"harp": "../../x"}')
    dataset.build(tmp_path / "a", *QUERY, **arguments)
    same(tmp_path / "a", whole)


def test_removed_shards_are_rebuilt(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a"
    dataset.build(out, *QUERY, **arguments)
    shard = min(path for path in whole if "/image/c/" in path)
    (out / shard).unlink()
    small.clear()
    assert dataset.build(out, *QUERY, **arguments).complete
    same(out, whole)
    assert len(small.files) == 4  # two records, two segments
    # Shards of changed records are discarded.
    (out / shard).unlink()
    find = records.find

    def fewer(*given: Any, **more: Any) -> Any:
        found = find(*given, **more)
        return replace(found, records=found.records[1:])

    monkeypatch.setattr(records, "find", fewer)
    assert dataset.build(out, *QUERY, **arguments).records == 8
    assert dataset.check(out, progress=False).problems == []


def test_links_to_places_outside_are_not_followed_when_writing(
    small: Counting, tmp_path: Path, arguments: dict[str, Any]
) -> None:
    for name in ("images.zarr", ".build"):
        (tmp_path / name).mkdir()
        (tmp_path / f"out-{name}").mkdir()
        (tmp_path / f"out-{name}" / name).symlink_to(tmp_path / name)
        with pytest.raises(QueryError, match=f"{name} is a link to"):
            dataset.build(tmp_path / f"out-{name}", *QUERY, **arguments)
        assert list((tmp_path / name).iterdir()) == []
    assert small.requests == []


def test_images_that_the_service_does_not_list_are_counted(small: Counting, tmp_path: Path) -> None:
    out, note = tmp_path / "a", "The service lists no Bp image for 9 records."
    query = [attr for attr in QUERY if not isinstance(attr, Segment)]
    with pytest.warns(MissingDataWarning, match="Bp"):
        report = dataset.build(out, *query, Segment("Bp", "Br"), progress=False)
    assert (report.complete, report.images, report.unlisted) == (True, 9, {"Bp": 9})
    for text in (report, (out / "README.md").read_text(), dataset.info(out)):
        assert note in str(text)
    command = "dataset build 2015-12-11 2015-12-12 --series hmi.sharp_cea_720s --segment Bp --segment Br"
    more = ("--harp", "4928:4935", "--sample", "12 h", "--no-progress", "--out", str(out))
    small.clear()
    shown = CliRunner().invoke(cli, [*command.split(), *more])
    assert (shown.exit_code, note in shown.stderr, small.requests) == (1, True, [])


def test_sets_without_records_are_reported_before_keywords_are_requested(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    out = tmp_path / "a"
    ranges = {"train": ("2015-12-10", "2015-12-12"), "test": ("2016-01-01", "2016-02-01")}
    for more in ({"split": ranges, "split_by": "time"}, {"split": {"train": [12], "test": [1]}, "split_by": "month"}):
        with pytest.raises(QueryError, match="The set 'test' has no records"):
            dataset.build(out, *QUERY, **{**arguments, **more})
    assert not [path for _, path in small.requests if "/meta/" in path]
    small.clear()
    many = {"split": dict.fromkeys("abcd", 0.25), "threshold": "C5.0"}
    with pytest.raises(QueryError, match="cannot be split into 4 sets"):
        dataset.build(out, *QUERY, **{**arguments, **many})
    assert [path for _, path in small.requests if "/meta/" not in path] == []
    small.clear()
    dataset.build(out, *QUERY, **arguments)  # with another threshold, too
    same(out, whole)
    assert len(small.requests) == len(small.files) == 18


def test_keywords_and_labels_without_images(
    small: Counting, whole: dict[str, bytes], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    out = tmp_path / "a"
    report = dataset.build(out, *QUERY, **arguments, images=False)
    assert (report.complete, report.records, report.images, report.origin, small.files) == (True, 9, 0, "SYNTHETIC", [])
    assert not (out / "images.zarr").exists()
    assert {path: (out / path).read_bytes() for path in ("labels.parquet", "split.json")}.items() <= whole.items()
    assert dataset.check(out, progress=False).problems == []
    assert "Images none" in str(dataset.info(out))
    assert re.search(r"`hmi\.sharp_cea_720s` with \d+ keywords of each record", text := (out / "README.md").read_text())
    assert "## Images" not in text
    ds = dataset.open(out)
    assert "images: none" in repr(ds)
    samples = ds.samples("train", window=24 * u.hour)
    image, keywords, label = samples[0]
    assert (image, keywords.shape, label in (0, 1)) == (None, (len(samples.keyword_names),), True)
    assert "images: none" in str(samples)
    ds.plot()
    for use in (lambda: ds.images, lambda: ds.map(4928, "2015-12-11"), lambda: ds.fixed((8, 8))):
        with pytest.raises(QueryError, match="has no images: it was built with images=False"):
            use()
    with pytest.raises(QueryError, match="The data set has no images"):
        ds.samples("train", window=24 * u.hour, segments=["Br"])
    with pytest.raises(QueryError, match="segments was empty and is now Bt, Br"):
        dataset.build(out, *QUERY, **arguments)
    small.clear()
    dataset.build(out, *QUERY, **arguments, images=False)
    assert small.requests == []


def test_synthetic_records_are_marked_without_images(demo: tuple[str, Layer], tmp_path: Path) -> None:
    out = tmp_path / "a"
    demo[1].faults["/meta"] = BROKEN
    with conf.set_temp("max_retries", 0), pytest.raises(ServiceError, match=r"[Tt]he same call resumes"):
        dataset.build(out, *QUERY, keywords=["noaa_ars"], images=False, strict=True, progress=False)
    demo[1].faults.clear()
    report = dataset.build(out, *QUERY, keywords=["noaa_ars"], images=False, progress=False)  # without another search
    assert str(report).startswith(f"{out}: SYNTHETIC data, 9 records")
    again = dataset.build(out, *QUERY, keywords=["noaa_ars"], images=False, progress=False)
    table = FLARECASTClient().search(*QUERY, progress=False)
    other = dataset.build(tmp_path / "b", table, keywords=["noaa_ars"], images=False, progress=False)
    assert report.origin == again.origin == other.origin == "SYNTHETIC"
    assert (out / "README.md").read_text().startswith("# SYNTHETIC ")


@pytest.mark.parametrize("stage", ["keyword_pieces", "make_images"])
def test_an_interrupted_build_of_synthetic_records_says_so(
    small: Counting, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, find = building.make_images, building.search

    def interrupted(*given: Any, **more: Any) -> Any:
        if stage == "make_images":
            yield next(make(*given, **more))
        raise KeyboardInterrupt

    if stage == "make_images":
        monkeypatch.setattr(building, "search", lambda *given, **more: replace(find(*given, **more), origin=""))
        monkeypatch.setattr(building, stage, interrupted)  # the origin is that of the files
    else:
        monkeypatch.setattr(building, stage, lambda *_, **__: next(interrupted()))
    with pytest.raises(Interrupted) as caught:
        dataset.build(tmp_path / "a", *QUERY, keywords=["noaa_ars"], shard_records=2, progress=False)
    assert str(caught.value.partial).startswith(f"{tmp_path / 'a'}: SYNTHETIC data, 9 records, at least ")


def test_a_resumed_build_omits_records_removed_from_the_service(tmp_path: Path) -> None:
    files, out, start = tmp_path / "files", tmp_path / "a", slot_time(FIRST)
    files.mkdir()
    for step in range(3):
        cards = fits.Header({name.upper(): value for name, value in header_of(377, step).items()})
        fits.writeto(files / name_of(377, step, "Br"), np.arange(16, dtype="f4").reshape(4, 4), cards)
    query = (a.Time(start, start + TimeDelta(1, format="jd")), Series(CEA), Segment("Br"))
    for number in (3, 2, 2):
        with running(DirectoryArchive(files)) as url, conf.set_temp("url", url), warnings.catch_warnings():
            warnings.simplefilter("ignore", SunpyUserWarning)  # the service is at another URL
            report = dataset.build(out, *query, keywords=["quality"], shard_records=1, progress=False)
        assert (report.records, report.images, dataset.check(out).ok) == (number, number, True)
        (out / "records.parquet").unlink()
        (files / name_of(377, 2, "Br")).unlink(missing_ok=True)
