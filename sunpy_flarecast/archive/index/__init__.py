"""The index of an archive's files, an SQLite database: made and kept up to date by one process, asked by many."""

from .asking import Reader
from .building import build_index, can_write, folder_at, index_path
from .report import IndexReport, Progress
from .schema import BESIDE, ArchiveIndexError, BusyIndexError, copy_index
from .watching import watch_index

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
    "watch_index",
]
