"""Progress bars: one kind for everything that takes long, as parfive shows them."""

from __future__ import annotations

from typing import Any

__all__ = ["progress_bar"]


def progress_bar(*, shown: bool, **options: Any) -> Any:
    """
    Make a progress bar.

    Parameters
    ----------
    shown : bool
        Whether there is anything to show. A bar is drawn in notebooks and in terminals, and not into files.
    **options
        Of tqdm, such as ``total``, ``desc`` and ``unit``.

    Returns
    -------
    tqdm.tqdm
        To be used in a ``with`` statement, or closed.
    """
    # Imported when something takes long, and not with the package.
    from tqdm.auto import tqdm

    # None means: only in a terminal; a notebook's bar takes it for False.
    return tqdm(disable=None if shown else True, **options)
