"""Archives and files for the tests of the service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.io import fits

from sunpy_flarecast.archive import NotHeldError, Record
from sunpy_flarecast.archive.base import DayCount, Holding, Passage, SegmentFile, Steps, Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date, datetime

SERIES = "hmi.sharp_720s"

KEYWORDS = {"harpnum": 6178, "t_rec": "2015.12.11_23:36:00_TAI", "area": 3507.3125, "cmask": 6423, "r_value": None}


class MemoryArchive:
    """Records and contents given by the test; listing fails after ``fail_after`` records."""

    synthetic = False
    state: str | None = None

    def __init__(
        self,
        records: list[Record],
        contents: Mapping[str, Path | Stored | bytes] | None = None,
        series: str = SERIES,
        fail_after: int | None = None,
    ) -> None:
        self._records = records
        self._contents = contents or {}
        self._series = series
        self._fail_after = fail_after

    def series(self) -> list[str]:
        return [self._series]

    def version(self, series: str) -> str | None:
        return self.state

    def records(self, series: str, start: datetime, end: datetime, **_: object) -> Iterator[Record]:
        for number, record in enumerate(self._records):
            if number == self._fail_after:
                raise RuntimeError("the disk is gone")
            yield record

    def keywords(self, series: str, recnum: int) -> Mapping[str, Any]:
        return self.keywords_of(series, [recnum])[recnum]

    def keywords_of(
        self, series: str, recnums: Sequence[int], names: Sequence[str] | None = None
    ) -> Mapping[int, Mapping[str, Any]]:
        missing = set(recnums) - {record.recnum for record in self._records}
        if missing:
            raise NotHeldError(f"no record {', '.join(map(str, sorted(missing)))}")
        return {recnum: {name: KEYWORDS[name] for name in names or KEYWORDS} for recnum in recnums}

    def keyword_names(self, series: str) -> Sequence[str]:
        return list(KEYWORDS)

    def record(self, series: str, recnum: int) -> Record:
        try:
            return next(record for record in self._records if record.recnum == recnum)
        except StopIteration:
            raise NotHeldError(f"no record {recnum}") from None

    def holdings(self) -> Sequence[Holding]:
        dates = [record.date__obs for record in self._records]
        first, last = (dates[0], dates[-1]) if dates else (None, None)
        segments = tuple(dict.fromkeys(name for record in self._records for name in record.segments))
        return [Holding(series=self._series, records=len(dates), first=first, last=last, segments=segments)]

    def days(self, series: str, start: date | None = None, end: date | None = None) -> Mapping[date, DayCount]:
        return {}

    def harps(
        self, series: str, start: date | None = None, end: date | None = None, noaa: int | None = None
    ) -> Sequence[Passage]:
        return []

    def records_at(self, series: str, slot: int) -> Sequence[Record]:
        return [record for record in self._records if record.t_rec_index == slot]

    def steps(self, series: str, slot: int) -> Steps:
        return Steps(None, slot, None)

    def neighbours(self, series: str, recnum: int) -> tuple[Record | None, Record | None]:
        return None, None

    def segment_files(self, series: str, recnum: int) -> Mapping[str, SegmentFile]:
        return {name: SegmentFile(None, "") for name in self._contents}

    def segment(self, series: str, recnum: int, name: str) -> Stored | bytes:
        try:
            content = self._contents[name]
        except KeyError:
            raise NotHeldError(f"no segment {name}") from None
        if not isinstance(content, Path):
            return content
        stat = content.stat()
        return Stored(path=content, size=stat.st_size, mtime_ns=stat.st_mtime_ns)


@pytest.fixture(scope="session")
def memory() -> Callable[..., MemoryArchive]:
    """Return the class of archives in memory."""
    return MemoryArchive


@pytest.fixture(scope="session")
def many() -> list[Record]:
    """Return more records than are encoded at a time."""
    segments = ("magnetogram", "bitmap", "conf_disambig")
    return [Record(recnum=number, segments=segments, harpnum=6178, quality=0) for number in range(1, 1001)]


@pytest.fixture
def write() -> Callable[..., Path]:
    """Return a function that writes small FITS files with keywords in their headers."""

    def write(path: Path, compressed: bool = False, **keywords: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        header = fits.Header([(name.replace("DATE_OBS", "DATE-OBS"), value) for name, value in keywords.items()])
        data = np.arange(100, dtype=np.int32).reshape(10, 10)
        hdu = fits.CompImageHDU(data, header) if compressed else fits.PrimaryHDU(data, header)
        hdu.writeto(path)
        return path

    return write
