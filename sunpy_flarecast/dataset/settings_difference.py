"""`difference`: the settings in which two builds of a data set differ, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from .model import Settings

__all__ = ["difference"]

#: Names of settings in messages, where they differ from the names of the fields.
_NAMES: Final = {
    "query": "the query",
    "flares.digest": "the list of flares",
    "flares.time": "flare_time",
    "flares.thresholds": "threshold",
    "flares.numbers": "noaa_numbers",
    "split.sets": "split",
    "split.by": "split_by",
    "records": "the table of records",
    "images.encoding": "encoding",
}

#: Of longer values, only the parts that differ are shown.
_LONG: Final = 60

#: Length to which those parts are shortened.
_MAX_SHOWN: Final = 200

#: The separator of the parts of a query.
_SEPARATOR: Final = re.compile(r", | (?=(?:from|to) \d{4}-)")


def difference(old: Settings, new: Settings) -> str:
    """
    Describe the settings in which two data sets differ; empty if there are none.

    The URL of the service is ignored: records are identified by number, and files are checked against them.
    """
    before, after = _flat(msgspec.to_builtins(old)), _flat(msgspec.to_builtins(new))
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    names = [name for name in names if name not in ("service", "earlier")]
    for part, main in (("split.", "split.sets"), ("flares.", "flares.digest")):
        if main not in before or main not in after:  # in one of them only
            names = [name for name in names if name == main or not name.startswith(part)]
    texts = []
    if bool(old.records) != bool(new.records):
        sources = ("a table of records", "a query") if old.records else ("a query", "a table of records")
        texts = [f"it was built from {sources[0]}, not from {sources[1]}"]
        names = [name for name in names if name not in ("query", "records")]
    return "; ".join([*texts, *(_change(name, before.get(name), after.get(name)) for name in names)])


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    parts = {name: part for name, part in value.items() if not isinstance(part, dict) and part is not None}
    for name in ("flares", "split", "images"):
        parts |= {f"{name}.{inner}": part for inner, part in (value[name] or {}).items()}
    return parts


def _change(name: str, old: Any, new: Any) -> str:
    shown = _NAMES.get(name, name.rpartition(".")[2])
    if name in ("flares.digest", "flares.numbers", "records"):
        return f"{shown} was {'changed' if old and new else 'added' if new else 'removed'}"
    whole = f"{shown} was {_text(old)} and is now {_text(new)}"
    if name != "query" and max(len(_text(old)), len(_text(new))) <= _LONG:
        return whole
    gone, added = _only(_parts(old), _parts(new)), _only(_parts(new), _parts(old))
    if gone and added:
        return f"{shown} changed from {gone!r} to {added!r}"
    if gone or added:
        return f"{gone!r} was removed from {shown}" if gone else f"{added!r} was added to {shown}"
    return whole  # the order has changed


def _text(value: Any) -> str:
    if value in (None, "", [], ()):
        return "not set" if value is None else "empty"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _parts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{name} {part}" for name, part in value.items()]
    texts = [value] if isinstance(value, str) else value or ()
    return [part for text in texts for part in _SEPARATOR.split(str(text))]


def _only(some: list[str], others: list[str]) -> str:
    """Return the parts that are not in others as one text."""
    text = ", ".join(dict.fromkeys(part for part in some if part not in others))
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
