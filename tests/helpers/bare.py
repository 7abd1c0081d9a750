"""Bare twins of FITS files with full headers, as archives store them, and an archive that serves them with keywords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sunpy_flarecast.archive import NotHeldError, Record
from sunpy_flarecast.archive.base import Steps
from sunpy_flarecast.fits.structure import BLOCK, CARD, NOT_OF_THE_RECORD, read_headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

#: Keywords of a record that a map requires, in the spelling and format of services.
NEEDED = {
    "ctype1": "CRLN-CEA",
    "ctype2": "CRLT-CEA",
    "cunit1": "degree",
    "cunit2": "degree",
    "crpix1": 30.5,
    "crpix2": 20,
    "crval1": -27.4,
    "crval2": "5.3",
    "cdelt1": 0.03,
    "cdelt2": 0.03,
    "instrume": "HMI_SIDE1",
    "date__obs": "2015-12-11T23:34:08.8Z",
    "t_obs": "2015.12.11_23:35:48_TAI",
    "crln_obs": 25.1,
    "crlt_obs": 2.5,
    "dsun_obs": 152059830419.2442,
    "rsun_ref": 696000000,
    "harpnum": 6178.0,
    "t_rec": "2015.12.11_23:36:00_TAI",
}

#: Cards that `NOT_OF_THE_RECORD` names, but stored files lack.
EXPORTED = ("DRMS_ID", "COMMENT", "HISTORY", "CONTINUE", "", "BUNIT", "DATA", "MISSVALS", "TOTVALS", "_")


def bare_twin(file: bytes) -> bytes:
    """Remove all cards that do not describe the structure of the file; the header's checksum is then wrong."""
    image = read_headers(file)
    kept = b""
    for at in range(0, len(image.image), CARD):
        name = image.image[at : at + 8].rstrip().decode()
        stays = NOT_OF_THE_RECORD.fullmatch(name) and name != "END" and name != ""
        if stays and (name == "DATASUM" or not name.startswith(EXPORTED[:4] + EXPORTED[5:])):
            kept += image.image[at : at + CARD]
    kept += b"END"
    return file[: image.at] + kept.ljust(-(-len(kept) // BLOCK) * BLOCK) + file[image.end :]


class TwinArchive:
    """
    One record of a series, given by its keywords and files.

    Parameters
    ----------
    series : str
        Name of the series.
    record : Record
        The record.
    keywords : mapping
        Its keywords.
    files : mapping
        The content of its files by segment.
    """

    synthetic = False

    def __init__(self, series: str, record: Record, keywords: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        self._series = series
        self._record = record
        self._keywords = keywords
        self._files = files

    def series(self) -> list[str]:
        return [self._series]

    def version(self, series: str) -> str | None:
        return None

    def records(self, series: str, start: datetime, end: datetime) -> Iterator[Record]:
        yield self._record

    def steps(self, series: str, slot: int) -> Steps:
        return Steps(None, self._record.t_rec_index, None)

    def records_at(self, series: str, slot: int) -> list[Record]:
        return [self._record]

    def record(self, series: str, recnum: int) -> Record:
        if recnum != self._record.recnum:
            raise NotHeldError(f"no record {recnum}")
        return self._record

    def keyword_names(self, series: str) -> list[str]:
        return list(self._keywords)

    def keywords_of(
        self, series: str, recnums: Sequence[int], names: Sequence[str] | None = None
    ) -> dict[int, dict[str, Any]]:
        chosen = self._keywords if names is None else names
        return {
            self.record(series, number).recnum: {name: self._keywords[name] for name in chosen} for number in recnums
        }

    def segment(self, series: str, recnum: int, name: str) -> bytes:
        return self._files[name]
