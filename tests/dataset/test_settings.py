"""The arguments of `dataset.build`: each mistake is an error with advice, before any request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import msgspec
import pytest
from astropy.table import Table
from sunpy.net import attrs as a

from sunpy_flarecast import HARPNUM, NOAA, FLARECASTClient, QueryError, Segment, Series
from sunpy_flarecast.dataset import SWAN
from sunpy_flarecast.dataset.settings import build_request, image_settings
from sunpy_flarecast.dataset.settings_difference import difference
from sunpy_flarecast.dataset.split_settings import split_settings

if TYPE_CHECKING:
    from faults import Layer

RANGE = a.Time("2015-12-11", "2015-12-12")
SHARP = Series("hmi.sharp_cea_720s")
LABELS: dict[str, Any] = {
    "flares": None,
    "windows": 24 * u.hour,
    "threshold": "M1.0",
    "flare_time": "peak",
    "by_position": False,
    "noaa_numbers": None,
}


def request_for(*query: Any, keywords: Any = SWAN, split: Any = None, images: Any = None, **labels: Any) -> Any:
    chosen = image_settings("lossless", 4, 256) if images is None else images
    return build_request(query or (RANGE, SHARP), keywords=keywords, split=split, images=chosen, **{**LABELS, **labels})


FLARES = {"peak_time": ["2015-12-11T12:00", "2015-12-12T12:00"], "class": ["M1.0", "C2.0"], "noaa": [12465, 12465]}


@pytest.mark.parametrize(
    ("labels", "part"),
    [
        ({"threshold": "Z9"}, "'Z9' is not a GOES class"),
        ({"threshold": []}, "at least one window and one threshold"),
        ({"windows": 24}, "not a time with a unit"),
        ({"windows": 3 * u.m}, "not a time with a unit"),
        ({"windows": 0 * u.hour}, "must be positive"),
        ({"windows": [24 * u.hour, float("nan") * u.hour]}, "must be positive"),
        ({"flare_time": "end"}, "Use 'peak' or 'start'"),
        ({"flares": "nowhere.csv"}, "nowhere.csv"),
        ({"flares": {"class": ["M1.0"], "noaa": [12465]}}, "no column of times"),
        ({"flares": {**FLARES, "noaa": [123456, 1]}}, "123456"),
        ({"flares": None, "by_position": True}, "Pass a list of flares"),
        ({"flares": None, "threshold": "C1.0"}, r"^threshold \(--threshold\) requires labels\. .* or leave it out"),
        ({"flares": None, "windows": 12 * u.hour}, r"^windows \(--window\) requires labels"),
        ({"flares": None, "windows": [24, 48] * u.hour}, "Pass a list of flares"),
        ({"flares": None, "windows": 24}, "Pass a list of flares"),
        (
            {"flares": None, "threshold": ["M1.0", "X1.0"], "flare_time": "start"},
            r"^threshold \(--threshold\) and flare_time \(--flare-time\) require labels\. .* leave them out",
        ),
    ],
    ids=str,
)
def test_invalid_label_settings(labels: dict[str, Any], part: str) -> None:
    from astropy.table import Table

    flares = labels.get("flares", FLARES)
    if isinstance(flares, dict):
        flares = Table(flares)
    with pytest.raises(QueryError, match=part):
        request_for(**{**labels, "flares": flares})


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"split": {"train": 0.7, "test": 0.5}}, "sum to 1.2; they must sum to 1"),
        ({"split": {"train": 1.0}}, "at least two sets"),
        ({"split": {"": 0.5, "test": 0.5}}, "'' is not a valid name of a set"),
        ({"split": {"tr\x1b[31m": 0.5, "test": 0.5}}, "is not a valid name of a set"),
        ({"split": {"train": "0.5", "test": 0.5}}, "a number between 0 and 1"),
        ({"split": {"train": -0.5, "test": 1.5}}, "a number between 0 and 1"),
        ({"split": 0.5}, "must be a dict of sets by name"),
        ({"by": "harp"}, "Use one of 'region', 'time', 'month'"),
        ({"gap": 2 * u.hour}, r"gap \(--gap\) applies only to splits by time"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 0.5}, "seed=0.5"),
        ({"split": None, "seed": "x"}, "seed='x'"),
        ({"split": None, "stratify": True}, r"stratify=True \(--stratify\) requires sets"),
        ({"by": "time", "split": {"a": 0.5, "b": 0.5}}, "write its start and end"),
        ({"by": "time", "split": {"a": ("2014", "nonsense"), "b": ("2015", "2016")}}, "write its start and end"),
        (
            {"by": "time", "split": {"a": ("2015-01-01", "2014-01-01"), "b": ("2015-01-01", "2016-01-01")}},
            "not after its start",
        ),
        ({"by": "time", "split": {"a": "2014-01-01/2014-07-01", "b": ("2014-06-01", "2015-01-01")}}, "a and b overlap"),
        ({"by": "month", "split": {"a": [1, 2], "b": [13]}}, "13 of b is not a month"),
        ({"by": "month", "split": {"a": [1, 2], "b": [2, 3]}}, "month 2 is in both a and b"),
        ({"by": "month", "split": {"a": [1, 2], "b": 3}}, "a list of months"),
        ({"by": "month", "split": {"a": [1], "b": [2]}, "stratify": True}, "splits by region"),
    ],
    ids=str,
)
def test_invalid_split_settings(arguments: dict[str, Any], part: str) -> None:
    default = {"split": {"train": 0.7, "test": 0.3}, "by": "region", "gap": 0 * u.hour, "stratify": False, "seed": 0}
    with pytest.raises(QueryError, match=part):
        split_settings(**{**default, **arguments})


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("float", 4, 256), "encoding='float'"),
        (("binned", 0, 256), "bin=0"),
        (("binned", 65, 256), r"bin=65 \(--bin\) is too large: it must be at most 64"),
        (("int16", 4, 0), "shard_records=0"),
    ],
    ids=str,
)
def test_invalid_image_settings(arguments: Any, part: str) -> None:
    with pytest.raises(QueryError, match=part):
        image_settings(*arguments)


@pytest.mark.parametrize(
    ("query", "more", "part"),
    [
        ((RANGE,), {}, "needs a.flarecast.Series"),
        ((RANGE, SHARP | Series("hmi.sharp_720s")), {}, "A data set has one series"),
        ((RANGE, SHARP, Segment("Brr")), {}, "Did you mean 'Br'"),
        ((RANGE, SHARP, Segment("bitmap")), {"images": image_settings("int16", 4, 256)}, "stores whole gauss"),
        ((), {"keywords": ["usflx"]}, "Did you mean 'usflux'"),
        ((), {"keywords": None}, "keywords=None is not a list of keywords"),
        (("a table.ecsv",), {}, "takes attrs or the result of a search"),
        ((Table({"x": range(99)}),), {}, r"not <Table length=99>\. Read a saved result"),
        (
            (),
            {"split": split_settings({"a": 0.5, "b": 0.5}, "region", 0 * u.hour, True, 0)},
            r"stratify=True \(--stratify\) requires labels",
        ),
    ],
    ids=str,
)
def test_invalid_queries(query: Any, more: Any, part: str) -> None:
    with pytest.raises(QueryError, match=part):
        request_for(*query, **more)


def test_equal_calls_give_equal_settings_and_differences_are_named() -> None:
    settings = request_for(RANGE, SHARP, Segment("Bt") & Segment("Br"), HARPNUM(377)).settings
    assert settings == request_for(SHARP, Segment("b[rt]"), HARPNUM(377), RANGE).settings
    assert msgspec.json.decode(msgspec.json.encode(settings), type=type(settings)) == settings
    assert settings.segments == ("Bt", "Br")
    assert set(SWAN) < set(settings.keywords)
    assert "noaa_ars" in settings.keywords
    for other, change in (
        ((RANGE, HARPNUM(377, 378)), "the query changed from 'HARP 377' to 'HARPs 377 to 378'"),
        ((RANGE, HARPNUM(377), NOAA(12465)), "'NOAA_AR or NOAA_ARS lists 12465' was added to the query"),
        ((RANGE, HARPNUM(377), a.Sample(1 * u.hour)), "'sampled every 1 h' was added to the query"),
        ((RANGE,), "'HARP 377' was removed from the query"),
        (
            (a.Time("2015-12-11", "2015-12-13"), HARPNUM(377)),
            "the query changed from 'to 2015-12-12T00:00:00.000 UTC' to 'to 2015-12-13T00:00:00.000 UTC'",
        ),
    ):
        assert difference(settings, request_for(SHARP, Segment("Br", "Bt"), *other).settings) == change
    query = (RANGE, SHARP, Segment("Br", "Bt"), HARPNUM(377))
    binned = request_for(*query, images=image_settings("binned", 4, 256)).settings
    assert difference(settings, binned) == "encoding was lossless and is now binned; bin was 1 and is now 4"
    split = split_settings({"a": 0.5, "b": 0.5}, "region", 0 * u.hour, False, 1)
    assert (
        difference(settings, request_for(*query, split=split).settings)
        == "split was not set and is now {'a': 0.5, 'b': 0.5}"
    )
    labelled = request_for(
        *query, flares=Table({"peak": ["2015-12-11T12:00"], "class": ["M1.0"], "noaa": [12465]})
    ).settings
    assert difference(settings, labelled) == "the list of flares was added"
    assert difference(labelled, settings) == "the list of flares was removed"
    numbers = [msgspec.structs.replace(labelled.flares, numbers=digest) for digest in ("a", "b")]
    numbered, renumbered = (msgspec.structs.replace(labelled, flares=flares) for flares in numbers)
    assert difference(labelled, numbered) == "noaa_numbers was added"
    assert difference(numbered, labelled) == "noaa_numbers was removed"
    assert difference(numbered, renumbered) == "noaa_numbers was changed"
    assert difference(settings, settings) == ""
    long, longer = (msgspec.structs.replace(settings, series=letter * 70) for letter in "xy")
    assert difference(long, longer) == f"series changed from '{'x' * 70}' to '{'y' * 70}'"
    more = request_for(*query, keywords=[*SWAN, "crpix1"]).settings
    assert difference(settings, more) == "'crpix1' was added to keywords"
    assert "was removed from keywords" in difference(more, settings)
    july, august = "2014-07-01T00:00:00.000", "2014-08-01T00:00:00.000"
    sets = [{"train": ("2014-01-01", july), "test": (july, end)} for end in (august, august.replace("08", "09"))]
    ranges = [request_for(*query, split=split_settings(some, "time", 0 * u.hour, False, 1)).settings for some in sets]
    change = f"split changed from 'test {july}/{august}' to 'test {july}/{august.replace('08', '09')}'"
    assert difference(*ranges) == change


@pytest.mark.parametrize(
    ("attr", "words"),
    [
        (a.Sample(12 * u.hour), "sampled every 12 h"),
        (a.Sample(90 * u.minute), "sampled every 90 min"),
        (HARPNUM(3940, 3950), "HARPs 3940 to 3950"),
        (HARPNUM(377), "HARP 377"),
        (a.Time("2015-12-11", "2015-12-12", near="2015-12-11T06:00"), "nearest to 2015-12-11T06:00:00.000 UTC"),
    ],
)
def test_a_query_is_described_in_words(attr: Any, words: str) -> None:
    query = (SHARP, attr) if isinstance(attr, a.Time) else (RANGE, SHARP, attr)
    assert f", {words}" in request_for(*query).settings.query[0] + ","


def test_smarps_have_their_own_keywords_unless_others_are_named() -> None:
    smarp = Series("mdi.smarp_cea_96m")
    assert {"usfluxl", "r_value", "noaa_ars"} <= set(request_for(RANGE, smarp).settings.keywords)
    with pytest.raises(QueryError, match=r"'usflux' .* is only in"):
        request_for(RANGE, smarp, keywords=["usflux"])


def test_settings_identify_the_records_of_a_table(demo: tuple[str, Layer]) -> None:
    table = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-11T00:25"), SHARP, Segment("Bp", "Br"))
    settings = request_for(table).settings
    assert (settings.query, settings.segments, settings.service) == ((), ("Bp", "Br"), demo[0])
    assert settings == request_for(table[::-1]).settings
    assert difference(settings, request_for(table[1:]).settings) == "the table of records was changed"
    searched = request_for(RANGE, SHARP, Segment("Bp", "Br")).settings
    assert difference(settings, searched) == "it was built from a table of records, not from a query"
    assert difference(searched, settings) == "it was built from a query, not from a table of records"
    with pytest.raises(QueryError, match="no records"):
        request_for(table[:0])


@pytest.mark.parametrize("windows", [24 * u.hour, [1 * u.day], [24] * u.hour])
@pytest.mark.parametrize("threshold", ["M1.0", ("M1.0",)])
def test_the_defaults_of_labels_require_no_list_of_flares(windows: Any, threshold: Any) -> None:
    assert request_for(flares=None, windows=windows, threshold=threshold).settings.flares is None
