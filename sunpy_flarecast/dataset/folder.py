"""The folder of a data set as `build` finds it: free, that of an unfinished build, or finished."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

import msgspec
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast.errors import FileError, QueryError

from .checksums import CHECKSUMS, read_checksums
from .image_stage import FACTS
from .keyword_stage import PIECES
from .model import Settings
from .records import SEARCH
from .report import BuildReport
from .settings import difference

if TYPE_CHECKING:
    from sunpy_flarecast.utils.store import Store

__all__ = ["SETTINGS", "claim", "finished_report", "resumed"]

#: Where the settings of a data set are.
SETTINGS: Final = ".build/settings.json"

#: What a data set consists of, in the order in which it is removed: the checksums, without which it is unfinished, and
#: the facts of shards before the images that they say are there.
_CONTENT: Final = (
    *(CHECKSUMS, FACTS, SEARCH, PIECES, "provenance.json", "README.md", "split.json", "labels.parquet"),
    *("flares.parquet", "records.parquet", "records", "images.zarr"),
)

_ANEW: Final = "Choose another folder, or start over: overwrite=True, or --overwrite."


def claim(store: Store, settings: Settings, *, overwrite: bool) -> Settings | None:
    """Check that a folder is free, or that of this data set, and return the settings that it has."""
    kept = store.read(SETTINGS)
    if kept is None and (others := [path for path in store.names() if not path.startswith(".build/")]):
        raise QueryError(f"{store} holds other files, such as {others[0]}. Choose another folder, or empty this one.")
    if kept is not None and not overwrite:
        try:
            before = msgspec.json.decode(kept, type=Settings)
        except msgspec.MsgspecError:
            raise QueryError(f"{store} holds a data set whose settings cannot be read. {_ANEW}") from None
        if not store.exists(CHECKSUMS):
            # Labels and sets that were never made, such as those of too few regions, can still be chosen.
            for name, path in (("flares", "labels.parquet"), ("split", "split.json")):
                if not store.exists(path):
                    before = msgspec.structs.replace(before, **{name: getattr(settings, name)})
        if differs := difference(before, settings):
            if store.names() == [SETTINGS]:
                return None  # nothing was found for the query before, which is corrected now
            raise QueryError(f"{store} holds a data set with other settings: {differs}. {_ANEW}")
        return before
    if overwrite:
        for path in _CONTENT:
            store.remove(path)
    return None


def resumed(store: Store, before: Settings, settings: Settings) -> Settings:
    """Return the settings with the services that a build had before, and warn if this is another one."""
    if before.service != settings.service:
        warnings.warn(
            f"{store} was begun with the service {before.service}, and is resumed with {settings.service}; what is "
            "finished is kept.",
            SunpyUserWarning,
            stacklevel=3,
        )
    services = dict.fromkeys((*before.earlier, before.service))
    return msgspec.structs.replace(settings, earlier=tuple(one for one in services if one != settings.service))


def finished_report(store: Store) -> BuildReport | None:
    """Return the report of a data set that is finished and complete; None if there is something left to do."""
    if not store.exists(CHECKSUMS) or store.exists(SEARCH):
        return None
    try:
        if not (read_checksums(store) or {}).keys() <= set(store.names()):
            return None  # files were removed, such as damaged ones
        about = msgspec.json.decode(store.read("provenance.json") or b"{}")
        report = msgspec.convert({**about["report"], "out": str(store)}, BuildReport)
    except (msgspec.MsgspecError, FileError, KeyError, TypeError, RecursionError):
        return None  # it is made again, with the rest of the tables
    store.remove(PIECES)
    return report
