"""What can go wrong, as exceptions; every message says what was asked, what is wrong and what to do."""

from sunpy.util.exceptions import SunpyUserWarning

__all__ = [
    "FLARECASTError",
    "FileError",
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
    """The query cannot be answered as it is written: unknown segment, start after end, attrs that contradict."""


class ServiceError(FLARECASTError):
    """
    The service answered with an error.

    Parameters
    ----------
    message : str
        What was asked, what is wrong and what to do.
    reason : str, optional
        What is wrong in a few words, the same for whatever was asked; by default the message.
    less_may_help : bool, optional
        Whether the size of the answer can explain it, so that less may be asked for at once.
    lasting : bool, optional
        Whether other requests can be expected to end alike.
    away : bool, optional
        Whether not even a connection came about.
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
    """No answer came from the service."""


class ReplyError(ServiceError):
    """The service answered with something that is not a reply of a FLARECAST service."""


class TransferError(FLARECASTError):
    """A file did not arrive whole, or could not be written."""


class FileError(FLARECASTError):
    """A file on disk cannot be used as it is: broken, foreign, or without keywords."""


class MissingDataWarning(SunpyUserWarning):  # type: ignore[misc]
    """Part of what was asked for is not there; the rest is."""
