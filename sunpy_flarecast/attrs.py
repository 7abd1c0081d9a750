"""What a user may write in a query, as ``a.flarecast``; nothing here asks the service."""

from __future__ import annotations

from numbers import Integral

from sunpy.net.attr import Range, SimpleAttr

__all__ = ["HARPNUM", "Segment", "Series"]


# Tab completion of ``a.flarecast`` shows the attrs and nothing else.
def __dir__() -> list[str]:
    return __all__


class Series(SimpleAttr):  # type: ignore[misc]
    """
    The SHARP series.

    Parameters
    ----------
    value : str
        A series, in any letter case, with or without ``hmi.``. A name that is not among the registered ones is sent to
        the service as it is written, after a warning.

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
    >>> a.flarecast.Series.hmi_sharp_720s.value
    'hmi.sharp_720s'
    """

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"Series({value!r}): a series is named by a string, for example Series('hmi.sharp_720s').")
        super().__init__(value)


class Segment(SimpleAttr):  # type: ignore[misc]
    """
    Segments of a record: which of its FITS files to fetch.

    ``Segment("Br") & Segment("Bt")`` and ``Segment("Br", "Bt")`` both ask for the two files of each record;
    ``Segment("Br") | Segment("Bt")`` gives two tables. Without a Segment all files of a record are asked for.

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
    >>> a.flarecast.Segment.magnetogram.names
    ('magnetogram',)
    >>> a.flarecast.Segment("B?", "*_err").names
    ('B?', '*_err')
    """

    def __init__(self, *names: str) -> None:
        if not names:
            raise ValueError("Segment() names no segment; write Segment('magnetogram'), or leave it out for all.")
        if wrong := [name for name in names if not isinstance(name, str)]:
            raise TypeError(
                f"Segment({wrong[0]!r}): segments are named by strings, for example Segment('magnetogram')."
            )
        self.names = names
        super().__init__(names[0] if len(names) == 1 else ", ".join(names))

    def collides(self, other: object) -> bool:
        """Two segments ANDed ask for both files, so nothing collides."""
        return False


class HARPNUM(Range):  # type: ignore[misc]
    """
    HARP numbers, one or a range; several are combined with ``|``.

    The numbers of the definitive and the near-real-time series are unrelated.

    Parameters
    ----------
    first : int
        HARP number.
    last : int, optional
        End of the range, included.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If the range ends before it begins.

    Examples
    --------
    >>> from sunpy.net import attrs as a
    >>> import sunpy_flarecast
    >>> a.flarecast.HARPNUM(6178)
    <sunpy_flarecast.attrs.HARPNUM(6178)>
    >>> 6180 in a.flarecast.HARPNUM(6178, 6190)
    True
    """

    def __init__(self, first: int, last: int | None = None) -> None:
        last = first if last is None else last
        for number in (first, last):
            # bool is an integer to Python but not to a reader.
            if isinstance(number, bool) or not isinstance(number, Integral):
                raise TypeError(f"HARPNUM({number!r}): HARP numbers are integers, for example HARPNUM(6178).")
        if last < first:
            raise ValueError(f"HARPNUM({first}, {last}) ends before it begins; write HARPNUM({last}, {first}).")
        super().__init__(int(first), int(last))

    def collides(self, other: object) -> bool:
        """A record has one HARP number, so two of them cannot both be asked for."""
        return isinstance(other, HARPNUM)

    def __repr__(self) -> str:
        numbers = f"{self.min}" if self.min == self.max else f"{self.min}, {self.max}"
        return f"<{type(self).__module__}.HARPNUM({numbers})>"
