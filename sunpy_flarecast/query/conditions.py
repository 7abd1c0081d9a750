"""Conditions on the keywords of records, as a query has them: what they need, and which records fulfil them."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sunpy_flarecast.sharp.catalog import find_keyword

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy.typing as npt

__all__ = ["LISTED", "Condition", "looked_up"]

#: Keywords that every list of records has, by the columns of `~sunpy_flarecast.rest.records.Records`.
LISTED: Final = {"harpnum": "harpnum", "quality": "quality", "recnum": "recnum", "wavelnth": "wavelength"}

_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

#: What stands between the numbers of a list, and what may follow one that was a float somewhere.
_BETWEEN: Final = re.compile(r"[,;\s\[\]]+")
_INTEGRAL: Final = re.compile(r"\.0*$")

#: Times as text: some services and headers write zeros behind the seconds, or Z for UTC.
_FRACTION: Final = re.compile(
    r"^(\d{4}[.-]\d\d[.-]\d\d[_T ]\d\d:\d\d:\d\d)(?:(?:\.0*)?|(\.\d*[1-9])0*)(?:(_[A-Z]+)|Z)?$"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """
    One condition on the keywords of a record.

    A record that lacks the value does not fulfil the condition, whatever it is.

    Parameters
    ----------
    keywords : tuple of str
        Names of the keywords that are looked at, as the service spells them.
    operator : str
        A comparison of the one keyword (``<``, ``<=``, ``>``, ``>=``, ``==``, ``!=``); ``"without"`` if it must not
        have a bit of the value; ``"lists"`` if one of the keywords must be the value or, as text, list it.
    value : int, float or str
        In the keyword's own unit.

    Raises
    ------
    ValueError
        If it is no condition.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_flarecast.query.conditions import Condition
    >>> usflux = np.ma.MaskedArray([1e21, 3e22, 5e22], mask=[False, False, True])
    >>> Condition(("usflux",), ">", 1e22).fulfilled({"usflux": usflux}).tolist()
    [False, True, False]
    """

    keywords: tuple[str, ...]
    operator: str
    value: int | float | str

    def __post_init__(self) -> None:
        kinds = [known.kind for name in self.keywords if (known := find_keyword(name)) and known.name == name]
        whole = isinstance(self.value, int) and not isinstance(self.value, bool)
        if self.operator == "lists":
            fits = bool(kinds) and whole
        elif self.operator == "without":
            fits = kinds == ["int"] and whole
        elif kinds == ["text"]:
            fits = self.operator in ("==", "!=") and isinstance(self.value, str)
        else:
            fits = len(kinds) == 1 and self.operator in _COMPARISONS and (whole or isinstance(self.value, float))
        if not fits or len(kinds) != len(self.keywords):
            raise ValueError(f"not a condition on keywords: {self.keywords!r} {self.operator} {self.value!r}")

    @property
    def listed(self) -> bool:
        """Whether lists of records have what it needs, so that no keywords have to be asked for."""
        return LISTED.keys() >= set(self.keywords)

    def fulfilled(self, columns: Mapping[str, np.ma.MaskedArray[Any, Any]]) -> npt.NDArray[np.bool_]:
        """
        Tell which records fulfil the condition.

        Parameters
        ----------
        columns : mapping
            The keywords' values by their names, masked where missing; text as objects.

        Returns
        -------
        ndarray of bool
        """
        chosen = [columns[name] for name in self.keywords]
        if self.operator == "lists":
            return np.asarray(np.any([_lists(column, int(self.value)) for column in chosen], axis=0))
        [column] = chosen
        if isinstance(self.value, str):
            fits = np.array([_plain(str(text)) for text in column.data], dtype=object) == _plain(self.value)
            fits = fits if self.operator == "==" else ~fits
        elif self.operator == "without":
            fits = (column.data & self.value) == 0
        else:
            fits = _COMPARISONS[self.operator](column.data, self.value)
        return np.asarray(fits & ~np.ma.getmaskarray(column), dtype=bool)

    def __str__(self) -> str:
        """The condition in a few words, for messages."""
        return f"{' or '.join(name.upper() for name in self.keywords)} {self.operator} {self.value}"


def _plain(text: str) -> str:
    """Write text without blanks around it, and times without what tells nothing."""
    return _FRACTION.sub(r"\1\2\3", text.strip())


def _lists(column: np.ma.MaskedArray[Any, Any], number: int) -> npt.NDArray[np.bool_]:
    known = ~np.ma.getmaskarray(column)
    if column.dtype != object:
        return np.asarray(known & (column.data == number))
    # HARPs keep their text for days.
    texts = {
        text: any(_INTEGRAL.sub("", part).lstrip("0") == str(number) for part in _BETWEEN.split(str(text)))
        for text in {*column.data}
    }
    listed = np.fromiter((texts[text] for text in column.data), dtype=bool, count=len(column))
    return np.asarray(known & listed)


def looked_up(conditions: Iterable[Condition]) -> tuple[str, ...]:
    """
    Name the keywords that have to be asked for, each once.

    Parameters
    ----------
    conditions : iterable of Condition
        What records have to fulfil.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from sunpy_flarecast.query.conditions import looked_up
    >>> from sunpy_flarecast.query.demands import compared, good, noaa
    >>> looked_up([good(), noaa(12443), compared("USFLUX", ">", 1e22), compared("usflux", "<", 1e23)])
    ('noaa_ar', 'noaa_ars', 'usflux')
    """
    return tuple(dict.fromkeys(name for one in conditions if not one.listed for name in one.keywords))
