"""The attrs other than `Keyword`, public as `sunpy_flarecast.attrs` and ``a.flarecast``."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from sunpy.net.attr import Range, SimpleAttr

from .attr_type import AttrType
from .conditions import noaa

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HARPNUM", "NOAA", "Quality", "Segment", "Series", "Tolerance"]


def _is_integer(number: object) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _integers(name: str, given: Any, what: str, example: int) -> tuple[int, ...]:
    """Return one integer, or several without duplicates, as a tuple."""
    listed = list(given) if np.iterable(given) and not isinstance(given, (str, bytes)) else [given]
    if not listed:
        raise ValueError(f"{name}([]) has no number; write {name}({example}), or leave it out for all.")
    for number in listed:
        if not _is_integer(number):
            raise TypeError(f"{name}({number!r}): {what} numbers are integers, for example {name}({example}).")
    return tuple(dict.fromkeys(map(int, listed)))


class Series(SimpleAttr, metaclass=AttrType):  # type: ignore[misc]
    """
    The SHARP or SMARP series.

    Parameters
    ----------
    value : str
        Name of the series, in any letter case, with or without ``hmi.`` or ``mdi.``. An unknown name is sent to the
        service as it is written, after a warning.

    Raises
    ------
    TypeError
        If the name is not a string.

    Examples
    --------
    >>> from sunpy.net import attrs as a
    >>> import sunpy_flarecast
    >>> a.flarecast.Series("sharp_cea_720s").value
    'sharp_cea_720s'
    >>> a.flarecast.Series.hmi_sharp_720s
    <sunpy_flarecast.attrs.Series('hmi.sharp_720s')>
    """

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"Series({value!r}): the name of a series must be a string, such as 'hmi.sharp_720s'.")
        super().__init__(value)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.Series({self.value!r})>"


class Segment(SimpleAttr, metaclass=AttrType):  # type: ignore[misc]
    """
    The segments of a record, each of which is a FITS file.

    ``Segment("Br") & Segment("Bt")`` and ``Segment("Br", "Bt")`` both select the two files of each record;
    ``Segment("Br") | Segment("Bt")`` gives two tables in a `sunpy.net.Fido` search. Without a Segment, all files of a
    record are selected.

    Parameters
    ----------
    *names : str
        Names of segments, in any letter case, or patterns with ``*``, ``?`` and ``[...]``.

    Raises
    ------
    TypeError
        If a name is not a string.
    ValueError
        If no name is given.

    Examples
    --------
    >>> from sunpy.net import attrs as a
    >>> import sunpy_flarecast
    >>> a.flarecast.Segment.magnetogram
    <sunpy_flarecast.attrs.Segment('magnetogram')>
    >>> a.flarecast.Segment("B?", "*_err").names
    ('B?', '*_err')
    """

    def __init__(self, *names: str) -> None:
        if not names:
            raise ValueError("Segment() names no segment; write Segment('magnetogram'), or leave it out for all.")
        if wrong := [name for name in names if not isinstance(name, str)]:
            raise TypeError(
                f"Segment({wrong[0]!r}): names of segments must be strings, for example Segment('magnetogram')."
            )
        self.names = names
        super().__init__(names[0] if len(names) == 1 else ", ".join(names))

    def collides(self, other: object) -> bool:
        """Return False: two segments joined with ``&`` select both files."""
        return False

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.Segment({', '.join(map(repr, self.names))})>"


class HARPNUM(Range, metaclass=AttrType):  # type: ignore[misc]
    """
    HARP numbers: one, a list, or a range.

    The numbers of the definitive and the near-real-time series are unrelated. For SMARPs this attr selects TARP
    numbers, which are unrelated to both.

    Parameters
    ----------
    first : int or iterable of int
        A HARP number; or several, whose records come in one table.
    last : int, optional
        End of a range that begins with ``first``, inclusive.

    Raises
    ------
    TypeError
        If a number is not an integer, or ``last`` is given with a list.
    ValueError
        If a number is below 1, a list is empty, or the range ends before it begins.

    Examples
    --------
    >>> from sunpy.net import attrs as a
    >>> import sunpy_flarecast
    >>> a.flarecast.HARPNUM(6178)
    <sunpy_flarecast.attrs.HARPNUM(6178)>
    >>> 6180 in a.flarecast.HARPNUM(6178, 6190)
    True
    >>> 6180 in a.flarecast.HARPNUM([3944, 6178, 6190])
    False
    """

    def __init__(self, first: int | Iterable[int], last: int | None = None) -> None:
        given = _integers("HARPNUM", first if last is None else [first, last], "HARP", 6178)
        if min(given) < 1:
            raise ValueError(f"HARPNUM({min(given)}): HARP numbers begin at 1, for example HARPNUM(6178).")
        if last is not None and given[-1] < given[0]:
            raise ValueError(f"HARPNUM({first}, {last}) ends before it begins; write HARPNUM({last}, {first}).")
        super().__init__(min(given), max(given))
        #: The numbers of a list; empty for one number and for a range.
        self.numbers = given if last is None and len(given) > 1 else ()

    def __contains__(self, other: Any) -> bool:
        if not self.numbers:
            return bool(super().__contains__(other))
        if isinstance(other, HARPNUM):
            return all(number in self.numbers for number in other.numbers or range(other.min, other.max + 1))
        return other in self.numbers

    def collides(self, other: object) -> bool:
        """Return whether the other attr is a HARPNUM, too: a record has only one HARP number."""
        return isinstance(other, HARPNUM)

    def __repr__(self) -> str:
        numbers = f"{self.min}" if self.min == self.max else f"{self.min}, {self.max}"
        numbers = f"{list(self.numbers)}" if self.numbers else numbers
        return f"<{type(self).__module__}.HARPNUM({numbers})>"


class NOAA(SimpleAttr, metaclass=AttrType):  # type: ignore[misc]
    """
    NOAA active regions in a HARP, by the keywords ``NOAA_AR`` (the best match) and ``NOAA_ARS`` (all).

    If several NOAA attrs are joined with ``&``, a HARP must contain all of their regions.

    Parameters
    ----------
    number : int or iterable of int
        A number with all five digits; or several, of which the HARP must contain at least one.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If a list is empty.
    QueryError
        If a number has fewer than five digits. Only regions before June 2002 have such numbers; for their SMARPs,
        compare ``a.flarecast.Keyword("noaa_ar")``.

    Examples
    --------
    >>> from sunpy.net import attrs as a
    >>> import sunpy_flarecast
    >>> a.flarecast.NOAA(12443).value
    12443
    >>> a.flarecast.NOAA([12192, 12209])
    <sunpy_flarecast.attrs.NOAA([12192, 12209])>
    """

    def __init__(self, number: int | Iterable[int]) -> None:
        self.numbers = _integers("NOAA", number, "NOAA", 12443)
        noaa(*self.numbers)
        super().__init__(self.numbers if len(self.numbers) > 1 else self.numbers[0])

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.NOAA({list(self.numbers) if len(self.numbers) > 1 else self.value})>"

    def collides(self, other: object) -> bool:
        """Return False: a HARP may contain several active regions."""
        return False


class Tolerance(SimpleAttr, metaclass=AttrType):  # type: ignore[misc]
    """
    The largest distance of T_REC from the requested time, with ``a.Sample`` or ``a.Time(..., near=...)``.

    The record nearest to a time of the grid, or to ``near``, is left out if it is farther away than this. Without a
    tolerance the nearest record is taken: up to half a step from a time of the grid, and at any distance from ``near``.

    Parameters
    ----------
    value : `astropy.units.Quantity` or `astropy.time.TimeDelta`
        A length of time, inclusive. The time steps of SHARPs are 12 minutes apart, so a tolerance of 6 minutes selects
        only records at the time step nearest to the requested time.

    Raises
    ------
    TypeError
        If the value is not a length of time.
    ValueError
        If the value is negative or not finite.

    Examples
    --------
    >>> import astropy.units as u
    >>> from sunpy.net import attrs as a
    >>> import sunpy_flarecast
    >>> grid = a.Sample(6 * u.hour) & a.flarecast.Tolerance(12 * u.min)
    """

    def __init__(self, value: u.Quantity) -> None:
        example = "for example Tolerance(12 * u.min)"
        try:
            seconds = float(value.to_value(u.s))
        except (AttributeError, TypeError, ValueError) as error:
            raise TypeError(f"Tolerance({value!r}): a tolerance is a length of time, {example}.") from error
        if not 0 <= seconds < np.inf:
            raise ValueError(f"Tolerance({value!r}): a tolerance must be finite and not negative, {example}.")
        super().__init__(seconds)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.Tolerance({self.value:g} s)>"


class Quality(SimpleAttr, metaclass=AttrType):  # type: ignore[misc]
    """
    The quality that records must have; records of unknown quality are left out.

    Parameters
    ----------
    value : str
        ``"good"`` for quality 0.
    mask : int, optional
        Bits that must not be set; other bits may be. It replaces ``value``.

    Raises
    ------
    TypeError, ValueError
        If the value is not ``"good"``, or the mask is not a positive integer of at most 32 bits.

    Examples
    --------
    >>> from sunpy.net import attrs as a
    >>> import sunpy_flarecast
    >>> a.flarecast.Quality.good
    <sunpy_flarecast.attrs.Quality('good')>
    >>> a.flarecast.Quality(mask=0xFFFFFBFF)
    <sunpy_flarecast.attrs.Quality(mask=0xfffffbff)>
    """

    def __init__(self, value: str = "good", *, mask: int | None = None) -> None:
        if mask is not None and not _is_integer(mask):
            raise TypeError(f"Quality(mask={mask!r}): a mask is an integer, for example Quality(mask=0x400).")
        if mask is not None and not 0 < mask < 1 << 32:
            raise ValueError(
                f"Quality(mask={mask}): a mask is a positive integer of at most 32 bits, for example "
                "Quality(mask=0x400)."
            )
        if value != "good":
            raise ValueError(f"Quality({value!r}): write Quality.good, or Quality(mask=0x400) to exclude bits.")
        self.mask = None if mask is None else int(mask)
        super().__init__(value)

    def collides(self, other: object) -> bool:
        """Return False: several masks can be combined."""
        return False

    def __repr__(self) -> str:
        what = repr(self.value) if self.mask is None else f"mask={self.mask:#x}"
        return f"<{type(self).__module__}.Quality({what})>"
