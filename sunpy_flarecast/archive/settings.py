"""How a service behaves: what it is called from outside, what it demands, and what it bounds."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a service behaves.

    Parameters
    ----------
    envelope : bool, optional
        Whether lists stand in an object under ``data``, or bare.
    public_url : str, optional
        URL of the service in its replies, without a slash at its end; by default as each client reached it.
    trusted_proxies : tuple of str, optional
        Addresses and networks (``"10.0.0.0/8"``) whose ``X-Forwarded-*`` headers are believed.
    max_days : float, optional
        Longest range of one list, in days; None for any.
    max_streams : int, optional
        Answers under way at a time; beyond, 503 with ``Retry-After``.
    tokens : frozenset of str, optional
        Bearer tokens, one of which a request must have; none are demanded if empty.
    metrics_from : tuple of str, optional
        Addresses and networks of clients that get ``/metrics`` without a token.
    x_accel : str, optional
        Path of the front server's internal location for the archive's folder. Files are then answered with
        ``X-Accel-Redirect`` and no content, and the front server (nginx) sends them.

    Examples
    --------
    >>> from sunpy_flarecast.archive.settings import Settings
    >>> Settings(tokens=frozenset({"for-the-example-only"})).tokens == frozenset()
    False
    >>> "example" in repr(Settings(tokens=frozenset({"for-the-example-only"})))
    False
    """

    envelope: bool = True
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    max_days: float | None = None
    max_streams: int = 500
    tokens: frozenset[str] = frozenset()
    metrics_from: tuple[str, ...] = ("127.0.0.1", "::1")
    x_accel: str | None = None

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # Tokens are not shown, wherever this is printed.
        tokens = f"<{len(self.tokens)}>"
        return [(name, tokens if name == "tokens" else getattr(self, name)) for name in self.__struct_fields__]
