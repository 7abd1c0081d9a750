"""The FITS keywords that a data set keeps of images, and the map headers made from them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from sunpy_flarecast.errors import FileError
from sunpy_flarecast.fits.on_disk import origin_of
from sunpy_flarecast.fits.structure import card
from sunpy_flarecast.maps.header_fixes import Identity, mend
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.t_rec import slot_of, t_rec_text, text_slot
from sunpy_flarecast.sharp.times import utc_time
from sunpy_flarecast.sharp.values import is_missing

from .model import WCS_NUMBERS

if TYPE_CHECKING:
    from astropy.time import Time

    from sunpy_flarecast.fits.structure import Headers

    from .model import ImageRecord

__all__ = ["ImageKeywords", "check_record", "header_of", "keywords_of"]

#: FITS names of keywords that are the same in all images of a HARP.
_COMMON: Final = (
    *("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "WCSNAME", "INSTRUME", "TELESCOP", "WAVELNTH", "WAVEUNIT", "ORIGIN"),
)

#: The value of a card: text in quotes, or a number.
_VALUE: Final = re.compile(r"= *(?:'((?:[^']|'')*)'|([^\s/']+))")

#: Keywords that are integers.
_WHOLE: Final = frozenset({"CAR_ROT", "NAXIS1", "NAXIS2"})


class ImageKeywords(NamedTuple):
    """The keywords that a data set keeps of a header: those of the record, and those common to a HARP."""

    date_obs: str
    t_obs: str
    wcs: tuple[float | None, ...]
    common: dict[str, str | float]


def keywords_of(headers: Headers) -> ImageKeywords:
    """Read the keywords of an image; all are missing in a file without keywords."""
    header = headers.keywords
    wcs = [_value(header, name.upper()) for name in WCS_NUMBERS]
    texts = {name: _value(header, name) for name in (*_COMMON, "DATE-OBS", "T_OBS")}
    date_obs, t_obs = texts.pop("DATE-OBS"), texts.pop("T_OBS")
    return ImageKeywords(
        str(date_obs or ""),
        str(t_obs or ""),
        tuple(value if isinstance(value, float) else None for value in wcs),
        {name: value for name, value in texts.items() if value is not None},
    )


def _value(header: bytes, name: str) -> str | float | None:
    match = _VALUE.match(card(header, f"{name:8}=".encode())[8:].decode("latin-1"))
    if match is None:
        return None
    value: str | float = (match[1] or "").replace("''", "'").rstrip()
    if match[2] is not None:
        try:
            value = float(match[2].replace("D", "E"))
        except ValueError:  # float() accepts an unquoted nan; other words are invalid
            return None
    return None if is_missing(value, name) else value


def check_record(headers: Headers, harp: int, record: ImageRecord) -> None:
    """Raise a `FileError`, which continues a sentence that begins with a file name, if the record is another one."""
    found = dict(origin_of(headers).keywords)
    number, t_rec = found.get("HARPNUM") or found.get("TARPNUM"), found.get("T_REC")
    if number is not None and number != str(harp):
        raise FileError(f"belongs to HARP {number}, not {harp}")
    if t_rec is not None and text_slot(t_rec) not in (None, record.slot):
        raise FileError(f"has T_REC {t_rec}, not {t_rec_text(record.slot)}")


def header_of(dataset: Any, index: int, segment: str) -> dict[str, Any]:
    """
    Return the header, by FITS names, with which `sunpy.map.Map` makes the same map as from the FITS file.

    ``dataset`` is the group of a HARP as opened by `xarray.open_zarr`, not cropped along ``y`` or ``x``; ``index`` is
    the position along ``time``. ``NAXIS1`` and ``NAXIS2`` are the size of the patch without padding. For binned images,
    ``CRPIX`` and ``CDELT`` refer to the binned pixels. Missing values are left out.
    """
    row = dataset.isel(time=index)
    header = {name: value for name, value in dataset.attrs.items() if name.isupper()}
    for name, value in zip(dataset["keyword"].values, row["wcs"].values.tolist(), strict=True):
        key = str(name).upper()
        if np.isfinite(value):
            header[key] = int(value) if key in _WHOLE else value
    side = int(dataset.attrs["bin"])
    for axis in "12" if side > 1 else "":
        for key in (f"CRPIX{axis}", f"IMCRPIX{axis}"):
            if key in header:
                header[key] = (header[key] - 0.5) / side + 0.5
        if f"CDELT{axis}" in header:
            header[f"CDELT{axis}"] *= side
    series = str(dataset.attrs["series"])
    known = find_series(series)
    region = known.region_keyword.upper() if known else "HARPNUM"
    header[region] = int(dataset.attrs["harp"])
    header["T_REC"] = t_rec_text(int(slot_of(_time(row["time"]))))
    if not np.isnat(row["date_obs"].values):
        header["DATE-OBS"] = _time(row["date_obs"]).isot
    if not np.isnat(row["t_obs"].values):
        header["T_OBS"] = _time(row["t_obs"]).tai.strftime("%Y.%m.%d_%H:%M:%S.%f_TAI")
    header |= {"RECNUM": int(row["recnum"]), "QUALITY": int(row["quality"])}
    return mend(header, Identity(series, segment))


def _time(date: Any) -> Time:
    time = utc_time(date.values.astype("datetime64[us]").reshape(1))[0]
    time.precision = 6
    return time
