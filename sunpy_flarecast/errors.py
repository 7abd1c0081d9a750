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
    """Base of the errors of queries, services, files and clusters."""


class QueryError(FLARECASTError, ValueError):
    """A query or another argument is invalid: an unknown segment, contradictory attrs, a read-only folder."""


class ServiceError(FLARECASTError):
    """
    The service answered with an error.

    Parameters
    ----------
    message : str
        What was requested, what is wrong and what to do.
    reason : str, optional
        What is wrong in a few words, without the details of the request (default: the message).
    less_may_help : bool, optional
        Whether a smaller request may succeed, since the size of the reply may be the cause.
    lasting : bool, optional
        Whether other requests can be expected to fail in the same way.
    away : bool, optional
        Whether no connection could be made.
    advice : str, optional
        What to do if a retry is not enough.
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
    """The service did not reply."""


class ReplyError(ServiceError):
    """The reply is incomplete, or not a valid reply of a FLARECAST service."""


class TransferError(FLARECASTError):
    """
    A file did not arrive complete, or could not be written.

    Parameters
    ----------
    message : str
        What failed, why, and what to do.
    reason : str, optional
        Why it failed, without path, URL and advice, so that equal reasons can be counted (default: the message).
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class ClusterError(FLARECASTError):
    """The Dask cluster was lost, or cannot run the tasks."""


class FileError(FLARECASTError):
    """A file on disk cannot be used: it is damaged, is of the wrong kind, or lacks keywords."""


class Interrupted(KeyboardInterrupt):
    """
    Ctrl-C ended a search, a request for keywords, a fetch or a build; the partial result is kept.

    It is a `KeyboardInterrupt`, so it ends loops and scripts that do not catch it. In an interactive session,
    ``sys.last_value.partial`` is the partial result.

    Parameters
    ----------
    message : str
        What was kept, and how to get the rest.
    partial : FLARECASTResponse, `astropy.table.QTable`, FetchReport or BuildReport
        After a search, the table of the records found so far; its ``missing`` lists the rest, and its
        ``retry_missing()`` requests it. After `FLARECASTResponse.keywords`, the table so far; pass it to the same
        method as ``known``. After a fetch or the build of a data set, the report.

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
    """Part of the requested data is missing."""
