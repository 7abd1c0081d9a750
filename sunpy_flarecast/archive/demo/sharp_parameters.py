"""The SHARP parameters, computed from the pixels of the CEA files as JSOC's code does."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .ephemeris import RSUN
from .pixels import LOS_STEP, STEP
from .projections import CEA_SCALE

if TYPE_CHECKING:
    from .pixels import View

__all__ = ["parameters"]

#: Side of a CEA pixel in m, in Mm, and its area in cm2.
_SIDE: Final = math.radians(CEA_SCALE) * RSUN
_SIDE_MM: Final = _SIDE / 1e6
_AREA: Final = (_SIDE * 100) ** 2
#: Current density in A/m2 for a curl of 1 G per pixel: 1e-4 T, over the side of a pixel, over mu_0.
_CURRENT: Final = 1e-4 / _SIDE / (4e-7 * math.pi)
#: Side of the coarse pixels of R in CEA pixels: about 1.5 Mm, as for MDI, for which R was defined.
_COARSE: Final = 4
#: Half the side of JSOC's window for the potential field in pixels, and the depth of its monopoles.
_WINDOW: Final = 10
_DEPTH: Final = 0.001

#: Averages (the functions below return sums), and ratios; all are None if no pixel is counted.
_MEANS: Final = (
    *("meangbt", "errbt", "meangbz", "errbz", "meangbh", "errbh", "meangbl", "meanjzd", "errjz", "meanjzh", "errmih"),
    *("meanpot", "errmpot", "meanshr", "errmsha", "shrgt45"),
)
_RATIOS: Final = ("meangam", "errgam", "meanalp", "erralp")


def parameters(view: View) -> dict[str, float | int | None]:
    """
    Compute the SHARP parameters and their errors after Bobra et al. (2014, Sol. Phys. 289, 3549, table 3).

    Derivatives are central differences over two pixels; averages and sums are over `View.counted`. Errors follow from
    those of the field components, assumed to be independent from pixel to pixel. Averages over no pixels are None.

    As in JSOC's code, and unlike the comments of its headers, gradients are in G per pixel, ``SAVNCPP`` and ``ERRJHT``
    are currents divided by the square of a pixel's side (A / arcsec2), and free energy and shear refer to `_monopoles`.
    """
    images = [*view.vector, view.los]
    # Derivatives need a value in every pixel; those beyond the limb have none.
    if not view.grid.visible.all():
        images = [image * view.grid.visible for image in images]
    row, column = np.nonzero(view.counted)
    around = _around(row, column, view.counted.shape)
    bx, by, bz, seen = (
        step * image.ravel()[around].astype(np.float64)
        for image, step in zip(images, (STEP, -STEP, STEP, LOS_STEP), strict=True)
    )
    px, py = _slopes(-_monopoles(images[2] * STEP).ravel()[around].astype(np.float64))
    errors = [part.astype(np.float64) for part in view.vector_errors((row, column))]
    number = len(row)
    result: dict[str, float | int | None] = {
        "usflux": float(np.abs(bz[0]).sum() * _AREA),
        "errvf": math.sqrt((errors[2] ** 2).sum()) * _AREA,
        "cmask": number,
        # JSOC computes these from the line-of-sight field alone.
        "usfluxl": float(np.abs(seen[0]).sum() * _AREA),
        "cmaskl": number,
        "r_value": _r_value(images[3] * LOS_STEP),
    }
    arcsec = math.degrees(_SIDE / view.observer.distance) * 3600
    parts = _gradients(bx, by, bz, seen, errors) | _currents(bx, by, bz, errors, arcsec)
    parts |= _inclination(bx[0], by[0], bz[0], errors) | _energy(bx[0], by[0], bz[0], px, py, errors)
    result |= {name: value / max(number, 1) if name in _MEANS else value for name, value in parts.items()}
    return result if number else result | dict.fromkeys([*_MEANS, *_RATIOS], None)


def _around(row: Any, column: Any, shape: tuple[int, int]) -> Any:
    """Return the indices of some pixels, and of their neighbours to the west, east, north and south."""
    row = row * shape[1]
    west, east = np.minimum(column + 1, shape[1] - 1), np.maximum(column - 1, 0)
    north, south = np.minimum(row + shape[1], (shape[0] - 1) * shape[1]), np.maximum(row - shape[1], 0)
    return np.stack([row + column, row + west, row + east, north + column, south + column])


def _slopes(around: Any) -> tuple[Any, Any]:
    """Return the derivatives to the west and to the north, per pixel."""
    return (around[1] - around[2]) / 2, (around[3] - around[4]) / 2


def _slope(around: Any) -> float:
    west, north = _slopes(around)
    return float(np.sqrt(west * west + north * north).sum())


def _inclination(bx: Any, by: Any, bz: Any, errors: list[Any]) -> dict[str, float]:
    """Compute the inclination where the horizontal field is at least 100 G."""
    strong = bx * bx + by * by >= 1e4
    bx, by, bz, ex, ey, ez = (part[strong] for part in (bx, by, bz, *errors))
    square, number = bx * bx + by * by, max(len(bx), 1)
    variance = (bz * bz * ((bx * ex) ** 2 + (by * ey) ** 2) / square + square * ez * ez) / (square + bz * bz) ** 2
    return {
        "meangam": float(np.degrees(np.arctan2(np.sqrt(square), np.abs(bz))).sum()) / number,
        "errgam": math.degrees(math.sqrt(variance.sum())) / number,
    }


def _gradients(bx: Any, by: Any, bz: Any, seen: Any, errors: list[Any]) -> dict[str, float]:
    square = bx * bx + by * by
    across = (bx[0] * errors[0]) ** 2 + (by[0] * errors[1]) ** 2
    total = (across + (bz[0] * errors[2]) ** 2) / np.maximum(square[0] + bz[0] ** 2, 1)
    return {
        "meangbt": _slope(np.sqrt(square + bz * bz)),
        "errbt": math.sqrt(total.sum() / 2),
        "meangbz": _slope(bz),
        "errbz": math.sqrt((errors[2] ** 2).sum() / 2),
        "meangbh": _slope(np.sqrt(square)),
        "errbh": math.sqrt((across / np.maximum(square[0], 1)).sum() / 2),
        "meangbl": _slope(seen),
    }


def _currents(bx: Any, by: Any, bz: Any, errors: list[Any], arcsec: float) -> dict[str, float]:
    """Compute the currents; `arcsec` is the side of a pixel."""
    curl = _slopes(by)[0] - _slopes(bx)[1]
    up = bz[0]
    error = (errors[0] ** 2 + errors[1] ** 2) / 2
    density, helicity = curl * _CURRENT, curl * up / _SIDE
    area, square, twist = _SIDE * _SIDE, max(float((up * up).sum()), 1.0), float((curl * up).sum())
    net = abs(float(density[up > 0].sum())) + abs(float(density[up <= 0].sum()))
    noise_current = math.sqrt(error.sum()) * _CURRENT
    noise_helicity = math.sqrt((error * up**2 + (curl * errors[2]) ** 2).sum()) / _SIDE
    noise_twist = math.sqrt((error * up**2 + ((curl - 2 * up * twist / square) * errors[2]) ** 2).sum())
    return {
        "meanjzd": float(density.sum() * 1e3),
        "errjz": noise_current * 1e3,
        "totusjz": float(np.abs(density).sum() * area),
        "errusi": noise_current * area,
        "meanalp": twist / square / _SIDE_MM,
        "erralp": noise_twist / square / _SIDE_MM,
        "meanjzh": float(helicity.sum()),
        "errmih": noise_helicity,
        "totusjh": float(np.abs(helicity).sum()),
        "errtui": noise_helicity,
        "absnjzh": abs(float(helicity.sum())),
        "errtai": noise_helicity,
        "savncpp": net * area / arcsec**2,
        "errjht": noise_current * area / arcsec**2,
    }


def _energy(bx: Any, by: Any, bz: Any, px: Any, py: Any, errors: list[Any]) -> dict[str, float]:
    excess = float(((bx - px) ** 2 + (by - py) ** 2).sum()) / (8 * math.pi)
    noise = math.sqrt((((bx - px) * errors[0]) ** 2 + ((by - py) * errors[1]) ** 2).sum()) / (4 * math.pi)
    square = bx * bx + by * by + bz * bz
    sizes = np.maximum(np.sqrt(square * (px * px + py * py + bz * bz)), 1.0)
    shear = np.degrees(np.arccos(np.clip((bx * px + by * py + bz * bz) / sizes, -1, 1)))
    turn = (errors[0] ** 2 + errors[1] ** 2) / 2 / np.maximum(square, 1.0)
    return {
        "meanpot": excess,
        "errmpot": noise,
        "totpot": excess * _AREA,
        "errtpot": noise * _AREA,
        "meanshr": float(shear.sum()),
        "errmsha": math.degrees(math.sqrt(turn.sum())),
        "shrgt45": 100.0 * int((shear > 45).sum()),
    }


def _monopoles(bz: Any) -> Any:
    """Compute JSOC's potential: monopoles 0.001 pixels deep, summed over 20 by 20 pixels."""
    # The pixel itself has a thousand times the weight of its neighbours, so this is not the potential field.
    shape = tuple(-(-(side + 2 * _WINDOW) // 32) * 32 for side in bz.shape)
    spectrum = np.fft.rfft2(bz, s=shape, axes=(0, 1)) * _window(shape)
    return np.fft.irfft2(spectrum, s=shape, axes=(0, 1))[: bz.shape[0], : bz.shape[1]]


@lru_cache(maxsize=16)
def _window(shape: tuple[int, ...]) -> Any:
    offsets = np.arange(-_WINDOW, _WINDOW)
    image = np.zeros(shape)
    image[np.ix_(-offsets, -offsets)] = _DEPTH / np.sqrt(offsets[:, np.newaxis] ** 2 + offsets**2 + _DEPTH**2)
    return np.fft.rfft2(image).astype(np.complex64)


def _r_value(los: Any) -> float:
    """
    Compute R: the logarithm of the flux near strong polarity inversion lines (Schrijver 2007, ApJ 655, L117).

    As at JSOC, the field is averaged to pixels of MDI's size. A line lies where fields of both signs above 150 G touch;
    the flux is weighted with a Gaussian of 15 Mm full width at half maximum around it. R is 0 without such a line.
    """
    rows, columns = (side // _COARSE for side in los.shape)
    coarse = los[: rows * _COARSE, : columns * _COARSE].reshape(rows, _COARSE, columns, _COARSE).mean(axis=(1, 3))
    line = _grown(coarse > 150) & _grown(coarse < -150)
    if not line.any():
        return 0.0
    sigma = 15 / (_SIDE_MM * _COARSE) / 2.3548
    shape = rows + 40, columns + 40
    up, along = np.fft.fftfreq(shape[0])[:, np.newaxis], np.fft.rfftfreq(shape[1])
    kernel = np.exp(-2 * (np.pi * sigma) ** 2 * (up * up + along * along))
    weight = np.fft.irfft2(np.fft.rfft2(line.astype(np.float64), s=shape, axes=(0, 1)) * kernel, s=shape, axes=(0, 1))
    flux = float((np.abs(coarse) * np.clip(weight[:rows, :columns], 0, None)).sum())
    return float(np.log10(flux)) if flux > 1 else 0.0


def _grown(mask: Any) -> Any:
    """Dilate a mask by one pixel on all sides."""
    padded = np.pad(mask, 1)
    rows, columns = mask.shape
    parts = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return np.any(parts, axis=0)
