"""Conversion of attrs to queries; invalid attrs raise `QueryError`."""

from __future__ import annotations

import warnings
from functools import reduce
from operator import and_
from typing import Any

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time, TimeDelta
from hypothesis import given
from hypothesis import strategies as st
from sunpy.net import attr
from sunpy.net import attrs as a
from sunpy.time import TimeRange
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast import HARPNUM, NOAA, FLARECASTClient, Keyword, Quality, QueryError, Segment, Series, Tolerance
from sunpy_flarecast.query.attr_walker import FIXED, queries, supported_attrs
from sunpy_flarecast.query.conditions import compared, good, noaa, without
from sunpy_flarecast.query.keyword_attr import KeywordCondition
from sunpy_flarecast.query.query import Query
from sunpy_flarecast.sharp.catalog import all_series, find_series

DAY = a.Time("2015-12-11", "2015-12-12")
CCD = Series("hmi.sharp_720s")
CEA = Series("hmi.sharp_cea_720s")

SEGMENTS = sorted({segment.name for series in all_series() for segment in series.segments})


def one(*attrs: attr.Attr) -> Query:
    [query] = queries(*attrs)
    return query


def error(*attrs: attr.Attr) -> str:
    with pytest.raises(QueryError) as caught:
        queries(*attrs)
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


# --- Series -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("hmi.sharp_720s", "hmi.sharp_720s"),
        ("sharp_720s", "hmi.sharp_720s"),
        ("720", "hmi.sharp_720s"),
        ("SHARP_CEA_720S_nrt", "hmi.sharp_cea_720s_nrt"),
        ("Hmi.Sharp_720s_NRT", "hmi.sharp_720s_nrt"),
    ],
)
def test_series_by_any_name(name: str, full: str) -> None:
    assert one(DAY, Series(name)).series == full


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("hmi.sharp_cea_720", "Did you mean 'hmi.sharp_cea_720s'"),
        ("HMI.SHRP_720S", "Did you mean 'hmi.sharp_720s'"),
        ("xyz", "Known: hmi.sharp_720s, hmi.sharp_720s_nrt,"),
    ],
)
def test_an_unknown_series_is_sent_as_written_after_a_warning(name: str, hint: str) -> None:
    with pytest.warns(SunpyUserWarning) as caught:
        query = one(DAY, Series(name), Segment("Br", "?", "Br"))
    [warning] = caught
    assert repr(name) in str(warning.message)
    assert hint in str(warning.message)
    assert query.series == name
    # Its segments are unknown, so patterns are kept.
    assert query.segments == ("Br", "?")


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "../x", "x?y", "x#y", "a\\b", "x\n", "x\x00", "\ud800"])
def test_invalid_names_of_series(name: str) -> None:
    text = error(DAY, Series(name))
    assert "is not a valid name of a series" in text
    assert "hmi.sharp_cea_720s_nrt" in text


# --- Segments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segments", "names"),
    [
        ((), ()),
        ((Segment("br"),), ("Br",)),
        ((Segment("DOPPLERGRAM", "br"),), ("Dopplergram", "Br")),
        ((Segment("Br") & Segment("bitmap"),), ("bitmap", "Br")),
        ((Segment("Br"), Segment("bitmap"), Segment("BR")), ("bitmap", "Br")),
        ((Segment("B?"),), ("Bp", "Bt", "Br")),
        ((Segment("*_err"),), ("Bp_err", "Bt_err", "Br_err")),
        ((Segment("B[pr]", "bitmap"),), ("bitmap", "Bp", "Br")),
        ((Segment("*"),), tuple(segment.name for segment in find_series("hmi.sharp_cea_720s").segments)),
    ],
)
def test_segments_in_the_order_of_the_series(segments: tuple[attr.Attr, ...], names: tuple[str, ...]) -> None:
    assert one(DAY, CEA, *segments).segments == names


@pytest.mark.parametrize(
    ("series", "segment", "begin"),
    [
        (
            CCD,
            "Br",
            "Segment 'Br' is not in hmi.sharp_720s. 'Br' is in hmi.sharp_cea_720s. Valid: magnetogram, bitmap,",
        ),
        (CCD, "BR", "Segment 'BR' is not in hmi.sharp_720s. 'Br' is in hmi.sharp_cea_720s."),
        (CCD, "B?", "Segment 'B?' is not in hmi.sharp_720s. 'Bp', 'Bt', 'Br' are in hmi.sharp_cea_720s."),
        (CEA, "azimuth", "Segment 'azimuth' is not in hmi.sharp_cea_720s. 'azimuth' is in hmi.sharp_720s. Valid:"),
        (CEA, "magnetgram", "Segment 'magnetgram' is not in hmi.sharp_cea_720s. Did you mean 'magnetogram'?"),
        (CEA, "Azimut", "Segment 'Azimut' is not in hmi.sharp_cea_720s. Did you mean 'azimuth' (hmi.sharp_720s)"),
        (CEA, "quality", "Segment 'quality' is not in hmi.sharp_cea_720s. Valid: magnetogram, bitmap, Dopplergram,"),
        (CEA, "", "Segment '' is not in hmi.sharp_cea_720s. Valid: magnetogram,"),
    ],
)
def test_a_segment_that_the_series_does_not_have(series: Series, segment: str, begin: str) -> None:
    text = error(DAY, series, Segment("magnetogram", segment))
    assert text.startswith(begin)
    assert text.endswith("conf_disambig.")


def test_a_typo_suggests_the_most_similar_segment_of_any_series() -> None:
    assert "'Br' (hmi.sharp_cea_720s)" in error(DAY, CCD, Segment("Bz"))


# --- Time -------------------------------------------------------------------------------------------------------------


def test_times_of_other_scales_are_converted() -> None:
    tai = a.Time(Time("2015-12-11T00:00:36", scale="tai"), Time("2017-01-01T00:00:37", scale="tai"))
    query = one(tai, CCD)
    assert (query.start.scale, query.end.scale) == ("utc", "utc")
    assert query.start.isot == "2015-12-11T00:00:00.000"
    assert query.end.isot == "2017-01-01T00:00:00.000"
    assert query.near is None
    # T_REC as text carries its scale.
    assert one(a.Time("2015.12.11_23:36:00_TAI", "2015-12-12"), CCD).start.isot == "2015-12-11T23:35:24.000"


def test_near_is_converted() -> None:
    near = Time("2015-12-11T12:00:36", scale="tai")
    assert one(a.Time("2015-12-11", "2015-12-12", near=near), CCD).near.isot == "2015-12-11T12:00:00.000"
    assert one(a.Time(TimeRange("2015-12-11", "2015-12-12")), CCD).end.isot == "2015-12-12T00:00:00.000"


# --- Other attrs ------------------------------------------------------------------------------------------------------


def test_harp_numbers() -> None:
    assert one(DAY, CCD).harps is None
    assert one(DAY, CCD, HARPNUM(6178)).harps == (6178, 6178)
    assert one(DAY, CCD, HARPNUM(1, 9)).harps == (1, 9)
    assert [query.harps for query in queries(DAY, CCD, HARPNUM(1) | HARPNUM(5, 7))] == [(1, 1), (5, 7)]


def test_sample_in_any_unit() -> None:
    assert one(DAY, CCD).sample is None
    assert one(DAY, CCD, a.Sample(1 * u.hour)).sample == 3600
    assert one(DAY, CCD, a.Sample(0.5 * u.day)).sample == 43200


def test_tolerance_requires_sample_or_near() -> None:
    asked = one(DAY, CCD, a.Sample(1 * u.hour), Tolerance(12 * u.min))
    assert (asked.sample, asked.tolerance) == (3600, 720)
    near = a.Time("2015-12-11", "2015-12-12", near="2015-12-11T12:00")
    assert one(near, CCD, Tolerance(TimeDelta(0.5, format="jd"))).tolerance == 43200
    assert error(DAY, CCD, Tolerance(12 * u.min)).startswith("Tolerance requires a.Sample(1 * u.hour) or a.Time(")
    for wrong in (12, "12 min", 12 * u.Mx, None, [1, 2] * u.s):
        with pytest.raises(TypeError, match=r"a length of time, for example Tolerance\(12 \* u.min\)"):
            Tolerance(wrong)
    for number in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="finite and not negative"):
            Tolerance(number * u.s)


@pytest.mark.parametrize("step", [0, -1, np.nan, np.inf, -np.inf, [1, 2], []])
def test_a_sample_needs_a_step(step: Any) -> None:
    assert "the step between samples must be positive" in error(DAY, CCD, a.Sample(step * u.hour))


@pytest.mark.parametrize("value", ["HMI", "hmi", "Hmi"])
def test_instrument_in_any_case(value: str) -> None:
    assert one(DAY, CCD, a.Instrument(value), a.Provider("Flarecast")) == one(DAY, CCD)


@pytest.mark.parametrize("leaf", [a.Instrument("AIA"), a.Provider("JSOC"), a.Provider("")])
def test_another_instrument_or_provider(leaf: attr.Attr) -> None:
    text = error(DAY, CCD, leaf)
    assert text.startswith(f"{type(leaf).__name__}({leaf.value!r}): a FLARECAST service has only ")
    assert not FLARECASTClient._can_handle_query(DAY, CCD, leaf)


# --- Conditions -------------------------------------------------------------------------------------------------------


def test_conditions_keep_their_order_without_duplicates() -> None:
    flux = Keyword("USFLUX") > 1e14 * u.Wb
    query = one(DAY, CCD, flux & (Keyword("usflux") < 1e23), NOAA(12443), Quality.good & Quality(mask=4), flux)
    assert query.conditions == (
        compared("usflux", ">", 1e22),
        compared("usflux", "<", 1e23),
        noaa(12443),
        good(),
        without(4),
    )
    assert query.looked_up == ("usflux", "noaa_ar", "noaa_ars")
    assert one(DAY, CCD).conditions == ()


def test_conditions_by_branches() -> None:
    found = queries(DAY, CCD, (Keyword("usflux") > 1e22) | NOAA(12443))
    assert [query.conditions for query in found] == [(compared("usflux", ">", 1e22),), (noaa(12443),)]


@pytest.mark.parametrize(
    ("leaf", "text"),
    [
        (Keyword("usflux"), "compared with a value, for example a.flarecast.Keyword('usflux') > 1e22 * u.Mx."),
        (Keyword("usflx"), "Did you mean 'usflux'"),
        (KeywordCondition("usflx", ">", 5), "Did you mean 'usflux'"),
        (KeywordCondition("usflux", ">", 5 * u.G), "is in Mx, and cannot be compared with 5.0 G"),
    ],
)
def test_invalid_conditions_are_errors(leaf: attr.Attr, text: str) -> None:
    assert text in error(DAY, CCD, leaf)
    # Fido selects this client, whose message explains the error.
    assert FLARECASTClient._can_handle_query(DAY, CCD, leaf)


# --- Combinations -----------------------------------------------------------------------------------------------------


def test_ors_may_be_nested_anywhere() -> None:
    tree = attr.AttrOr([CCD & Segment("field"), attr.AttrOr([CEA & Segment("Br"), attr.AttrOr([CEA & Segment("Bt")])])])
    found = queries(DAY, tree)
    assert [(query.series, query.segments) for query in found] == [
        ("hmi.sharp_720s", ("field",)),
        ("hmi.sharp_cea_720s", ("Br",)),
        ("hmi.sharp_cea_720s", ("Bt",)),
    ]
    nested = queries(attr.AttrOr([DAY & CCD, attr.AttrOr([DAY & CEA])]))
    assert [query.series for query in nested] == ["hmi.sharp_720s", "hmi.sharp_cea_720s"]
    assert (
        len(queries(DAY | a.Time("2016-01-01", "2016-01-02"), CCD | CEA, Segment("bitmap") | Segment("continuum"))) == 8
    )


@pytest.mark.parametrize(
    ("attrs", "text"),
    [
        ((), "The query is empty"),
        ((DAY,), "needs a.flarecast.Series"),
        ((CCD,), "needs a.Time"),
        ((Segment("Br"),), "needs a.flarecast.Series"),
        ((DAY | CCD,), "needs a.flarecast.Series"),
        ((DAY, CCD, a.Source("SDO")), "Source is not supported by the FLARECAST client. It supports HARPNUM,"),
        ((DAY, CCD, a.Wavelength(6173 * u.AA)), "Wavelength is not supported"),
        ((DAY, CCD, CEA), "given twice"),
        ((CCD & (DAY & CEA),), "Series is given twice"),
        ((DAY & (a.Time("2016-01-01", "2016-01-02") & CCD),), "Time is given twice"),
        ((HARPNUM(1) & (DAY & CCD & HARPNUM(2)),), "HARPNUM is given twice"),
        ((attr.DummyAttr(),), "DummyAttr is not supported"),
        (((DAY & CCD) | attr.DummyAttr(),), "DummyAttr is not supported"),
        ((attr.AttrOr([]),), "an OR without branches"),
        ((attr.AttrAnd([]),), "needs a.flarecast.Series"),
    ],
)
def test_invalid_queries(attrs: tuple[attr.Attr, ...], text: str) -> None:
    assert text in error(*attrs)


# --- Every attr and every value ---------------------------------------------------------------------------------------

NAMES = st.sampled_from(["hmi.sharp_720s", "720", "SHARP_cea_720s"])
TIMES = st.builds(
    a.Time,
    st.sampled_from(["2010-05-01", "2015-06-30T23:59:60", Time("2015-12-11", scale="tai")]),
    st.sampled_from(["2016-12-31T23:59:60", Time("2015-12-12", scale="tt"), "2020-01-01"]),
    near=st.none() | st.sampled_from(["2015-12-11", Time("2005-01-01", scale="tdb")]),
)
WRITTEN = {
    a.Time: TIMES,
    Series: st.builds(Series, NAMES | st.text(max_size=6)),
    Segment: st.lists(st.sampled_from([*SEGMENTS, "b*", "?r"]) | st.text(max_size=6), min_size=1, max_size=3).map(
        lambda names: Segment(*names)
    ),
    HARPNUM: st.lists(st.integers(1), min_size=2, max_size=2).map(lambda numbers: HARPNUM(*sorted(numbers))),
    Tolerance: st.builds(lambda value: Tolerance(value * u.s), st.floats(0, 1e9)),
    a.Sample: st.builds(lambda value: a.Sample(value * u.s), st.floats()),
    Keyword: st.builds(Keyword, st.sampled_from(["usflux", "usflx"])),
    KeywordCondition: st.builds(
        KeywordCondition,
        st.sampled_from(["usflux", "DATE-OBS", "noaa_ar"]),
        st.sampled_from(["<", "!="]),
        st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1 * u.Mx, 1 * u.one, "x"]),
    ),
    NOAA: st.builds(NOAA, st.integers(11_064, 2**40)),
    Quality: st.builds(lambda mask: Quality(mask=mask), st.none() | st.integers(1, 2**32 - 1)),
    a.Provider: st.builds(a.Provider, st.sampled_from(["FLARECAST", "flarecast", "JSOC"]) | st.text(max_size=3)),
    a.Instrument: st.builds(a.Instrument, st.sampled_from(["HMI", "hmi", "AIA"]) | st.text(min_size=1, max_size=3)),
}
FOREIGN = st.sampled_from([a.Source("SDO"), a.Level(1), a.Detector("x"), a.Physobs("y"), attr.DummyAttr()])


def registered(kind: type) -> st.SearchStrategy[attr.Attr]:
    values = sorted(set(attr.Attr._attr_registry[kind].name_long) - {"all"})
    return st.sampled_from(values).map(kind) if values else st.nothing()


LEAVES = st.one_of([*WRITTEN.values(), *map(registered, WRITTEN), FOREIGN])


def test_there_is_a_strategy_for_every_attr() -> None:
    assert supported_attrs() == set(WRITTEN)
    assert set(FIXED) <= supported_attrs()


def combined(leaves: list[attr.Attr]) -> attr.Attr | None:
    try:
        return reduce(and_, leaves)
    except (TypeError, QueryError):  # sunpy refuses most pairs of one type, and keywords must be compared
        return None


TREES = st.recursive(
    st.lists(LEAVES, min_size=1, max_size=5).map(combined).filter(lambda tree: tree is not None),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(attr.AttrOr),
    max_leaves=4,
)


@given(st.lists(TREES, min_size=1, max_size=3))
def test_any_attrs_give_queries_or_a_query_error(trees: list[attr.Attr]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SunpyUserWarning)
        try:
            found = queries(*trees)
        except QueryError as caught:
            assert str(caught).endswith((".", "?"))  # noqa: PT017
            return
    assert found
    assert all(isinstance(query, Query) and query.start.scale == query.end.scale == "utc" for query in found)


@given(TIMES, registered(Series), st.lists(LEAVES, max_size=3))
def test_the_walker_handles_all_queries_that_the_client_accepts(
    time: attr.Attr, series: attr.Attr, others: list[attr.Attr]
) -> None:
    leaves = [time, series, *others]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SunpyUserWarning)
        try:
            queries(*leaves)
        except QueryError as caught:
            reason = str(caught)
        else:
            reason = ""
    refused = "is not understood" in reason or "a FLARECAST service has only" in reason
    if FLARECASTClient._can_handle_query(*leaves):
        # The search checks values, and explains errors.
        assert not refused
        assert "needs" not in reason
    else:
        assert reason


@pytest.mark.parametrize(
    "leaves",
    [
        (),
        (DAY,),
        (DAY, a.Instrument("HMI")),
        (DAY, a.Provider("FLARECAST"), a.Sample(1 * u.hour)),
        (CCD,),
        (CCD, Segment("Br")),
        (DAY, Segment("Br"), HARPNUM(1)),
        (DAY, CCD, a.Source("SDO")),
        (DAY, CCD, a.Physobs("LOS_magnetic_field")),
    ],
    ids=lambda leaves: " ".join(type(leaf).__name__ for leaf in leaves) or "nothing",
)
def test_queries_of_other_clients(leaves: tuple[attr.Attr, ...]) -> None:
    assert not FLARECASTClient._can_handle_query(*leaves)


@given(st.lists(LEAVES, max_size=4).filter(lambda leaves: not any(isinstance(leaf, Series) for leaf in leaves)))
def test_core_attrs_alone_do_not_select_this_client(leaves: list[attr.Attr]) -> None:
    assert not FLARECASTClient._can_handle_query(*leaves)


@given(TIMES, registered(Series), st.lists(registered(Segment), max_size=2))
def test_every_registered_value_is_for_this_client(
    time: attr.Attr, series: attr.Attr, segments: list[attr.Attr]
) -> None:
    assert FLARECASTClient._can_handle_query(time, series, *segments, a.Provider.flarecast, a.Instrument("hmi"))
    names = {segment.name for segment in find_series(series.value).segments}
    if all(segment.value in names for segment in segments):
        assert set(one(time, series, *segments).segments) == {segment.value for segment in segments}
    else:
        assert "is not in" in error(time, series, *segments)


def test_all_series_are_registered() -> None:
    assert set(attr.Attr._attr_registry[Series].name_long) == {series.name for series in all_series()}


# --- Keywords that only some series have ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "series", "known"),
    [
        ("offdisk", "hmi.sharp_cea_720s", False),
        ("OFFDISK", "hmi.sharp_cea_720s_nrt", False),
        ("offdisk", "hmi.sharp_720s", True),
        ("usflux", "hmi.sharp_cea_720s", True),
    ],
)
def test_keywords_missing_from_a_series_are_refused(name: str, series: str, known: bool) -> None:
    query = (DAY, Series(series), Keyword(name) > 1)
    if known:
        assert len(queries(*query)[0].conditions) == 1
        return
    with pytest.raises(
        QueryError, match=rf"'offdisk' .* is only in hmi.sharp_720s, .*not in {series}\. No record .* OFFDISK > 1"
    ):
        queries(*query)


def test_unknown_series_accept_any_keyword() -> None:
    with pytest.warns(UserWarning, match="is unknown"):
        assert queries(DAY, Series("my.series"), Keyword("offdisk") > 1)


def test_times_in_the_local_scale_are_refused() -> None:
    local = Time("2015-12-11", scale="local")
    with pytest.raises(QueryError, match=r"cannot be converted to UTC .*Write times in UTC or TAI"):
        queries(a.Time(local, local), Series("hmi.sharp_720s"))
