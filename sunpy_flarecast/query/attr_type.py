"""The metaclass of the attrs, whose registered values are found by name: ``a.flarecast.Series.hmi_sharp_720s``."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from sunpy.net.attr import SimpleAttr

__all__ = ["AttrType"]


class AttrType(type(SimpleAttr)):  # type: ignore[misc]
    """sunpy's metaclass of attrs, with an error that suggests the value most similar to an unknown one."""

    def __getattr__(cls, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            attr = f"a.flarecast.{cls.__name__}"
            values = set(dir(cls)) - set(type.__dir__(cls))
            similar = get_close_matches(name.lower(), values, n=1)
            if not similar and len(name) == 2:  # one of the two letters may be right
                similar = get_close_matches(name.lower(), values, n=3, cutoff=0.5)
            meant = " or ".join(f"{attr}.{value}" for value in similar)
            listing = f"print({attr}) lists its values." if values else f"See help({attr})."
            advice = f"Did you mean {meant}?" if similar else listing
            # Without an object, since Python would add a suggestion of its own.
            raise AttributeError(f"{attr} has no value {name!r}. {advice}", name=name) from None
