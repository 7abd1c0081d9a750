"""Files that a user wants written: whether that can be, before anything is asked of a service for them."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import QueryError

__all__ = ["check_output"]


def check_output(path: str | os.PathLike[str], what: str) -> Path:
    """
    Check that a file can be written where a user wants it; its folder must be there.

    Parameters
    ----------
    path : path-like
        The file.
    what : str
        What it is to hold, as the begin of a sentence.

    Returns
    -------
    `pathlib.Path`
        The file.

    Raises
    ------
    QueryError
        If there is no such folder, nothing may be written to it, or the path is a folder itself.

    Examples
    --------
    >>> from sunpy_flarecast.outputs import check_output
    >>> check_output("keywords.ecsv", "The table").name
    'keywords.ecsv'
    >>> check_output("no/such/keywords.ecsv", "The table")
    Traceback (most recent call last):
        ...
    sunpy_flarecast.errors.QueryError: The table cannot be written to ..., since there is no such folder. Make it first.
    """
    place = Path(path).expanduser()
    told = f"{what} cannot be written to {place}"
    if place.is_dir():
        raise QueryError(f"{told}, which is a folder. Name a file in it.")
    folder = place.absolute().parent
    if not folder.is_dir():
        raise QueryError(f"{told}, since there is no such folder. Make it first.")
    if not os.access(folder, os.W_OK):
        raise QueryError(f"{told}, since nothing may be written to that folder. Choose another one.")
    return place
