"""Check before any request that an output file can be written; write reports as JSON."""

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
    Check that an output file can be written; its folder must exist.

    ``fresh`` removes a file of an earlier run, but not links, pipes or devices.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise QueryError(f"{purpose} requires the name of an output file, not {path!r}.")
    place = Path(path).expanduser()
    failed = f"{purpose} cannot be written to {place}"
    if place.is_dir():
        raise QueryError(f"{failed}, which is a folder. Give the path of a file in it.")
    folder = place.absolute().parent
    if not folder.is_dir():
        raise QueryError(f"{failed}: its folder does not exist. Create it first.")
    if not os.access(folder, os.W_OK):
        raise QueryError(f"{failed}: its folder is not writable. Choose another folder.")
    if fresh and place.is_file() and not place.is_symlink():
        place.unlink()
    return place


def write_report(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a report as indented JSON; the folder of the file must exist."""
    Path(path).expanduser().write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
