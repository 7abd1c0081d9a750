"""Mirrors of FLARECAST services: the records of a search, bare and full files, and missing data."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import astropy.units as u
import pytest
from astropy.table import Table
from faults import Layer, answer
from sunpy.net import attrs as a

from sunpy_flarecast import HARPNUM, FLARECASTClient, Segment, Series, ServiceError, conf, mirror
from sunpy_flarecast.archive import DemoArchive, Settings, create_app, running
from sunpy_flarecast.fits.complete import is_bare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Tree = Callable[[Path], dict[str, bytes]]

CEA = "hmi.sharp_cea_720s"

QUIET: dict[str, Any] = {"progress": False, "index": False}

#: Two time steps of the synthetic Sun, before and after midnight TAI, and two of its HARPs.
STEPS = ("2015-12-11T23:46", "2015-12-12T00:00")


@pytest.fixture(scope="module")
def harps() -> list[int]:
    times = (datetime(2015, 12, 11, 23, 46, tzinfo=UTC), datetime(2015, 12, 12, tzinfo=UTC))
    numbers = sorted({record.harpnum or 0 for record in DemoArchive().records(CEA, *times)})
    return numbers[:2]


@pytest.fixture(autouse=True)
def _few_quick_retries() -> Iterator[None]:
    with conf.set_temp("retry_wait", 0.001), conf.set_temp("max_retries", 1):
        yield


@pytest.fixture(scope="module")
def bare() -> Iterator[tuple[str, Layer]]:
    layer = Layer(create_app(DemoArchive(headers="bare")))
    with running(layer) as url:
        yield url, layer


def files_of(table: Any) -> set[str]:
    return {file.name for file in table.files()}


@pytest.mark.parametrize("sample", [None, 7 * u.hour, 30 * u.hour])
def test_the_records_equal_those_of_a_search(
    many: tuple[str, Layer], tmp_path: Path, sample: u.Quantity | None
) -> None:
    url, _ = many
    ends = ("2015-12-11T05:00", "2015-12-14T05:00")
    found = FLARECASTClient().search(a.Time(*ends), Series(CEA), *([] if sample is None else [a.Sample(sample)]))
    report = mirror(*ends, tmp_path, series="sharp_cea_720s", sample=sample, service=url, **QUIET)
    assert report.records == report.fetched == len(found)
    assert {file.name for file in tmp_path.rglob("*.fits")} == files_of(found)
    for file in tmp_path.rglob("*.fits"):
        day = file.name.split(".")[3]
        assert file.parent == tmp_path / CEA / day[:4] / day[4:6] / day[6:8]


def test_full_files_need_no_table(demo: tuple[str, Layer], harps: list[int], tmp_path: Path) -> None:
    url, layer = demo
    report = mirror(*STEPS, tmp_path, series=CEA, segment="bitmap", harpnum=harps, service=url, **QUIET)
    assert report.complete, report
    assert report.fetched == report.records > 0
    assert not list(tmp_path.rglob("keywords.ecsv"))
    assert layer.count("/meta/") == {}


def test_bare_files_stay_bare_and_get_a_table(
    bare: tuple[str, Layer], harps: list[int], tmp_path: Path, tree: Tree
) -> None:
    url, layer = bare
    layer.faults["/meta/"] = answer(b"no", status=404)
    report = mirror(*STEPS, tmp_path, series=CEA, segment="bitmap", harpnum=harps, service=url, **QUIET)
    assert {shortfall.kind for shortfall in report.shortfalls} == {"keywords"}
    assert sum(shortfall.count for shortfall in report.shortfalls) == report.records == report.fetched
    layer.clear()
    report = mirror(*STEPS, tmp_path, series=CEA, segment="bitmap", harpnum=harps, service=url, **QUIET)
    assert report.complete, report
    assert report.fetched == 0
    files = list(tmp_path.rglob("*.fits"))
    assert all(map(is_bare, files))
    with conf.set_temp("url", url):
        table = FLARECASTClient().search(a.Time(*STEPS), Series(CEA), Segment("bitmap"), HARPNUM(*harps))
    assert {file.name for file in files} == files_of(table)
    rows = {row["RECNUM"]: row for path in tmp_path.rglob("keywords.ecsv") for row in Table.read(path)}
    assert sorted(rows) == sorted(table["Record"])
    keywords = DemoArchive().keywords(CEA, int(table["Record"][0]))
    row = rows[table["Record"][0]]
    assert row["usflux"] == keywords["usflux"]
    assert row["T_REC"] == keywords["t_rec"]
    before = tree(tmp_path)
    layer.clear()
    mirror(*STEPS, tmp_path, series=CEA, segment="bitmap", harpnum=harps, service=url, **QUIET)
    assert layer.count("/meta/") == layer.count(".fits") == {}
    assert tree(tmp_path) == before


def test_failures_are_reported_and_fetched_the_next_time(many: tuple[str, Layer], tmp_path: Path) -> None:
    url, layer = many
    ends = ("2015-12-11T20:00", "2015-12-12T04:00")
    found = FLARECASTClient().search(a.Time(*ends), Series(CEA))
    layer.faults[f"/{found['Record'][3]}/"] = answer(b"gone", status=404)
    layer.faults["start=2015-12-11T23%3A5"] = answer(b'{"message": "the index is away"}', status=403)
    report = mirror(*ends, tmp_path, series=CEA, service=url, **QUIET)
    kinds = {shortfall.kind: shortfall for shortfall in report.shortfalls}
    assert kinds["file"].examples == [list(found.files())[3].name]
    assert kinds["file"].reason.startswith("the service answered 404 Not Found")
    assert "the index is away" in kinds["range"].reason
    assert "1 time range and 1 file are missing" in str(report)
    layer.clear()
    report = mirror(*ends, tmp_path, series=CEA, service=url, **QUIET)
    assert report.complete
    assert report.records == len(found) == len(list(tmp_path.rglob("*.fits")))


def test_an_unknown_series_is_an_error_of_the_mirror(many: tuple[str, Layer], tmp_path: Path) -> None:
    many[1].faults["/HMI/"] = answer(b'{"message": "This archive holds no such series"}', status=404)
    with pytest.raises(ServiceError) as caught:
        mirror("2015-12-11", "2015-12-13", tmp_path, series=CEA, service=many[0], **QUIET)
    text = str(caught.value)
    assert f"{CEA} from 2015-12-11T00:00:00Z to 2015-12-13T00:00:00Z" in text
    assert "404 Not Found: This archive holds no such series. Check the series" in text
    assert "strict" not in text
    assert "later" not in text


def test_failures_are_only_in_the_report(
    many: tuple[str, Layer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    many[1].faults[".fits"] = answer(b"gone", status=404)
    report = mirror(*STEPS, tmp_path, series=CEA, service=many[0], **QUIET)
    assert not report.complete
    assert not [record for record in caplog.records if record.name == "parfive"]


def test_an_unreachable_service_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"http://127\.0\.0\.1:9"):
        mirror(*STEPS, tmp_path, series=CEA, service="http://127.0.0.1:9", **QUIET)


def test_a_token_goes_to_its_own_service_only(harps: list[int], tmp_path: Path) -> None:
    wanted: dict[str, Any] = {"series": CEA, "segment": "bitmap", "harpnum": harps[0], **QUIET}
    token = "for-the-test-only-0123456789"
    settings = Settings(token_hashes=frozenset({hashlib.sha256(token.encode()).hexdigest()}))
    with running(create_app(DemoArchive(), settings)) as url, conf.set_temp("token", token):
        with conf.set_temp("url", url):
            report = mirror(*STEPS, tmp_path, **wanted)
        assert report.complete
        assert report.fetched > 0
        with pytest.raises(ServiceError, match="401"):
            mirror(*STEPS, tmp_path, service=url, **wanted)
