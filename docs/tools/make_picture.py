"""
Make the picture of the front page: run the first example of the README, as it is printed, with synthetic SHARPs.

``python docs/tools/make_picture.py`` writes ``docs/_static/first.png``; ``--check`` only runs the example.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "_static" / "first.png"

#: Every visitor to the front page downloads the picture.
LARGEST = 100_000


def example() -> str:
    """Return the first Python block of the README."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    if found is None:
        raise SystemExit("README.md has no block of Python.")
    return found[1]


def main() -> None:
    """Run the example in a temporary folder, and save its figure."""
    mpl.use("agg")
    mpl.rcParams.update({"figure.figsize": (8, 4.2), "figure.dpi": 100, "figure.constrained_layout.use": True})
    plt.show = lambda *_, **__: None
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            exec(compile(example(), "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102 (our own README)
        finally:
            os.chdir(ROOT)
    if "--check" in sys.argv[1:]:
        return
    PICTURE.parent.mkdir(exist_ok=True)
    drawn = BytesIO()
    plt.gcf().savefig(drawn)
    # A palette is enough for greys, and halves the size.
    Image.open(drawn).convert("RGB").quantize(colors=128, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    size = PICTURE.stat().st_size
    print(f"{PICTURE.relative_to(ROOT)}: {size:,} bytes")
    if size > LARGEST:
        raise SystemExit(f"That is more than {LARGEST:,} bytes.")


if __name__ == "__main__":
    main()
