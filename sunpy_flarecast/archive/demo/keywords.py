"""All keywords of a record, by DRMS name, except those of `sharp_parameters`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sunpy_flarecast.sharp.t_rec import CADENCE

from .ephemeris import AU, RSUN
from .magnetic_field import bipole_of
from .pixels import ACTIVE, LOS_STEP, PATCH
from .projections import CCD_SCALE, CEA_SCALE, CENTRE, roll
from .regions import drift, missing_records, noaa_numbers
from .time_slots import COMBINED_FROM, SLOTS_A_DAY, day_of

if TYPE_CHECKING:
    from .pixels import View
    from .regions import Observation, Region

__all__ = ["ORIGIN", "PATCH_KEYWORDS", "patch_keywords", "record_keywords"]

#: In every full header, and in every reply with keywords: this is not the Sun.
ORIGIN: Final = "sunpy_flarecast DemoArchive (SYNTHETIC)"

_MOMENTS: Final = ("mmean", "mstdev", "mskew", "mkurt")
#: The keywords of `patch_keywords`.
PATCH_KEYWORDS: Final = (
    *("npix", "size", "area", "nacr", "size_acr", "area_acr", "mtot", "mnet", "mpos_tot", "mneg_tot"),
    *_MOMENTS,
    *(f"{axis}_{suffix}" for axis in ("lat", "lon") for suffix in ("min", "max", "fwt", "fwtpos", "fwtneg")),
)

_EPOCH: Final = np.datetime64("1993-01-01T00:00:00", "ms")

# Keywords of SHARPs that do not depend on the model.
_CONSTANT: Final[dict[str, float | int | str | None]] = {
    **dict.fromkeys(("qual_s", "quallev1", "calver64", "offdisk", "arm_qual", "arm_ncln", "h_merge", "h_faint"), 0),
    **dict.fromkeys(("imcrval1", "imcrval2", "crder1", "crder2", "arm_edge"), 0.0),
    **dict.fromkeys(("gwill", "csyser1", "csyser2", "invdocu"), None),
    **dict.fromkeys(("distcoef", "rotcoef", "invcodev", "ambcodev", "source"), "none (synthetic)"),
    **dict.fromkeys(("arm_modl", "codever7"), "sunpy_flarecast demo"),
    **dict.fromkeys(("t_rec_step", "cadence"), float(CADENCE)),
    **dict.fromkeys(("on_patch", "mask"), 32),
    "t_rec_unit": "secs",
    "imcrpix1": CENTRE[0],
    "imcrpix2": CENTRE[1],
    "dsun_ref": AU,
    "rsun_ref": RSUN,
    "telescop": "SDO/HMI",
    "wavelnth": 6173.0,
    "origin": ORIGIN,
    "content": "SYNTHETIC HMI observable",  # sunpy uses it in titles
    "bld_vers": "DEMO",
    "hcftid": 10,
    "quiet": PATCH - 32,
    "active": ACTIVE - 32,
    "nclass": 2,
    "arm_beta": "0.3",
    "tintnum": 672,
    "sintnum": 10,
    "polcalm": 1,
    "invitera": 200,
    "invstlgt": "No",
    "ambgmtry": 2,
    "ambpatch": 0,
    "ambweak": 2,
    "ambbthr0": 150.0,
    "ambbthr1": 300.0,
    "doffset": 50,
    "primaryk": "HARPNUM, T_REC",
    "license": "CC0 1.0",
}


def record_keywords(seen: Observation, projection: str, reference: tuple[float, float, float, float]) -> dict[str, Any]:
    """Return the keywords that are not measured on pixels: numbers, text, or None if missing."""
    # `reference` has ``CRPIX1``, ``CRPIX2``, ``CRVAL1`` and ``CRVAL2``.
    region, slot, observer = seen.region, seen.slot, seen.observer
    day, place = divmod(slot, SLOTS_A_DAY)
    times = day_of(day, seen.near_real_time)
    combined = slot >= COMBINED_FROM
    # The box that encloses the HARP at all times, at its present position, as in real records.
    rows, columns = bipole_of(region).shape
    up, along = rows * CEA_SCALE / 2, columns * CEA_SCALE / 2 / math.cos(math.radians(region.latitude))
    return {
        **_CONSTANT,
        **dict.fromkeys(("date", "date_s", "date_b"), times.entered[place][:23]),
        "date__obs": times.dates[place],
        "t_obs": _tai(slot, seen.seconds - slot * CADENCE),
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
        "qlook": int(seen.near_real_time),
        **_harp(region, seen.near_real_time),
        "latdtmin": region.latitude - up,
        "latdtmax": region.latitude + up,
        "londtmin": seen.longitude - along,
        "londtmax": seen.longitude + along,
    }


def _tai(slot: int, seconds: float = 0.0) -> str:
    """Format a slot, plus some seconds, as DRMS does."""
    millis = slot * CADENCE * 1000 + round(seconds * 1000)
    text = str(_EPOCH + np.timedelta64(millis, "ms"))
    return f"{text.replace('-', '.').replace('T', '_')}_TAI"


def _wcs(slot: int, projection: str, reference: tuple[float, float, float, float]) -> dict[str, float | str]:
    if projection == "CEA":
        scale, unit, angle = CEA_SCALE, "degree", 0.0
        names = "CRLN-CEA", "CRLT-CEA", "Carrington Heliographic"
    else:
        scale, unit, angle = CCD_SCALE, "arcsec", roll(slot)
        names = "HPLN-TAN", "HPLT-TAN", "Helioprojective-cartesian"
    return {
        **dict(zip(("crpix1", "crpix2", "crval1", "crval2"), reference, strict=True)),
        "ctype1": names[0],
        "ctype2": names[1],
        "wcsname": names[2],
        **dict.fromkeys(("cdelt1", "cdelt2"), scale),
        **dict.fromkeys(("cunit1", "cunit2"), unit),
        "crota2": angle,
    }


def _harp(region: Region, near_real_time: bool) -> dict[str, float | int | str]:
    """Return the keywords that are constant over the life of a HARP."""
    numbers = noaa_numbers(region.ordinal)
    return {
        "harpnum": region.harpnum(near_real_time),
        **dict.fromkeys(("t_frst", "t_frst1"), _tai(region.first)),
        **dict.fromkeys(("t_last1", "t_last"), _tai(region.last)),
        **dict.fromkeys(("n_patch", "n_patch1"), region.last - region.first + 1),
        "n_patchm": missing_records(region, near_real_time),
        "noaa_ar": numbers[0] if numbers else 0,
        "noaa_num": len(numbers),
        "noaa_ars": ",".join(map(str, numbers)) if numbers else "MISSING",
        # Synodic, as at JSOC.
        "omega_dt": 14.1844 - 0.9856 + drift(region.latitude),
    }


def patch_keywords(view: View) -> dict[str, float | int | None]:
    """
    Compute the keywords of the patch from the pixels of the CCD: position, size, and line-of-sight flux.

    ``LAT_FWT`` and similar keywords weight the active pixels (``bitmap`` 34) by the flux through them, the
    line-of-sight field times the projected area. On the CCD this is the field alone. On the CEA grid, whose pixels have
    equal areas on the Sun, it is the field times mu; without mu the centre would be up to half a degree nearer to the
    limb.

    Areas are in millionths of the hemisphere (of the disk, for ``size`` and ``size_acr``), positions in degrees
    (Stonyhurst); None if no pixel has a value.
    """
    inside = view.bitmap >= PATCH
    active = view.bitmap[inside] == ACTIVE
    flux = view.los[inside].astype(np.float64) * LOS_STEP
    pixel = math.radians(CCD_SCALE / 3600) * (view.observer.distance - RSUN)
    on_disk = 1e6 * pixel * pixel / (math.pi * RSUN * RSUN)
    on_sphere = on_disk / 2 / np.maximum(view.grid.outward[2][inside], 0.02)
    number = len(flux)
    result: dict[str, float | int | None] = dict.fromkeys(PATCH_KEYWORDS) | {
        "npix": number,
        "size": float(number * on_disk),
        "area": float(on_sphere.sum()),
        "nacr": int(active.sum()),
        "size_acr": float(active.sum() * on_disk),
        "area_acr": float(on_sphere[active].sum()),
        "mtot": float(np.abs(flux).sum()),
        "mnet": float(flux.sum()),
        "mpos_tot": float(flux[flux > 0].sum()),
        "mneg_tot": float(-flux[flux < 0].sum()),
    }
    if number > 1:
        mean, deviation = float(flux.mean()), float(flux.std())
        scaled = (flux - mean) / max(deviation, LOS_STEP)
        square = scaled * scaled
        moments = mean, deviation, float((square * scaled).mean()), float((square * square).mean())
        result |= dict(zip(_MOMENTS, moments, strict=True))
    west, north, centre = (axis[inside] for axis in view.grid.unit)
    flux = flux[active]
    for name, places in (("lat", np.degrees(np.arcsin(north))), ("lon", np.degrees(np.arctan2(west, centre)))):
        if number:
            result |= {f"{name}_min": float(places.min()), f"{name}_max": float(places.max())}
        for sign, weight in (("", np.abs(flux)), ("pos", np.maximum(flux, 0)), ("neg", np.maximum(-flux, 0))):
            if total := float(weight.sum()):
                result[f"{name}_fwt{sign}"] = float((places[active] * weight).sum() / total)
    return result
