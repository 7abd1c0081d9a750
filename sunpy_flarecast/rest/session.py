"""How patiently a search asks a service: `Patience`, which all its requests share, and the session that obeys it."""

from __future__ import annotations

import logging
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from sunpy import log
from urllib3.exceptions import ReadTimeoutError, SSLError
from urllib3.util import Retry

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import ServiceError, UnreachableError

from .retry import RETRIED, RetryPolicy

if TYPE_CHECKING:
    from typing import Self

    from urllib3 import BaseHTTPResponse

__all__ = ["Patience", "patient_session"]


class Patience:
    """
    What the requests of one search, which run in several threads, know together of the service.

    When twice as many as run at a time have failed in a row, in spite of all retries, the next are tried once each,
    until one succeeds. If those failures can be expected of all requests, nothing more is asked; nor if there never was
    an answer and the service cannot be reached.

    Parameters
    ----------
    parallel : int, optional
        How many requests run at a time; by default ``conf.parallel_requests``.

    Examples
    --------
    >>> from sunpy_flarecast.errors import ServiceError
    >>> from sunpy_flarecast.rest.session import Patience
    >>> patience = Patience(2)
    >>> for _ in range(4):
    ...     patience.failed(ServiceError("The service is busy."))
    >>> patience.hurried
    True
    >>> patience.succeeded()
    >>> patience.hurried
    False
    """

    def __init__(self, parallel: int | None = None) -> None:
        self.parallel: int = conf.parallel_requests if parallel is None else parallel
        self.policy = RetryPolicy()
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._stopped = False
        self._in_a_row = 0
        self._lasting = True
        self._succeeded = False
        self._over: ServiceError | None = None

    def succeeded(self) -> None:
        """Take note of an answer."""
        with self._lock:
            self._in_a_row, self._lasting, self._succeeded = 0, True, True

    def failed(self, error: ServiceError) -> None:
        """Take note of a request that failed in spite of retries."""
        with self._lock:
            self._in_a_row += 1
            self._lasting = self._lasting and error.lasting
            unreachable, never = isinstance(error, UnreachableError), not self._succeeded
            enough = 1 if error.away and never else 2 * self.parallel
            # After an answer, a refusal may mean that there are no records in a window.
            if self._lasting and (unreachable or never) and self._in_a_row >= enough and self._over is None:
                self._over = error
                self._end.set()

    def stop(self) -> None:
        """Take note that nobody wants the answers any more; ends all waits."""
        self._stopped = True
        self._end.set()

    def wait(self, failures: int, asked: str | None = None) -> None:
        """
        Wait before something is tried again, unless nothing more is asked.

        Parameters
        ----------
        failures : int
            How often it has failed, from 1.
        asked : str, optional
            The reply's ``Retry-After`` header.
        """
        self._end.wait(self.policy.wait(failures, asked))

    @property
    def stopped(self) -> bool:
        """Whether nobody wants the answers any more."""
        return self._stopped

    @property
    def over(self) -> ServiceError | None:
        """Why nothing more is asked; None as long as it is."""
        return self._over

    @property
    def hurried(self) -> bool:
        """Whether everything is tried once only."""
        return self.stopped or self._over is not None or self._in_a_row >= 2 * self.parallel


class _Retry(Retry):
    """urllib3's retries, with full jitter, an end to what a service may ask for, and waits that can be ended."""

    RETRY_AFTER_STATUS_CODES = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})

    patience: Patience

    def new(self, **changed: Any) -> Self:
        made = super().new(**changed)
        made.patience = self.patience
        return made

    def increment(self, *args: Any, **named: Any) -> Self:
        # What takes too long is better asked for in parts, and a wrong certificate does not become right.
        if isinstance(error := named.get("error"), (ReadTimeoutError, SSLError)):
            raise error
        left = super().increment(*args, **named)
        log.debug(f"The service failed ({left.history[-1].status or error}); {left.total} more tries.")
        return left

    def is_exhausted(self) -> bool:
        return self.patience.hurried or super().is_exhausted()

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        self.patience.wait(len(self.history), None if response is None else response.headers.get("Retry-After"))


def _of_others(record: logging.LogRecord) -> bool:
    """Leave out what urllib3 warns of when it tries again, which is ours to tell."""
    return not (isinstance(record.args, tuple) and any(isinstance(arg, _Retry) for arg in record.args))


def patient_session(patience: Patience) -> requests.Session:
    """
    Open a session that tries again what fails for the moment, and that several threads may use.

    Parameters
    ----------
    patience : Patience
        How often, and how long to wait.

    Returns
    -------
    `requests.Session`
        With one pool of connections. After the last try it gives the answer, whatever its status.
    """
    # A list that takes the service too long is requested in parts instead.
    statuses = RETRIED - {HTTPStatus.GATEWAY_TIMEOUT}
    retry = _Retry(
        total=patience.policy.retries, status_forcelist=statuses, allowed_methods=None, raise_on_status=False
    )
    retry.patience = patience
    logging.getLogger("urllib3.connectionpool").addFilter(_of_others)
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=patience.parallel, max_retries=retry))
    return session
