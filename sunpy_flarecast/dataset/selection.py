"""Select parts of a data set by name: rows of a set, labels, segments and keywords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.flares import threshold_name
from sunpy_flarecast.utils.masked import mask_of, unmasked

from .image_reader import Place
from .keyword_sets import ALWAYS
from .parquet import read_labels, read_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sunpy_flarecast.utils.store import Store

    from .model import FlareSettings, Settings

__all__ = ["Selection"]


class Selection:
    """The records of a data set, selected by the names in its settings."""

    def __init__(self, store: Store, settings: Settings, version: str) -> None:
        self._store = store
        self.settings = settings
        self.place = Place(str(store), version)

    def columns(self, *names: str) -> list[Any]:
        """Read columns of the records."""
        table = read_records(self._store, names)
        return [table[name] for name in names]

    def flares(self) -> FlareSettings:
        """Return the settings of the labels."""
        if self.settings.flares is None:
            raise QueryError(
                f"{self._store} has no labels: it was built without a list of flares. Build it again with "
                "flares=... and overwrite=True."
            )
        return self.settings.flares

    def rows(self, name: str | None) -> npt.NDArray[np.int64]:
        """Return the rows of a set."""
        if name is None:
            return np.arange(len(self.columns("index")[0]))
        if name not in self.sets:
            if not self.sets:
                raise QueryError(
                    f"{self._store} has no sets: it was built without a split. Build it again with split=... and "
                    "overwrite=True."
                )
            raise QueryError(f"{self._store} has no set {name!r}; it has {', '.join(map(repr, self.sets))}.")
        return np.flatnonzero(self.set_of() == name)

    @property
    def sets(self) -> tuple[str, ...]:
        """The names of the sets."""
        return tuple(self.settings.split.sets) if self.settings.split else ()

    def set_of(self) -> npt.NDArray[np.str_]:
        """Return the set of each record, empty if it is in no set."""
        if not self.sets:
            return np.full(len(self.columns("index")[0]), "")
        (column,) = self.columns("split")
        return np.where(mask_of(column), "", unmasked(column).astype(str))

    def sizes(self) -> npt.NDArray[np.int64]:
        """Return the rows and columns of each record's images, without padding."""
        return np.stack([unmasked(column) for column in self.columns("height", "width")], axis=1).astype(np.int64)

    def label(self, window: Any, threshold: str | None) -> tuple[float, str]:
        """Choose the window in hours and the threshold."""
        flares = self.flares()
        hours = None if window is None else _as_hours(window)
        goes = None if threshold is None else threshold_name(threshold)
        return (
            _choose(hours, flares.windows, ("window of {} h", "windows (in hours) {}"), "window={:g} * u.hour"),
            _choose(goes, flares.thresholds, ("threshold {}", "thresholds {}"), "threshold={!r}"),
        )

    def channels(self, segments: Sequence[str] | None) -> tuple[int, ...]:
        """Return the indices of segments in the images; empty if there are no images."""
        if segments is None and not self.settings.segments:
            return ()
        known = [name.casefold() for name in self.settings.segments]
        wanted = known if segments is None else [segments] if isinstance(segments, str) else segments
        names = [str(name).casefold() for name in wanted]
        if not names or not set(names) <= set(known):
            if not known:
                raise QueryError(
                    f"The data set has no images, so segments={segments!r} cannot be read. Leave segments out."
                )
            here = ", ".join(self.settings.segments)
            raise QueryError(
                f"Segments {segments!r}: the data set has {here}. Choose from these, or leave segments out."
            )
        return tuple(map(known.index, names))

    def largest_classes(self, hours: float, threshold: str) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.bool_]]:
        """Return the largest flare class in each record's window, empty if none, and whether its label is unknown."""
        table = read_labels(self._store, ["window", "threshold", "positive", "largest_class"])
        table = table[(table["window"].to_value("h") == hours) & (table["threshold"] == threshold)]
        largest = np.where(mask_of(table["largest_class"]), "", unmasked(table["largest_class"]))
        return largest, mask_of(table["positive"])

    def numbers(self, keywords: Sequence[str] | None) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
        """Return the names and values (NaN where missing) of numeric keywords."""
        known = self.settings.keywords
        usual = [name for name in known if name not in ALWAYS]
        given = [keywords] if isinstance(keywords, str) else keywords
        wanted = usual if given is None else [str(name).casefold() for name in given]
        # Keywords that the service lacks have no column.
        columns = read_records(self._store, ["index"], optional=[name for name in wanted if name in known])
        if given is not None and (unknown := [name for name in wanted if name not in columns.colnames]):
            table = read_records(self._store, ["index"], optional=known)
            existing = [name for name in known if name in table.colnames]
            raise QueryError(f"The data set has no keyword {unknown[0]!r}; it has {', '.join(existing) or 'none'}.")
        here = [name for name in wanted if name in columns.colnames]
        texts = [name for name in here if _bare(columns[name]).dtype.kind not in "biuf"]
        if texts and given is not None:
            raise QueryError(f"The keyword {texts[0]!r} is text; samples have only numbers. Use ds.records instead.")
        names = tuple(name for name in here if name not in texts)
        values = np.empty((len(columns), len(names)))
        for place, name in enumerate(names):
            values[:, place] = np.where(mask_of(columns[name]), np.nan, _bare(columns[name]))
        return names, values


def _choose(value: Any, known: Sequence[Any], nouns: tuple[str, str], example: str) -> Any:
    """Return a valid value; None selects the only one."""
    if value is None and len(known) == 1:
        return known[0]
    if value not in known:
        listed = ", ".join(f"{choice:g}" if isinstance(choice, float) else choice for choice in known)
        raise QueryError(
            f"The data set has labels for the {nouns[len(known) > 1].format(listed)}. Write, for example, "
            f'{example.format(known[0])} in ds.samples("train", ...).'
        )
    return value


def _as_hours(window: Any) -> float:
    try:
        return float(u.Quantity(window).to_value(u.hour))
    except (u.UnitsError, TypeError, ValueError) as error:
        raise QueryError(f"window={window!r} is not a time with a unit. Write 24 * u.hour.") from error


def _bare(column: Any) -> npt.NDArray[Any]:
    """Return the values of a column without its unit and mask."""
    return np.asarray(unmasked(getattr(column, "value", column)))
