"""Metrics for Prometheus at ``/metrics``, counted by prometheus-fastapi-instrumentator."""
# No postponed annotations: FastAPI reads those of the dependencies when the routes are defined.

import ipaddress
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, HTTPException, Request
from prometheus_client import CollectorRegistry
from prometheus_fastapi_instrumentator import Instrumentator, metrics

from sunpy_flarecast.archive.api.openapi import COMMON_REPLIES, Message
from sunpy_flarecast.archive.settings import Settings, read_networks

from .tokens import TokenCheck

__all__ = ["add_metrics", "metrics_guard"]

#: Histogram buckets in seconds: short for lists read from the index, long for large files over slow connections.
_BUCKETS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0)


def metrics_guard(settings: Settings) -> Any:
    """Make the dependency that returns whether a client may read the metrics."""
    allowed = read_networks(settings.metrics_from)

    async def may_see(request: Request, token: Annotated[bool, Depends(TokenCheck(settings.token_hashes))]) -> bool:
        try:
            address = ipaddress.ip_address(request.client.host if request.client else "")
        except ValueError:
            return token
        return token or any(address in network for network in allowed)

    return Depends(may_see)


def add_metrics(app: FastAPI, settings: Settings) -> None:
    """Count the requests of an application, and add the route ``/metrics`` for all worker processes."""

    def only_allowed(allowed: bool = metrics_guard(settings)) -> None:
        if not allowed:
            raise HTTPException(
                403, "Metrics require a token, or a client address allowed by --metrics-from (default: this machine)."
            )

    registry = CollectorRegistry()
    # Not by method, since clients could invent any number of them.
    options: dict[str, Any] = {"metric_namespace": "flarecast", "registry": registry, "should_include_method": False}
    instrumentator = Instrumentator(should_group_status_codes=False, registry=registry)
    instrumentator.add(
        metrics.requests(**options),
        metrics.response_size(**options, should_include_status=False),
        metrics.latency(**options, should_include_status=False, buckets=_BUCKETS),
    )
    instrumentator.instrument(app).expose(
        app,
        tags=["operation"],
        responses={
            **COMMON_REPLIES,
            200: {"description": "Requests, bytes and seconds by route.", "content": {"text/plain": {}}},
            403: {"model": Message, "description": "This client has no access to the metrics."},
        },
        summary="Return metrics for Prometheus",
        dependencies=[Depends(only_allowed)],
    )
