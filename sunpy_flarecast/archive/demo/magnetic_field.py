"""The magnetic field of a region: a twisted bipole that emerges, grows and decays."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from .ephemeris import RSUN
from .projections import CEA_SCALE
from .random import generator
from .regions import flux_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from .regions import Region

__all__ = ["Bipole", "Field", "bipole_of", "field_at", "sources_of"]

_DAY: Final = 86400.0
_RADIUS_MM: Final = RSUN / 1e6
#: Flux of a source with 1 G above it, 1 Mm deep: 2 pi Mm2 G in Mx.
_FLUX: Final = 2 * math.pi * 1e16
#: Side of a CEA pixel in Mm.
_PIXEL: Final = math.radians(CEA_SCALE) * _RADIUS_MM
#: Side of the tile of quiet-Sun field in pixels, and its pixel in Mm (0.05 degree).
_TILE: Final = 256
_TILE_SCALE: Final = math.radians(0.05) * _RADIUS_MM
#: Pixels computed at a time, whose arrays fit into the processor's cache.
_BLOCK: Final = 25_000


class Bipole(NamedTuple):
    """The constant properties of a region's field, in a plane tangent to the Sun at the region's centre."""

    # Lengths are in Mm, x to the west and y to the north; arrays have a value for each source.

    #: Separation of the polarities when fully grown, and the angle (radians) of the leading one south of west.
    separation: float
    tilt: float
    #: Rows and columns of the CEA patch.
    shape: tuple[int, int]
    #: Whether the source is a spot rather than a fragment of plage.
    spot: Any
    #: Positions relative to the centre of the polarity, as rows x and y.
    offset: Any
    #: 1 for the leading polarity (west), -1 for the following.
    side: Any
    #: Largest vertical field with its sign in G, and depth below the surface, when fully grown.
    field: Any
    depth: Any
    #: Angle by which the horizontal field is turned counter-clockwise, and phase of the source's motion.
    twist: Any
    phase: Any


class Field(NamedTuple):
    """The field at some positions, in G."""

    #: Components outward, to the west and to the north.
    radial: Any
    west: Any
    north: Any
    #: Strength of the field of the sources alone, without the quiet Sun.
    smooth: Any
    #: Proximity to the region's flux: 1 or more within it, falling to 0 outside.
    envelope: Any


@lru_cache(maxsize=64)
def bipole_of(region: Region) -> Bipole:
    """Build the bipole of a region, following the statistics of real ones."""
    # Signs obey Hale's law (in cycle 24 the leading polarity is negative in the north), the tilt Joy's law (Stenflo &
    # Kosovichev 2012, ApJ 745, 129), the twist the hemispheric rule (Pevtsov et al. 1995, ApJ 440, L109); the last two
    # have large scatter.
    random = generator(5, 0, region.ordinal)
    flux = flux_of(region.ordinal)
    separation = float(np.clip(44 * (flux / 1e22) ** 0.4 * random.uniform(0.85, 1.2), 26, 66))
    north = 1.0 if region.latitude > 0 else -1.0
    # The leading polarity is nearer to the equator.
    tilt = np.radians(32.1 * np.sin(np.radians(region.latitude)) + north * 9 * random.standard_normal())
    leading = north if region.cycle % 2 else -north
    fragments = int(random.integers(9, 15))
    # Nearly half of the leading flux is in one spot; the following flux is spread over smaller ones.
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
    height, width = (2 * round((part * separation + 18) / _PIXEL) for part in (0.42, 0.85))
    return Bipole(
        separation=separation,
        tilt=float(tilt),
        shape=(height + int(region.ordinal % 2), width + int(region.ordinal % 3 == 0)),
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


def sources_of(region: Region, seconds: float) -> list[tuple[float, ...]]:
    """
    Return x, y, field, depth and twist of the sources, as in `Bipole`, at one time (TAI seconds since 1993-01-01).

    The flux rises within days while the polarities separate, and then decays; spots vanish before the plage, which
    spreads (van Driel-Gesztelyi & Green 2015, Living Rev. Sol. Phys. 12, 1).
    """
    bipole = bipole_of(region)
    age = seconds - region.born
    grown = float(np.sin(np.pi / 2 * np.clip(age / region.rise, 0, 1)) ** 2)
    decayed = float(np.clip((age - region.rise) / (region.life - region.rise), 0, 1))
    spots = (0.06 + 0.94 * grown) * (1 - 0.96 * decayed**1.1)
    plage = (0.15 + 0.85 * grown) * (1 - 0.75 * decayed**1.6)
    amount = np.where(bipole.spot, spots, plage)
    separation = bipole.separation * (0.35 + 0.65 * grown) * (1 + 0.12 * decayed)
    spread = np.where(bipole.spot, 0.5 + 0.5 * grown, (0.4 + 0.6 * grown) * (1 + 0.35 * decayed))
    turn = 2 * np.pi * age / (1.7 * _DAY) + bipole.phase
    along = bipole.side * separation / 2 + bipole.offset[0] * spread + 0.8 * np.cos(turn)
    across = bipole.offset[1] * spread + 0.8 * np.sin(turn)
    cosine, sine = np.cos(bipole.tilt), np.sin(bipole.tilt)
    # The flux of a source is proportional to field times depth squared.
    x, y = along * cosine + across * sine, across * cosine - along * sine
    table = np.stack([x, y, bipole.field * amount**0.34, bipole.depth * amount**0.33, bipole.twist], axis=1)
    return [tuple(source) for source in table.tolist()]


def field_at(region: Region, seconds: float, longitude: Any, latitude: Any) -> Field:
    """Compute the field at longitudes relative to the region's centre, and heliographic latitudes, in radians."""
    # Each source is a charge below the surface with a potential field above it; rotating its horizontal part creates
    # currents. The small-scale field of the quiet Sun is a texture that differs from region to region.
    shape = longitude.shape
    middle = math.radians(region.latitude)
    # Single precision has errors below 1e-3 G, less than the steps of the files, and is twice as fast.
    x = (longitude * (math.cos(middle) * _RADIUS_MM)).ravel().astype(np.float32)
    y = ((latitude - middle) * _RADIUS_MM).ravel().astype(np.float32)
    total = np.zeros((4, x.size), dtype=np.float32)
    sources = sources_of(region, seconds)
    for begin in range(0, x.size, _BLOCK):
        part = np.s_[begin : begin + _BLOCK]
        _add_sources(total[:, part], x[part], y[part], sources)
    radial, west, north, envelope = total
    smooth = np.sqrt(radial * radial + west * west + north * north)
    # The HARP lies within the patch, whose CEA rectangle is slightly curved in these coordinates.
    half_y, half_x = (side / 2 * _PIXEL for side in bipole_of(region).shape)
    envelope *= (np.abs(x) < 0.94 * half_x) & (np.abs(y) < 0.94 * half_y - 2)
    quiet = _quiet(region, seconds, x, y)
    # The same texture modulates the plage, but not the spots.
    square = smooth * np.float32(1 / 800)
    square *= square
    square *= square
    radial *= 1 + np.clip(quiet, -14, 14) * np.float32(0.035) / (1 + square)
    radial += quiet
    return Field(*(part.reshape(shape) for part in (radial, west, north, smooth, envelope)))


def _add_sources(total: Any, x: Any, y: Any, sources: list[tuple[float, ...]]) -> None:
    """Add the radial, west and north components and the envelope of all sources, without temporary arrays."""
    radial, west, north, envelope = total
    dx, dy, square, weight, part = np.empty((5, x.size + 16), dtype=np.float32)[:, : x.size]
    for source_x, source_y, field, depth, twist in sources:
        np.subtract(x, source_x, out=dx)
        np.subtract(y, source_y, out=dy)
        np.multiply(dx, dx, out=square)
        np.multiply(dy, dy, out=part)
        square += part
        square += depth * depth
        np.sqrt(square, out=weight)
        weight *= square
        np.divide(field * depth**3, weight, out=weight)
        radial += weight
        np.divide(45.0 + 2.2 * depth * depth, square, out=square)
        square *= square
        envelope += square
        # The horizontal field is the radial field times the rotated distance over the depth.
        cosine, sine = math.cos(twist) / depth, math.sin(twist) / depth
        np.multiply(dx, cosine, out=square)
        np.multiply(dy, sine, out=part)
        square -= part
        square *= weight
        west += square
        dx *= sine
        dy *= cosine
        dx += dy
        dx *= weight
        north += dx


def _quiet(region: Region, seconds: float, x: Any, y: Any) -> Any:
    """Return the quiet Sun's radial field in G, a texture that changes within about a day, as the network does."""
    turn = 2 * math.pi * seconds / (1.6 * _DAY)
    first, second = _tiles(region.ordinal)
    # Linear interpolation in a periodic tile, padded by one row and column.
    tile = np.pad(math.cos(turn) * first + math.sin(turn) * second, (0, 1), "wrap").ravel()
    across, up = x / np.float32(_TILE_SCALE), y / np.float32(_TILE_SCALE)
    left, low = np.floor(across), np.floor(up)
    across -= left
    up -= low
    index = (low.astype(np.intp) & (_TILE - 1)) * (_TILE + 1) + (left.astype(np.intp) & (_TILE - 1))
    lower = tile[index]
    lower += across * (tile[index + 1] - lower)
    index += _TILE + 1
    upper = tile[index]
    upper += across * (tile[index + 1] - upper)
    upper -= lower
    upper *= up
    return lower + upper


@lru_cache(maxsize=32)
def _tiles(ordinal: int) -> Any:
    """Make two textures of small opposite polarities of about 8 G, with stronger points like the network."""
    noise = generator(6, 0, ordinal).standard_normal((2, _TILE, _TILE))
    # Two real transforms as one complex transform.
    both = np.fft.ifft2(np.fft.fft2((noise[0] + 1j * noise[1]).astype(np.complex64)) * _filter())
    smooth = np.stack([both.real, both.imag])
    smooth /= smooth.std()
    return 5.0 * smooth * np.abs(smooth)


@cache
def _filter() -> npt.NDArray[np.float32]:
    square = (np.fft.fftfreq(_TILE) * 2 * np.pi) ** 2
    return np.exp(-(square[:, np.newaxis] + square) * 1.4**2 / 2).astype(np.float32)
