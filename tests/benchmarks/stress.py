"""
Stop and kill processes that fill one folder together at any moment: ``stress.py --seeds 20``.

They fetch, complete, mirror and index it (``tests/helpers/stressing.py``). After one more undisturbed run of each, the
folder and its index must equal those of undisturbed processes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from common import judged, say
from stressing import stress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="number of runs, each with different moments")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--pieces", type=int, default=40, help="processes per run")
    options = parser.parse_args()
    well = True
    for seed in range(options.first, options.first + options.seeds):
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            wrong = stress(seed, options.pieces, Path(folder))
        say(f"seed {seed}: {time.monotonic() - begin:.1f} s, {len(wrong)} faults")
        for text in wrong:
            say(f"  {text}")
        well = well and not wrong
    say(f"{options.seeds} seeds: {judged(well)}")
    raise SystemExit(not well)


if __name__ == "__main__":
    main()
