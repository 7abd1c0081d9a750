"""Files that a user wants written: whether that is possible, checked before any request; reports as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sunpy_flarecast.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_output", "write_report"]


def check_output(path: str | os.PathLike[str], purpose: str, *, fresh: bool = False) -> Path:
    """
    Check that a file can be written where a user wants it, whose folder must exist.

    ``fresh`` removes what an earlier run wrote there, but no links, pipes and devices.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise QueryError(f"{purpose} needs the name of a file to be written to, not {path!r}.")
    place = Path(path).expanduser()
    failed = f"{purpose} cannot be written to {place}"
    if place.is_dir():
        raise QueryError(f"{failed}, which is a folder. Name a file in it.")
    folder = place.absolute().parent
    if not folder.is_dir():
        raise QueryError(f"{failed}, since there is no such folder. Make it first.")
    if not os.access(folder, os.W_OK):
        raise QueryError(f"{failed}, since nothing may be written to that folder. Choose another one.")
    if fresh and place.is_file() and not place.is_symlink():
        place.unlink()
    return place


def write_report(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a report as JSON that people can read, too; the folder of the file exists."""
    Path(path).expanduser().write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
