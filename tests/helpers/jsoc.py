"""A small JSOC as an ASGI application: the routes that drms uses, and files."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import numpy as np
from astropy.io import fits
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.sharp.t_rec import slot_time, t_rec_text, text_slot
from sunpy_flarecast.sharp.times import utc_time

if TYPE_CHECKING:
    from starlette.requests import Request

#: A registered address.
EMAIL = "me@observatory.example"

#: The types of keywords in the description of a series; TESTWORD is not in the catalog.
TYPES = {
    "HARPNUM": "int",
    "T_REC": "time",
    "DATE__OBS": "time",
    "QUALITY": "int",
    "WAVELNTH": "float",
    "USFLUX": "float",
    "NOAA_ARS": "string",
    "CMASK": "float",
    "TESTWORD": "longlong",
}


@dataclass
class JSOCRecord:
    """A record whose number may change and whose files may be offline."""

    series: str
    harpnum: int
    slot: int
    recnum: int
    segments: tuple[str, ...]
    online: bool = True
    keywords: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    width: int = 20

    def __post_init__(self) -> None:
        date = utc_time(np.array([slot_time(self.slot).utc.datetime64], dtype="datetime64[us]")).isot[0]
        self.keywords = {
            "HARPNUM": str(self.harpnum),
            "T_REC": t_rec_text(self.slot),
            "DATE__OBS": f"{date[:-1]}Z",
            "QUALITY": "0x00000400",
            "WAVELNTH": "6173.000000",
            "USFLUX": "1.5e+22" if self.slot % 2 else "nan",
            "NOAA_ARS": "MISSING",
            "CMASK": str(1000 + self.harpnum),
            "TESTWORD": "7",
        } | self.keywords

    def path(self, segment: str) -> str:
        return f"/SUM{self.recnum % 90}/D{self.recnum}/S00000/{segment}.fits"

    def content(self, segment: str) -> bytes:
        """Return a file without keywords, whose pixels are unique to the file and version."""
        file = io.BytesIO()
        pixels = np.full((self.width, self.width), self.recnum, dtype=np.int32)
        pixels[0, 0] = self.segments.index(segment)
        hdu = fits.PrimaryHDU(pixels)
        hdu.add_checksum(when="long ago")
        hdu.writeto(file)
        return file.getvalue()


def jsoc_record(series: str, harpnum: int, slot: int, recnum: int, *segments: str, **more: Any) -> JSOCRecord:
    return JSOCRecord(series, harpnum, slot, recnum, segments, **more)


@dataclass
class _Export:
    names: dict[str, tuple[JSOCRecord, str]]
    looks: int


class JSOC(Starlette):
    """
    The server.

    ``records`` are its records. ``looks`` is the number of status requests until an export is finished; ``exported``
    lists the requested record sets.
    """

    def __init__(self, records: list[JSOCRecord]) -> None:
        super().__init__(
            routes=[
                Route("/cgi-bin/ajax/jsoc_info", self._info),
                Route("/cgi-bin/ajax/jsoc_fetch", self._fetch),
                Route("/cgi-bin/ajax/checkAddress.sh", self._address),
                Route("/{path:path}", self._file),
            ]
        )
        self.records = records
        self.looks = 1
        self.exported: list[str] = []
        self._exports: dict[str, _Export] = {}

    async def _info(self, request: Request) -> Response:
        query = request.query_params
        chosen, _ = self._chosen(query["ds"])
        series = re.match(r"[\w.]+", query["ds"])[0].lower()  # type: ignore[index]
        if not any(record.series == series for record in self.records):
            return JSONResponse({"error": f"Series {series} does not exist", "status": 1})
        if query["op"] == "series_struct":
            known = find_series(series)
            assert known is not None
            return JSONResponse(
                {
                    "note": "SHARP",
                    "primekeys": ["HARPNUM", "T_REC"],
                    "keywords": [{"name": name, "type": kind} for name, kind in TYPES.items()],
                    "links": [],
                    "segments": [{"name": segment.name, "protocol": "fits"} for segment in known.segments],
                    "status": 0,
                }
            )
        assert query["op"] == "rs_list"
        keys = [name for key in query.get("key", "").split(",") for name in (TYPES if key == "**ALL**" else [key])]
        found: dict[str, Any] = {"count": len(chosen), "runtime": 0.01, "status": 0}
        if chosen:
            found["keywords"] = [
                {"name": name, "values": [self._value(record, name) for record in chosen]} for name in keys if name
            ]
            if "seg" in query:
                found["segments"] = [
                    {"name": name, "values": [self._segment(record, name) for record in chosen], "dims": ["20x20"]}
                    for name in query["seg"].split(",")
                ]
        return JSONResponse(found)

    def _value(self, record: JSOCRecord, name: str) -> str:
        special = {"*recnum*": str(record.recnum), "*online*": "Y" if record.online else "N"}
        return special.get(name) or record.keywords.get(name, "Invalid KeyLink")

    def _segment(self, record: JSOCRecord, name: str) -> str:
        if name not in record.segments:
            return "InvalidSegName"
        return "NoDataFile" if name in record.without else record.path(name) if record.online else "NoDataDirectory"

    def _chosen(self, record_set: str) -> tuple[list[JSOCRecord], list[str]]:
        """Parse ``series[harps][first-last]{segments}`` and ``series[:#1,#2]{segments}``."""
        match = re.fullmatch(r"([\w.]+)((?:\[[^\]]*\])*)(?:\{([\w,]*)\})?", record_set)
        assert match is not None, record_set
        series, filters, segments = match[1].lower(), re.findall(r"\[([^\]]*)\]", match[2]), (match[3] or "").split(",")
        of_series = sorted(
            (record for record in self.records if record.series == series),
            key=lambda record: (record.harpnum, record.slot),
        )
        if not filters:
            return [], segments
        if filters[0].startswith(":"):
            numbers = {int(number) for number in re.fullmatch(r":(#\d+(?:,#\d+)*)", filters[0])[1][1:].split(",#")}  # type: ignore[index]
            return [record for record in of_series if record.recnum in numbers], segments
        first, last = (text_slot(text) for text in re.fullmatch(r"(.*_TAI)-(.*_TAI)", filters[1]).groups())  # type: ignore[union-attr]
        assert first is not None
        assert last is not None
        low, _, high = filters[0].partition("-")
        return [
            record
            for record in of_series
            if first <= record.slot <= last and (not low or int(low) <= record.harpnum <= int(high or low))
        ], segments

    async def _fetch(self, request: Request) -> Response:
        query = request.query_params
        if query["op"] == "exp_status":
            export = self._exports.get(query["requestid"])
            if export is None:
                return JSONResponse({"status": 5, "error": "The request is too old", "requestid": query["requestid"]})
            export.looks -= 1
            return JSONResponse(self._state(query["requestid"], export))
        if query["notify"] != EMAIL:
            return JSONResponse({"status": 4, "error": f"{query['notify']} is not registered", "requestid": ""})
        assert (query["method"], query["protocol"]) == ("url_quick", "as-is")
        self.exported.append(query["ds"])
        chosen, segments = self._chosen(query["ds"])
        files = [
            (record, name)
            for record in chosen
            for name in segments
            if name in record.segments and name not in record.without
        ]
        if all(record.online for record, _ in files):
            data = [{"record": self._record(record, name), "filename": record.path(name)} for record, name in files]
            return JSONResponse(
                {"status": 0, "requestid": "", "method": "url_quick", "protocol": "as-is", "dir": "", "data": data}
            )
        number = f"JSOC_20151211_{len(self._exports)}"
        names = {
            file_name(record.series, name, harpnum=record.harpnum, slot=record.slot): (record, name)
            for record, name in files
        }
        self._exports[number] = _Export(names, self.looks)
        return JSONResponse(self._state(number, self._exports[number]))

    def _record(self, record: JSOCRecord, name: str) -> str:
        return f"{record.series}[{record.harpnum}][{t_rec_text(record.slot)}]{{{name}}}"

    def _state(self, number: str, export: _Export) -> dict[str, Any]:
        state = {"requestid": number, "method": "url", "protocol": "as-is", "wait": 1}
        if export.looks > 0:
            return state | {"status": 2}
        data = [{"record": self._record(*of), "filename": name} for name, of in export.names.items()]
        return state | {"status": 0, "dir": f"/SUM0/{number}/S00000", "data": data, "count": len(data)}

    async def _address(self, request: Request) -> Response:
        address = unquote_plus(request.query_params["address"])
        return JSONResponse({"status": 2, "msg": "valid"} if address == EMAIL else {"status": 4, "msg": "unknown"})

    async def _file(self, request: Request) -> Response:
        folder, _, file = request.path_params["path"].rpartition("/")
        found = None
        if match := re.fullmatch(r"SUM\d+/D(\d+)/S00000", folder):
            name, number = file.removesuffix(".fits"), int(match[1])
            record = next((record for record in self.records if record.recnum == number and record.online), None)
            found = (record, name) if record is not None and record.path(name) == f"/{folder}/{file}" else None
        elif (export := self._exports.get(folder.removeprefix("SUM0/").removesuffix("/S00000"))) is not None:
            found = export.names.get(file)
        if found is None or found[1] not in found[0].segments:
            return Response("<html><title>404 Not Found</title></html>", status_code=404, media_type="text/html")
        record, name = found
        return Response(
            record.content(name), media_type="application/octet-stream", headers={"ETag": f'"{record.recnum}-{name}"'}
        )
