"""The pages of days, `/day/2014-10-23`: the disk at a time step, and its HARPs as a table."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.responses import RedirectResponse

from sunpy_flarecast.archive.api.addresses import root_of
from sunpy_flarecast.archive.api.parameters import QUOTED, check_parameters, held_series
from sunpy_flarecast.archive.base import NotHeldError

from .site import in_order
from .steps import SLOTS_A_DAY, day_of, page_of, slot_at, step_of, time_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sunpy_flarecast.archive.base import Archive

    from .site import Site
    from .steps import Step

__all__ = ["day_routes"]

_TIME: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)(?::\d\d)?", re.ASCII)
_NOON: Final = 12 * 60


def day_routes(site: Site, checks: Sequence[Any]) -> APIRouter:
    """Make the routes of days."""
    router = APIRouter(include_in_schema=False, dependencies=checks)
    archive = site.archive
    days_of = site.cached(lambda series: sorted(archive.days(series)))
    harps_of = site.cached(lambda series, day: [held.harpnum for held in archive.harps(series, day, day)], 64)
    nearest = site.cached(lambda *key: _nearest(archive, *key), 64)

    def redirect(request: Request) -> Response:
        """Redirect from a form, which sends the day as a query, to the page of the day."""
        check_parameters(request, "date", "series")
        day = _date(request.query_params.get("date", ""))
        series = request.query_params.get("series")
        return RedirectResponse(f"day/{day}" + (f"?series={quote(series)}" if series else ""), 303)

    def page(request: Request, day: str) -> Response:
        check_parameters(request, "series", "time")
        names = in_order(archive.series())
        if not names:
            raise NotHeldError("This archive holds no records yet.")
        wanted = _date(day)
        given = request.query_params.get("series")
        if given is not None:
            series = held_series(given, names)
        else:
            series = next((name for name in names if archive.days(name, wanted, wanted)), names[0])
        days = days_of(series)
        minutes = _minutes(request.query_params.get("time"))
        if not minutes and archive.records_at(series, slot_at(wanted)):
            # Midnight is observed on the day before.
            return RedirectResponse(root_of(request) + page_of(series, slot_at(wanted)), 303)
        step: Step | None = None
        steps: tuple[int | None, int | None] = (None, None)
        count = archive.days(series, wanted, wanted).get(wanted)
        if count is not None:
            step, steps = nearest(series, wanted, minutes)
        values = {
            "day": wanted,
            "names": names,
            "series": series,
            "step": step,
            "records": 0 if count is None else count.records,
            "harps": [] if count is None else harps_of(series, wanted),
            "marked": step is not None and any(harp.synthetic for harp in step.harps),
            "midnight": step is not None and step.slot == slot_at(wanted) + SLOTS_A_DAY,
            "time": "" if step is None or step.slot is None else time_of(step.slot),
            "first": days[0] if days else None,
            "last": days[-1] if days else None,
            "links": _links(series, wanted, days, steps),
        }
        return site.page(request, "day", values)

    site.add(router, "/day", redirect)
    site.add(router, "/day/{day}", page)
    return router


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HTTPException(404, f"{text[:QUOTED]!r} is not a date. Write, for example, /day/2014-10-23") from None


def _minutes(text: str | None) -> int:
    """Parse a time of day; return minutes since midnight (default: noon)."""
    if not text:
        return _NOON
    if (match := _TIME.fullmatch(text)) is None:
        raise HTTPException(400, f"{text[:QUOTED]!r} is not a time. Write hours and minutes: time=12:00")
    return min(int(match[1]) * 60 + int(match[2]), 24 * 60)


def _nearest(archive: Archive, series: str, day: date, minutes: int) -> tuple[Step, tuple[int | None, int | None]]:
    """Find the time step of a day nearest to a time, and those before and after it."""
    first, last = slot_at(day) + 1, slot_at(day) + SLOTS_A_DAY
    steps = archive.steps(series, max(first, slot_at(day, minutes)))
    # The nearest time step may belong to the day before or after.
    if steps.nearest < first and steps.after is not None:
        steps = archive.steps(series, steps.after)
    elif steps.nearest > last and steps.before is not None:
        steps = archive.steps(series, steps.before)
    step = step_of(archive, series, steps.nearest, archive.records_at(series, steps.nearest))
    return step, (steps.before, steps.after)


def _links(
    series: str, day: date, days: list[date], steps: tuple[int | None, int | None]
) -> list[tuple[str, str, str]]:
    """List keys, paths and texts of the links to other time steps and days with records."""
    query = f"?series={quote(series)}"
    before, after = bisect_left(days, day), bisect_right(days, day)
    links = []
    if before:
        links.append(("Shift+ArrowLeft", f"day/{days[before - 1]}{query}", f"← Day {days[before - 1]}"))
    for key, slot, sign in (("ArrowLeft", steps[0], "← Time {}"), ("ArrowRight", steps[1], "Time {} →")):
        if slot is not None:
            text = time_of(slot) if day_of(slot) == day else f"{day_of(slot)} {time_of(slot)}"
            links.append((key, page_of(series, slot), sign.format(text)))
    if after < len(days):
        links.append(("Shift+ArrowRight", f"day/{days[after]}{query}", f"Day {days[after]} →"))
    return links
