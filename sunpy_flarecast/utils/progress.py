"""Progress bars of one kind, as parfive shows them."""

from __future__ import annotations

import asyncio
from typing import Any, Final

__all__ = ["LateBar", "progress_bar"]

#: A file that takes longer than this gets a progress bar of its own, in seconds; bars for small files take a quarter
#: of the time that the files themselves do.
_BAR_AFTER: Final = 1.0


def progress_bar(*, shown: bool, **options: Any) -> Any:
    """Make a bar of tqdm, for a ``with`` statement; it is drawn in notebooks and terminals, not into files."""
    from tqdm.auto import tqdm  # when something takes long, not with the package

    # None means: only in a terminal; a notebook's bar takes it for False.
    return tqdm(disable=None if shown else True, **options)


class LateBar:
    """
    A bar for the bytes of one file, which appears only when its transfer takes long; for a ``with`` statement.

    ``kind`` is the class of bars or False, and ``token`` the connection slot, as parfive gives them.
    """

    __slots__ = ("_bar", "_kind", "_name", "_received", "_token", "_when")

    def __init__(self, kind: Any, token: Any, name: str) -> None:
        self._kind = kind
        self._token = token
        self._name = name
        self._received = 0
        self._bar: Any = None
        self._when = 0.0

    def __enter__(self) -> None:
        if self._kind:
            self._when = asyncio.get_running_loop().time() + _BAR_AFTER

    def update(self, received: int, total: int | None) -> None:
        """Count bytes."""
        if not self._kind:
            return
        self._received += received
        if self._bar is not None:
            self._bar.update(received)
        elif asyncio.get_running_loop().time() > self._when:
            self._bar = self._kind(
                position=self._token.n,
                unit="B",
                unit_scale=True,
                desc=self._name,
                leave=False,
                total=total,
                initial=self._received,
            )

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
