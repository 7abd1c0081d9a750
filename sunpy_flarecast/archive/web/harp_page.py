"""The pages of a HARP or TARP, `/harp/3944`, and of a NOAA region, `/noaa/12192`, with links to its HARPs."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import msgspec
from fastapi import APIRouter, HTTPException, Request, Response

from sunpy_flarecast.archive.api.parameters import QUOTED, check_parameters, held_series, read_fields
from sunpy_flarecast.archive.base import NotHeldError
from sunpy_flarecast.sharp.catalog import SMARP, SPACE_WEATHER, find_keyword, region_word
from sunpy_flarecast.sharp.values import ZERO_IS_NONE

from .curves import curve_of, gaps_in
from .disk import outlines_of
from .site import in_order
from .steps import KEYWORDS, harp_of, t_rec_date
from .text import number, value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sunpy_flarecast.archive.base import Archive, Record

    from .curves import Curve
    from .disk import Outline
    from .site import Site
    from .steps import Harp

__all__ = ["harp_routes"]

#: All times.
_RANGE: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))

#: Keywords drawn by default, and the maximum number of keywords that a page draws.
_DRAWN: Final = ("usflux", "r_value", "totpot", "shrgt45")
_MOST_DRAWN: Final = 20

#: Maximum number of records in a curve; fewer for synthetic records, whose keywords are computed on request.
_POINTS: Final = 600
_SYNTHETIC_POINTS: Final = 24

#: Up to this number of records, keywords are shown as a table instead of curves.
_FEW: Final = 3

#: Records on a page of the list.
_PAGE: Final = 120


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """A keyword over time: its curve, the number of zeros marked separately, and its values if there are only a few."""

    name: str
    known: Any
    curve: Curve | None
    zeros: int
    values: tuple[str, ...] = ()


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """The passage of a HARP across the disk: one record a day, its outlines, and keywords over time."""

    series: str
    noaa: tuple[int, ...]
    harps: tuple[Harp, ...]
    outlines: list[Outline]
    b0: float | None
    records: tuple[Record, ...]
    gaps: int
    sampled: int
    curves: tuple[Drawn, ...]


def harp_routes(site: Site, checks: Sequence[Any]) -> APIRouter:
    """Make the routes of HARPs and NOAA regions."""
    router = APIRouter(include_in_schema=False, dependencies=checks)
    archive = site.archive
    passage_of = site.cached(lambda series, harpnum, drawn: _passage(archive, series, harpnum, drawn))

    def harp(request: Request, harpnum: str) -> Response:
        check_parameters(request, "series", "keyword", "page", repeated=("keyword",))
        region = _number(harpnum, "HARP")
        names = [name for name in in_order(archive.series()) if _first(archive, name, region) is not None]
        given = request.query_params.get("series")
        if given is not None:
            series = held_series(given, archive.series())
        elif names:
            series = names[0]
        else:
            also = any(archive.harps(name, noaa=region) for name in archive.series())
            raise site.not_held(request, "HARP", region, "NOAA" if also else None)
        known = [name for name in archive.keyword_names(series) if _is_number(name)]
        fields = ",".join(request.query_params.getlist("keyword"))
        drawn = read_fields(fields, known) or [name for name in _DRAWN if name in known]
        passage = passage_of(series, region, tuple(drawn[:_MOST_DRAWN]))
        pages = -(-len(passage.records) // _PAGE)
        page = min(_number(request.query_params.get("page", "1"), "page"), pages)
        values = {
            "harpnum": region,
            "names": names,
            "series": series,
            "passage": passage,
            "marked": any(harp.synthetic for harp in passage.harps),
            "first": passage.records[0],
            "last": passage.records[-1],
            "count": len(passage.records),
            "few": _FEW,
            "chosen": drawn,
            "choices": [
                (name, keyword.meaning)
                for name in dict.fromkeys((*SPACE_WEATHER, *SMARP))
                if name in known and (keyword := find_keyword(name))
            ],
            "records": passage.records[(page - 1) * _PAGE : page * _PAGE],
            "page": page,
            "pages": pages,
        }
        return site.page(request, "harp", values)

    def noaa(request: Request, region: str) -> Response:
        wanted = _number(region, "NOAA")
        harps = [(name, harp) for name in in_order(archive.series()) for harp in archive.harps(name, noaa=wanted)]
        if not harps:
            also = any(_first(archive, name, wanted) is not None for name in archive.series())
            raise site.not_held(request, "NOAA", wanted, "HARP" if also else None)
        return site.page(request, "noaa", {"number": wanted, "harps": harps})

    site.add(router, "/harp/{harpnum}", harp)
    site.add(router, "/noaa/{region}", noaa)
    return router


def _number(text: str, kind: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and int(text)):
        raise HTTPException(404, f"{text[:QUOTED]!r} is not a {kind} number.")
    return int(text)


def _is_number(name: str) -> bool:
    known = find_keyword(name)
    return known is not None and known.kind != "text"


def _first(archive: Archive, series: str, harpnum: int) -> Record | None:
    return next(iter(archive.records(series, *_RANGE, harpnums={harpnum})), None)


def _passage(archive: Archive, series: str, harpnum: int, drawn: tuple[str, ...]) -> Passage:
    listed = archive.records(series, *_RANGE, harpnums={harpnum})
    records = [record for record in listed if record.t_rec_index is not None]
    if not records:
        raise NotHeldError(f"{series} has no records of {region_word(series)} {harpnum} in this archive.")
    slots = [record.t_rec_index or 0 for record in records]
    breaks = gaps_in(slots)
    most = _SYNTHETIC_POINTS if archive.synthetic else _POINTS
    shown = records[:: -(-len(records) // most)]
    keywords = archive.keywords_of(series, [record.recnum for record in shown], drawn)
    shown_slots = [record.t_rec_index or 0 for record in shown]
    curves = []
    for name in drawn:
        known, given = find_keyword(name), [keywords[record.recnum].get(name) for record in shown]
        values = [number(one) for one in given]
        none = name in ZERO_IS_NONE
        curve = curve_of(shown_slots, values, _next(breaks, shown_slots), zero_is_none=none)
        texts = tuple(value(one, known) for one in given) if len(shown) <= _FEW else ()
        curves.append(Drawn(name=name, known=known, curve=curve, zeros=values.count(0) if none else 0, values=texts))
    harps = _daily(archive, series, shown if archive.synthetic else records)
    b0 = next((harp.b0 for harp in harps if math.isfinite(harp.b0)), None)
    labels = [f"{t_rec_date(harp.record.t_rec_index or 0):%d %b}" for harp in harps]
    return Passage(
        series=series,
        noaa=tuple(dict.fromkeys(noaa for harp in harps for noaa in harp.noaa)),
        harps=tuple(harps),
        outlines=outlines_of([(harp.box, label, harp) for harp, label in zip(harps, labels, strict=True)], b0),
        b0=b0,
        records=tuple(records),
        gaps=len(breaks),
        sampled=len(shown) if len(shown) < len(records) else 0,
        curves=tuple(curves),
    )


def _next(breaks: list[int], slots: list[int]) -> list[int]:
    """Return, for each gap, the first of the slots after it."""
    return [after for after in (next((slot for slot in slots if slot >= end), None) for end in breaks) if after]


def _daily(archive: Archive, series: str, records: list[Record]) -> list[Harp]:
    """Describe the middle record of each date of T_REC."""
    by_day = [list(held) for _, held in groupby(records, lambda record: t_rec_date(record.t_rec_index or 0))]
    chosen = [held[len(held) // 2] for held in by_day]
    keywords = archive.keywords_of(series, [record.recnum for record in chosen], KEYWORDS)
    return [harp_of(series, record, keywords[record.recnum]) for record in chosen]
