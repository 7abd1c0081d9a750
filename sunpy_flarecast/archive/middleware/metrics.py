"""Figures of the service's operation for Prometheus: counted from what came of each request, given at ``/metrics``."""
# No postponed annotations: FastAPI reads those of the routes when they are made.

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from sunpy_flarecast.archive.api.openapi import COMMON_REPLIES, Message
from sunpy_flarecast.archive.settings import Settings

from .networks import is_in, read_network
from .observer import Exchange
from .tokens import Tokens

__all__ = ["Metrics", "metrics_guard", "metrics_routes", "shared_metrics"]

#: Environment variable by which processes share their figures; prometheus_client looks at it when it is imported.
_FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

_METHODS: Final = frozenset({"GET", "HEAD"})

#: Seconds: from a list out of the index to a large file over a slow line.
_BUCKETS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0)


class Metrics:
    """
    Counts requests. With several worker processes, each gives the figures of all.

    Examples
    --------
    >>> from sunpy_flarecast.archive.middleware.observer import Exchange
    >>> from sunpy_flarecast.archive.middleware.metrics import Metrics
    >>> metrics = Metrics()
    >>> metrics(Exchange(began=0.0, client="127.0.0.1", method="GET", path="/health", query="", route="/health",
    ...                  status=200, sent=15, seconds=0.00123, complete=True))
    >>> b'flarecast_response_bytes_total{route="/health"} 15.0' in metrics.text()
    True
    """

    def __init__(self) -> None:
        self._folder = os.environ.get(_FOLDER_VARIABLE)
        # Processes that share their figures collect them anew each time.
        self._registry = None if self._folder else CollectorRegistry()
        kept: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter(
            "flarecast_requests", "Requests that were answered.", ["route", "method", "status"], **kept
        )
        self._errors = Counter(
            "flarecast_errors",
            "Answers that failed: the service's fault (5xx), or not given to their end.",
            ["route", "kind"],
            **kept,
        )
        self._bytes = Counter("flarecast_response_bytes", "Bytes of bodies that were sent.", ["route"], **kept)
        self._seconds = Histogram(
            "flarecast_request_seconds", "Time until an answer was sent.", ["route"], buckets=_BUCKETS, **kept
        )

    def __call__(self, exchange: Exchange) -> None:
        """Count a request."""
        route = exchange.route or "none"
        method = exchange.method if exchange.method in _METHODS else "other"
        self._requests.labels(route, method, str(exchange.status)).inc()
        self._bytes.labels(route).inc(exchange.sent)
        self._seconds.labels(route).observe(exchange.seconds)
        if exchange.status >= 500:
            self._errors.labels(route, "failed").inc()
        elif not exchange.complete:
            self._errors.labels(route, "broken off").inc()

    def text(self) -> bytes:
        """Write the figures in Prometheus' text format."""
        registry = self._registry
        if registry is None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Give processes that are started now a folder in which they share their figures, unless there is one."""
    if os.environ.get(_FOLDER_VARIABLE):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="sunpy_flarecast-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[_FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[_FOLDER_VARIABLE]


def metrics_guard(settings: Settings) -> Callable[[Request], bool]:
    """
    Make what tells whether a client may see the metrics.

    Parameters
    ----------
    settings : Settings
        Clients in ``metrics_from`` may, and those that have one of the ``tokens``.

    Returns
    -------
    callable
        Takes a request.

    Raises
    ------
    ValueError
        If ``metrics_from`` has what is no address and no network.
    """
    allowed = [read_network(text) for text in settings.metrics_from]
    tokens = Tokens(settings.tokens)

    def may_see(request: Request) -> bool:
        client = request.client.host if request.client else ""
        return is_in(client, allowed) or bool(tokens.accept(request.scope["headers"]))

    return may_see


def metrics_routes(metrics: Metrics, settings: Settings) -> APIRouter:
    """
    Make the route of the metrics.

    Parameters
    ----------
    metrics : Metrics
        What it gives.
    settings : Settings
        To whom: clients in ``metrics_from``, and those that have one of the ``tokens``.

    Returns
    -------
    `fastapi.APIRouter`
        ``/metrics``.

    Raises
    ------
    ValueError
        If ``metrics_from`` has what is no address and no network.
    """
    router = APIRouter(tags=["operation"], default_response_class=Response)
    may_see = metrics_guard(settings)
    replies: dict[int | str, dict[str, Any]] = {
        **COMMON_REPLIES,
        200: {"description": "Counts of requests, errors, bytes and seconds.", "content": {"text/plain": {}}},
        403: {"model": Message, "description": "Figures are not for this client."},
    }

    @router.head("/metrics", include_in_schema=False)
    @router.get("/metrics", responses=replies, summary="Give figures for Prometheus")
    def give_metrics(request: Request) -> Response:
        """Give the figures of this service's operation in Prometheus' text format."""
        if not may_see(request):
            raise HTTPException(
                403, "Metrics are given to clients on the service's own machine (see --metrics-from) or with a token"
            )
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
