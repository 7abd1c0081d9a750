"""One mirror at a time in a folder, also where several processes are started for it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sunpy_flarecast.errors import TransferError

try:
    import fcntl
except ImportError:  # Windows, where nothing keeps two mirrors out of one folder
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["locked"]


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """
    Hold a folder, which is made if there is none, for as long as a ``with`` block lasts, or the process.

    Parameters
    ----------
    root : `pathlib.Path`
        The folder.

    Raises
    ------
    TransferError
        If it cannot be made or written to, or another mirror holds it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sunpy_flarecast.utils.lock import locked
    >>> with TemporaryDirectory() as folder, locked(Path(folder, "sharps")):
    ...     Path(folder, "sharps").is_dir()
    True
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TransferError(f"{root} cannot be made a folder ({error.strerror or error}). Choose another.") from error
    if not os.access(root, os.W_OK | os.X_OK):
        raise TransferError(f"{root} cannot be written to. Choose another folder, or mend its permissions.")
    if fcntl is None:
        yield
        return
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransferError(
                f"Another mirror is filling {root}. Wait for its end, or choose another folder."
            ) from None
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(descriptor)
