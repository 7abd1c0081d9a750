"""The page of a segment's picture, `/picture/hmi.sharp_cea_720s/4851347/Br`, with scale and coordinates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException, Request, Response

from sunpy_flarecast.archive.api.parameters import QUOTED
from sunpy_flarecast.archive.base import NotHeldError
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.values import is_missing, is_synthetic

from .record_page import record_of, segments_of
from .steps import harp_of
from .text import number, scientific

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .site import Site

__all__ = ["picture_routes"]


def picture_routes(site: Site, checks: Sequence[Any]) -> APIRouter:
    """Make the route of pictures."""
    router = APIRouter(include_in_schema=False, dependencies=checks)

    def page(request: Request, series: str, recnum: str, segment: str) -> Response:
        if not site.quicklooks:
            raise HTTPException(404, "This service has no pictures, since matplotlib is not installed.")
        name, record = record_of(site.archive, series, recnum)
        if segment not in record.segments:
            raise NotHeldError(f"Record {record.recnum} of {name} has no segment {segment[:QUOTED]!r}.")
        keywords = site.archive.keywords_of(name, [record.recnum])[record.recnum]
        known = find_series(name)
        values = {
            "series": name,
            "record": record,
            "harp": harp_of(name, record, keywords),
            "marked": is_synthetic(keywords),
            "segment": segment,
            "segments": segments_of(record),
            "known": known.segment(segment) if known else None,
            "facts": _facts(keywords),
        }
        return site.page(request, "picture", values)

    site.add(router, "/picture/{series}/{recnum}/{segment}", page)
    return router


def _facts(keywords: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List scale and coordinates as far as they are known."""
    found = []
    scales = [number(keywords.get(name)) for name in ("cdelt1", "cdelt2")]
    units = [_text(keywords.get(name)) for name in ("cunit1", "cunit2")]
    if all(map(math.isfinite, scales)):
        shown = [scientific(scale, 4) for scale in dict.fromkeys(scales)]
        found.append(("Pixel scale", f"{' × '.join(shown)} {units[0]}".strip()))
    pixel = [number(keywords.get(name)) for name in ("crpix1", "crpix2")]
    place = [number(keywords.get(name)) for name in ("crval1", "crval2")]
    if all(map(math.isfinite, (*pixel, *place))):
        axes = [_text(keywords.get(name)) for name in ("ctype1", "ctype2")]
        found.append(("Reference pixel", ", ".join(scientific(one, 6) for one in pixel)))
        for title, one, axis, unit in zip(("Its longitude", "Its latitude"), place, axes, units, strict=True):
            found.append((title + (f" ({axis})" if axis else ""), f"{scientific(one, 6)} {unit}".strip()))
    return found


def _text(given: Any) -> str:
    return "" if is_missing(given) else str(given).strip()
