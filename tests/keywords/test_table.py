"""Tables of keywords: requests, units, missing values, and files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
import pytest
import requests
from astropy.table import QTable, Table, vstack
from click.testing import CliRunner
from faults import Layer, answer
from keyworded import FIRST, HARPS, SERIES, keywords_of, one_at_a_time, recnum_of
from sunpy.net import attrs as a

from sunpy_flarecast import (
    FLARECASTClient,
    FLARECASTResponse,
    MissingDataWarning,
    QueryError,
    Series,
    ServiceError,
    conf,
)
from sunpy_flarecast.cli import cli
from sunpy_flarecast.keywords.files import read_keywords, write_keywords
from sunpy_flarecast.rest.list_reply import read_records
from sunpy_flarecast.sharp.catalog import SPACE_WEATHER, find_keyword
from sunpy_flarecast.sharp.keyword_names import choose_keywords
from sunpy_flarecast.sharp.t_rec import slot_of, slot_time, t_rec_text

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

STEPS = 60


@pytest.fixture
def results(keyworded: Layer) -> FLARECASTResponse:
    found = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-12"), Series(SERIES))
    keyworded.clear()
    assert len(found) == 2 * STEPS
    return found


def test_a_column_for_each_keyword_with_its_unit(results: FLARECASTResponse, keyworded: Layer) -> None:
    table = results.keywords("usflux", "MEANGAM", "r_value", "npix", "noaa_ars", "LATFWTPO")
    assert isinstance(table, QTable)
    assert table.colnames == [
        *("T_REC", "Start Time", "Series", "HARPNUM", "Record"),
        *("usflux", "meangam", "r_value", "npix", "noaa_ars", "lat_fwtpos"),
    ]
    assert [table[name].unit for name in ("usflux", "meangam", "lat_fwtpos")] == [u.Mx, u.deg, u.deg]
    assert table["r_value"].unit is None
    assert table["npix"].dtype == np.int64
    assert table["T_REC"].scale == "tai"
    for row, (harp, number) in enumerate(zip(table["HARPNUM"].tolist(), table["Record"].tolist(), strict=True)):
        step = number % 1000
        truth = keywords_of(harp, step)
        assert table["T_REC"][row] == slot_time(FIRST + step)
        assert table["meangam"][row] == truth["MEANGAM"] * u.deg
        assert table["lat_fwtpos"][row] == -7.5 * u.deg
        assert bool(table["usflux"].mask[row]) == (step == 0) == bool(table["npix"].mask[row])
        assert bool(table["noaa_ars"].mask[row]) == (harp == HARPS[1])
        if step:
            assert table["usflux"][row] == truth["USFLUX"] * u.Mx
            assert table["npix"][row] == truth["NPIX"]
    assert table["usflux"].info.description == find_keyword("usflux").meaning
    assert table.meta["missing"] == []
    assert table.meta["service"] == conf.url
    assert all(
        path.endswith("?fields=usflux,meangam,r_value,npix,noaa_ars,lat_fwtpos") for _, path in keyworded.requests
    )
    assert table[table["meangam"] > 60 * u.deg]["meangam"].min() > 60 * u.deg


def test_the_table_is_independent_of_the_search(results: FLARECASTResponse) -> None:
    table = results[:2].keywords("meangam")
    table["HARPNUM"][0] = 1
    assert results["HARPNUM"][0] != 1
    assert not isinstance(table, FLARECASTResponse)
    other = results[2:4].keywords("meangam")
    assert len(vstack([table, other], metadata_conflicts="silent")) == 4


def test_fields_of_the_record_need_no_request(results: FLARECASTResponse, keyworded: Layer) -> None:
    table = results.keywords("quality", "wavelnth", "harpnum", "recnum")
    assert keyworded.requests == []
    assert table["quality"].tolist() == results["Quality"].tolist()
    assert set(table["quality"].tolist()) == {0, 1024}
    assert (table["wavelnth"] == 6173 * u.AA).all()
    assert table["harpnum"].tolist() == table["HARPNUM"].tolist()
    results.keywords("quality", "meangam")
    assert all(path.endswith("?fields=meangam") for _, path in keyworded.requests)


def test_the_18_parameters_by_default(demo: tuple[str, Layer]) -> None:
    found = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-11T00:20"), Series("hmi.sharp_720s"))
    found = found[:2]
    table = found.keywords()
    assert tuple(table.colnames[5:]) == SPACE_WEATHER
    assert len(SPACE_WEATHER) == 18
    assert {name: str(getattr(table[name], "unit", "")) for name in ("totpot", "meanjzd", "shrgt45", "area_acr")} == {
        "totpot": "erg / cm",
        "meanjzd": "mA / m2",
        "shrgt45": "%",
        "area_acr": "None",
    }
    pixels = found.keywords("cmask", "usflux")
    assert (pixels["usflux"] > 0 * u.Mx).all()


def test_patterns_match_the_keywords_of_the_service(results: FLARECASTResponse, keyworded: Layer) -> None:
    table = results.keywords("err*", "mean?am")
    assert table.colnames[5:] == ["errgam", "errvf", "meangam"]
    everything = results[:3].keywords("*")
    assert {"usflux", "noaa_ars", "quality"} < set(everything.colnames)
    assert "usfluxl" not in everything.colnames
    keyworded.clear()
    again = results[:3].keywords("*", known=everything)
    assert again.colnames == everything.colnames
    assert keyworded.requests == []
    with pytest.raises(ServiceError, match=r"has none of the keywords that match 'amb\*', 'inv\*'"):
        results.keywords("amb*", "inv*")


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (("usflus",), "Did you mean 'usflux'"),
        (("zzz",), "There is no SHARP keyword 'zzz'. Examples"),
        (("zz*",), "matches 'zz*'"),
        (
            ("T_REC, USFLUX",),
            "not the name of one keyword. Pass names separately: 'T_REC', 'USFLUX'.",
        ),
        (("mean*,zz",), "Pass names separately: 'mean*', 'zz'."),
        (("tkp_runn",), "and not in hmi.sharp_cea_720s"),
        ((7,), "must be strings"),
    ],
)
def test_unknown_names_are_refused_before_any_request(
    results: FLARECASTResponse, keyworded: Layer, names: tuple[str, ...], part: str
) -> None:
    with pytest.raises(QueryError) as caught:
        results.keywords(*names)
    assert part in str(caught.value)
    assert keyworded.requests == []


def test_a_keyword_unknown_to_the_service_is_an_error(results: FLARECASTResponse) -> None:
    with pytest.raises(ServiceError, match=r"Unknown keyword 'usfluxl'. Did you mean 'usflux'\? Check"):
        results.keywords("meangam", "usfluxl")


def test_a_service_that_takes_one_record_at_a_time(results: FLARECASTResponse, keyworded: Layer) -> None:
    keyworded.faults[","] = one_at_a_time(keyworded)
    table = results[:10].keywords("meangam")
    assert not np.any(getattr(table["meangam"], "mask", False))
    assert len(keyworded.requests) == 1 + 10


def test_missing_keywords_are_reported_masked_and_requested_again(
    results: FLARECASTResponse, keyworded: Layer, tmp_path: Path
) -> None:
    lost = recnum_of(6180, 5)
    keyworded.faults[str(lost)] = answer(b'{"message": "the tape is away"}', status=404)
    with pytest.warns(MissingDataWarning) as caught:
        table = results.keywords("meangam", "npix")
    [text] = [str(one.message) for one in caught]
    assert f"Keywords of 1 of 120 records of {SERIES} (number {lost}) are missing" in text
    assert "the tape is away" in text
    assert "known=table" in text
    assert caught.pop(MissingDataWarning).filename == __file__
    row = results["Record"].tolist().index(lost)
    assert table["meangam"].mask.tolist() == [place == row for place in range(len(table))]
    [one] = table.meta["missing"]
    assert (one["series"], one["records"]) == (SERIES, [lost])
    with pytest.raises(ServiceError, match="leave out strict"):
        results.keywords("meangam", strict=True)
    # Another day from a file, too.
    write_keywords(table, tmp_path / "k.ecsv")
    keyworded.clear()
    for known in (table, QTable.read(tmp_path / "k.ecsv")):
        keyworded.clear()
        whole = results.keywords("meangam", "npix", known=known)
        assert keyworded.requests == [("GET", f"/HMI/{SERIES}/meta/{lost}?fields=meangam,npix")]
        assert whole.meta["missing"] == []
        assert whole["meangam"][row] == keywords_of(6180, 5)["MEANGAM"] * u.deg
        assert not np.any(getattr(whole["meangam"], "mask", False))
        assert whole["npix"].mask.sum() == 2


def test_known_rows_are_reused_in_other_searches(results: FLARECASTResponse, keyworded: Layer) -> None:
    known = results[:100].keywords("usflux", "noaa_ars")
    keyworded.clear()
    table = results[::-1].keywords("usflux", "noaa_ars", known=known)
    assert sum(path.partition("?")[0].count(",") + 1 for _, path in keyworded.requests) == 20
    fresh = results[::-1].keywords("usflux", "noaa_ars")
    for name in ("usflux", "noaa_ars"):
        assert (table[name].mask == fresh[name].mask).all()
        assert (table[name] == fresh[name])[~fresh[name].mask].all()
    with pytest.raises(QueryError, match="known has no column 'meangam'"):
        results.keywords("meangam", known=known)


def test_no_keywords_at_all_is_an_error(results: FLARECASTResponse, keyworded: Layer) -> None:
    keyworded.faults["/meta/"] = answer(b"<html><title>Please log in</title></html>")
    with pytest.raises(ServiceError, match="Please log in"):
        results.keywords("meangam")
    with conf.set_temp("max_retries", 0):
        results.service = "http://127.0.0.1:9"
        with pytest.raises(ServiceError, match="cannot be reached"):
            results.keywords("meangam")


def test_an_empty_table_has_the_columns(results: FLARECASTResponse, keyworded: Layer) -> None:
    table = results[:0].keywords("usflux", "noaa_ars", "npix")
    assert len(table) == 0
    assert table["usflux"].unit == u.Mx
    assert keyworded.requests == []


def test_several_series_in_one_table(demo: tuple[str, Layer]) -> None:
    when = a.Time("2015-12-11", "2015-12-11T00:20")
    found = FLARECASTClient().search((Series("hmi.sharp_720s") | Series("hmi.sharp_cea_720s")) & when)
    table = found[:4].keywords("usflux", "cdelt1", "quiet")
    assert set(table["Series"].tolist()) == {"hmi.sharp_720s", "hmi.sharp_cea_720s"}
    cea = table["Series"] == "hmi.sharp_cea_720s"
    assert (table["usflux"][cea] == table["usflux"][~cea]).all()
    assert (table["cdelt1"][cea] < 0.1).all()
    assert (table["cdelt1"][~cea] > 0.1).all()
    # Only the CCD series has QUIET.
    assert table["quiet"].mask.tolist() == cea.tolist()


def test_rows_without_a_number_are_masked_and_reported(keyworded: Layer) -> None:
    records, _ = read_records(b'[{"url": "http://h/HMI/sharp_720s/x", "date_obs": "2015-12-11T00:00:00Z"}]', SERIES)
    nameless = FLARECASTResponse.from_records(records, service=conf.url)
    with pytest.raises(QueryError, match="is missing for 1 of 1 records"):
        nameless.keywords("meangam")
    known, other = (
        {"recnum": recnum_of(6180, 5), "urls": ["http://h/HMI/x/7/Br.fits"]},
        {"urls": ["http://h/8/Br.fits"]},
    )
    records, _ = read_records(json.dumps([known, other]).encode(), SERIES)
    both = FLARECASTResponse.from_records(records, service=conf.url)
    with pytest.warns(MissingDataWarning, match="is missing for 1 of 2 records") as caught:
        table = both.keywords("meangam")
    assert caught.pop(MissingDataWarning).filename == __file__
    assert table["meangam"].mask.tolist() == [False, True]


def test_removed_columns_are_reported(results: FLARECASTResponse) -> None:
    results.remove_column("Record")
    with pytest.raises(QueryError, match="no longer has the column 'Record'"):
        results.keywords("meangam")


def test_patterns_and_names_select_each_keyword_once() -> None:
    chosen, by_pattern = choose_keywords(["usflux", "usf*", "USFLUX"], ["hmi.sharp_720s"])
    assert [keyword.name for keyword in chosen] == ["usflux", "usfluxl"]
    assert by_pattern == {"usfluxl"}
    assert [keyword.name for keyword in choose_keywords(["tkp_runn"], ["my.series"])[0]] == ["tkp_runn"]
    assert not choose_keywords([], [])[1]


# --- Files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["ecsv", "parquet"])
def test_files_keep_units_masks_and_times(
    results: FLARECASTResponse, keyworded: Layer, tmp_path: Path, end: str
) -> None:
    table = results.keywords("usflux", "npix", "noaa_ars", "r_value")
    path = tmp_path / f"keywords.{end}"
    write_keywords(table, path)
    again = read_keywords(path)
    if end == "ecsv":
        assert QTable.read(path).colnames == table.colnames
    assert again.colnames == table.colnames
    assert again["usflux"].unit == u.Mx
    assert again["T_REC"].scale == "tai"
    assert again["Start Time"].scale == "utc"
    assert abs((again["T_REC"] - table["T_REC"]).to_value("s")).max() < 1e-3
    assert abs((again["Start Time"] - table["Start Time"]).to_value("s")).max() < 1e-5
    for name in ("usflux", "npix", "noaa_ars"):
        mask = table[name].mask
        assert (again[name].mask == mask).all()
        assert (again[name] == table[name])[~mask].all()
        assert again[name].info.description == table[name].info.description
    assert (again.meta["service"], again.meta["missing"]) == (table.meta["service"], [])
    keyworded.clear()
    results.keywords("usflux", "npix", "noaa_ars", "r_value", known=again)
    assert keyworded.requests == []
    with pytest.raises(OSError, match="already exists"):
        write_keywords(table, path)
    write_keywords(table[:2], path, overwrite=True)
    assert len(read_keywords(path)) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_csv_is_for_other_programs(results: FLARECASTResponse, tmp_path: Path) -> None:
    table = results.keywords("usflux", "npix", "noaa_ars")
    write_keywords(table, tmp_path / "k.csv")
    lines = (tmp_path / "k.csv").read_text().splitlines()
    assert lines[0] == "T_REC,T_REC UTC,Start Time,Series,HARPNUM,Record,usflux,npix,noaa_ars"
    assert len(lines) == 1 + len(table)
    first = dict(zip(lines[0].split(","), lines[1].split(","), strict=False))
    assert first["T_REC"] == t_rec_text(slot_of(table["T_REC"][0]))
    assert first["usflux"] == ""
    read = Table.read(tmp_path / "k.csv", format="ascii.csv")
    assert read["usflux"].mask.sum() == 2


@pytest.mark.parametrize("end", ["csv", "json"])
def test_files_without_units_cannot_be_read_back(results: FLARECASTResponse, tmp_path: Path, end: str) -> None:
    write_keywords(results[:2].keywords("quality"), path := tmp_path / f"k.{end}")
    with pytest.raises(QueryError, match=rf"\.{end} files have no units\. Write \.ecsv or \.parquet\."):
        read_keywords(path)


@pytest.mark.parametrize("end", ["ecsv", "parquet"])
def test_other_files_are_not_tables_of_keywords(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"k.{end}"
    with pytest.raises(QueryError, match="There is no file"):
        read_keywords(path)
    path.write_bytes(b"nothing of that kind")
    with pytest.raises(QueryError, match="cannot be read as a table of keywords"):
        read_keywords(path)


def test_other_files_are_refused(results: FLARECASTResponse, tmp_path: Path) -> None:
    table = results[:2].keywords("quality")
    with pytest.raises(QueryError, match=r"\.ecsv"):
        write_keywords(table, tmp_path / "k.xls")
    with pytest.raises(QueryError, match="its folder does not exist"):
        write_keywords(table, tmp_path / "no" / "k.ecsv")


def test_the_meta_route_of_the_archive_and_the_table_agree(demo: tuple[str, Layer]) -> None:
    found = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-11T00:20"), Series("hmi.sharp_cea_720s"))
    table = found[:2].keywords("r_value", "usflux", "lat_fwt")
    assert len(table) == 2
    for row in table:
        url = f"{demo[0]}/HMI/hmi.sharp_cea_720s/meta/{row['Record']}"
        meta = requests.get(url, timeout=60).json()[str(row["Record"])]["meta"]
        assert row["usflux"].to_value("Mx") == meta["usflux"]
        assert row["r_value"] == meta["r_value"]


# --- The command ------------------------------------------------------------------------------------------------------


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["keywords", "2015-12-11", "2015-12-12", "--series", SERIES, *arguments])


def test_the_command_prints_and_writes_tables(keyworded: Layer, tmp_path: Path) -> None:
    shown = run("--keyword", "meangam", "--keyword", "noaa_ar*", "--harp", "6178")
    assert shown.exit_code == 0, shown.stderr
    assert "12443,12444" in shown.stdout
    assert "deg" in shown.stdout
    assert f"{STEPS} records" in shown.stdout
    path = tmp_path / "k.ecsv"
    shown = run("--keyword", "meangam", "-o", str(path))
    assert shown.exit_code == 0, shown.stderr
    assert f"{2 * STEPS} records, 1 keyword in {path}" in shown.stdout
    assert QTable.read(path)["meangam"].unit == u.deg
    keyworded.clear()
    again = run("--keyword", "meangam", "-o", str(path))
    assert again.exit_code == 2
    assert "already exists" in again.stderr
    assert keyworded.requests == []
    assert run("--keyword", "meangam", "-o", str(path), "--overwrite").exit_code == 0


def test_the_command_reports_missing_keywords_and_mistakes(keyworded: Layer, tmp_path: Path) -> None:
    keyworded.faults[str(recnum_of(6180, 5))] = answer(b'{"message": "the tape is away"}', status=404)
    shown = run("--keyword", "meangam")
    assert shown.exit_code == 1
    assert "the tape is away" in shown.stderr
    assert "120 records" in shown.stdout
    assert run("--keyword", "meangam", "--strict").exit_code == 1
    keyworded.clear()
    for arguments, part in (
        (("--keyword", "usflus"), "Did you mean 'usflux'"),
        (("-o", str(tmp_path / "k.xls")), ".ecsv"),
    ):
        shown = run(*arguments)
        assert shown.exit_code == 2
        assert part in shown.stderr
