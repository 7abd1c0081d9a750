"""Styles of the segments: colours, range of values, and the meanings of codes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.colors import BoundaryNorm, CenteredNorm, Colormap, ListedColormap, Normalize

__all__ = ["BEYOND", "FIELD_LIMIT", "Style", "style_of"]

#: Range of the field's components in Mx/cm²: covers the strong field of most regions; umbrae saturate.
FIELD_LIMIT: Final = 1500.0

#: Grey of missing pixels, for example beyond the limb; they must not look like strong field.
BEYOND: Final = "#808080"

#: Colour of unknown codes, and their largest number.
_UNKNOWN: Final = "#525252"
_MOST_UNKNOWN: Final = 8

#: Values of ``bitmap`` (Bobra et al. 2014, Sol. Phys. 289, 3549; jsoc.stanford.edu/jsocwiki/BitMap_HARP):
#: OFFDISK 0, QUIET 1, ACTIVE 2; ON_PATCH adds 32 within the HARP. On the CEA grid, 0 is also outside the patch. 17 and
#: 18 are half-way between inside and outside. Bitmaps from before 2013-08-21, which were interpolated (sw_functions.c
#: of the JSOC), have them at the HARP's edge; later bitmaps have them far from it, most likely in another HARP.
_BITMAP: Final = {
    0: ("off patch or disk", "#ffffff"),
    1: ("quiet", "#dcdcdc"),
    2: ("active", "#f4a582"),
    17: ("quiet, edge or other HARP", "#bdbdbd"),
    18: ("active, edge or other HARP", "#e08b6a"),
    33: ("quiet, in HARP", "#92c5de"),
    34: ("active, in HARP", "#b2182b"),
}

#: Values of ``bitmap`` in SMARPs (repository mbobra/SMARPs; Bobra et al. 2021, ApJS 256, 26): a sum of
#: the field (QUIET 1, ACTIVE 2), of features in the continuum (SPTQUIET 4, SPTFACUL 8, SPTSPOT 16), and of ON_PATCH 32.
_SMARP_BITMAP: Final = {
    0: ("off patch or disk", "#ffffff"),
    5: ("quiet", "#dcdcdc"),
    6: ("active", "#f4c9b0"),
    9: ("quiet, faculae", "#f0e0b0"),
    10: ("active, faculae", "#f4a582"),
    17: ("quiet, spot", "#a0a0a0"),
    18: ("active, spot", "#8a6d5c"),
    37: ("quiet, in TARP", "#92c5de"),
    38: ("active, in TARP", "#ef8a62"),
    41: ("quiet, faculae, in TARP", "#fee08b"),
    42: ("active, faculae, in TARP", "#b2182b"),
    49: ("quiet, spot, in TARP", "#2166ac"),
    50: ("active, spot, in TARP", "#40000f"),
}

#: ``disambig``: a bit for each method that adds 180 degrees to the azimuth (Hoeksema et al. 2014, Sol. Phys. 289, 3483;
#: hmi_disambig.pro in SolarSoft): potential field acute, random, radial acute. In strong field all bits are equal.
_DISAMBIG: Final = {
    0: ("none", "#f0f0f0"),
    1: ("potential", "#a6cee3"),
    2: ("random", "#fdbf6f"),
    3: ("pot., rand.", "#b2df8a"),
    4: ("radial", "#fb9a99"),
    5: ("pot., rad.", "#1f78b4"),
    6: ("rand., rad.", "#ff7f00"),
    7: ("all three", "#6a3d9a"),
}

#: ``conf_disambig``: how the azimuth was disambiguated (JSOC's notes on hmi.B_720s and SHARP's patches); 60 is the
#: surroundings of strong field, or the whole rest of the patch if AMBPATCH is 1.
_CONFIDENCE: Final = {
    0: ("0: not done", "#ffffff"),
    50: ("50: weak field", "#d9e2ec"),
    60: ("60: intermediate", "#6baed6"),
    90: ("90: strong field", "#08306b"),
}

_CODES: Final = {"bitmap": _BITMAP, "smarp bitmap": _SMARP_BITMAP, "disambig": _DISAMBIG, "conf_disambig": _CONFIDENCE}

#: Codes that are always listed; others are listed if an image has them.
_USUAL: Final = {
    "bitmap": {0, 1, 2, 33, 34},
    "smarp bitmap": {0, 5, 37, 42, 50},
    "disambig": {0, 7},
    "conf_disambig": {60, 90},
}

#: Flags and indices with few values in each file.
_FLAGS: Final = frozenset({"conv_flag", "confid_map", "info_map"})

_COMPONENTS: Final = frozenset({"magnetogram", "Br", "Bt", "Bp"})
_VELOCITIES: Final = frozenset({"Dopplergram", "vlos_mag"})
_CORRELATIONS: Final = frozenset(
    f"{pair}_err" for pair in ("field_inclination", "field_az", "inclin_azimuth", "field_alpha", "inclination_alpha",
                               "azimuth_alpha")
)  # fmt: skip


class Style(NamedTuple):
    """Colours, norm, meanings of codes, and the ends of the range that values exceed."""

    cmap: Colormap
    norm: Normalize
    codes: dict[int, str]
    extend: str = "neither"


def style_of(segment: str, data: Any, *, smarp: bool = False) -> Style:
    """
    Choose the style of an image.

    Signed values get symmetric ranges (the same for all images of the field's components, for comparison), directions
    cyclic colours, codes one colour for each value, and all others perceptually uniform colours. The range of unknown
    segments is from percentile 0.2 to 99.8; missing pixels are NaN.
    """
    values = data[np.isfinite(data)]
    coded = "smarp bitmap" if smarp and segment == "bitmap" else segment
    if coded in _CODES and (style := _of_codes(coded, values)) is not None:
        return style
    if not values.size:
        return Style(mpl.colormaps["viridis"].with_extremes(bad=BEYOND), Normalize(0, 1), {})
    if segment in _FLAGS and (few := np.unique(values)).size <= 8:
        return _of_values(tuple(int(value) for value in few), hexadecimal=segment == "info_map")
    cmap, norm = _range(segment, values)
    extend = ("neither", "min", "max", "both")[(values.min() < norm.vmin) + 2 * (values.max() > norm.vmax)]
    return Style(mpl.colormaps[cmap].with_extremes(bad=BEYOND), norm, {}, extend)


def _range(segment: str, values: Any) -> tuple[str, Normalize]:
    if segment in _COMPONENTS:
        return "gray", Normalize(-FIELD_LIMIT, FIELD_LIMIT)
    if segment in _VELOCITIES:
        # The observer moves at up to 3.5 km/s, so zero is not the middle of the Sun's own velocities.
        middle = float(np.median(values))
        return "RdBu_r", CenteredNorm(middle, _at_least(float(np.percentile(abs(values - middle), 99.5)), middle))
    if segment in _CORRELATIONS:
        return "RdBu_r", Normalize(-1, 1)
    if segment == "inclination":
        return "RdBu", Normalize(0, 180)  # red is positive as for velocities: field towards the observer, motion away
    if segment == "azimuth":
        return "twilight", Normalize(0, 180 if values.max() <= 180 else 360)
    low, high = (float(value) for value in np.percentile(values, (0.2, 99.8)))
    if segment in ("continuum", "src_continuum", "src_grad"):
        return "gray", Normalize(low, low + _at_least(high - low, low))
    if segment == "field":
        return "magma", Normalize(0, _at_least(high, 0))
    colours = "cividis" if segment.endswith("_err") else "viridis"
    return colours, Normalize(low, low + _at_least(high - low, low))


def _at_least(width: float, value: float) -> float:
    """Return the width of a range, or a positive one if it is 0, since norms divide by it."""
    return width if width > 1e-6 * abs(value) else abs(value) or 1.0


def _of_codes(segment: str, values: Any) -> Style | None:
    """Return a style with one colour for each code; None if too many codes are unknown."""
    there = _USUAL[segment].union(np.unique(values.astype(np.int64)).tolist())
    if len(there - _CODES[segment].keys()) > _MOST_UNKNOWN:
        return None
    table = {code: _CODES[segment].get(code, (str(code), _UNKNOWN)) for code in sorted(there)}
    colours = ListedColormap([colour for _, colour in table.values()], name=f"flarecast_{segment.replace(' ', '_')}")
    return Style(colours, _steps(tuple(table)), {code: meaning for code, (meaning, _) in table.items()})


def _of_values(codes: tuple[int, ...], *, hexadecimal: bool) -> Style:
    colours = ListedColormap(mpl.colormaps["viridis"](np.linspace(0, 1, len(codes))))
    texts = {code: f"{code:#x}" if hexadecimal and code else str(code) for code in codes}
    return Style(colours, _steps(codes), texts)


def _steps(codes: tuple[int, ...]) -> BoundaryNorm:
    """Make a norm with one step for each code, bounded half-way between them."""
    between = [(one + other) / 2 for one, other in pairwise(codes)]
    return BoundaryNorm([codes[0] - 0.5, *between, codes[-1] + 0.5], len(codes))
