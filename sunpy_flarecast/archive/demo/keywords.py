"""All keywords of a record, as DRMS has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sunpy_flarecast.sharp.t_rec import CADENCE

from .ephemeris import AU, RSUN
from .magnetic_field import build_of
from .pixels import ACTIVE, PATCH
from .projections import CCD_SCALE, CEA_SCALE, CENTRE, roll
from .regions import drift, noaa_numbers
from .time_slots import SLOTS_A_DAY, day_of

if TYPE_CHECKING:
    from .ephemeris import Observer
    from .regions import Region

__all__ = ["ORIGIN", "keywords_of"]

#: Says in every full header, and to everyone who asks for keywords, that this is not the Sun.
ORIGIN: Final = "sunpy_flarecast DemoArchive (SYNTHETIC)"

#: HMI's vector filtergrams come from both cameras since 2016-04-13.
_COMBINED_FROM: Final = 8503 * SLOTS_A_DAY
_EPOCH: Final = np.datetime64("1993-01-01T00:00:00", "ms")

# What no model makes, but what a SHARP has.
_CONSTANT: Final[dict[str, float | int | str | None]] = {
    "t_rec_step": float(CADENCE),
    "t_rec_unit": "secs",
    "cadence": float(CADENCE),
    "gwill": None,
    "imcrpix1": CENTRE[0],
    "imcrpix2": CENTRE[1],
    "imcrval1": 0.0,
    "imcrval2": 0.0,
    "crder1": 0.0,
    "crder2": 0.0,
    "csyser1": None,
    "csyser2": None,
    "dsun_ref": AU,
    "rsun_ref": RSUN,
    "telescop": "SDO/HMI",
    "wavelnth": 6173.0,
    "qual_s": 0,
    "quallev1": 0,
    "origin": ORIGIN,
    "content": "HMI observable",
    "bld_vers": "DEMO",
    "calver64": 0,
    "hcftid": 10,
    "offdisk": 0,
    "quiet": PATCH - 32,
    "active": ACTIVE - 32,
    "nclass": 2,
    "on_patch": 32,
    "mask": 32,
    "arm_qual": 0,
    "arm_ncln": 0,
    "h_merge": 0,
    "h_faint": 0,
    "arm_modl": "sunpy_flarecast demo",
    "arm_edge": 0.0,
    "arm_beta": "0.3",
    "tintnum": 672,
    "sintnum": 10,
    "distcoef": "none (synthetic)",
    "rotcoef": "none (synthetic)",
    "polcalm": 1,
    "codever7": "sunpy_flarecast demo",
    "invcodev": "none (synthetic)",
    "invdocu": None,
    "invitera": 200,
    "invstlgt": "No",
    "ambcodev": "none (synthetic)",
    "ambgmtry": 2,
    "ambpatch": 0,
    "ambweak": 2,
    "ambbthr0": 150.0,
    "ambbthr1": 300.0,
    "doffset": 50,
    "primaryk": "HARPNUM, T_REC",
    "license": "CC0 1.0",
}


def keywords_of(
    one: Region,
    slot: int,
    seconds: float,
    near_real_time: bool,
    observer: Observer,
    projection: str,
    reference: tuple[float, float, float, float],
) -> dict[str, Any]:
    """
    Put the keywords of a record together, but those that are measured on its pixels.

    Parameters
    ----------
    one : Region
        The region.
    slot : int
        Slot of T_REC.
    seconds : float
        Time of the observation, TAI seconds since 1993-01-01T00:00:00 TAI.
    near_real_time : bool
        Whether for the near-real-time series.
    observer : Observer
        Who looks.
    projection : str
        ``"CCD"`` or ``"CEA"``.
    reference : tuple of float
        ``CRPIX1``, ``CRPIX2``, ``CRVAL1``, ``CRVAL2``.

    Returns
    -------
    dict
        By DRMS names in lower case; numbers, text, or None for missing.
    """
    day, place = divmod(slot, SLOTS_A_DAY)
    times = day_of(day, near_real_time)
    entered = times.entered[place][:23]
    combined = slot >= _COMBINED_FROM
    return {
        **_CONSTANT,
        "date": entered,
        "date_s": entered,
        "date_b": entered,
        "date__obs": times.dates[place],
        "t_obs": _tai(slot, seconds - slot * CADENCE),
        "t_rec": _tai(slot),
        "t_rec_epoch": _tai(0),
        **_wcs(slot, projection, reference),
        "dsun_obs": observer.distance,
        "crln_obs": observer.longitude,
        "crlt_obs": observer.latitude,
        "car_rot": observer.rotation,
        "obs_vr": observer.radial,
        "obs_vw": observer.west,
        "obs_vn": observer.north,
        "rsun_obs": observer.radius,
        "instrume": "HMI_COMBINED" if combined else "HMI_SIDE1",
        "camera": 3 if combined else 1,
        "hflid": 1022 if combined else 1021,
        "quality": times.quality[place],
        "qlook": int(near_real_time),
        "source": "none (synthetic)",
        **_harp(one, near_real_time),
        **_span(one, one.carrington(seconds) - observer.longitude),
    }


def _tai(slot: int, seconds: float = 0.0) -> str:
    """Write a slot, and some seconds more, as DRMS does."""
    millis = slot * CADENCE * 1000 + round(seconds * 1000)
    text = str(_EPOCH + np.timedelta64(millis, "ms"))
    return f"{text.replace('-', '.').replace('T', '_')}_TAI"


def _wcs(slot: int, projection: str, reference: tuple[float, float, float, float]) -> dict[str, float | str]:
    result: dict[str, float | str] = dict(zip(("crpix1", "crpix2", "crval1", "crval2"), reference, strict=True))
    if projection == "CEA":
        scale, unit, angle = CEA_SCALE, "degree", 0.0
        names = "CRLN-CEA", "CRLT-CEA", "Carrington Heliographic"
    else:
        scale, unit, angle = CCD_SCALE, "arcsec", roll(slot)
        names = "HPLN-TAN", "HPLT-TAN", "Helioprojective-cartesian"
    return result | {
        "ctype1": names[0],
        "ctype2": names[1],
        "wcsname": names[2],
        "cdelt1": scale,
        "cdelt2": scale,
        "cunit1": unit,
        "cunit2": unit,
        "crota2": angle,
    }


def _harp(one: Region, near_real_time: bool) -> dict[str, float | int | str]:
    """Give what stays the same over the life of a HARP."""
    numbers = noaa_numbers(one.ordinal)
    number = one.last - one.first + 1
    missing = sum(
        not present
        for day in range(one.first // SLOTS_A_DAY, one.last // SLOTS_A_DAY + 1)
        for slot, present in enumerate(day_of(day, near_real_time).present, day * SLOTS_A_DAY)
        if one.first <= slot <= one.last
    )
    return {
        "harpnum": one.harpnum(near_real_time),
        "t_frst": _tai(one.first),
        "t_frst1": _tai(one.first),
        "t_last1": _tai(one.last),
        "t_last": _tai(one.last),
        "n_patch": number,
        "n_patch1": number,
        "n_patchm": missing,
        "noaa_ar": numbers[0] if numbers else 0,
        "noaa_num": len(numbers),
        "noaa_ars": ",".join(map(str, numbers)) if numbers else "MISSING",
        # Synodic, as JSOC has it.
        "omega_dt": 14.1844 - 0.9856 + drift(one.latitude),
    }


def _span(one: Region, longitude: float) -> dict[str, float]:
    """Give the box that holds the HARP at all times, where it is at this one, as real records have it."""
    rows, columns = build_of(one).shape
    up, along = rows * CEA_SCALE / 2, columns * CEA_SCALE / 2 / float(np.cos(np.radians(one.latitude)))
    middle = (longitude + 180) % 360 - 180
    return {
        "latdtmin": one.latitude - up,
        "latdtmax": one.latitude + up,
        "londtmin": middle - along,
        "londtmax": middle + along,
    }
