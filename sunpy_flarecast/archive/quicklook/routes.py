"""The route of the quicklooks."""
# No postponed annotations: FastAPI reads those of the routes when they are defined.

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from sunpy_flarecast._version import __version__
from sunpy_flarecast.archive.api.errors import unreadable_file
from sunpy_flarecast.archive.api.parameters import (
    QUOTED,
    RecnumParameter,
    SegmentParameter,
    SeriesParameter,
    held_series,
    only_parameters,
)
from sunpy_flarecast.archive.api.responses import not_modified
from sunpy_flarecast.archive.base import Archive, Caching, NotHeldError
from sunpy_flarecast.archive.settings import Settings
from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.sharp.catalog import find_series, region_word
from sunpy_flarecast.sharp.t_rec import t_rec_text
from sunpy_flarecast.sharp.values import is_synthetic

from .draw import Job
from .painters import Painters
from .store import Store

__all__ = ["WIDTHS", "Quicklooks"]

#: Widths of pictures: two show the image alone, two have title and colour bar.
WIDTHS: Final = (160, 320, 640, 1280)

#: Increased when the look of the pictures changes.
_STYLE: Final = 2

_WidthParameter = Annotated[int, Query(description=f"Width in pixels: {', '.join(map(str, WIDTHS))}.")]


class Quicklooks:
    """The pictures of an archive's segments, and the route that serves them."""

    def __init__(self, archive: Archive, settings: Settings) -> None:
        self._archive = archive
        self._painters = Painters(archive, settings.quicklook_jobs)
        folder = archive.cache / "quicklooks" if isinstance(archive, Caching) else None
        self._store = Store(folder, settings.quicklook_space)

    def warm(self) -> None:
        """Start the processes that draw, as a dependency of pages that show pictures."""
        self._painters.warm()

    def close(self) -> None:
        """End the processes, and remove temporary files."""
        self._painters.close()
        self._store.close()

    def routes(self, checks: Sequence[Any]) -> APIRouter:
        """Make the route."""
        router = APIRouter(include_in_schema=False, dependencies=checks)

        @router.head("/quicklook/{series}/{recnum}/{segment}.png")
        @router.get("/quicklook/{series}/{recnum}/{segment}.png", dependencies=[only_parameters("width")])
        async def quicklook(
            request: Request,
            series: SeriesParameter,
            recnum: RecnumParameter,
            segment: SegmentParameter,
            width: _WidthParameter = WIDTHS[0],
        ) -> Response:
            if width not in WIDTHS:
                *others, widest = map(str, WIDTHS)
                raise HTTPException(400, f"Pictures are {', '.join(others)} or {widest} pixels wide, not {width}.")
            name, key = await to_thread.run_sync(self._key, series, recnum, segment, width)
            headers = {"ETag": f'"{key[:32]}"', "Cache-Control": "no-cache"}
            if (unchanged := not_modified(request, headers)) is not None:
                return unchanged
            content = await to_thread.run_sync(self._store.get, key)
            if content is None:
                job = await to_thread.run_sync(self._job, name, recnum, segment, width)
                try:
                    content = await self._painters.draw(key, job)
                except OSError as error:  # not cached, since it may be temporary
                    raise unreadable_file(name, recnum, segment, error) from error
                await to_thread.run_sync(self._store.put, key, content)
            return Response(content, headers=headers, media_type="image/png")

        return router

    def _key(self, series: str, recnum: int, segment: str, width: int) -> tuple[str, str]:
        """Return the series and the key of a picture, which changes with its file and the style."""
        name = held_series(series, self._archive.series())
        file = self._archive.segment_files(name, recnum).get(segment)
        if file is None:
            raise NotHeldError(f"Record {recnum} of {name} has no segment {segment[:QUOTED]!r}.")
        state = (__version__, _STYLE, name, recnum, segment, width, file.state)
        return name, hashlib.sha256(repr(state).encode()).hexdigest()

    def _job(self, series: str, recnum: int, segment: str, width: int) -> Job:
        record = self._archive.record(series, recnum)
        keywords = self._archive.keywords_of(series, [recnum], ["crota2", "origin", "content"])[recnum]
        turned = keywords.get("crota2")
        time = "" if record.t_rec_index is None else t_rec_text(record.t_rec_index)
        return Job(
            series=series,
            recnum=recnum,
            segment=segment,
            width=width,
            title=f"{segment}, {region_word(series)} {record.harpnum}, {time}, {series}",
            # HMI's camera is mounted upside down. Most CCD files lack the keyword.
            upside_down=abs(turned) > 90 if isinstance(turned, (int, float)) else _on_ccd(series),
            source=None if self._archive.synthetic else self._source(series, recnum, segment),
            mark="SYNTHETIC" if self._archive.synthetic or is_synthetic(keywords) else "",
        )

    def _source(self, series: str, recnum: int, segment: str) -> str | bytes:
        try:
            content = self._archive.segment(series, recnum, segment)
        except (OSError, TransferError) as error:
            raise unreadable_file(series, recnum, segment, error) from error
        return content if isinstance(content, bytes) else str(content.path)


def _on_ccd(series: str) -> bool:
    known = find_series(series)
    return known is not None and known.instrument == "HMI" and known.projection == "CCD"
