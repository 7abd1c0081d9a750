"""Keywords that a service omits or sends in an unreadable form are reported, not just left empty."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from click.testing import CliRunner
from faults import Layer, answer
from keyworded import HARPS, SERIES, fill, keywords_of, recnum_of
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, MissingDataWarning, QueryError, Series, ServiceError, conf
from sunpy_flarecast.archive import DirectoryArchive, create_app, running
from sunpy_flarecast.cli import cli
from sunpy_flarecast.keywords.columns import Filled
from sunpy_flarecast.keywords.files import write_keywords
from sunpy_flarecast.keywords.timeseries import timeseries_of
from sunpy_flarecast.sharp.catalog import find_keyword

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from faults import Fault

    from sunpy_flarecast import FLARECASTResponse

STEPS = 6


@pytest.fixture(scope="module")
def _service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Layer]]:
    folder = tmp_path_factory.mktemp("gappy")
    fill(folder, STEPS)
    layer = Layer(create_app(DirectoryArchive(folder)))
    with running(layer) as url:
        yield url, layer


@pytest.fixture
def layer(_service: tuple[str, Layer]) -> Iterator[Layer]:
    _service[1].clear()
    with conf.set_temp("url", _service[0]):
        yield _service[1]


@pytest.fixture
def results(layer: Layer) -> FLARECASTResponse:
    found = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-12"), Series(SERIES))
    assert len(found) == 2 * STEPS
    layer.clear()
    return found


@pytest.fixture
def _timeseries() -> None:
    with warnings.catch_warnings():
        # sunpy warns before the error.
        warnings.simplefilter("ignore")
        pytest.importorskip("sunpy.timeseries", reason="the extra timeseries is not installed", exc_type=ImportError)


def changed(layer: Layer, change: Callable[[int, dict[str, Any]], dict[str, Any] | None]) -> Fault:
    """Make a fault: the service's own reply with changed keywords, or without some records."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def fault(scope: dict[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        body, status = b"", 0

        async def keep(message: dict[str, Any]) -> None:
            nonlocal body, status
            status = message.get("status", status)
            body += message.get("body", b"")

        as_it_is = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
        await layer.app({**scope, "headers": as_it_is}, receive, keep)
        rows = json.loads(body)
        if status == 200:
            kept = {key: {**row, "meta": change(int(key), row["meta"])} for key, row in rows.items()}
            body = json.dumps({key: row for key, row in kept.items() if row["meta"] is not None}).encode()
        await answer(body, status=status)(scope, send)

    return fault


def without(*names: str) -> Callable[[int, dict[str, Any]], dict[str, Any]]:
    return lambda _, meta: {name: value for name, value in meta.items() if name not in names}


def test_keywords_missing_from_all_replies_are_reported(results: FLARECASTResponse, layer: Layer) -> None:
    layer.faults["/meta/"] = changed(layer, without("meangam", "r_value"))
    with pytest.warns(MissingDataWarning, match=r"no record with the keywords meangam, r_value") as caught:
        table = results.keywords("usflux", "meangam", "r_value")
    assert caught.pop(MissingDataWarning).filename == __file__
    assert MissingDataWarning not in [one.category for one in caught]
    assert table["meangam"].mask.all()
    assert np.isfinite(table["usflux"][1:].unmasked[~table["usflux"].mask[1:]]).all()
    with pytest.raises(ServiceError, match=r"no record with the keyword meangam"):
        results.keywords("usflux", "meangam", strict=True)


def test_a_service_that_omits_all_keywords_is_an_error(results: FLARECASTResponse, layer: Layer) -> None:
    layer.faults["/meta/"] = changed(layer, without("usflux", "meangam"))
    with pytest.raises(ServiceError, match=r"no record with the keywords usflux, meangam.*keywords\('\*'\)"):
        results.keywords("usflux", "meangam")
    with pytest.warns(MissingDataWarning, match="no record with the keywords usflux, meangam"):
        assert results.keywords("quality", "usflux", "meangam")["quality"].tolist() == results["Quality"].tolist()


def test_keywords_missing_from_some_records_are_masked_silently(results: FLARECASTResponse, layer: Layer) -> None:
    first = recnum_of(HARPS[0], 0)
    layer.faults["/meta/"] = changed(
        layer, lambda number, meta: {"meangam": None} if number != first else without("meangam")(number, meta)
    )
    assert results.keywords("meangam")["meangam"].mask.all()


def test_unreadable_values_are_reported(results: FLARECASTResponse, layer: Layer) -> None:
    layer.faults["/meta/"] = changed(layer, lambda _, meta: {**meta, "meangam": {"value": 3}, "npix": "x" * 500})
    with pytest.warns(
        MissingDataWarning, match=r"sent the keywords meangam, npix with values .* \{'value': 3\}"
    ) as caught:
        table = results.keywords("usflux", "meangam", "npix")
    assert table["meangam"].mask.all()
    assert table["npix"].mask.all()
    assert len(str(caught[0].message)) < 300
    only = recnum_of(HARPS[0], 2)
    layer.faults["/meta/"] = changed(layer, lambda number, _: {"meangam": 3.0 if number == only else "what?"})
    assert (~results.keywords("meangam")["meangam"].mask).sum() == 1


def test_known_values_are_kept_if_the_service_drops_the_keyword(results: FLARECASTResponse, layer: Layer) -> None:
    half = results[:STEPS].keywords("meangam")
    layer.faults["/meta/"] = changed(layer, without("meangam"))
    with pytest.warns(MissingDataWarning, match="no record with the keyword meangam"):
        whole = results.keywords("meangam", known=half)
    assert whole["meangam"].mask.tolist() == [False] * STEPS + [True] * STEPS


@pytest.mark.parametrize("lacking", [1, 2])
def test_patterns_expand_although_the_first_records_are_missing(
    results: FLARECASTResponse, layer: Layer, lacking: int
) -> None:
    numbers = results["Record"].tolist()
    gone = [numbers[place] for place in (0, len(numbers) // 2)[:lacking]]
    layer.faults["/meta/"] = changed(layer, lambda number, meta: None if number in gone else meta)
    with pytest.warns(MissingDataWarning, match=rf"{lacking} of {len(numbers)} records"):
        table = results.keywords("mean*", "err*")
    assert table.colnames[5:] == ["meangam", "errgam", "errvf"]
    assert table["meangam"].mask.sum() == lacking


def test_patterns_fall_back_to_the_catalog_if_no_record_answers(results: FLARECASTResponse, layer: Layer) -> None:
    async def known(scope: dict[str, Any], send: Any) -> None:
        numbers = scope["path"].rpartition("/")[2].split(",")
        body = {number: {"recnum": int(number), "meta": {"meangam": 1.0}} for number in numbers}
        await answer(json.dumps(body).encode())(scope, send)

    layer.faults["fields="] = known
    layer.faults["/meta/"] = answer(b"{}")
    table = results.keywords("mean*")
    assert table.colnames[5:] == ["meangam"]
    assert not np.any(getattr(table["meangam"], "mask", False))


@pytest.mark.usefixtures("_timeseries")
def test_time_series_of_patterns_have_the_keywords_of_the_service(results: FLARECASTResponse) -> None:
    series = results.timeseries("mean*", "r_value", harpnum=HARPS[0], errors=True)
    assert series.columns == ["meangam", "errgam", "r_value"]
    with pytest.raises(ServiceError, match="none of the keywords"):
        results.timeseries("crot*", harpnum=HARPS[0])


@pytest.mark.usefixtures("_timeseries")
def test_named_keywords_missing_from_time_series_are_reported(results: FLARECASTResponse, layer: Layer) -> None:
    layer.faults["/meta/"] = changed(layer, without("meangam", "errvf"))
    with pytest.warns(MissingDataWarning, match="no record with the keyword meangam") as caught:
        series = results.timeseries("usflux", "meangam", harpnum=HARPS[0], errors=True)
    assert caught.pop(MissingDataWarning).filename == __file__
    assert series.columns == ["usflux", "meangam", "errgam"]


@pytest.mark.usefixtures("_timeseries")
def test_patterns_of_the_demo_make_curves(demo: tuple[str, Layer], tmp_path: Path) -> None:
    found = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-11T00:30"), Series("hmi.sharp_720s"))
    harp = int(found["HARPNUM"][0])
    series = found.timeseries("inv*", "usflux", harpnum=harp, errors=True)
    assert {"usflux", "errvf"} < set(series.columns)
    pytest.importorskip("matplotlib")
    picture = tmp_path / "curves.png"
    shown = CliRunner().invoke(
        cli,
        ["plot", "keywords", "2015-12-11", "2015-12-11T00:30", "--harp", str(harp), "--keyword", "inv*", "--keyword",
         "usflux", "--errors", "--no-progress", "-o", str(picture)],
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    assert picture.exists()


def test_integer_columns_become_float_for_fractional_values(results: FLARECASTResponse, layer: Layer) -> None:
    column = Filled(find_keyword("npix"), 3)
    column.put([0], 2**53 - 1)
    column.put([2], "3.5")
    assert column.finished().tolist() == [2.0**53 - 1, None, 3.5]
    assert column.finished().dtype == np.float64
    half = recnum_of(HARPS[1], 3)
    layer.faults["/meta/"] = changed(layer, lambda number, meta: {**meta, "npix": 7.5} if number == half else meta)
    table = results.keywords("npix")
    assert table["npix"].dtype == np.float64
    values = dict(zip(table["Record"].tolist(), table["npix"].tolist(), strict=True))
    assert values[half] == 7.5
    assert values[recnum_of(HARPS[0], 2)] == keywords_of(HARPS[0], 2)["NPIX"]
    assert values[recnum_of(HARPS[0], 0)] is None


@pytest.mark.usefixtures("_timeseries")
def test_times_that_are_text_give_a_one_line_error(results: FLARECASTResponse, tmp_path: Path) -> None:
    import sunpy.time

    write_keywords(results.keywords("meangam"), tmp_path / "k.csv")
    table = QTable.read(tmp_path / "k.csv")
    with pytest.raises(QueryError, match=r"T_REC of the table has .*\.ecsv or \.parquet") as caught:
        timeseries_of(table)
    # The advice works.
    advice = str(caught.value).rpartition("convert the column: ")[2].removesuffix(".")
    exec(advice, {"table": table, "sunpy": sunpy})
    assert timeseries_of(table)[HARPS[0]].quantity("meangam")[1] == 31.5 * u.dimensionless_unscaled
