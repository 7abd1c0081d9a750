"""The routes beyond FLARECAST's documented ones: days, HARPs, search, and downloads of many files."""
# No postponed annotations: FastAPI reads those of the routes when they are defined.

import csv
import io
from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from sunpy_flarecast.archive.base import Archive
from sunpy_flarecast.archive.settings import Settings
from sunpy_flarecast.sharp.t_rec import t_rec_text

from . import openapi
from .download import download_reply
from .parameters import (
    QUOTED,
    FromDayParameter,
    NoaaParameter,
    SeriesParameter,
    ToDayParameter,
    held_series,
    only_parameters,
    read_instant_parameter,
    read_number,
)
from .responses import Rows, json_reply, not_modified, validators
from .search import LIMIT, MOST, Found, Search, find, query_of
from .search_parameters import PARAMETERS, read_search

__all__ = ["browsing_routes"]

_LimitParameter = Annotated[int, Query(ge=1, le=MOST, description="Maximum number of records on a page.")]
_AfterParameter = Annotated[
    str, Query(description="Start of the page, from the `next` link of the previous page; default: the first page.")
]
_SegmentsParameter = Annotated[list[str], Query(description="Name of a segment; may be repeated; default: all.")]

_SEARCH_EXTRA: Final[dict[str, Any]] = {"parameters": openapi.SEARCH_PARAMETERS}


def browsing_routes(
    archive: Archive, settings: Settings, url_of: Callable[[Request], str], checks: Sequence[Any]
) -> APIRouter:
    """Make the routes; ``url_of`` returns the URL of the service that a client used."""
    router = APIRouter(default_response_class=Response, dependencies=checks)

    def listed(request: Request, name: str, rows: Callable[[], list[Any]]) -> Response:
        headers = validators(request, archive, name, settings.envelope)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        found = rows()
        return json_reply({"data": found} if settings.envelope else found, headers)

    @router.head("/HMI/{series}/days", include_in_schema=False)
    @router.get(
        "/HMI/{series}/days",
        responses=openapi.DAYS_REPLY,
        tags=["HMI"],
        summary="Count the records and HARPs of each day",
        dependencies=[only_parameters("start", "end")],
    )
    def list_days(
        request: Request, series: SeriesParameter, start: FromDayParameter = "", end: ToDayParameter = ""
    ) -> Response:
        """Count the records and the HARPs of each day (UTC) that has records."""
        name, days = held_series(series, archive.series()), _days(start, end)

        def rows() -> list[Any]:
            found = archive.days(name, **days).items()
            return [{"day": day, "records": count.records, "harps": count.harps} for day, count in found]

        return listed(request, name, rows)

    @router.head("/HMI/{series}/harps", include_in_schema=False)
    @router.get(
        "/HMI/{series}/harps",
        responses=openapi.HARPS_REPLY,
        tags=["HMI"],
        summary="List the HARPs",
        dependencies=[only_parameters("start", "end", "noaa")],
    )
    def list_harps(
        request: Request,
        series: SeriesParameter,
        start: FromDayParameter = "",
        end: ToDayParameter = "",
        noaa: NoaaParameter = "",
    ) -> Response:
        """List the HARPs with records from `start` to `end`; times and counts are those of all their records."""
        name, days = held_series(series, archive.series()), _days(start, end)
        number = read_number("noaa", noaa)
        return listed(request, name, lambda: list(archive.harps(name, **days, noaa=number)))

    def page(request: Request, ending: str, limit: int, after: str) -> tuple[Search, Found, dict[str, str], str | None]:
        search = read_search(request.query_params, archive)
        headers = validators(request, archive, search.series)
        found = find(archive, search, after=after or None, limit=limit)
        following = None
        if found.after is not None:
            following = f"{url_of(request)}/search.{ending}?{query_of(search, limit=limit, after=found.after)}"
            headers["Link"] = f'<{following}>; rel="next"'
        headers.pop("ETag", None)  # the length of a page depends on the time it takes
        return search, found, headers, following

    options: dict[str, Any] = {
        "tags": ["search"],
        "openapi_extra": _SEARCH_EXTRA,
        "dependencies": [only_parameters(*PARAMETERS, "limit", "after")],
    }

    @router.head("/search.json", include_in_schema=False)
    @router.get("/search.json", responses=openapi.SEARCH_REPLY, summary="Search records", **options)
    def search_json(request: Request, limit: _LimitParameter = LIMIT, after: _AfterParameter = "") -> Response:
        """List the records that match all parameters, page by page."""
        search, found, headers, following = page(request, "json", limit, after)
        rows = Rows(search.series, url_of(request))
        name = None if search.condition is None else search.condition.keyword
        listed = [
            rows.row(record, msgspec.UNSET if name is None else {name: found.values[record.recnum]})
            for record in found.records
        ]
        return json_reply({"data": listed, "next": following}, headers)

    @router.head("/search.csv", include_in_schema=False)
    @router.get("/search.csv", responses=openapi.SEARCH_CSV_REPLY, summary="Search records and return CSV", **options)
    def search_csv(request: Request, limit: _LimitParameter = LIMIT, after: _AfterParameter = "") -> Response:
        """List the records that match all parameters, page by page; the `Link` header has the URL of the next page."""
        search, found, headers, _ = page(request, "csv", limit, after)
        keyword = () if search.condition is None else (search.condition.keyword,)
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(("series", "recnum", "harpnum", "t_rec", "date__obs", "quality", "segments", *keyword))
        for record in found.records:
            t_rec = "" if record.t_rec_index is None else t_rec_text(record.t_rec_index)
            start = (search.series, record.recnum, record.harpnum, t_rec, record.date__obs, record.quality)
            values = (found.values[record.recnum],) if keyword else ()
            writer.writerow((*start, " ".join(record.segments), *values))
        return Response(table.getvalue(), headers=headers, media_type="text/csv")

    @router.head("/download", include_in_schema=False)
    @router.get(
        "/download",
        responses=openapi.DOWNLOAD_REPLY,
        tags=["search"],
        summary="Download the files of a search as one tar file",
        openapi_extra=_SEARCH_EXTRA,
        dependencies=[only_parameters(*PARAMETERS, "segment", repeated=("segment",))],
    )
    def download(request: Request, segment: _SegmentsParameter = []) -> Response:  # noqa: B006 (never changed)
        """
        Download segments of all matching records.

        After a failed transfer, delete the incomplete last file, and repeat the download with `tar --skip-old-files`.
        """
        return download_reply(request, archive, read_search(request.query_params, archive), segment, settings)

    return router


def _days(start: str, end: str) -> dict[str, date]:
    """Parse the ends of a range of days; blank ones are left out."""
    given = {"start": start, "end": end}
    days = {name: read_instant_parameter(name, text).date() for name, text in given.items() if text.strip()}
    if days.get("start", date.min) > days.get("end", date.max):
        raise HTTPException(400, f"start ({start[:QUOTED]}) is after end ({end[:QUOTED]}).")
    return days
