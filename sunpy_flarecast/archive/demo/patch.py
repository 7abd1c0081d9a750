"""What the HARP keywords say of a patch: where it lies, how large it is, and its line-of-sight flux."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .ephemeris import RSUN
from .pixels import ACTIVE, PATCH
from .projections import CCD_SCALE

if TYPE_CHECKING:
    from .pixels import View

__all__ = ["patch_keywords"]

_STEP: Final = 0.1


def patch_keywords(view: View) -> dict[str, float | int | None]:
    """
    Compute the keywords that describe the patch from the pixels of the CCD.

    ``LAT_FWT`` and its like weight the active pixels (``bitmap`` 34) by the flux through them, the line-of-sight field
    times the projected area. On the CCD that is the field alone, on the CEA grid, whose pixels have one area on the
    Sun, the field times mu; without mu the centre comes out up to half a degree nearer to the limb there.

    Parameters
    ----------
    view : View
        The record on the CCD.

    Returns
    -------
    dict
        By their DRMS names in lower case. Areas are in millionths of the hemisphere (of the disk, for ``size`` and
        ``size_acr``), places in degree (Stonyhurst); None where there is no pixel to say it of.
    """
    inside, active = view.bitmap >= PATCH, view.bitmap == ACTIVE
    # In steps of 0.1 G, as the magnetogram is stored.
    los = np.rint(view.seen[2] / _STEP) * _STEP
    flux = los[inside]
    pixel = np.radians(CCD_SCALE / 3600) * (view.observer.distance - RSUN)
    on_disk = 1e6 * pixel * pixel / (np.pi * RSUN * RSUN)
    on_sphere = on_disk / 2 / np.maximum(view.towards, 0.02)
    number = len(flux)
    result: dict[str, float | int | None] = {
        "npix": number,
        "size": float(number * on_disk),
        "area": float(on_sphere[inside].sum()),
        "nacr": int(active.sum()),
        "size_acr": float(active.sum() * on_disk),
        "area_acr": float(on_sphere[active].sum()),
        "mtot": float(np.abs(flux).sum()),
        "mnet": float(flux.sum()),
        "mpos_tot": float(flux[flux > 0].sum()),
        "mneg_tot": float(-flux[flux < 0].sum()),
    }
    result |= _moments(flux)
    latitude, longitude = np.degrees(view.grid.latitude), np.degrees(view.grid.longitude)
    for name, image in (("lat", latitude), ("lon", longitude)):
        result[f"{name}_min"] = float(image[inside].min()) if number else None
        result[f"{name}_max"] = float(image[inside].max()) if number else None
        result[f"{name}_fwt"] = _centre(image, np.abs(los), active)
        result[f"{name}_fwtpos"] = _centre(image, los, active & (los > 0))
        result[f"{name}_fwtneg"] = _centre(image, -los, active & (los < 0))
    return result


def _moments(flux: Any) -> dict[str, float | int | None]:
    names = ("mmean", "mstdev", "mskew", "mkurt")
    if len(flux) < 2:
        return dict.fromkeys(names)
    mean, deviation = float(flux.mean()), float(flux.std())
    scaled = (flux - mean) / max(deviation, _STEP)
    return dict(zip(names, (mean, deviation, float((scaled**3).mean()), float((scaled**4).mean())), strict=True))


def _centre(image: Any, weight: Any, mask: Any) -> float | None:
    """Average over the pixels of a mask, by their flux."""
    total = float(weight[mask].sum())
    return float((image[mask] * weight[mask]).sum() / total) if total > 0 else None
