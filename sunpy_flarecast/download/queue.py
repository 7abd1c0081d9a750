"""
Files into parfive's queue, with its progress bars, connection slots and results.

This is the one place that uses `parfive.Downloader.http_queue`. parfive runs what stands in it; its own transfer
(several requests a file, written in small pieces under the final name) is not used.
"""

from __future__ import annotations

import os
from numbers import Integral
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import quote

from sunpy import log

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import QueryError, TransferError
from sunpy_flarecast.rest.service_url import base_url, without_password
from sunpy_flarecast.utils.partial_file import discard

from .context import Terms
from .transfer import WITH_URLS, Queued, Transfer
from .verify import described_damaged

if TYPE_CHECKING:
    from collections.abc import Iterable

    import parfive

    from .plan import Place, Plan
    from .record_keywords import Mode

__all__ = ["enqueue"]

#: Size of a block after whose release pieces of files are kept, in bytes.
_KEPT: Final = 8 << 20


def enqueue(
    downloader: parfive.Downloader, plan: Plan, *, headers: Mode | None = None, service: str | None = None
) -> Queued:
    """
    Queue the transfers of files, but for those that are there and whole.

    Parameters
    ----------
    downloader : `parfive.Downloader`
        Its settings for overwriting, proxies and progress bars hold.
    plan : Plan
        Where the files come from and go to.
    headers : "auto", True or False, optional
        Which files get the keywords that they lack; by default ``conf.complete_headers``.
    service : str, optional
        Base URL of the service to which user and password, or the token, are sent; by default ``conf.url``.

    Returns
    -------
    Queued
        To be joined with the results of the download once it has ended.

    Raises
    ------
    QueryError
        If a file of another table in the same download goes to the same path, or a setting is out of range.
    """
    if downloader.config.overwrite not in (False, True, "unique"):
        raise QueryError(f"overwrite={downloader.config.overwrite!r} is not known; write False, True or 'unique'.")
    if not isinstance(downloader.config.max_conn, Integral) or downloader.config.max_conn < 1:
        raise QueryError(
            f"max_conn={downloader.config.max_conn!r}: write a whole number; at least one transfer at a time is needed."
        )
    queue = getattr(downloader, "http_queue", None)
    # Other tables of the same Fido.fetch may have queued files before.
    taken = {transfer.path: transfer.url for transfer in queue or () if isinstance(transfer, Transfer)}
    for place in plan.places:
        if (other := taken.get(place.path, place.url)) != place.url:
            raise QueryError(
                f"Two files would both be written to {place.path}: {other} and {place.url}. Fetch the tables one after "
                "the other, or add fields to the path that tell them apart."
            )
    mode = conf.complete_headers if headers is None else headers
    terms = Terms(downloader.config, mode, conf.url if service is None else service)
    queued = Queued(terms)
    there: list[str] = []
    for place in plan.places:
        if place.path in taken:
            continue
        if terms.has(place.path):
            there.append(place.path)
            _add(queued, place)
            continue
        if downloader.config.overwrite is False and os.path.isfile(place.path):
            queued.damaged.append(place.path)
        transfer = Transfer(place, queued)
        queued.waiting[transfer] = None
        if queue is not None:
            queue.append(transfer)
        else:
            # A parfive without this queue: its own transfer asks for a path, and gets the finished file.
            downloader.enqueue_file(place.url, filename=transfer.filepath)
    discard(there)
    if queued.damaged:
        log.warning(described_damaged(queued.damaged))
    _add_refused(queued, plan.refused)
    if queued.waiting:
        _keep_memory()
    return queued


def _keep_memory() -> None:
    """
    Let glibc keep the memory of pieces that arrived for those to come.

    It would give it back to the system after each piece of 256 KiB, which takes a quarter of the time of large files.
    It keeps what is smaller than the largest block that was ever freed; this one costs no memory, since nothing is
    written to it.
    """
    bytes(_KEPT)


def _add(results: parfive.Results, place: Place) -> None:
    if WITH_URLS:
        results.append(path=place.path, url=place.url)
    else:
        results.append(place.path)


def _add_refused(results: parfive.Results, refused: Iterable[tuple[str, TransferError]]) -> None:
    for url, error in refused:

        def filepath(response: object, url: str, error: TransferError = error) -> NoReturn:
            raise error

        # parfive's retry raises at the user for URLs of other kinds than it knows.
        known = url.startswith(("http://", "https://"))
        stand_in = f"{without_password(base_url(conf.url))}/refused/{quote(url, safe='')}"
        results.add_error(filepath, url if known else stand_in, error)
