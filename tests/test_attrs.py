"""The attrs by themselves: what may be written, what it means to combine them, and what tab completion offers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sunpy.net import attr
from sunpy.net import attrs as a

from sunpy_flarecast import HARPNUM, Segment, Series
from sunpy_flarecast.catalog import all_series


def test_the_attrs_are_at_a_flarecast_and_nothing_else_is() -> None:
    assert a.flarecast.Series is Series
    assert a.flarecast.Segment is Segment
    assert a.flarecast.HARPNUM is HARPNUM
    assert [name for name in dir(a.flarecast) if not name.startswith("_")] == ["HARPNUM", "Segment", "Series"]


@pytest.mark.parametrize("series", all_series(), ids=lambda series: series.name)
def test_every_series_is_registered(series: object) -> None:
    assert getattr(Series, series.name.replace(".", "_")) == Series(series.name)
    assert series.name in repr(getattr(Series, series.name.replace(".", "_")))


@pytest.mark.parametrize("name", sorted({segment.name for series in all_series() for segment in series.segments}))
def test_every_segment_is_registered(name: str) -> None:
    assert getattr(Segment, name.lower()).names == (name,)
    # Registered for one client of this package, once.
    assert attr.Attr._attr_registry[Segment].name_long.count(name) == 1


def test_provider_and_instrument_are_registered() -> None:
    assert a.Provider.flarecast.value == "FLARECAST"
    assert a.Instrument.hmi.value.casefold() == "hmi"


@pytest.mark.parametrize("value", [720, None, b"hmi.sharp_720s", ["hmi.sharp_720s"]])
def test_a_series_is_named_by_a_string(value: object) -> None:
    with pytest.raises(TypeError, match="a series is named by a string"):
        Series(value)


@pytest.mark.parametrize("names", [(5,), ("Br", None), (["Br", "Bt"],), (b"Br",)])
def test_segments_are_named_by_strings(names: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match="segments are named by strings"):
        Segment(*names)


def test_no_segment_is_an_error() -> None:
    with pytest.raises(ValueError, match="leave it out for all"):
        Segment()


def test_segments_are_combined() -> None:
    both = Segment("Br") & Segment("Bt")
    assert isinstance(both, attr.AttrAnd)
    assert [leaf.names for leaf in both.attrs] == [("Br",), ("Bt",)]
    assert [leaf.names for leaf in (both & Segment("Bp")).attrs] == [("Br",), ("Bt",), ("Bp",)]
    either = Segment("Br") | Segment("Bt")
    assert isinstance(either, attr.AttrOr)
    assert Segment("Br", "Bt").value == "Br, Bt"
    assert Segment("Br") == Segment("Br") != Segment("Bt")
    assert hash(Segment("Br", "Bt")) == hash(Segment("Br", "Bt"))


def test_series_cannot_be_anded() -> None:
    with pytest.raises(TypeError):
        _ = Series("hmi.sharp_720s") & Series("hmi.sharp_cea_720s")


@given(st.integers(), st.integers())
def test_harp_numbers(one: int, other: int) -> None:
    first, last = sorted((one, other))
    harps = HARPNUM(first, last)
    assert (harps.min, harps.max) == (first, last)
    assert first in harps
    assert last in harps
    assert first - 1 not in harps
    assert last + 1 not in harps
    assert HARPNUM(one) == HARPNUM(one, one)
    if first < last:
        with pytest.raises(ValueError, match=rf"HARPNUM\({first}, {last}\)\.$"):
            HARPNUM(last, first)


@pytest.mark.parametrize(
    "number", [6178.0, "6178", None, True, np.True_, np.float64(6178), np.array([6178]), np.array([1, 2]), [6178]]
)
def test_harp_numbers_are_integers(number: object) -> None:
    with pytest.raises(TypeError, match="HARP numbers are integers"):
        HARPNUM(number)
    if number is not None:
        with pytest.raises(TypeError, match="HARP numbers are integers"):
            HARPNUM(1, number)


def test_harp_numbers_of_numpy_and_how_they_are_shown() -> None:
    assert type(HARPNUM(np.int32(6178)).min) is int
    assert repr(HARPNUM(6178)) == "<sunpy_flarecast.attrs.HARPNUM(6178)>"
    assert repr(HARPNUM(6178, 6180)) == "<sunpy_flarecast.attrs.HARPNUM(6178, 6180)>"


def test_harp_numbers_are_combined_by_or_alone() -> None:
    with pytest.raises(TypeError):
        _ = HARPNUM(1) & HARPNUM(2)
    assert isinstance(HARPNUM(1) | HARPNUM(2), attr.AttrOr)
    assert not HARPNUM(1).collides(Segment("Br"))
