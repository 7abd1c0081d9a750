"""Where the command ``sunpy-flarecast`` begins, before the package is imported, which takes a second or two."""

import signal

__all__ = ["main"]


def main() -> None:
    """Run the command; Ctrl-C ends its imports without a traceback, as it does other programs."""
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from sunpy_flarecast.__main__ import main as run

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()
