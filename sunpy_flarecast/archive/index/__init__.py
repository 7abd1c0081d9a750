"""The index of an archive's files, an SQLite database: made and kept up to date by one process, asked by many."""

from .asking import Reader
from .building import build_index
from .lock import is_written
from .report import IndexReport, Progress
from .schema import BESIDE, ArchiveIndexError, BusyIndexError, copy_index
from .walking import is_there
from .watching import watch_index
from .whereabouts import can_write, folder_at, index_path

__all__ = [
    "BESIDE",
    "ArchiveIndexError",
    "BusyIndexError",
    "IndexReport",
    "Progress",
    "Reader",
    "build_index",
    "can_write",
    "copy_index",
    "folder_at",
    "index_path",
    "is_there",
    "is_written",
    "watch_index",
]
