"""`FLARECASTClient` through `Fido` and by itself: search to table, fetch to files and maps."""

from __future__ import annotations

import asyncio
import copy
import filecmp
import io
import json
import pickle
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pytest
import sunpy
import sunpy.map
from astropy.time import Time, TimeDelta
from astropy.utils.introspection import minversion
from faults import Layer, answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sunpy.net import Fido
from sunpy.net import attrs as a
from sunpy.net.fido_factory import UnifiedResponse
from sunpy.util.exceptions import SunpyUserWarning

import sunpy_flarecast
from sunpy_flarecast import (
    HARPNUM,
    FLARECASTClient,
    FLARECASTResponse,
    MissingDataWarning,
    QueryError,
    ReplyError,
    Segment,
    Series,
    Tolerance,
    UnreachableError,
    conf,
)
from sunpy_flarecast.archive import DirectoryArchive, create_app, running

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = a.Time("2015-12-11T00:00", "2015-12-11T01:00")
CCD = Series("hmi.sharp_720s")
CEA = Series("hmi.sharp_cea_720s")


def search(*query: Any) -> FLARECASTResponse:
    return FLARECASTClient().search(*query)


# --- Search -----------------------------------------------------------------------------------------------------------


def test_fido_and_the_client_return_the_same_table(demo: tuple[str, Layer]) -> None:
    by_fido = Fido.search(HOUR, a.flarecast.Series.hmi_sharp_720s, a.flarecast.Segment.magnetogram)["flarecast"]
    alone = search(HOUR, CCD, Segment("magnetogram"))
    assert isinstance(by_fido, FLARECASTResponse)
    assert len(by_fido) == len(alone) > 10
    assert list(by_fido["Record"]) == list(alone["Record"])
    assert set(by_fido["Segments"]) == {1}
    assert isinstance(by_fido.client, FLARECASTClient)


def test_the_table_is_sorted_and_in_the_range(demo: tuple[str, Layer]) -> None:
    table = search(HOUR, CCD)
    keys = list(zip(table["T_REC"].jd, table["HARPNUM"], strict=True))
    assert keys == sorted(keys)
    assert (table["Start Time"] >= Time("2015-12-11T00:00")).all()
    assert (table["Start Time"] <= Time("2015-12-11T01:00")).all()
    assert (table["Start Time"].scale, table["T_REC"].scale) == ("utc", "tai")
    assert set(table["Segments"]) == {31}
    delay = (table["T_REC"] - table["Start Time"]).to_value("s")
    assert (delay > 60).all()
    assert (delay < 180).all()


def test_windows_return_the_same_as_one_request(demo: tuple[str, Layer]) -> None:
    _, layer = demo
    with conf.set_temp("window", 10.0):
        whole = search(HOUR, CCD)
    assert len(layer.requests) == 1
    with conf.set_temp("window", 0.01):
        parts = search(HOUR, CCD)
    assert len(layer.requests) == 1 + 5
    assert list(whole["Record"]) == list(parts["Record"])


def test_tai_bounds_are_converted(demo: tuple[str, Layer]) -> None:
    tai = a.Time(Time("2015-12-11T00:00:36", scale="tai"), Time("2015-12-11T01:00:36", scale="tai"))
    assert list(search(tai, CCD)["Record"]) == list(search(HOUR, CCD)["Record"])
    assert demo[1].requests[0] == demo[1].requests[1]


def test_harp_numbers_filter(demo: tuple[str, Layer]) -> None:
    table = search(HOUR, CCD)
    numbers = sorted(set(table["HARPNUM"]))
    assert set(search(HOUR, CCD, HARPNUM(numbers[1]))["HARPNUM"]) == {numbers[1]}
    ranged = search(HOUR, CCD, HARPNUM(numbers[1], numbers[3]))
    assert sorted(set(ranged["HARPNUM"])) == numbers[1:4]
    either = Fido.search(HOUR, CCD, HARPNUM(numbers[0]) | HARPNUM(numbers[2]))
    assert [set(block["HARPNUM"]) for block in either] == [{numbers[0]}, {numbers[2]}]
    joined = search(HOUR & CCD & (HARPNUM(numbers[0]) | HARPNUM(numbers[2])))
    assert set(joined["HARPNUM"]) == {numbers[0], numbers[2]}


def test_segments_by_and_or_and_pattern(demo: tuple[str, Layer]) -> None:
    both = search(HOUR, CEA, Segment("br") & Segment("Bt"))
    assert set(both["Segments"]) == {2}
    assert [file.segment for file in both[:1].files()] == ["Bt", "Br"]
    assert [file.segment for file in search(HOUR, CEA, Segment("*_ERR"))[:1].files()] == ["Bp_err", "Bt_err", "Br_err"]
    blocks = Fido.search(HOUR, CEA, Segment("Br") | Segment("Bt"))
    assert [next(block.files()).segment for block in blocks] == ["Br", "Bt"]
    joined = search(HOUR & CEA & (Segment("Br") | Segment("Bt")))
    assert len(joined) == len(both)
    assert set(joined["Segments"]) == {2}


def test_sample_and_near(demo: tuple[str, Layer]) -> None:
    day = a.Time("2015-12-11", "2015-12-12")
    table = search(day, CCD, a.Sample(6 * u.hour))
    for number in set(table["HARPNUM"]):
        own = table[table["HARPNUM"] == number]
        point = np.rint((own["T_REC"] - Time("2015-12-11")).to_value("s") / 21600)
        assert len(set(point)) == len(own) <= 5  # one record for each point of the grid
    # The slot nearest to midnight UTC begins half a minute before it.
    assert table["T_REC"][0].isot == "2015-12-11T00:00:00.000"
    near = search(a.Time("2015-12-11", "2015-12-12", near="2015-12-11T12:01"), CCD)
    assert set(near["T_REC"].isot) == {"2015-12-11T12:00:00.000"}
    assert len(near) > 3


AN_HOUR = ("2015-12-11", "2015-12-11T01:00")
A_FORTNIGHT = ("2015-12-11", "2015-12-25")


@pytest.mark.parametrize(
    ("start", "end", "more", "reason"),
    [
        (
            "2090-01-01",
            "2090-01-02",
            (),
            "from 2090-01-01T00:00:00.000 to 2090-01-02T00:00:00.000 UTC lies in the future.",
        ),
        ("1999-01-01", "1999-01-02", (), "is before the first SHARPs (2010-05-01)."),
        ("2015-12-11", "2015-12-11", (), "UTC. To give a T_REC, write '2015.12.11_00:00:00_TAI'."),
        ("2015-12-11T00:01", "2015-12-11T00:02", (), "The service has no records of hmi.sharp_720s from"),
        (*AN_HOUR, (HARPNUM(999999),), "but none with HARPNUM 999999. The HARPs in this time range are 4928, 4930, "),
        (
            *AN_HOUR,
            (HARPNUM(12192),),
            "4956. To search for NOAA numbers, which are not HARP numbers, write a.flarecast.NOAA(12192) (--noaa).",
        ),
        (
            *AN_HOUR,
            (HARPNUM([12192, 12209]),),
            "but none with HARPNUM 12192 or 12209. The HARPs in this time range are 4928",
        ),
        (*AN_HOUR, (HARPNUM([12192, 12209]),), "write a.flarecast.NOAA([12192, 12209]) (--noaa)."),
        (*A_FORTNIGHT, (HARPNUM(4929),), "HARPs in this time range, 4928 and 4930 are the nearest."),
        (*A_FORTNIGHT, (HARPNUM(9999),), " is the nearest."),
        (
            *AN_HOUR,
            (HARPNUM(4928), a.flarecast.NOAA(12999)),
            "but none with HARPNUM 4928 and 12999 in NOAA_AR or NOAA_ARS.",
        ),
        (
            *("2015-12-11", "2015-12-11T00:30"),
            (a.Sample(1 * u.hour), Tolerance(0 * u.s)),
            "but none with a T_REC within 0 s of the requested times.",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:ERFA")
def test_an_empty_result_names_the_reason_once(
    demo: tuple[str, Layer], start: str, end: str, more: Any, reason: str
) -> None:
    with pytest.warns(SunpyUserWarning) as caught:
        assert len(search(a.Time(start, end), CCD, *more)) == 0
    [text] = [str(one.message) for one in caught if "ERFA" not in str(one.message)]
    assert text.startswith("Nothing was found. ")
    assert reason in text
    assert text.endswith(reason) == reason.endswith(".")


def test_missing_parts_are_the_only_reason_for_an_empty_table(demo: tuple[str, Layer]) -> None:
    demo[1].faults["start=2015-12-12"] = answer(b"busy", status=503)
    with conf.set_temp("window", 1 / 48), pytest.warns(SunpyUserWarning) as caught:
        assert len(search(a.Time("2015-12-11T23:30", "2015-12-12T00:30"), CCD, HARPNUM(999999))) == 0
    [text] = [str(one.message) for one in caught]
    assert "are missing" in text


@pytest.mark.filterwarnings("ignore:Nothing was found")
def test_no_results_give_an_empty_table(demo: tuple[str, Layer]) -> None:
    table = search(a.Time("1999-01-01", "1999-01-02"), CCD)
    assert len(table) == 0
    assert "T_REC" in table.colnames
    result = Fido.search(a.Time("1999-01-01", "1999-01-02"), CCD)
    assert len(result["flarecast"]) == 0
    assert list(Fido.fetch(result, progress=False)) == []
    for text in (repr(result), result._repr_html_(), repr(table), str(table.show())):
        assert "T_REC" in text


def test_all_ways_to_show_a_table(demo: tuple[str, Layer]) -> None:
    table = search(HOUR, CCD)
    assert repr(table).startswith(f"<FLARECASTResponse length={len(table)}>\n")
    assert repr(table[0]).startswith("<FLARECASTRow index=0>\n")
    for text in (str(table), repr(table), repr(table[0]), table._repr_html_(), table[0]._repr_html_()):
        assert "hmi.sharp_720s" in text
        assert "http://" not in text
    assert "URL Prefix" in table.show().colnames
    assert "hmi.sharp_720s" in FLARECASTClient()._repr_html_()
    assert "FLARECASTClient" in str(Fido)
    meanings = dict(FLARECASTClient.register_values()[Segment])
    assert meanings["Br"].endswith("(CEA only)")
    assert "only" not in meanings["magnetogram"]
    assert table.client.info_url == demo[0]


@pytest.mark.parametrize(
    "query",
    [
        (HOUR,),
        (CCD,),
        (HOUR, a.Instrument("HMI")),
        (HOUR, CCD, a.Instrument("AIA")),
        (HOUR, CCD, a.Provider("JSOC")),
        (HOUR, CCD, a.Physobs("los_magnetic_field")),
    ],
)
def test_queries_for_other_clients(query: tuple[Any, ...]) -> None:
    assert not FLARECASTClient._can_handle_query(*query)


def test_queries_for_this_client() -> None:
    assert FLARECASTClient._can_handle_query(HOUR, CCD)
    assert FLARECASTClient._can_handle_query(
        HOUR, CCD, Segment("Br"), HARPNUM(1), a.Sample(1 * u.h), a.Provider("flarecast"), a.Instrument.hmi
    )


@pytest.mark.parametrize(
    ("query", "error", "part"),
    [
        ((HOUR, CCD, Segment("Br")), ValueError, "'Br' is in hmi.sharp_cea_720s"),
        ((HOUR,), QueryError, "a.flarecast.Series"),
        ((CCD,), QueryError, "a.Time"),
        ((HOUR, CCD, a.Physobs("x")), QueryError, "Physobs is not supported"),
    ],
)
def test_invalid_queries_are_refused_before_any_request(
    demo: tuple[str, Layer], query: tuple[Any, ...], error: type[Exception], part: str
) -> None:
    with pytest.raises(error) as caught:
        search(*query)
    assert part in str(caught.value)
    assert demo[1].requests == []


def test_errors_come_through_fido() -> None:
    with conf.set_temp("url", "http://127.0.0.1:9"):
        if minversion(sunpy, "7.1"):
            result = Fido.search(HOUR, CCD)
            [error] = result.errors
            assert "cannot be reached" in str(result)
        else:
            with pytest.raises(UnreachableError) as caught:
                Fido.search(HOUR, CCD)
            error = caught.value
    assert isinstance(error, UnreachableError)


def test_an_error_is_reported_once(tmp_path: Path) -> None:
    with conf.set_temp("url", "http://127.0.0.1:9"), sunpy.log.log_to_list() as logged:
        with pytest.raises(UnreachableError):
            search(HOUR, CCD)
        assert logged == []
        if not minversion(sunpy, "7.1"):
            return
        result = Fido.search(HOUR, CCD)
        assert ["cannot be reached" in record.message for record in logged] == [True]
        files = Fido.fetch(result, path=tmp_path, progress=False)
        report = sunpy_flarecast.fetch(result, path=tmp_path, progress=False)
        assert len(logged) == 1
    assert list(files) == report.files == []
    assert ["the search failed: " in str(error.exception) for error in files.errors] == [True]
    [failure] = report.failed
    assert failure.reason.startswith("The search failed: ")
    assert "cannot be reached" in failure.reason


def test_a_search_that_failed_does_not_lose_the_files_of_another(demo: tuple[str, Layer], tmp_path: Path) -> None:
    found = search(HOUR, CCD, Segment("bitmap"))[:2]
    if minversion(sunpy, "7.1"):
        with conf.set_temp("url", "http://127.0.0.1:9"):
            failed = Fido.search(HOUR, CCD)
        files = Fido.fetch(failed, found, path=tmp_path, progress=False)
        assert len(files) == 2
        assert len(files.errors) == 1
        again = Fido.fetch(files, progress=False)
        assert ["the search failed" in str(error.exception) for error in again.errors] == [True]


@pytest.mark.parametrize(
    ("option", "part"),
    [
        ("max_con", "Did you mean max_conn?"),
        ("overwite", "Did you mean overwrite?"),
        ("complete_header", "Did you mean complete_headers?"),
        ("passes", "Use sunpy_flarecast.fetch"),
    ],
)
def test_misspelt_options_of_a_fetch_are_refused(
    demo: tuple[str, Layer], tmp_path: Path, option: str, part: str
) -> None:
    table = search(HOUR, CCD, Segment("bitmap"))[:1]
    for bring in (Fido.fetch, table.client.fetch):
        with pytest.raises(QueryError, match=f"no option '{option}'.*{part}"):
            bring(table, path=tmp_path, progress=False, **{option: 3})
    assert list(tmp_path.iterdir()) == []


def test_options_of_other_clients_are_ignored_through_fido(demo: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(HOUR, CCD, Segment("bitmap"))[:1]
    options = {"max_splits": 1, "sleep": 0, "site": "NSO", "chunksize": 1024}
    assert len(Fido.fetch(table, path=tmp_path, progress=False, **options)) == 1
    with pytest.raises(QueryError, match=r"no option 'site'. Options: path, downloader, overwrite, progress, max_conn"):
        table.client.fetch(table, path=tmp_path, progress=False, site="NSO")


def test_broken_records_are_counted_and_the_others_stay(demo: tuple[str, Layer]) -> None:
    good = b'{"recnum": %d, "t_rec_index": 1005481, "urls": ["http://h/HMI/hmi.sharp_720s/%d/bitmap.fits"]}'
    body = b"[" + b",".join([good % (1, 1), b'{"recnum": 2}', good % (3, 3)]) + b"]"
    demo[1].faults["/HMI/"] = answer(body)
    with pytest.warns(MissingDataWarning, match="sent 1 record of hmi.sharp_720s .* cannot be read"):
        table = search(HOUR, CCD)
    assert list(table["Record"]) == [1, 3]


def test_missing_segments_are_reported(demo: tuple[str, Layer]) -> None:
    body = b'[{"recnum": 1, "t_rec_index": 1005481, "urls": ["http://h/HMI/hmi.sharp_720s/1/bitmap.fits"]}]'
    demo[1].faults["/HMI/"] = answer(body)
    with pytest.warns(MissingDataWarning, match=r"'magnetogram' \(1 of 1\)"):
        table = search(HOUR, CCD, Segment("magnetogram", "bitmap"))
    assert list(table["Segments"]) == [1]


def test_an_unknown_series_is_sent_as_written(demo: tuple[str, Layer]) -> None:
    with (
        pytest.warns(sunpy.util.SunpyUserWarning, match="Did you mean 'hmi.sharp_720s'"),
        pytest.raises(sunpy_flarecast.ServiceError, match="404"),
    ):
        search(HOUR, Series("hmi.sharp_72s"))
    assert "/HMI/hmi.sharp_72s?" in demo[1].requests[0][1]


def test_works_with_loopback_alone(demo: tuple[str, Layer], tmp_path: Path) -> None:
    # In a separate process without name resolution and other addresses.
    code = """if True:
        import socket, sys
        connect = socket.socket.connect
        def loopback_only(self, address):
            if address[0] != "127.0.0.1":
                raise OSError(f"network used: {address}")
            return connect(self, address)
        socket.socket.connect = loopback_only
        lookup = socket.getaddrinfo
        def no_names(host, *rest, **more):
            if host not in ("127.0.0.1", None):
                raise OSError(f"name looked up: {host}")
            return lookup(host, *rest, **more)
        socket.getaddrinfo = no_names
        from sunpy.net import Fido, attrs as a
        import sunpy_flarecast
        sunpy_flarecast.conf.url = sys.argv[1]
        found = Fido.search(a.Time("2015-12-11T00:00", "2015-12-11T00:20"), a.flarecast.Series.hmi_sharp_720s,
                            a.flarecast.Segment.bitmap)
        files = Fido.fetch(found["flarecast"][:2], path=sys.argv[2], progress=False)
        assert len(files) == 2 and not files.errors, files
    """
    subprocess.run([sys.executable, "-c", code, demo[0], str(tmp_path)], check=True, timeout=120)


# --- Windows that fail ------------------------------------------------------------------------------------------------

DAYS = a.Time("2015-12-11", "2015-12-16")
BUSY = answer(b"busy", status=503)


def records_of(table: FLARECASTResponse) -> list[tuple[Any, ...]]:
    return list(zip(table["Record"].tolist(), table["T_REC"].isot, table["Segments"].tolist(), strict=True))


def fail(layer: Layer, *days: str, fault: Any = BUSY) -> None:
    for day in days:
        layer.faults[f"start={day}"] = fault


def gaps(table: FLARECASTResponse) -> list[tuple[str, str]]:
    return [(one.start.isot[:16], one.end.isot[:16]) for one in table.missing]


def test_failed_windows_are_reported_and_the_others_returned(demo: tuple[str, Layer]) -> None:
    _, layer = demo
    whole = search(DAYS, CCD, Segment("bitmap"))
    assert whole.missing == []
    fail(layer, "2015-12-12", "2015-12-13", "2015-12-15")
    with pytest.warns(
        MissingDataWarning, match=r"Records of hmi.sharp_720s .*12T00:.*15T00:.*503.*busy.*retry_missing"
    ) as caught:
        table = search(DAYS, CCD, Segment("bitmap"))
    assert caught.pop(MissingDataWarning).filename == __file__
    assert gaps(table) == [("2015-12-12T00:00", "2015-12-14T00:00"), ("2015-12-15T00:00", "2015-12-16T00:00")]
    assert all("503" in str(one.error) for one in table.missing)
    there = {day for _, time, _ in records_of(table) for day in [time[:10]]}
    assert there == {"2015-12-11", "2015-12-14", "2015-12-12", "2015-12-15"}  # T_REC is later than the requested range
    assert set(records_of(table)) < set(records_of(whole))
    layer.clear()
    complete = table.retry_missing()
    assert records_of(complete) == records_of(whole)
    assert complete.missing == []
    assert complete.queries == table.queries
    assert complete.service == table.service
    assert sorted(path[path.index("start=") + 6 :][:10] for _, path in layer.requests) == [
        "2015-12-12", "2015-12-13", "2015-12-15",
    ]  # fmt: skip
    layer.clear()
    assert records_of(complete.retry_missing()) == records_of(whole)
    assert layer.requests == []


def test_windows_that_fail_again_are_still_missing(demo: tuple[str, Layer]) -> None:
    fail(demo[1], "2015-12-12", "2015-12-13", "2015-12-15")
    with pytest.warns(MissingDataWarning):
        table = search(DAYS, CCD)
    demo[1].faults.pop("start=2015-12-13")
    with pytest.warns(MissingDataWarning, match="are missing") as caught:
        better = table.retry_missing()
    assert caught.pop(MissingDataWarning).filename == __file__
    assert gaps(better) == [("2015-12-12T00:00", "2015-12-13T00:00"), ("2015-12-15T00:00", "2015-12-16T00:00")]
    assert len(better) > len(table)
    demo[1].clear()
    assert records_of(better.retry_missing()) == records_of(search(DAYS, CCD))


@pytest.mark.parametrize("more", [(a.Sample(9 * u.hour),), (HARPNUM(1, 9000), a.Sample(25 * u.hour))])
def test_retrying_a_sampled_search_gives_the_complete_result(demo: tuple[str, Layer], more: tuple[Any, ...]) -> None:
    whole = search(DAYS, CCD, *more)
    fail(demo[1], "2015-12-11T23", "2015-12-13", "2015-12-14")
    with pytest.warns(MissingDataWarning):
        table = search(DAYS, CCD, *more)
    assert records_of(table) != records_of(whole)
    demo[1].clear()
    assert records_of(table.retry_missing()) == records_of(whole)
    assert len(demo[1].requests) == 6  # the search is repeated


def test_retrying_finds_the_nearest_time_step(demo: tuple[str, Layer]) -> None:
    near = a.Time("2015-12-11", "2015-12-16", near="2015-12-13T12:00")
    whole = search(near, CCD)
    fail(demo[1], "2015-12-13")
    with pytest.warns(MissingDataWarning):
        table = search(near, CCD)
    assert not set(records_of(table)) & set(records_of(whole))
    demo[1].clear()
    assert records_of(table.retry_missing()) == records_of(whole)


@pytest.mark.parametrize(
    ("query", "requests"),
    [
        (DAYS & (CCD & Segment("bitmap") | CEA & Segment("Br") & a.Sample(6 * u.hour)), 1 + 6),
        (DAYS & CCD & (Segment("bitmap") | Segment("magnetogram")), 1),
        (DAYS & CCD & (HARPNUM(6178) & a.Sample(6 * u.hour) | Segment("bitmap")), 5 + 6),
    ],
)
def test_each_branch_is_retried_as_it_requires(demo: tuple[str, Layer], query: Any, requests: int) -> None:
    whole = search(query)
    fail(demo[1], "2015-12-13T", "2015-12-12T23")
    with pytest.warns(MissingDataWarning):
        table = search(query)
    assert set(records_of(table)) != set(records_of(whole))
    demo[1].clear()
    assert records_of(table.retry_missing()) == records_of(whole)
    assert len(demo[1].requests) == requests


def test_a_failed_retry_leaves_the_table_unchanged(demo: tuple[str, Layer]) -> None:
    fail(demo[1], "2015-12-13T", "2015-12-12T23")
    with pytest.warns(MissingDataWarning):
        table = search(DAYS & CCD & (HARPNUM(6178) & a.Sample(6 * u.hour) | Segment("bitmap")))
    fail(demo[1], "2015", fault=answer(b"closed", status=403))
    with pytest.warns(MissingDataWarning, match="are missing"):
        again = table.retry_missing()
    assert records_of(again) == records_of(table)
    assert gaps(again) == gaps(table)


def test_a_retry_loses_no_records(demo: tuple[str, Layer]) -> None:
    fail(demo[1], "2015-12-13T", "2015-12-12T23")
    with pytest.warns(MissingDataWarning):
        table = search(DAYS & CCD & (HARPNUM(6178) & a.Sample(6 * u.hour) | Segment("bitmap")))
    demo[1].faults.clear()
    fail(demo[1], "2015-12-11", "2015-12-10")
    with pytest.warns(MissingDataWarning) as caught:
        again = table.retry_missing()
    assert "failed for other parts of its range" in str(caught[0].message)
    assert records_of(again) == records_of(table)
    assert gaps(again) == gaps(table)
    demo[1].faults.clear()
    assert again.retry_missing().missing == []


def test_missing_parts_of_all_branches_are_reported(demo: tuple[str, Layer]) -> None:
    query = a.Time("2015-12-12", "2015-12-15") & CCD & Segment("magnetogram") | (
        a.Time("2015-12-11", "2015-12-15") & CCD & Segment("bitmap")
    )
    whole = search(query)
    fail(demo[1], "2015-12-10", "2015-12-11", "2015-12-12", "2015-12-14")  # the first windows have a margin
    with pytest.warns(MissingDataWarning, match=r"2015-12-11T00.*to 2015-12-13T00"):
        table = search(query)
    assert sorted(set(gaps(table))) == [
        ("2015-12-11T00:00", "2015-12-13T00:00"),
        ("2015-12-12T00:00", "2015-12-13T00:00"),
        ("2015-12-14T00:00", "2015-12-15T00:00"),
    ]
    demo[1].faults.clear()
    assert records_of(table.retry_missing()) == records_of(whole)


def test_a_gap_near_a_requested_time_is_reported(demo: tuple[str, Layer]) -> None:
    fail(demo[1], "2015-12-12")
    with pytest.warns(MissingDataWarning, match="Missing records may be nearer to the requested times"):
        search(a.Time("2015-12-11", "2015-12-14", near="2015-12-12T12:00"), CCD)


def test_a_search_without_any_reply_is_an_error(demo: tuple[str, Layer]) -> None:
    fail(demo[1], "2015")
    with pytest.raises(sunpy_flarecast.ServiceError, match=r"from 2015-12-11T00:00:00Z to 2015-12-12.* 503"):
        search(DAYS, CCD)


def test_strict_makes_a_gap_an_error(demo: tuple[str, Layer]) -> None:
    fail(demo[1], "2015-12-12", "2015-12-13")
    with pytest.raises(
        sunpy_flarecast.ServiceError, match=r"Records of hmi.sharp_720s from 2015-12-1[23]T00.*search without strict"
    ):
        FLARECASTClient().search(DAYS, CCD, strict=True)
    demo[1].clear()
    assert len(FLARECASTClient().search(DAYS, CCD, strict=True)) > 1000


def test_missing_parts_stay_with_the_table(demo: tuple[str, Layer]) -> None:
    fail(demo[1], "2015-12-12")
    with pytest.warns(MissingDataWarning):
        results = Fido.search(DAYS, CCD)
    table = results["flarecast"]
    assert len(table) > 1000
    for same in (
        table[:5],
        table[table["HARPNUM"] > 6000],
        table.copy(),
        copy.deepcopy(table),
        pickle.loads(pickle.dumps(table)),
        results[0, 3:7],
        UnifiedResponse(table)[0],
    ):
        assert gaps(same) == [("2015-12-12T00:00", "2015-12-13T00:00")]
        assert len(same.queries) == 1
    if minversion(sunpy, "7.1"):
        [[error]] = results.errors
        assert error is table.missing[0].error
        assert "503" in str(results)
    demo[1].clear()
    assert set(table[:5]["Record"]) < set(table[:5].retry_missing()["Record"])


@pytest.mark.parametrize("suffix", ["ecsv", "parquet"])
def test_a_saved_search_can_be_retried_later(demo: tuple[str, Layer], tmp_path: Path, suffix: str) -> None:
    query = (DAYS, CCD, Segment("bitmap"), a.Sample(7 * u.hour))
    whole = search(*query)
    fail(demo[1], "2015-12-12T23")
    with pytest.warns(MissingDataWarning):
        search(*query).write(tmp_path / f"search.{suffix}")
    demo[1].clear()
    read = FLARECASTResponse.read(tmp_path / f"search.{suffix}")
    assert [str(one.error).partition(" for ")[0] for one in read.missing] == [f"The request to {demo[0]}"]
    assert records_of(read.retry_missing()) == records_of(whole)


@pytest.mark.parametrize(
    "fault",
    [
        answer(b"too much", status=413),
        answer(b"too slow", status=504),
        answer(b'{"data": [{"recnum": 5', length=1000, drop=True),
        answer(b'{"data": [{"recnum": 5'),
    ],
)
def test_windows_with_too_long_replies_are_halved(demo: tuple[str, Layer], fault: Any) -> None:
    time = a.Time("2015-12-11", "2015-12-14")
    whole = records_of(search(time, CCD))
    demo[1].clear()
    for part in ("T23%3A55%3A00Z&end=2015-12-12T00", "T23%3A55%3A00Z&end=2015-12-11T11"):
        demo[1].faults[part] = fault
    assert records_of(search(time, CCD)) == whole
    assert len(demo[1].requests) == 2 + 3 + 2


def test_parallel_windows_may_finish_in_any_order(demo: tuple[str, Layer]) -> None:
    _, layer = demo
    with conf.set_temp("parallel_requests", 1), conf.set_temp("window", 10.0):
        whole = records_of(search(DAYS, CCD))
    layer.clear()
    connections = set()

    async def fault(scope: Any, send: Any) -> None:
        connections.add(scope["client"])
        first = scope["query_string"].startswith(b"start=2015-12-11")
        while len(layer.requests) < (5 if first else 4):  # the first finishes last
            await asyncio.sleep(0.001)
        await layer.app(scope, asyncio.Event().wait, send)

    layer.faults["/HMI/"] = fault
    assert records_of(search(DAYS, CCD)) == whole
    assert len(connections) == 4


def test_replies_with_extra_and_unordered_records(demo: tuple[str, Layer]) -> None:
    def row(number: int, slot: int) -> dict[str, Any]:
        return {"recnum": number, "t_rec_index": slot, "urls": [f"http://h/HMI/hmi.sharp_720s/{number}/bitmap.fits"]}

    # 1005480 is 2015-12-11T00:00:00 TAI, and 120 slots are a day.
    days = [[row(120 * day + slot, 1005480 + 120 * day + slot) for slot in range(1, 120)] for day in range(4)]
    early, late = [row(9001, 1005480 - 500)], [row(9002, 1005480 + 5000)]
    for day, content in enumerate(
        ([*days[1], *days[0]], [*late, *days[1][::-1]], [*days[0], *days[2]], [*days[3], *early])
    ):
        demo[1].faults[f"start=2015-12-{11 + day if day else 10}"] = answer(json.dumps(content).encode())
    table = search(a.Time("2015-12-11", "2015-12-15"), CCD)
    assert table["Record"].tolist() == [number["recnum"] for day in days for number in day]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    begin=st.sampled_from(["2016-12-31T20:00:00", "2015-12-11T00:00:00", "2017-01-01T00:00:36.5"]),
    scale=st.sampled_from(["utc", "tai"]),
    offset=st.integers(0, 4 * 3600 * 10).map(lambda tenths: tenths / 10),
    hours=st.just(0.0) | st.floats(0.0, 9.0),
    window=st.floats(0.02, 0.6),
    parallel=st.integers(1, 6),
    more=st.sampled_from([(), (a.Sample(50 * u.min),), (HARPNUM(1, 7000),)]),
)
@pytest.mark.filterwarnings("ignore:Nothing was found")
def test_any_windows_return_the_same_as_one_request(
    demo: tuple[str, Layer],
    begin: str,
    scale: str,
    offset: float,
    hours: float,
    window: float,
    parallel: int,
    more: Any,
) -> None:
    start = Time(begin, scale=scale) + TimeDelta(offset, format="sec")
    # sunpy refuses an end that is before the start through rounding alone.
    end = max(start, start + TimeDelta(hours * 3600, format="sec"))
    query = (a.Time(start, end), CCD, *more)
    with conf.set_temp("window", 1000.0):
        whole = search(*query)
    with conf.set_temp("window", window), conf.set_temp("parallel_requests", parallel):
        parts = search(*query)
    assert records_of(parts) == records_of(whole)
    assert (parts["Start Time"] == whole["Start Time"]).all()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("time", "options", "terminal", "shown"),
    [
        (DAYS, {}, True, True),
        (DAYS, {"progress": False}, True, False),
        (HOUR, {}, True, False),
        (DAYS, {}, False, False),
    ],
)
def test_progress_is_shown_in_terminals_only(
    demo: tuple[str, Layer], monkeypatch: pytest.MonkeyPatch, time: a.Time, options: Any, terminal: bool, shown: bool
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    table = FLARECASTClient().search(time, CCD, **options)
    output = stream.getvalue()
    assert ("Windows searched: 100%" in output) == shown
    assert ("5/5" in output) == shown
    assert (f"{len(table):,} records" in output) == shown
    if not shown:
        assert output == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
def test_ctrl_c_ends_a_search_at_once() -> None:
    code = """if True:
        import sys
        from sunpy.net import Fido, attrs as a
        import sunpy_flarecast
        sunpy_flarecast.conf.url = sys.argv[1]
        try:
            Fido.search(a.Time("2015-01-01", "2015-12-31"), a.flarecast.Series.hmi_sharp_720s)
        except KeyboardInterrupt:
            print("interrupted")
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        child = subprocess.Popen(
            [sys.executable, "-c", code, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        silent.settimeout(60)
        connections = [silent.accept() for _ in range(conf.parallel_requests)]
        child.send_signal(signal.SIGINT)
        output, error = child.communicate(timeout=60)  # half of conf.reply_timeout
        for connection, _ in connections:
            connection.close()
    assert (output, error, child.returncode) == ("interrupted\n", "", 0)


# --- Fetch ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _real_service(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    index = tmp_path_factory.mktemp("real") / "index.sqlite"
    with DirectoryArchive(shared / "data" / "sharp_fits", index=index) as archive, running(create_app(archive)) as url:
        yield url


@pytest.fixture
def real(_real_service: str) -> Iterator[str]:
    with conf.set_temp("url", _real_service):
        yield _real_service


REAL_TIMES = a.Time("2015-10-29", "2015-10-31"), a.Time("2011-02-14", "2011-02-16"), a.Time("2017-09-01", "2017-09-02")


@pytest.mark.parametrize("time", REAL_TIMES)
def test_real_files_come_back_byte_for_byte_and_load_as_maps(
    real: str, shared: Path, tmp_path: Path, time: a.Time
) -> None:
    files = Fido.fetch(Fido.search(time, CEA), path=tmp_path, progress=False, complete_headers=False)
    assert not files.errors
    originals = shared / "data" / "sharp_fits"
    harp = {"2015": 6060, "2011": 377, "2017": 7115}[time.start.isot[:4]]
    assert {Path(name).name for name in files} == {path.name for path in originals.glob(f"*.{harp}.*")}
    for name in map(Path, files):
        assert filecmp.cmp(name, originals / name.name, shallow=False)
        if "7115" in name.name and "continuum" in name.name:
            continue  # as stored, without keywords
        one = sunpy.map.Map(name)
        assert one.meta["harpnum"] == int(name.name.split(".")[2])


def test_files_follow_the_path_template(demo: tuple[str, Layer], tmp_path: Path) -> None:
    results = Fido.search(
        a.Time("2015-12-11", "2015-12-11T02:00"),
        a.flarecast.Series.hmi_sharp_720s,
        a.flarecast.Segment.magnetogram & a.flarecast.Segment.bitmap,
    )
    files = Fido.fetch(
        results["flarecast"][:4], path=f"{tmp_path}/{{series}}/{{harpnum}}/{{t_rec:%Y%m%d}}/{{segment}}/{{file}}",
        progress=False,
    )  # fmt: skip
    assert not files.errors
    assert len(files) == 8
    for name in map(Path, files):
        series, harpnum, day, segment, file = name.relative_to(tmp_path).parts
        assert file.startswith(f"{series}.{harpnum}.{day}_")
        assert file.endswith(f"_TAI.{segment}.fits")
    maps = sunpy.map.Map(list(files))
    assert len(maps) == 8
    assert not list(tmp_path.rglob("*.part"))


def test_a_row_is_fetched_with_fido_and_with_the_client(demo: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(HOUR, CCD, Segment("bitmap"))
    [by_fido] = Fido.fetch(table[0], path=tmp_path / "fido", progress=False)
    [alone] = table.client.fetch(table[0], path=tmp_path / "client", progress=False)
    assert filecmp.cmp(by_fido, alone, shallow=False)


def test_repeating_a_finished_fetch_of_500_files_sends_no_requests(many: tuple[str, Layer], tmp_path: Path) -> None:
    _, layer = many
    table = search(a.Time("2015-12-11", "2015-12-16"), CEA, Segment("Br"))
    assert len(table) == 500
    first = Fido.fetch(table, path=tmp_path, progress=False)
    assert len(first) == 500
    assert not first.errors
    assert layer.count(".fits") == {"GET": 500}  # one request a file
    layer.clear()
    second = Fido.fetch(table, path=tmp_path, progress=False)
    assert sorted(second) == sorted(first)
    assert layer.requests == []


def test_a_path_with_a_wrong_field_lists_the_valid_ones(demo: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(HOUR, CCD, Segment("bitmap"))
    with pytest.raises(
        QueryError, match=r"unknown field \{harp\}. Did you mean \{harpnum\}\? Valid: \{file\}, \{harpnum\}"
    ):
        Fido.fetch(table, path=str(tmp_path / "{harp}" / "{file}"))
    assert list(tmp_path.iterdir()) == []


def test_two_files_of_one_path_are_refused_before_anything_is_fetched(demo: tuple[str, Layer], tmp_path: Path) -> None:
    # Two records of one HARP at one T_REC: their files have the same JSOC name.
    row = (
        b'{"recnum": %d, "harpnum": 7, "t_rec_index": 1005481, "urls": ["http://h/HMI/hmi.sharp_720s/%d/bitmap.fits"]}'
    )
    demo[1].faults["?start"] = answer(b"[" + row % (1, 1) + b"," + row % (2, 2) + b"]")
    table = search(HOUR, CCD, Segment("bitmap"))
    demo[1].clear()
    with pytest.raises(QueryError, match=r"both be written to .*Add fields"):
        Fido.fetch(table, path=tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []
    assert demo[1].requests == []


def test_refused_urls_are_errors_and_the_others_are_fetched(demo: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(HOUR, CCD, Segment("bitmap"))[:3]
    table["URL Prefix"][1] = "ftp://elsewhere/HMI/hmi.sharp_720s/1/"
    files = Fido.fetch(table, path=tmp_path, progress=False)
    assert len(files) == 2
    [error] = files.errors
    assert "not an http or https URL" in str(error.exception)
    again = Fido.fetch(files, progress=False)
    assert len(again) == 2
    assert len(again.errors) == 1


def test_urls_are_not_rebased_if_disabled(demo: tuple[str, Layer], tmp_path: Path) -> None:
    url, layer = demo
    table = search(HOUR, CCD, Segment("bitmap"))[:1]
    other = url.replace("127.0.0.1", "localhost")
    table["URL Prefix"][0] = table["URL Prefix"][0].replace(url, other)
    with conf.set_temp("rebase_urls", False):
        assert len(Fido.fetch(table, path=tmp_path / "off", progress=False)) == 1
    assert len(Fido.fetch(table, path=tmp_path / "on", progress=False)) == 1
    assert [headers["host"] for headers in layer.headers[-2:]] == [
        part.removeprefix("http://") for part in (other, url)
    ]


def test_files_of_layout_b_are_fetched_from_the_listed_urls(
    demo: tuple[str, Layer], shared: Path, tmp_path: Path
) -> None:
    _, layer = demo
    reply = (shared / "data" / "service_examples" / "hmi_list_v6_partial.json").read_bytes()
    real = (shared / "data" / "sharp_fits" / "hmi.sharp_cea_720s.6060.20151030_000000_TAI.Br.fits").read_bytes()
    layer.faults["/HMI/hmi.sharp_cea_720s_nrt?"] = answer(reply)
    layer.faults["1958485_20160119011008_Br.fits"] = answer(real, kind="application/fits")
    table = search(a.Time("2016-01-19T01:00", "2016-01-19T02:00"), Series("sharp_cea_720s_nrt"), Segment("Br"))
    [name] = Fido.fetch(table, path=tmp_path, progress=False)
    assert Path(name).name == "hmi.sharp_cea_720s_nrt.1958485.20160119_011200_TAI.Br.fits"
    assert Path(name).read_bytes() == real


def test_a_table_without_required_columns_names_them(demo: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(HOUR, CCD, Segment("bitmap"))
    with pytest.raises(QueryError, match="no longer has the column 'T_REC'"):
        table.client.fetch(table["Start Time", "HARPNUM"], path=tmp_path)


def test_overlapping_tables_in_one_fetch(many: tuple[str, Layer], tmp_path: Path) -> None:
    both = Fido.search(a.Time("2015-12-11", "2015-12-11T06:00"), CEA, HARPNUM(6178) | HARPNUM(6170, 6180))
    assert len(both[0]) == len(both[1]) == 30
    files = Fido.fetch(both, path=tmp_path, progress=False)
    assert files.errors == []
    assert len(files) == 30
    assert many[1].count(".fits") == {"GET": 30}


def test_tables_whose_files_differ_cannot_share_a_path(many: tuple[str, Layer], tmp_path: Path) -> None:
    one = search(a.Time("2015-12-11", "2015-12-11T06:00"), CEA)
    other = one.copy()
    other["URL Prefix"] = [prefix.replace("/HMI/", "/HMI/other/") for prefix in one["URL Prefix"]]
    with pytest.raises(QueryError, match="both be written to"):
        Fido.fetch(one, other, path=tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Nothing was found")
def test_branches_that_differ_only_in_local_filters_share_requests(demo: tuple[str, Layer]) -> None:
    search(HOUR & CCD & (HARPNUM(1) | HARPNUM(2) | HARPNUM(3)))
    assert len(demo[1].requests) == 1


def test_files_come_from_the_service_that_was_searched(demo: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(HOUR, CCD, Segment("bitmap"))
    with conf.set_temp("url", "http://127.0.0.1:9"):
        [name] = Fido.fetch(table[:1], path=tmp_path, progress=False)
    assert sunpy.map.Map(name)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "127.0.0.1:9"])
def test_fetches_use_the_same_proxy_as_searches(
    demo: tuple[str, Layer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    table = search(HOUR, CCD, Segment("bitmap"))
    assert Fido.fetch(table[:1], path=tmp_path, progress=False).errors == []
    monkeypatch.delenv("no_proxy")
    with conf.set_temp("max_retries", 0):
        [error] = Fido.fetch(table[1:2], path=tmp_path, progress=False).errors
    assert "the connection to the proxy failed" in str(error.exception)
    with conf.set_temp("max_retries", 0), pytest.raises(UnreachableError) as refused:
        search(HOUR, CCD, Segment("bitmap"))
    assert f"{demo[0]} cannot be reached (the proxy {proxy} failed: " in str(refused.value)
    assert "add the service's host to NO_PROXY" in str(refused.value)


def test_reply_errors_through_the_client(demo: tuple[str, Layer]) -> None:
    demo[1].faults["/HMI/"] = answer(b"<html><title>Log in</title>", kind="text/html")
    with pytest.raises(ReplyError, match="Log in"):
        search(HOUR, CCD)


def test_times_that_are_not_attrs_give_a_one_line_error(demo: tuple[str, Layer]) -> None:
    with pytest.raises(QueryError, match=r"not '2014-01-01'; write a\.Time\('2014-01-01', '2014-01-02'\) and a\."):
        FLARECASTClient().search("2014-01-01", "2014-01-02", Series("hmi.sharp_720s"))
    assert demo[1].requests == []
