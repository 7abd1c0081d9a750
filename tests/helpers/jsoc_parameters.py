"""
The SHARP parameters of a real record, computed from its pixels as in JSOC's published code.

Independent of the package. The formulas are those of Bobra et al. (2014, Solar Physics 289, 3549) in the form of the
authors' published code; each result has the unit that follows from its dimensions.
"""

from __future__ import annotations

from typing import Any, Final

import astropy.units as u
import numpy as np
from astropy.io import fits

__all__ = ["parameters", "potential_parameters", "read"]

#: mu_0 in T m / A, as JSOC writes it.
_MU_0: Final = 0.0000012566370614

#: Half the side of JSOC's window for the potential field in pixels, and the depth of its monopoles.
_WINDOW, _DEPTH = 10, 0.001


def read(path: Any) -> tuple[np.ndarray, dict[str, float]]:
    """Read the image of a file, and the numbers of its header."""
    with fits.open(path) as hdus:
        hdu = hdus[-1]
        numbers = {}
        for card in hdu.header.cards:
            try:
                numbers[card.keyword] = float(card.value)
            except (TypeError, ValueError, fits.VerifyError):
                continue
        return hdu.data.astype(float), numbers


def _slopes(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return central differences per pixel along both axes; NaN at the edges."""
    west, north = np.full_like(image, np.nan), np.full_like(image, np.nan)
    west[:, 1:-1] = (image[:, 2:] - image[:, :-2]) / 2
    north[1:-1] = (image[2:] - image[:-2]) / 2
    return west, north


def _gradient(image: np.ndarray, mask: np.ndarray) -> tuple[float, np.ndarray]:
    west, north = _slopes(image)
    size = np.hypot(west, north)
    used = mask & np.isfinite(size) & (west + north != 0)
    return size[used].mean(), used


def _gradient_error(image: np.ndarray, error: np.ndarray, mask: np.ndarray) -> float:
    west, north = _slopes(image)
    _, used = _gradient(image, mask)
    terms = np.zeros_like(image)
    terms[:, 1:-1] += (image[:, 2:] - image[:, :-2]) ** 2 * (error[:, 2:] ** 2 + error[:, :-2] ** 2)
    terms[1:-1] += (image[2:] - image[:-2]) ** 2 * (error[2:] ** 2 + error[:-2] ** 2)
    return np.sqrt((terms / 16 / (west**2 + north**2))[used].sum()) / used.sum()


def _greens_field(bz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return JSOC's horizontal potential field: monopoles 0.001 pixels deep, summed over 20 by 20 pixels."""
    potential = np.zeros_like(bz)
    rows, columns = bz.shape
    padded = np.pad(bz, _WINDOW)
    for up in range(-_WINDOW, _WINDOW):
        for along in range(-_WINDOW, _WINDOW):
            weight = _DEPTH / np.sqrt(up * up + along * along + _DEPTH**2)
            potential += weight * padded[_WINDOW + up :, _WINDOW + along :][:rows, :columns]
    west, north = _slopes(potential)
    return np.nan_to_num(-west), np.nan_to_num(-north)


def _fourier_field(bz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the horizontal potential field of the vertical field, by Fourier transform with wide margins."""
    shape = tuple(2 * side for side in bz.shape)
    up, along = np.fft.fftfreq(shape[0])[:, np.newaxis], np.fft.rfftfreq(shape[1])
    size = np.hypot(up, along)
    size[0, 0] = 1.0
    charge = np.fft.rfft2(bz, s=shape, axes=(0, 1)) / size
    west, north = (np.fft.irfft2(-1j * wave * charge, s=shape, axes=(0, 1)) for wave in (along, up))
    return west[: bz.shape[0], : bz.shape[1]], north[: bz.shape[0], : bz.shape[1]]


def _against(
    field: tuple[np.ndarray, np.ndarray], parts: tuple[np.ndarray, ...], mask: np.ndarray, area: u.Quantity
) -> dict[str, u.Quantity]:
    """Compare the field with a potential field: free energy and shear."""
    (px, py), (bx, by, bz) = field, parts
    excess = ((bx - px) ** 2 + (by - py) ** 2)[mask] / (8 * np.pi)
    product = px * bx + py * by + bz * bz
    sizes = np.sqrt((px**2 + py**2 + bz**2) * (bx**2 + by**2 + bz**2))
    shear = np.degrees(np.arccos(np.clip((product / sizes)[mask], -1, 1)))
    density = u.erg / u.cm**3
    return {
        "MEANPOT": excess.mean() * density,
        "TOTPOT": (excess.sum() * density * area).to(u.erg / u.cm),
        "MEANSHR": shear.mean() * u.deg,
        "SHRGT45": (shear > 45).mean() * 100 * u.percent,
    }


def _geometry(images: dict[str, np.ndarray], header: dict[str, float]) -> tuple[Any, ...]:
    bx, by, bz = images["Bp"], -images["Bt"], images["Br"]
    mask = (images["conf_disambig"] >= 70) & (images["bitmap"] >= 30) & np.isfinite(bz)
    side = np.radians(header["CDELT1"]) * header["RSUN_REF"] * u.m / u.pix
    return (bx, by, bz), mask, side, (side * u.pix).to(u.cm) ** 2


def potential_parameters(images: dict[str, np.ndarray], header: dict[str, float]) -> dict[str, u.Quantity]:
    """Compute the parameters that compare the field with a potential field, for the whole patch."""
    parts, mask, _, area = _geometry(images, header)
    return _against(_fourier_field(np.nan_to_num(parts[2])), parts, mask, area)


def parameters(images: dict[str, np.ndarray], header: dict[str, float]) -> dict[str, u.Quantity]:
    """
    Compute every parameter that can be derived from the pixels of a CEA record.

    ``SAVNCPP`` and ``ERRJHT`` are currents over the square of the pixel's side as seen from the observer: JSOC's code
    divides by this side where ``TOTUSJZ`` is multiplied by it.
    """
    (bx, by, bz), mask, side, area = _geometry(images, header)
    errors = images["Bp_err"], images["Bt_err"], images["Br_err"]
    across, total = np.hypot(bx, by), np.sqrt(bx**2 + by**2 + bz**2)
    across_error = np.sqrt((bx * errors[0]) ** 2 + (by * errors[1]) ** 2) / across
    total_error = np.sqrt((bx * errors[0]) ** 2 + (by * errors[1]) ** 2 + (bz * errors[2]) ** 2) / total
    slope = u.G / u.pix
    result: dict[str, u.Quantity] = {
        "USFLUX": (np.abs(bz[mask]).sum() * u.G * area).to(u.Mx),
        "ERRVF": (np.sqrt((errors[2][mask] ** 2).sum()) * u.G * area).to(u.Mx),
        "CMASK": mask.sum() * u.one,
    }
    for name, image, error in (("BT", total, total_error), ("BZ", bz, errors[2]), ("BH", across, across_error)):
        result[f"MEANG{name}"] = _gradient(image, mask)[0] * slope
        result[f"ERR{name}"] = _gradient_error(image, error, mask) * slope
    strong = mask & (across >= 100) & (bz != 0)
    tangent = (across[strong] / bz[strong]) ** 2
    variance = (across_error[strong] ** 2 + tangent * errors[2][strong] ** 2) / bz[strong] ** 2 / (1 + tangent) ** 2
    result["MEANGAM"] = np.degrees(np.arctan(np.sqrt(tangent))).mean() * u.deg
    result["ERRGAM"] = np.degrees(np.sqrt(variance.sum()) / strong.sum()) * u.deg

    curl = _slopes(by)[0] - _slopes(bx)[1]
    noise = np.zeros_like(bz)
    noise[:, 1:-1] += errors[1][:, 2:] ** 2 + errors[1][:, :-2] ** 2
    noise[1:-1] += errors[0][2:] ** 2 + errors[0][:-2] ** 2
    noise = np.sqrt(noise) / 2
    used = mask & np.isfinite(curl)
    number, curl, noise, up, up_error = used.sum(), curl[used], noise[used], bz[used], errors[2][used]
    # From gauss per pixel to a current density; times the area of a pixel to a current.
    density = 1e-4 / _MU_0 / side.value * u.A / u.m**2
    current = density * (side * u.pix) ** 2
    noise_sum = np.sqrt((noise**2).sum())
    seen = (np.arctan((side * u.pix).to_value(u.m) / header["DSUN_OBS"]) * u.rad).to(u.arcsec)
    result |= {
        "MEANJZD": (curl.mean() * density).to(u.mA / u.m**2),
        "ERRJZ": (noise_sum / number * density).to(u.mA / u.m**2),
        "TOTUSJZ": (np.abs(curl).sum() * current).to(u.A),
        "ERRUSI": (noise_sum * current).to(u.A),
        "SAVNCPP": ((abs(curl[up > 0].sum()) + abs(curl[up <= 0].sum())) * current).to(u.A) / seen**2,
        "ERRJHT": (noise_sum * current).to(u.A) / seen**2,
    }
    # Pixels without helicity do not count here.
    number = np.count_nonzero(curl * up)
    square, twist = (up**2).sum(), (curl * up).sum()
    twist_noise = np.sqrt((up**2 * noise**2 + (curl - 2 * up * twist / square) ** 2 * up_error**2).sum())
    helicity_noise = np.sqrt((noise**2 * up**2 + up_error**2 * curl**2).sum())
    helicity = u.G**2 / side.value / u.m
    result |= {
        "MEANALP": (twist / square / (side * u.pix)).to(1 / u.Mm),
        "ERRALP": (twist_noise / square / (side * u.pix)).to(1 / u.Mm),
        "MEANJZH": twist / number * helicity,
        "ERRMIH": helicity_noise / number * helicity,
        "TOTUSJH": np.abs(curl * up).sum() * helicity,
        "ERRTUI": helicity_noise * helicity,
        "ABSNJZH": abs(twist) * helicity,
        "ERRTAI": helicity_noise * helicity,
    }

    field = _greens_field(np.nan_to_num(bz))
    result |= _against(field, (bx, by, bz), mask, area)
    spread = sum(4 * ((b - p) * e)[mask] ** 2 for b, p, e in zip((bx, by), field, errors[:2], strict=True))
    energy = np.sqrt(spread.sum()) / (8 * np.pi) * u.erg / u.cm**3
    result["ERRMPOT"] = energy / mask.sum()
    result["ERRTPOT"] = (energy * area).to(u.erg / u.cm)
    return result
