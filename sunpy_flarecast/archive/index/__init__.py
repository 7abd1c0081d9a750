"""The index of an archive's files, an SQLite database: written by one process at a time, read by many."""

from .database import BESIDE, ArchiveIndexError, BusyIndexError, copy_index
from .model import IndexReport, Progress
from .query import Reader
from .reindex import Reindexing
from .scan import can_write, folder_at, index_path, is_there
from .update import build_index

__all__ = [
    "BESIDE",
    "ArchiveIndexError",
    "BusyIndexError",
    "IndexReport",
    "Progress",
    "Reader",
    "Reindexing",
    "build_index",
    "can_write",
    "copy_index",
    "folder_at",
    "index_path",
    "is_there",
]
