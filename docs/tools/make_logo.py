"""
Draw the logo: the solar disk, and on it a patch with two magnetic polarities.

``python docs/tools/make_logo.py`` writes ``docs/_static/logo.svg``.
"""

from __future__ import annotations

from math import cos, pi, sin
from pathlib import Path

LOGO = Path(__file__).resolve().parents[1] / "_static" / "logo.svg"

DISK, RIM, PATCH = "#f2a33c", "#b5651d", "#3b3b3b"
POSITIVE, NEGATIVE = "#ffffff", "#111111"


def loops() -> str:
    """Draw field lines from one polarity to the other."""
    arcs = (f"M {38 - 2 * k} 50 A {12 + 2 * k} {9 + 5 * k} 0 0 1 {62 + 2 * k} 50" for k in range(3))
    return "".join(f'<path d="{arc}" fill="none" stroke="{PATCH}" stroke-width="1.6"/>' for arc in arcs)


def rays() -> str:
    """Draw short rays around the disk."""
    angles = (2 * pi * k / 16 for k in range(16))
    ends = ((50 + r * cos(angle), 50 + r * sin(angle)) for angle in angles for r in (43, 48))
    lines = zip(ends, ends, strict=True)
    return "".join(
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{u:.1f}" y2="{v:.1f}" stroke="{RIM}" stroke-width="3"/>'
        for (x, y), (u, v) in lines
    )


def main() -> None:
    """Write the file."""
    LOGO.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" role="img" aria-label="sunpy_flarecast">'
        f'{rays()}<circle cx="50" cy="50" r="38" fill="{DISK}" stroke="{RIM}" stroke-width="3"/>'
        f'<rect x="22" y="32" width="56" height="36" fill="#8f8f8f" stroke="{PATCH}" stroke-width="3"/>'
        f'<circle cx="38" cy="52" r="9" fill="{POSITIVE}"/><circle cx="62" cy="52" r="9" fill="{NEGATIVE}"/>'
        f"{loops()}</svg>\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
