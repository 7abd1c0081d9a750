"""Exceptions; every message says what was requested, what is wrong and what to do."""

from typing import Any

from sunpy.util.exceptions import SunpyUserWarning

__all__ = [
    "ClusterError",
    "FLARECASTError",
    "FileError",
    "Interrupted",
    "MissingDataWarning",
    "QueryError",
    "ReplyError",
    "ServiceError",
    "TransferError",
    "UnreachableError",
]


class FLARECASTError(Exception):
    """Base of all errors of this package."""


class QueryError(FLARECASTError, ValueError):
    """The query is invalid: an unknown segment, start after end, or attrs that contradict each other."""


class ServiceError(FLARECASTError):
    """
    The service answered with an error.

    Parameters
    ----------
    message : str
        What was requested, what is wrong and what to do.
    reason : str, optional
        What is wrong in a few words, the same for all requests; by default the message.
    less_may_help : bool, optional
        Whether the size of the reply can explain it, so that a smaller request may succeed.
    lasting : bool, optional
        Whether other requests can be expected to fail alike.
    away : bool, optional
        Whether not even a connection was made.
    advice : str, optional
        What to do, if that is more than to try again.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        less_may_help: bool = False,
        lasting: bool = False,
        away: bool = False,
        advice: str = "",
    ) -> None:
        super().__init__(message)
        self.reason = reason or message
        self.less_may_help = less_may_help
        self.lasting = lasting
        self.away = away
        self.advice = advice


class UnreachableError(ServiceError):
    """There is no reply from the service."""


class ReplyError(ServiceError):
    """The service sent something that is not a reply of a FLARECAST service."""


class TransferError(FLARECASTError):
    """A file did not arrive complete, or could not be written."""


class ClusterError(FLARECASTError):
    """The Dask cluster that was to do the work is gone, or cannot do it."""


class FileError(FLARECASTError):
    """A file on disk cannot be used as it is: broken, foreign, or without keywords."""


class Interrupted(KeyboardInterrupt):
    """
    Ctrl-C ended a search, a request for keywords, or a fetch; what came until then is kept.

    It is a `KeyboardInterrupt`, so that it ends loops and scripts unless they catch it. In an interactive session,
    ``sys.last_value.partial`` is what was kept.

    Parameters
    ----------
    message : str
        What was kept, and how to get the rest.
    partial : FLARECASTResponse, `astropy.table.QTable` or FetchReport
        Of a search the table of what came, whose ``missing`` names the rest and whose ``retry_missing()`` requests just
        that; of `FLARECASTResponse.keywords` the table, for ``known=``; of a fetch the report.

    Examples
    --------
    >>> try:  # doctest: +SKIP
    ...     table = client.search(*query)
    ... except sunpy_flarecast.Interrupted as error:
    ...     error.partial.write("search.ecsv")
    ...     raise
    """

    def __init__(self, message: str, partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial


class MissingDataWarning(SunpyUserWarning):  # type: ignore[misc]
    """Part of what was requested is missing; the rest is there."""
