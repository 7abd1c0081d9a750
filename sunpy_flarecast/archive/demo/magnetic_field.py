"""The magnetic field of a region: a twisted bipole that emerges, grows and decays, as a function of place and time."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from .ephemeris import RSUN
from .projections import CEA_SCALE
from .random import generator
from .regions import flux_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from .regions import Region

__all__ = ["Build", "Field", "Sources", "build_of", "evaluate", "sources_of"]

_DAY: Final = 86400.0
_RADIUS_MM: Final = RSUN / 1e6
#: Flux of a source with 1 G above it, 1 Mm deep: 2 pi Mm2 G in Mx.
_FLUX: Final = 2 * np.pi * 1e16
#: Side of the tile of quiet-sun field in pixels, and its pixel in Mm (0.05 degree).
_TILE: Final = 256
_TILE_SCALE: Final = 0.05 * np.pi / 180 * _RADIUS_MM


class Build(NamedTuple):
    """
    How a region is built: what its field has at all times.

    Lengths are in Mm, in a plane that touches the Sun at the region's centre, x to the west and y to the north.

    Parameters
    ----------
    separation : float
        Distance of the polarities when the region is fully grown.
    tilt : float
        Angle by which the leading polarity stands south of west, in radians.
    shape : tuple of int
        Rows and columns of the CEA patch.
    spot : ndarray of bool
        For each source whether it is one of the spots, else a fragment of plage.
    offset : ndarray
        Places of the sources from the centre of their polarity, as rows x and y.
    side : ndarray
        1 for the leading polarity (west), -1 for the following.
    field : ndarray
        Greatest vertical field over each source, with its sign, in G.
    depth : ndarray
        Depth of each source under the surface, when fully grown.
    twist : ndarray
        Angle by which the horizontal field of each source is turned, counter-clockwise, in radians.
    phase : ndarray
        Where each source is in its wandering, in radians.
    """

    separation: float
    tilt: float
    shape: tuple[int, int]
    spot: Any
    offset: Any
    side: Any
    field: Any
    depth: Any
    twist: Any
    phase: Any


class Sources(NamedTuple):
    """
    The field's sources at one time: places (Mm), strengths (G) and depths (Mm), and the turn of the horizontal field.

    Parameters
    ----------
    x, y, field, depth, twist : ndarray
        As in `Build`.
    """

    x: Any
    y: Any
    field: Any
    depth: Any
    twist: Any


class Field(NamedTuple):
    """
    The field at some places, in G.

    Parameters
    ----------
    radial, west, north : ndarray
        Components outward, to the west and to the north.
    smooth : ndarray
        Strength of the field of the sources alone, without the quiet sun.
    envelope : ndarray
        How near to the region's flux a place is, 1 or more amid it, falling to 0 outside.
    """

    radial: Any
    west: Any
    north: Any
    smooth: Any
    envelope: Any


@lru_cache(maxsize=64)
def build_of(one: Region) -> Build:
    """
    Build a region by the statistics of real ones.

    Signs obey Hale's law (in cycle 24 the leading polarity is negative in the north), the tilt Joy's law (Stenflo &
    Kosovichev 2012, ApJ 745, 129), the twist the rule of the hemispheres (Pevtsov et al. 1995, ApJ 440, L109), the
    last two with much scatter.

    Parameters
    ----------
    one : Region
        The region.

    Returns
    -------
    Build
    """
    random = generator(5, 0, one.ordinal)
    flux = flux_of(one.ordinal)
    separation = float(np.clip(44 * (flux / 1e22) ** 0.4 * random.uniform(0.85, 1.2), 26, 66))
    north = 1.0 if one.latitude > 0 else -1.0
    # The leading polarity stands nearer to the equator.
    tilt = np.radians(32.1 * np.sin(np.radians(one.latitude)) + north * 9 * random.standard_normal())
    leading = north if one.cycle % 2 else -north
    fragments = int(random.integers(9, 15))
    # Half of the leading flux is in one spot; the following flux is scattered over smaller ones.
    shares = [np.array([0.45, 0.09, 0.06]), np.array([0.20, 0.14, 0.10])]
    rows = []
    for side, share in zip((1.0, -1.0), shares, strict=True):
        polarity = side * leading
        depth = np.sqrt(share * flux / 2 / (_FLUX * 2500))
        spread = np.array([0.14 * separation + 2, 0.10 * separation + 2])
        place = random.standard_normal((3, 2)) * spread * (0.55 if side > 0 else 0.85)
        place[0] *= 0.15
        rows.append(_rows(True, place, side, polarity * random.uniform(2200, 2700, 3), depth))
        field = random.uniform(350, 950, fragments)
        field *= np.where(random.random(fragments) < 0.12, -polarity, polarity)
        depth = np.sqrt((1 - share.sum()) * flux / 2 / fragments / (_FLUX * np.abs(field)))
        place = np.clip(random.standard_normal((fragments, 2)), -1.6, 1.6) * spread * 1.25
        rows.append(_rows(False, place, side, field, np.clip(depth, 1.2, 4.0)))
    table = np.concatenate(rows)
    twist = np.radians(-north * 16 + 13 * random.standard_normal() + 5 * random.standard_normal(len(table)))
    half = 0.85 * separation + 18, 0.42 * separation + 18
    pixel = np.radians(CEA_SCALE) * _RADIUS_MM
    return Build(
        separation=separation,
        tilt=float(tilt),
        shape=(
            2 * round(half[1] / pixel) + int(one.ordinal % 2),
            2 * round(half[0] / pixel) + int(one.ordinal % 3 == 0),
        ),
        spot=table[:, 0] > 0,
        offset=table[:, 1:3].T,
        side=table[:, 3],
        field=table[:, 4],
        depth=table[:, 5],
        twist=twist,
        phase=random.uniform(0, 2 * np.pi, len(table)),
    )


def _rows(spot: bool, place: Any, side: float, field: Any, depth: Any) -> npt.NDArray[np.float64]:
    constant = np.ones(len(place))
    return np.column_stack([spot * constant, place, side * constant, field, depth])


def sources_of(one: Region, seconds: float) -> Sources:
    """
    Place the sources at one time.

    The flux rises within days, while the polarities move apart, and then decays; spots go before the plage, which
    spreads (van Driel-Gesztelyi & Green 2015, Living Rev. Sol. Phys. 12, 1).

    Parameters
    ----------
    one : Region
        The region.
    seconds : float
        TAI seconds since 1993-01-01T00:00:00 TAI.

    Returns
    -------
    Sources
    """
    build = build_of(one)
    age = seconds - one.born
    grown = float(np.sin(np.pi / 2 * np.clip(age / one.rise, 0, 1)) ** 2)
    decayed = float(np.clip((age - one.rise) / (one.life - one.rise), 0, 1))
    spots = (0.06 + 0.94 * grown) * (1 - 0.96 * decayed**1.1)
    plage = (0.15 + 0.85 * grown) * (1 - 0.75 * decayed**1.6)
    amount = np.where(build.spot, spots, plage)
    separation = build.separation * (0.35 + 0.65 * grown) * (1 + 0.12 * decayed)
    spread = np.where(build.spot, 0.5 + 0.5 * grown, (0.4 + 0.6 * grown) * (1 + 0.35 * decayed))
    turn = 2 * np.pi * age / (1.7 * _DAY) + build.phase
    along = build.side * separation / 2 + build.offset[0] * spread + 0.8 * np.cos(turn)
    across = build.offset[1] * spread + 0.8 * np.sin(turn)
    cosine, sine = np.cos(build.tilt), np.sin(build.tilt)
    # The flux of a source is proportional to field times depth squared.
    return Sources(
        x=along * cosine + across * sine,
        y=across * cosine - along * sine,
        field=build.field * amount**0.34,
        depth=build.depth * amount**0.33,
        twist=build.twist,
    )


def evaluate(one: Region, seconds: float, longitude: Any, latitude: Any) -> Field:
    """
    Compute the field.

    Each source is a charge under the surface, whose field above it is potential; its horizontal part is turned, which
    makes currents. The quiet sun's salt and pepper is a texture that belongs to the region.

    Parameters
    ----------
    one : Region
        The region.
    seconds : float
        TAI seconds since 1993-01-01T00:00:00 TAI.
    longitude, latitude : ndarray
        Where: longitude from the region's centre and heliographic latitude, in radians.

    Returns
    -------
    Field
    """
    shape = longitude.shape
    middle = np.radians(one.latitude)
    # Single precision is 1e-3 G at worst, below the steps of the files, and twice as fast.
    x = (longitude * (np.cos(middle) * _RADIUS_MM)).ravel().astype(np.float32)
    y = ((latitude - middle) * _RADIUS_MM).ravel().astype(np.float32)
    radial, west, north, envelope = (np.zeros_like(x) for _ in range(4))
    for xs, ys, field, depth, twist in zip(*(column.tolist() for column in sources_of(one, seconds)), strict=True):
        dx, dy = x - xs, y - ys
        square = dx * dx
        square += dy * dy
        square += depth * depth
        weight = field * depth * depth / (square * np.sqrt(square))
        radial += depth * weight
        cosine, sine = math.cos(twist), math.sin(twist)
        west += weight * (cosine * dx - sine * dy)
        north += weight * (sine * dx + cosine * dy)
        np.divide(45.0 + 2.2 * depth * depth, square, out=square)
        square *= square
        envelope += square
    smooth = np.sqrt(radial * radial + west * west + north * north)
    # The HARP ends within the patch, whose CEA rectangle is bent a little in these coordinates.
    half_y, half_x = (side / 2 * np.radians(CEA_SCALE) * _RADIUS_MM for side in build_of(one).shape)
    envelope *= (np.abs(x) < 0.94 * half_x) & (np.abs(y) < 0.94 * half_y - 2)
    quiet = _quiet(one, seconds, x, y)
    # Plage is not smooth either: the same texture mottles it, but not the spots.
    radial *= 1 + 0.035 * np.clip(quiet, -14, 14) / (1 + (smooth / 800) ** 4)
    radial += quiet
    return Field(*(part.reshape(shape) for part in (radial, west, north, smooth, envelope)))


def _quiet(one: Region, seconds: float, x: Any, y: Any) -> Any:
    """Give the quiet sun's radial field in G: the texture renews itself within a day or so, as network does."""
    turn = 2 * np.pi * seconds / (1.6 * _DAY)
    first, second = _tiles(one.ordinal)
    tile = (np.cos(turn) * first + np.sin(turn) * second).ravel().astype(np.float32)
    # Linear interpolation in a tile that repeats.
    across, up = x / np.float32(_TILE_SCALE), y / np.float32(_TILE_SCALE)
    left, low = np.floor(across), np.floor(up)
    across, up = across - left, up - low
    column, row = left.astype(np.intp) % _TILE, low.astype(np.intp) % _TILE
    right, above = (column + 1) % _TILE, (row + 1) % _TILE * _TILE
    row *= _TILE
    lower = tile[row + column] * (1 - across) + tile[row + right] * across
    upper = tile[above + column] * (1 - across) + tile[above + right] * across
    return lower * (1 - up) + upper * up


@lru_cache(maxsize=16)
def _tiles(index: int) -> npt.NDArray[np.float64]:
    """Make two textures of small opposite polarities, of about 8 G, with stronger points where network would be."""
    noise = generator(6, 0, index).standard_normal((2, _TILE, _TILE))
    wave = np.fft.fftfreq(_TILE) * 2 * np.pi
    filtered = np.exp(-(wave[:, np.newaxis] ** 2 + wave[: _TILE // 2 + 1] ** 2) * 1.4**2 / 2)
    smooth = np.fft.irfft2(np.fft.rfft2(noise) * filtered, s=(_TILE, _TILE))
    smooth /= smooth.std()
    return np.asarray(5.0 * smooth * np.abs(smooth), dtype=np.float64)
