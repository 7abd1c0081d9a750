"""Searches by keywords with the client: results, requests, and missing records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pytest
from astropy.time import TimeDelta
from click.testing import CliRunner
from faults import Layer, answer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ledger import BASE, HARPS, SERIES, Ledger, keywords_of, recnum_of
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast import FLARECASTClient, FLARECASTResponse, MissingDataWarning, QueryError, ServiceError, conf
from sunpy_flarecast.archive import create_app, running
from sunpy_flarecast.cli import cli
from sunpy_flarecast.sharp.t_rec import slot_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sunpy.net import attr

Keyword, Quality, HARPNUM = sunpy_flarecast.Keyword, sunpy_flarecast.Quality, sunpy_flarecast.HARPNUM

CEA = sunpy_flarecast.Series(SERIES)
SLOTS = 240


def range_of_steps(first: int, last: int) -> a.Time:
    """Return the range of just these time steps, first and last included."""
    margin = TimeDelta(200, format="sec")
    return a.Time((slot_time(BASE + first) - margin).utc, (slot_time(BASE + last) + margin).utc)


ALL = range_of_steps(0, SLOTS - 1)
SOME = range_of_steps(0, 29)


@pytest.fixture(scope="module")
def _service() -> Iterator[tuple[str, Layer]]:
    layer = Layer(create_app(Ledger(SLOTS)))
    with running(layer) as url:
        yield url, layer


@pytest.fixture
def layer(_service: tuple[str, Layer]) -> Iterator[Layer]:
    url, layer = _service
    layer.clear()
    with conf.set_temp("url", url):
        yield layer
    layer.clear()


def search(*query: attr.Attr, **options: Any) -> FLARECASTResponse:
    return FLARECASTClient().search(*query, CEA, progress=False, **options)


def expected(rule: Callable[[dict[str, Any]], Any], slots: range = range(SLOTS)) -> list[int]:
    """List the numbers of the records that satisfy a rule; missing values never do."""
    found = []
    for slot in slots:
        for harp in HARPS:
            try:
                if rule(keywords_of(harp, BASE + slot)):
                    found.append(recnum_of(harp, BASE + slot))
            except TypeError:
                continue
    return found


def numbers(table: FLARECASTResponse) -> list[int]:
    return table["Record"].tolist()


def keyword_requests(layer: Layer) -> list[tuple[int, str]]:
    """Return the number of records and the fields of each request for keywords."""
    parts = [path.split("/meta/")[1].split("?fields=") for _, path in layer.requests if "/meta/" in path]
    return [(records.count(",") + 1, fields) for records, fields in parts]


# --- Results ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "rule"),
    [
        ([Keyword("usflux") > 2.1e21], lambda one: one["usflux"] > 2.1e21),
        ([Keyword("USFLUX") > 2.1e13 * u.Wb], lambda one: one["usflux"] > 2.1e21),
        ([Keyword("usflux") <= 1.1e21], lambda one: one["usflux"] <= 1.1e21),
        ([Keyword("usflux") == 1.1e21], lambda one: one["usflux"] == 1.1e21),
        ([Keyword("usflux") != 1.1e21], lambda one: one["usflux"] is not None and one["usflux"] != 1.1e21),
        (
            [(Keyword("usflux") >= 1.05e21) & (Keyword("usflux") < 2.2e21)],
            lambda one: 1.05e21 <= one["usflux"] < 2.2e21,
        ),
        (
            [(Keyword("usflux") < 1.1e21) | (Keyword("lon_fwt") > -58 * u.deg)],
            lambda one: (one["usflux"] or 1e99) < 1.1e21 or one["lon_fwt"] > -58,
        ),
        (
            [Keyword("meanjzd") < 0.4 * u.mA / u.m**2],
            lambda one: one["meanjzd"] != "MISSING" and float(one["meanjzd"]) < 0.4,
        ),
        ([Keyword("noaa_ars") == "12450"], lambda one: one["harpnum"] == 6172),
        ([sunpy_flarecast.NOAA(12443)], lambda one: one["harpnum"] == 6170),
        ([sunpy_flarecast.NOAA(12445)], lambda one: one["harpnum"] == 6170),
        ([sunpy_flarecast.NOAA(12445) & sunpy_flarecast.NOAA(12443)], lambda one: one["harpnum"] == 6170),
        ([sunpy_flarecast.NOAA(12445) | sunpy_flarecast.NOAA(12450)], lambda one: one["harpnum"] != 6171),
        ([sunpy_flarecast.NOAA([12445, 12450])], lambda one: one["harpnum"] != 6171),
        ([HARPNUM([6170, 6172])], lambda one: one["harpnum"] in (6170, 6172)),
        ([abs(Keyword("lon_fwt")) < 58 * u.deg], lambda one: abs(one["lon_fwt"]) < 58),
        ([abs(Keyword("lon_fwt")) >= 58], lambda one: abs(one["lon_fwt"]) >= 58),
        ([sunpy_flarecast.NOAA(12444)], lambda one: False),
        ([Quality.good], lambda one: one["quality"] == 0),
        ([Quality(mask=1024)], lambda one: one["quality"] & 1024 == 0),
        ([Quality(mask=0x40000000), Quality(mask=1024)], lambda one: one["quality"] == 0),
        ([Keyword("quality") != 0], lambda one: one["quality"] is not None and one["quality"] != 0),
        ([Quality.good, Keyword("usflux") > 2.1e21], lambda one: one["quality"] == 0 and one["usflux"] > 2.1e21),
        ([HARPNUM(6171), Keyword("usflux") > 2.1e21], lambda one: one["harpnum"] == 6171 and one["usflux"] > 2.1e21),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Nothing was found")
def test_conditions(layer: Layer, conditions: list[attr.Attr], rule: Any) -> None:
    assert numbers(search(SOME, *conditions)) == expected(rule, range(30))


def test_conditions_through_fido(layer: Layer) -> None:
    [table] = Fido.search(SOME, CEA, a.flarecast.Keyword.usflux > 3e21 * u.Mx, a.flarecast.Quality.good)
    assert numbers(table) == expected(lambda one: one["usflux"] > 3e21 and one["quality"] == 0, range(30))
    tables = Fido.search(SOME, CEA, (a.flarecast.Keyword("usflux") > 3.2e21) | a.flarecast.NOAA(12445))
    assert [len(table) for table in tables] == [8, 30]
    # A list is not an OR, whose branches are separate tables.
    [table] = Fido.search(SOME, CEA, a.flarecast.HARPNUM([6170, 6172]))
    assert set(table["HARPNUM"]) == {6170, 6172}


@pytest.mark.parametrize("query", [(SOME, CEA, Keyword("usflux")), (SOME & Keyword("usflux"), CEA)])
def test_a_keyword_that_is_not_compared_is_refused_through_fido(layer: Layer, query: Any) -> None:
    try:
        errors = Fido.search(*query).errors  # sunpy 7.1 and newer keep errors
    except QueryError as error:
        errors = [error]
    assert "has to be compared with a value, for example a.flarecast.Keyword('usflux') > 1e22" in str(errors)
    with pytest.raises(QueryError, match="must be compared before it is joined"):
        Fido.search(Keyword("usflux"), SOME, CEA)
    assert not layer.requests


# --- Requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [Quality.good, Keyword("quality") == 0, Keyword("harpnum") > 6170, HARPNUM([6170, 6172]),
     Keyword("wavelnth") < 1 * u.um, Keyword("recnum") != 5],
    ids=str,
)  # fmt: skip
def test_keywords_in_lists_are_not_requested(layer: Layer, condition: attr.Attr) -> None:
    table = search(SOME, condition)
    assert len(table)
    assert keyword_requests(layer) == []
    assert table.keyword_columns == []


def test_only_required_keywords_of_remaining_records_are_requested(layer: Layer) -> None:
    search(SOME, Quality.good, HARPNUM(6170, 6171), Keyword("usflux") > 0, sunpy_flarecast.NOAA(12443))
    assert {fields for _, fields in keyword_requests(layer)} == {"usflux,noaa_ar,noaa_ars"}
    left = expected(lambda one: one["quality"] == 0 and one["harpnum"] < 6172, range(30))
    assert sum(count for count, _ in keyword_requests(layer)) == len(left)


def test_branches_share_requests_for_keywords(layer: Layer) -> None:
    search(SOME, (Keyword("usflux") > 2e21) | (Keyword("usflux") < 1e21) | (Keyword("lon_fwt") > 0))
    assert sum(count for count, _ in keyword_requests(layer)) == 90


def test_requests_combine_records_of_many_windows(layer: Layer) -> None:
    with conf.set_temp("window", 0.05):
        many = search(ALL, Keyword("usflux") > 2.1e21)
    assert numbers(many) == expected(lambda one: one["usflux"] > 2.1e21)
    assert len(keyword_requests(layer)) <= 12
    assert sum(count for count, _ in keyword_requests(layer)) == 3 * SLOTS


def test_a_service_that_sends_one_record_per_request(layer: Layer) -> None:
    many = numbers(search(SOME, Keyword("usflux") > 2.1e21))
    layer.clear()
    layer.faults[","] = answer(b'{"message": "no such record"}', status=404)
    assert numbers(search(SOME, Keyword("usflux") > 2.1e21)) == many
    assert [count for count, _ in keyword_requests(layer) if count > 1] == [2]
    assert sum(count == 1 for count, _ in keyword_requests(layer)) == 90


# --- Sampling and the nearest step ------------------------------------------------------------------------------------


def test_conditions_apply_to_sampled_records(layer: Layer) -> None:
    sample = a.Sample(2 * u.hour)
    plain = search(ALL, sample, Quality.good)
    layer.clear()
    table = search(ALL, sample, Quality.good, Keyword("usflux") > 2.1e21)
    wanted = set(expected(lambda one: one["usflux"] > 2.1e21))
    assert numbers(table) == [number for number in numbers(plain) if number in wanted]
    assert sum(count for count, _ in keyword_requests(layer)) == len(plain)
    # Bad records are not sampled; the next one is.
    assert numbers(search(ALL, sample)) != numbers(plain)
    assert len(plain) == len(search(ALL, sample))


def test_only_keywords_of_the_nearest_step_are_requested(layer: Layer) -> None:
    at = (slot_time(BASE + 100) + TimeDelta(100, format="sec")).utc
    ends = ALL.start, ALL.end
    table = search(a.Time(*ends, near=at), Keyword("usflux") > 2.5e21)
    assert numbers(table) == expected(lambda one: one["usflux"] > 2.5e21, range(100, 101))
    assert keyword_requests(layer) == [(2, "usflux"), (1, "usflux")]


# --- The table --------------------------------------------------------------------------------------------------------


def test_keywords_of_conditions_are_columns(layer: Layer) -> None:
    table = search(SOME, (Keyword("usflux") > 3.1e21) | sunpy_flarecast.NOAA(12445))
    assert table.keyword_columns == ["usflux", "noaa_ar", "noaa_ars"]
    assert table["usflux"].unit == u.Mx
    assert table["noaa_ar"].dtype.kind == "i"
    assert table["noaa_ars"].dtype.kind == "U"
    for row in table:
        harp, slot = HARPS[row["Record"] % 10], BASE + (row["Record"] - 7_000_000) // 10
        held = keywords_of(harp, slot)
        assert np.all(row["usflux"].mask) if held["usflux"] is None else row["usflux"].unmasked == held["usflux"] * u.Mx
        assert row["noaa_ar"] == held["noaa_ar"]
        assert row["noaa_ars"] == held["noaa_ars"]
    assert "usflux" in str(table)
    assert "Mx" in str(table)
    part = table[2:5]
    assert part.keyword_columns == table.keyword_columns
    assert np.all(part["noaa_ar"] == table["noaa_ar"][2:5])
    assert {"usflux", "noaa_ar"} <= table.path_format_keys()


def test_missing_values_are_masked(layer: Layer) -> None:
    table = search(SOME, (Keyword("lon_fwt") > -90) | (Keyword("usflux") > 0), (sunpy_flarecast.HARPNUM(6171)))
    assert table["usflux"].mask.tolist() == [slot % 10 == 9 for slot in range(30)]
    table = search(SOME, (HARPNUM(6170) & sunpy_flarecast.NOAA(12445)) | HARPNUM(6171))
    assert table["noaa_ar"].mask.tolist() == [number % 10 == 1 for number in numbers(table)]
    assert table[table["HARPNUM"] == 6171].path_values(["noaa_ar"])["noaa_ar"] == ["unknown"] * 30


def test_keywords_in_paths(layer: Layer) -> None:
    row = search(SOME, sunpy_flarecast.NOAA(12443))[0]
    assert "{noaa_ar:06}/{harpnum}".format(**row.response_block_map) == "012443/6170"


@pytest.mark.filterwarnings("ignore:Nothing was found")
def test_nothing_found_still_has_the_columns(layer: Layer) -> None:
    for query in ((SOME, Keyword("usflux") > 1e30), (a.Time("1999-01-01", "1999-01-02"), Keyword("usflux") > 1)):
        table = search(*query)
        assert len(table) == 0
        assert table["usflux"].unit == u.Mx


def test_a_keyword_with_the_name_of_another_column(layer: Layer, tmp_path: Path) -> None:
    text = keywords_of(HARPS[0], BASE + 3)["t_rec"]
    table = search(SOME, Keyword("t_rec") == text)
    assert numbers(table) == [recnum_of(harp, BASE + 3) for harp in HARPS]
    assert table["t_rec keyword"].tolist() == [text] * 3
    table.write(tmp_path / "search.ecsv")
    assert FLARECASTResponse.read(tmp_path / "search.ecsv")["T_REC"][0] == slot_time(BASE + 3)


@pytest.mark.parametrize("kind", ["ecsv", "parquet"])
def test_queries_and_keywords_survive_a_file(layer: Layer, tmp_path: Path, kind: str) -> None:
    table = search(SOME, (Keyword("usflux") > 3.1e21) | sunpy_flarecast.NOAA(12445) | Quality(mask=5))
    table.write(tmp_path / f"search.{kind}")
    read = FLARECASTResponse.read(tmp_path / f"search.{kind}")
    assert [one.conditions for one in read.queries] == [one.conditions for one in table.queries]
    assert read.pformat() == table.pformat()
    assert read.keyword_columns == table.keyword_columns
    again = FLARECASTResponse.from_records(read.records(), service=read.service, queries=read.queries)
    assert again.pformat() == table.pformat()
    assert [again[name].info.dtype for name in again.colnames] == [table[name].info.dtype for name in table.colnames]


# --- Missing records --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("singly", [False, True])
def test_records_whose_keywords_are_unavailable_are_missing(layer: Layer, tmp_path: Path, singly: bool) -> None:
    whole = search(SOME, Keyword("usflux") > 0)
    layer.clear()
    if singly:
        layer.faults["0,"] = answer(b"[]", status=404)
    for slot in (10, 11, 20):
        layer.faults[str(recnum_of(6171, BASE + slot))] = answer(b'{"message": "on tape"}', status=410)
    with pytest.warns(MissingDataWarning, match=r"2015-12-11T01:53:24Z to 2015-12-11T02:17:24Z, .*on tape"):
        table = search(SOME, Keyword("usflux") > 0)
    lost = {recnum_of(6171, BASE + slot) for slot in (10, 11, 20)}
    assert numbers(table) == [number for number in numbers(whole) if number not in lost]
    assert [(one.start - slot_time(BASE)).to_value("s") for one in table.missing] == pytest.approx(
        [9.5 * 720, 19.5 * 720]
    )
    with pytest.warns(MissingDataWarning, match="on tape"):
        assert numbers(table.retry_missing(progress=False)) == numbers(table)
    layer.clear()
    table.write(tmp_path / "search.ecsv")
    complete = FLARECASTResponse.read(tmp_path / "search.ecsv").retry_missing(progress=False)
    assert complete.pformat() == whole.pformat()
    assert complete.missing == []
    # Three time steps of three HARPs.
    assert sum(count for count, _ in keyword_requests(layer)) == 9


def test_no_keywords_at_all_is_an_error(layer: Layer) -> None:
    layer.faults["/meta/"] = answer(b"<html><title>Away</title>", status=500)
    with pytest.raises(ServiceError, match=r"for usflux of record.*500.*Away"):
        search(SOME, Keyword("usflux") > 0)
    # Another branch that needs no keywords has records.
    with pytest.warns(MissingDataWarning, match="Away"):
        table = search(SOME, (Keyword("usflux") > 0) | HARPNUM(6170))
    assert len(table) == 30
    assert (table.missing[0].start, table.missing[-1].end) == (SOME.start, SOME.end)


def test_strict_searches_raise_an_error(layer: Layer) -> None:
    layer.faults[str(recnum_of(6171, BASE + 10))] = answer(b"", status=410)
    with pytest.raises(ServiceError, match=r"Records of .* are missing.*Without strict"):
        search(SOME, Keyword("usflux") > 0, strict=True)


def test_a_keyword_that_no_record_has_is_reported(layer: Layer) -> None:
    with pytest.warns(MissingDataWarning, match="keywords of 90 records of .*, but no value of R_VALUE"):
        assert len(search(SOME, Keyword("r_value") > 0)) == 0


def test_a_keyword_unknown_to_the_service_is_an_error(layer: Layer) -> None:
    with pytest.raises(ServiceError, match="Unknown keyword 'totpot'"):
        search(SOME, Keyword("totpot") > 0)


def test_records_without_number_are_reported(layer: Layer) -> None:
    rows = [
        {"url": f"http://host/HMI/sharp_720s/sharp_720s_20151211_0{hour}2208", "date_obs": f"2015-12-11T0{hour}:22:08Z"}
        for hour in (1, 2)
    ]
    layer.faults["start="] = answer(json.dumps(rows).encode())
    with pytest.warns(MissingDataWarning, match="2 of 2 records .* without a record number"):
        assert len(search(SOME, Keyword("usflux") > 0)) == 0


@given(
    # Windows of half a day, any of which may fail.
    st.sets(st.integers(0, 3), min_size=1, max_size=3),
    st.sampled_from([1.0, 2.0, 5.0, 11.0, 30.0]),
    st.sampled_from([1.5e21, 2.8e21, 4.5e21]),
)
# The value of HARP 6170 at 10 h, which is listed, is too small; those in the missing window are large enough.
@example(failing={1}, hours=5.0, least=1.55e21)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_retrying_sampled_searches_gives_the_complete_result(
    layer: Layer, failing: set[int], hours: float, least: float
) -> None:
    layer.clear()
    query = (a.Time("2015-12-11", "2015-12-13"), a.Sample(hours * u.hour), Keyword("usflux") > least, Quality.good)
    with conf.set_temp("window", 0.5):
        whole = search(*query)
        windows = sorted(path for _, path in layer.requests if "start=" in path)
        layer.clear()
        for number in failing:
            layer.faults[windows[number]] = answer(b"", status=410)
        with pytest.warns(MissingDataWarning, match="are missing"):
            table = search(*query)
        layer.clear()
        complete = table.retry_missing(progress=False)
    assert complete.missing == []
    assert complete.pformat() == whole.pformat()


def test_records_stay_if_their_keywords_become_unavailable(layer: Layer) -> None:
    query = (a.Time("2015-12-11", "2015-12-13"), a.Sample(5 * u.hour), Keyword("usflux") > 0)
    with conf.set_temp("window", 0.5):
        whole = search(*query)
        layer.faults[sorted(path for _, path in layer.requests if "start=" in path)[1]] = answer(b"", status=410)
        with pytest.warns(MissingDataWarning, match="are missing"):
            table = search(*query)
        layer.clear()
        layer.faults[str(recnum_of(6171, BASE + 25))] = answer(b"", status=410)  # a record of the table
        with pytest.warns(MissingDataWarning) as caught:
            same = table.retry_missing(progress=False)
        assert "repeated and failed for other parts" in str(caught[0].message)
        assert same.pformat() == table.pformat()
        assert [str(one) for one in same.missing] == [str(one) for one in table.missing]
        layer.clear()
        assert same.retry_missing(progress=False).pformat() == whole.pformat()


def test_retrying_finds_the_nearest_step(layer: Layer) -> None:
    time = a.Time("2015-12-11", "2015-12-13", near="2015-12-11T06:00")
    query = (time, Keyword("usflux") > 2e21)
    with conf.set_temp("window", 0.5):
        whole = search(*query)
        layer.faults["start=2015-12-10"] = answer(b"", status=410)  # with the margin
        with pytest.warns(MissingDataWarning, match="are missing"):
            table = search(*query)
        assert numbers(table) != numbers(whole)
        with pytest.warns(MissingDataWarning, match="are missing"):
            assert numbers(table.retry_missing(progress=False)) == numbers(table)
        layer.clear()
        assert table.retry_missing(progress=False).pformat() == whole.pformat()


# --- The synthetic archive and the terminal ---------------------------------------------------------------------------


def test_keywords_of_synthetic_sharps(demo: tuple[str, Layer]) -> None:
    time = a.Time("2015-12-11T00:00", "2015-12-11T00:15")
    numbers_of = [number for number in search(time)["HARPNUM"].tolist() if number is not None]
    few = HARPNUM(min(numbers_of), sorted(numbers_of)[3])
    everything = search(time, few)
    table = search(time, few, Keyword("lat_fwt") > 0 * u.deg)
    layer = demo[1]
    path = next(path for _, path in layer.requests if "/meta/" in path)
    assert "fields=lat_fwt" in path
    south = search(time, few, Keyword("lat_fwt") <= 0 * u.rad)
    assert 0 < len(table) < len(everything) == 4
    assert sorted([*numbers(table), *numbers(south)]) == numbers(everything)
    assert np.all(table["lat_fwt"] > 0 * u.deg)
    assert np.all(south["lat_fwt"] <= 0 * u.deg)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["search", "2015-12-11", "2015-12-11T06:00", "--series", SERIES, *arguments])


def test_conditions_on_the_command_line(layer: Layer) -> None:
    shown = run("--where", "usflux > 3.2e21 Mx", "--where", "lon_fwt<=-0.1 rad", "--good", "--noaa", "12450")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.splitlines()[1].split() == ["Mx", "deg"]
    assert "12450" in shown.stdout
    rule = lambda one: one["usflux"] > 3.2e21 and one["quality"] == 0 and one["harpnum"] == 6172  # noqa: E731
    assert f"{len(expected(rule, range(1, 31)))} records" in shown.stdout
    assert run("--where", "noaa_ars = 12450", "--where", "noaa_ar == 12450").exit_code == 0
    rule = lambda one: abs(one["lon_fwt"]) < 58  # noqa: E731
    for condition in ("abs(lon_fwt) < 58", " ABS( lon_fwt )<58 deg"):
        assert f"{len(expected(rule, range(1, 31)))} records" in run("--where", condition).stdout


@pytest.mark.parametrize(
    ("options", "status", "part"),
    [
        (("--where", "usflux"), 2, "Cannot parse the condition 'usflux'; write 'usflux > 1e22 Mx'"),
        (("--where", "usflux > big"), 2, "is in Mx, and cannot be compared with big; write 'usflux > 1e22 Mx'"),
        (("--where", "usflux => 1e22"), 2, "'usflux => 1e22': => is not an operator; write >=."),
        (("--where", "abs(lon_fwt) = < 60"), 2, "= < is not an operator; write <=."),
        (("--where", "noaa_ars =! 12450"), 2, "=! is not an operator; write !=."),
        (("--where", "usflux <=> 5"), 2, "<=> is not an operator; write <, <=, >, >=, == or !=."),
        (("--where", "usflux > 5 G"), 2, "USFLUX (total unsigned flux) is in Mx"),
        (("--where", "usflx > 5"), 2, "Did you mean 'usflux'"),
        (("--where", "noaa_ars < 5"), 2, "is text, which takes only == and !=; write 'noaa_ars == ...'"),
        (("--where", "abs(lon_fwt < 5"), 2, "Cannot parse the condition"),
        (("--where", "abs(noaa_ars) = 5"), 2, "is text"),
        (("--noaa", "2443"), 2, "write --noaa 12443, or --harp 2443 if it is a HARP number."),
    ],
)
def test_errors_on_the_command_line(layer: Layer, options: tuple[str, ...], status: int, part: str) -> None:
    shown = run(*options)
    assert shown.exit_code == status
    assert part in " ".join(shown.stderr.split())
    assert not layer.requests


# --- Branches with and without conditions on keywords -----------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True])
def test_keywords_that_no_branch_requested_are_masked(layer: Layer, tmp_path: Path, turned: bool) -> None:
    asking = HARPNUM(6170, 6171) & (Keyword("usflux") > 1.1e21) & sunpy_flarecast.NOAA(12443)
    plain = HARPNUM(6170) | (HARPNUM(6172) & Quality.good)
    table = search(SOME, (plain | asking) if turned else (asking | plain))
    assert numbers(table) == expected(
        lambda one: one["harpnum"] == 6170 or (one["harpnum"] == 6172 and one["quality"] == 0), range(30)
    )
    assert sum(count for count, _ in keyword_requests(layer)) == 60  # none for the branches without conditions
    for name in ("usflux", "noaa_ar", "noaa_ars"):
        column = table[name]
        mask = np.array(column.mask)
        values = np.asarray(getattr(column, "unmasked", column))
        for number, value, masked in zip(numbers(table), values.tolist(), mask.tolist(), strict=True):
            harp = HARPS[number % 10]
            wanted = keywords_of(harp, BASE + (number - 7_000_000) // 10)[name]
            # All values of HARP 6170 are known, also of records that do not satisfy the condition.
            assert masked == (harp == 6172 or wanted is None)
            assert masked or value == wanted
    assert table["usflux"].unit == u.Mx
    table.write(tmp_path / "search.ecsv")
    read = FLARECASTResponse.read(tmp_path / "search.ecsv")
    assert read.pformat() == table.pformat()
    assert set(read.keyword_columns) == set(table.keyword_columns) == {"usflux", "noaa_ar", "noaa_ars"}


def test_branches_of_several_series(layer: Layer) -> None:
    other = sunpy_flarecast.Series("hmi.sharp_720s")
    reply = [
        {"recnum": 5, "harpnum": 1, "t_rec_index": BASE + 3, "urls": ["http://host/HMI/hmi.sharp_720s/5/bitmap.fits"]}
    ]
    layer.faults["/hmi.sharp_720s?"] = answer(json.dumps(reply).encode())
    table = FLARECASTClient().search(SOME, (CEA & (Keyword("usflux") > 3e21)) | other, progress=False)
    assert set(table["Series"]) == {SERIES, "hmi.sharp_720s"}
    assert table["usflux"].mask.tolist() == [series != SERIES for series in table["Series"]]
    tables = Fido.search(SOME, (CEA & (Keyword("usflux") > 3e21)) | other)
    assert [one.keyword_columns for one in tables] == [["usflux"], []]
    assert "usflux" not in tables[1].colnames


def test_a_retried_branch_has_its_columns(layer: Layer) -> None:
    query = (SOME, HARPNUM(6170) | (HARPNUM(6171) & (Keyword("usflux") > 0)))
    whole = search(*query)
    layer.clear()
    layer.faults["/meta/"] = answer(b"", status=410)
    with pytest.warns(MissingDataWarning, match="are missing"):
        table = search(*query)
    assert set(table["HARPNUM"]) == {6170}
    assert "usflux" not in table.colnames or np.all(table["usflux"].mask)
    layer.clear()
    again = table.retry_missing(progress=False)
    assert again.pformat() == whole.pformat()
    assert again["usflux"].mask.tolist() == [
        harp == 6170 or np.all(value.mask) for harp, value in zip(whole["HARPNUM"], whole["usflux"], strict=True)
    ]


def test_a_keyword_of_another_series_is_refused_before_any_request(layer: Layer) -> None:
    with pytest.raises(QueryError, match=r"'offdisk' .* only in hmi.sharp_720s, .*not in hmi.sharp_cea_720s"):
        search(SOME, Keyword("offdisk") > 0)
    with pytest.raises(QueryError, match=r"'offdisk' .* only in hmi.sharp_720s, .*not in hmi.sharp_cea_720s"):
        search(SOME, HARPNUM(6170) | (Keyword("offdisk") > 0))
    assert not layer.requests
    table = search(SOME)
    layer.clear()
    with pytest.raises(QueryError, match=r"'offdisk' .* only in hmi.sharp_720s, .*not in hmi.sharp_cea_720s"):
        table.keywords("usflux", "OFFDISK")
    assert not layer.requests
