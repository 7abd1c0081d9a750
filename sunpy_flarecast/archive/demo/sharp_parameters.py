"""The SHARP parameters, computed from the very pixels that the CEA files hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .ephemeris import RSUN
from .projections import CEA_SCALE

if TYPE_CHECKING:
    from .pixels import View

__all__ = ["parameters", "potential"]

#: Side of a CEA pixel in m, in Mm, and its area in cm2.
_SIDE: Final = float(np.radians(CEA_SCALE)) * RSUN
_SIDE_MM: Final = _SIDE / 1e6
_AREA: Final = (_SIDE * 100) ** 2
#: Current density in A/m2 for a curl of 1 G per pixel: 1e-4 T, over the side of a pixel, over mu_0.
_CURRENT: Final = 1e-4 / _SIDE / (4e-7 * np.pi)
#: Side of the coarse pixels of R in CEA pixels: about 1.5 Mm, as MDI had, for which R was made.
_COARSE: Final = 4


def parameters(view: View) -> dict[str, float | int | None]:
    """
    Compute the SHARP parameters and their errors after Bobra et al. (2014, Sol. Phys. 289, 3549, table 3).

    Derivatives are central differences over two pixels; averages and sums go over `View.counted`. Errors follow from
    those of the field components, taken as independent from pixel to pixel.

    Parameters
    ----------
    view : View
        The record on the CEA grid.

    Returns
    -------
    dict
        By their DRMS names in lower case; None where no pixel counts, for averages of nothing.
    """
    bp, bt, br = view.vector
    counted = view.counted & view.grid.visible
    # The potential field and the derivatives need a value everywhere; beyond the limb there is none.
    bx, by, bz = (np.where(view.grid.visible, part, 0.0) for part in (bp, -bt, br))
    errors = [part[counted] for part in view.vector_errors]
    number = int(counted.sum())
    result: dict[str, float | int | None] = {
        "usflux": float(np.abs(br[counted]).sum() * _AREA),
        "errvf": float(np.sqrt((errors[2] ** 2).sum()) * _AREA),
        "cmask": number,
    }
    share = 1 / max(number, 1)
    for part in (
        _inclination(bx, by, bz, counted, errors),
        _gradients(bx, by, bz, counted, errors),
        _currents(bx, by, bz, counted, errors),
        _energy(bx, by, bz, counted, errors),
        {"r_value": _r_value(np.where(view.grid.visible, view.seen[2], 0.0))},
        _of_line_of_sight(view, counted),
    ):
        result |= {name: value * share if name in _MEANS else value for name, value in part.items()}
    if number == 0:
        result |= dict.fromkeys([*_MEANS, *_RATIOS], None)
    return result


#: Parameters that `_inclination` and its like give as sums, and that are averages over the pixels.
_MEANS: Final = (
    *("meangam", "errgam", "meangbt", "errbt", "meangbz", "errbz", "meangbh", "errbh", "meanjzd", "errjz", "meanjzh"),
    *("errmih", "meanpot", "errmpot", "meanshr", "errmsha", "shrgt45", "meangbl"),
)
_RATIOS: Final = ("meanalp", "erralp")


def _inclination(bx: Any, by: Any, bz: Any, counted: Any, errors: list[Any]) -> dict[str, float]:
    across, up = np.hypot(bx, by)[counted], np.abs(bz)[counted]
    size = np.maximum(across * across + up * up, 1.0)
    error = np.sqrt((up * errors[0]) ** 2 + (across * errors[2]) ** 2) / size
    return {
        "meangam": float(np.degrees(np.arctan2(across, up)).sum()),
        "errgam": float(np.degrees(np.sqrt((error**2).sum()))),
    }


def _slopes(image: Any) -> tuple[Any, Any]:
    """Give the derivatives to the west and to the north, per pixel."""
    north, west = np.gradient(image)
    return west, north


def _gradients(bx: Any, by: Any, bz: Any, counted: Any, errors: list[Any]) -> dict[str, float]:
    across = np.hypot(bx, by)
    result = {}
    mixed = np.sqrt((errors[0] ** 2 + errors[1] ** 2) / 2)
    for name, image, error in (
        ("bt", np.hypot(across, bz), np.sqrt((mixed**2 + errors[2] ** 2) / 2)),
        ("bz", bz, errors[2]),
        ("bh", across, mixed),
    ):
        result[f"meang{name}"] = float(np.hypot(*_slopes(image))[counted].sum() / _SIDE_MM)
        result[f"err{name}"] = float(np.sqrt((error**2).sum() / 2) / _SIDE_MM)
    return result


def _currents(bx: Any, by: Any, bz: Any, counted: Any, errors: list[Any]) -> dict[str, float]:
    curl = (_slopes(by)[0] - _slopes(bx)[1])[counted]
    up = bz[counted]
    error = np.sqrt((errors[0] ** 2 + errors[1] ** 2) / 2)
    density, helicity = curl * _CURRENT, curl * up / _SIDE
    area, square = _SIDE * _SIDE, float((up * up).sum())
    net = [float(density[up > 0].sum()), float(density[up < 0].sum())]
    noise_current = float(np.sqrt((error**2).sum()) * _CURRENT)
    noise_helicity = float(np.sqrt(((error * up) ** 2 + (curl * errors[2]) ** 2).sum()) / _SIDE)
    return {
        "meanjzd": float(density.sum() * 1e3),
        "errjz": noise_current * 1e3,
        "totusjz": float(np.abs(density).sum() * area),
        "errusi": noise_current * area,
        "meanalp": float((curl * up).sum() / max(square, 1.0) / _SIDE_MM),
        "erralp": noise_helicity * _SIDE / max(square, 1.0) / _SIDE_MM,
        "meanjzh": float(helicity.sum()),
        "errmih": noise_helicity,
        "totusjh": float(np.abs(helicity).sum()),
        "errtui": noise_helicity,
        "absnjzh": abs(float(helicity.sum())),
        "errtai": noise_helicity,
        "savncpp": (abs(net[0]) + abs(net[1])) * area,
        "errjht": noise_current * area,
    }


def potential(bz: Any) -> tuple[Any, Any]:
    """
    Compute the horizontal part of the potential field over a plane.

    Parameters
    ----------
    bz : ndarray
        The vertical field in the plane, 0 beyond it.

    Returns
    -------
    tuple of ndarray
        The components along columns (x) and rows (y), in the unit of `bz`.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_flarecast.archive.demo.sharp_parameters import potential
    >>> x = np.arange(-16, 17)
    >>> bx, _ = potential(np.exp(-(x**2 + x[:, np.newaxis] ** 2) / 9))
    >>> bool(bx[16, 20] > 0 > bx[16, 12])
    True
    """
    # The potential is bz/k in Fourier space. Margins keep the periods of the transform from seeing one another.
    shape = tuple(_good(side + side // 2) for side in bz.shape)
    wave_y = np.fft.fftfreq(shape[0])[:, np.newaxis]
    wave_x = np.fft.rfftfreq(shape[1])[np.newaxis, :]
    size = np.hypot(wave_x, wave_y)
    size[0, 0] = 1.0
    charge = np.fft.rfft2(bz, s=shape, axes=(0, 1)) / size
    return tuple(
        np.fft.irfft2(-1j * wave * charge, s=shape, axes=(0, 1))[: bz.shape[0], : bz.shape[1]]
        for wave in (wave_x, wave_y)
    )  # type: ignore[return-value]


def _good(side: int) -> int:
    """Round up to a length that is quick to transform."""
    step = 1 << max(side.bit_length() - 4, 0)
    return -(-side // step) * step


def _energy(bx: Any, by: Any, bz: Any, counted: Any, errors: list[Any]) -> dict[str, float]:
    px, py = (part[counted] for part in potential(bz))
    bx, by, bz = bx[counted], by[counted], bz[counted]
    excess = ((bx - px) ** 2 + (by - py) ** 2) / (8 * np.pi)
    error = np.sqrt(((bx - px) * errors[0]) ** 2 + ((by - py) * errors[1]) ** 2) / (4 * np.pi)
    total = np.sqrt(bx * bx + by * by + bz * bz)
    sizes = np.maximum(total * np.sqrt(px * px + py * py + bz * bz), 1.0)
    shear = np.degrees(np.arccos(np.clip((bx * px + by * py + bz * bz) / sizes, -1, 1)))
    noise = float(np.sqrt((error**2).sum()))
    turn = np.degrees(np.sqrt((errors[0] ** 2 + errors[1] ** 2) / 2) / np.maximum(total, 1.0))
    return {
        "meanpot": float(excess.sum()),
        "errmpot": noise,
        "totpot": float(excess.sum()) * _AREA,
        "errtpot": noise * _AREA,
        "meanshr": float(shear.sum()),
        "errmsha": float(np.sqrt((turn**2).sum())),
        "shrgt45": 100.0 * int((shear > 45).sum()),
    }


def _r_value(los: Any) -> float:
    """
    Compute R: the logarithm of the flux near lines between strong opposite polarities (Schrijver 2007, ApJ 655, L117).

    As JSOC does, on pixels like MDI's: where fields of both signs above 150 G touch, weighted with a Gaussian of
    15 Mm full width at half maximum; 0 where there is no such line.
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
    """Grow a mask by one pixel to all sides."""
    padded = np.pad(mask, 1)
    rows, columns = mask.shape
    parts = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return np.any(parts, axis=0)


def _of_line_of_sight(view: View, counted: Any) -> dict[str, float | int]:
    """Give what JSOC computes of the line-of-sight field alone (``USFLUXL`` and its like)."""
    # In steps of 0.1 G, as the magnetogram is stored.
    los = np.where(view.grid.visible, np.rint(view.seen[2] / 0.1) * 0.1, 0.0)
    return {
        "usfluxl": float(np.abs(los[counted]).sum() * _AREA),
        "meangbl": float(np.hypot(*_slopes(los))[counted].sum() / _SIDE_MM),
        "cmaskl": int(counted.sum()),
    }
