"""The index of an archive's files, an SQLite database: made and kept up to date by one process, asked by many."""

from .database import BESIDE, ArchiveIndexError, BusyIndexError, copy_index
from .lock import is_written
from .query import Reader
from .report import IndexReport, Progress
from .scan import is_there
from .update import build_index
from .watch import watch_index
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
