"""
Ctrl-C while the command ``sunpy-flarecast`` imports its modules, which takes seconds, gives a line, not a traceback.

The package imports this module first; in other programs it does nothing.
"""

import sys
from pathlib import Path
from types import TracebackType

__all__: list[str] = []


def _end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """End the command with the status of an interrupt, or show another error as usual."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    sys.stderr.write("Interrupted.\n")
    sys.exit(130)


_arguments = sys.orig_argv[1:3]  # of this process; workers have others, although their sys.argv is the same
if _arguments == ["-m", "sunpy_flarecast"] or Path("".join(_arguments[:1])).name.startswith("sunpy-flarecast"):
    sys.excepthook = _end
