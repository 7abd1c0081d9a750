"""Small files of a mirror's own, written whole or not at all, and under fixed names until then."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["beside", "forget", "write_whole"]


def beside(path: Path) -> Path:
    """
    Name the file that is written before it gets its final name.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sunpy_flarecast.utils.whole import beside
    >>> beside(Path("keywords.ecsv")).name
    '.keywords.ecsv.new'
    """
    return path.with_name(f".{path.name.lstrip('.')}.new")


def forget(path: Path) -> None:
    """Remove what a process that was killed has left of a file."""
    with suppress(FileNotFoundError):
        beside(path).unlink()


def write_whole(path: Path, text: str) -> None:
    """Write a file, unless it holds just that already."""
    content = text.encode()
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside(path).write_bytes(content)
    beside(path).replace(path)
