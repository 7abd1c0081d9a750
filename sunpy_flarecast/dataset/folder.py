"""The folder of a data set before a build: unused, unfinished or finished."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

import msgspec
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast.errors import FileError, QueryError

from .checksums import CHECKSUMS, read_checksums
from .image_stage import FACTS
from .keyword_stage import PIECES
from .model import SETTINGS, Settings
from .records import SEARCH
from .report import BuildReport
from .settings_difference import difference

if TYPE_CHECKING:
    from sunpy_flarecast.utils.store import Store

__all__ = ["claim", "finished_report", "resumed"]

#: The files of a data set in the order in which they are removed: checksums first, which mark it as finished, and the
#: facts of shards before the images they describe.
_CONTENT: Final = (
    *(CHECKSUMS, FACTS, SEARCH, PIECES, "provenance.json", "README.md", "split.json", "labels.parquet"),
    *("flares.parquet", "records.parquet", "records", "images.zarr"),
)

_ADVICE: Final = "Choose another folder, or start over with overwrite=True (--overwrite)."


def claim(store: Store, settings: Settings, *, overwrite: bool) -> Settings | None:
    """Check that a folder is unused or holds this data set; return the settings of an earlier build, if any."""
    kept = store.read(SETTINGS)
    if kept is None and (others := [path for path in store.names() if not path.startswith(".build/")]):
        raise QueryError(f"{store} holds other files, such as {others[0]}. Choose another folder, or empty this one.")
    if kept is not None and not overwrite:
        try:
            before = msgspec.json.decode(kept, type=Settings)
        except msgspec.MsgspecError:
            raise QueryError(f"{store} holds a data set whose settings cannot be read. {_ADVICE}") from None
        if not store.exists(CHECKSUMS):
            # Settings of labels and sets that were never made (for example for lack of regions) may still change.
            for name, path in (("flares", "labels.parquet"), ("split", "split.json")):
                if not store.exists(path):
                    before = msgspec.structs.replace(before, **{name: getattr(settings, name)})
        if differs := difference(before, settings):
            if store.names() == [SETTINGS]:
                return None  # the earlier query found nothing and is now corrected
            raise QueryError(f"{store} holds a data set with other settings: {differs}. {_ADVICE}")
        return before
    if overwrite:
        for path in _CONTENT:
            store.remove(path)
    return None


def resumed(store: Store, before: Settings, settings: Settings) -> Settings:
    """Add the earlier services of a build to the settings, and warn if the service has changed."""
    if before.service != settings.service:
        warnings.warn(
            f"The build of {store} was started with the service {before.service} and is resumed with "
            f"{settings.service}. Finished work is kept.",
            SunpyUserWarning,
            stacklevel=3,
        )
    services = dict.fromkeys((*before.earlier, before.service))
    return msgspec.structs.replace(
        settings, earlier=tuple(service for service in services if service != settings.service)
    )


def finished_report(store: Store) -> BuildReport | None:
    """Return the report of a finished and complete data set; None if there is work left."""
    if not store.exists(CHECKSUMS) or store.exists(SEARCH):
        return None
    try:
        if not read_checksums(store).keys() <= set(store.names()):
            return None  # files were removed, for example because they were damaged
        about = msgspec.json.decode(store.read("provenance.json") or b"{}")
        now = {"out": str(store), "kept": about["report"]["images"], "seconds": 0.0}
        report = msgspec.convert({**about["report"], **now}, BuildReport)
    except (msgspec.MsgspecError, FileError, KeyError, TypeError, RecursionError):
        return None  # the report is made again, with the tables
    store.remove(PIECES)
    return report
