"""Settings: `conf`, an `astropy.config.ConfigNamespace`, and environment variables for the service's URL and token."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from astropy.config import ConfigItem, ConfigNamespace, get_config

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Conf", "conf", "token_service"]

#: Environment variable that holds the base URL of the service.
URL_VARIABLE: Final = "FLARECAST_URL"

#: Environment variable that holds the token that the service demands.
TOKEN_VARIABLE: Final = "FLARECAST_TOKEN"  # noqa: S105 (its name)

_MODULE: Final = "sunpy_flarecast"  # so that all items stand at the top of sunpy_flarecast.cfg


class _EnvironmentItem(ConfigItem):  # type: ignore[misc]
    """
    What this session set, else the environment, else the configuration file, else the default.

    What a session sets must win over the environment, or else `Conf.set_temp` would do nothing where the variable is
    set.
    """

    _set_here = False
    _filed = ""

    def __init__(self, default: str, description: str, variable: str) -> None:
        super().__init__(default, description, module=_MODULE)
        self._variable = variable

    def by_source(self) -> tuple[str, str, str]:
        """Give what this session, the environment and the configuration file say; empty where one says nothing."""
        held = str(get_config(self.module, rootname=self.rootname).get(self.name, ""))
        session, filed = (held, self._filed) if self._set_here else ("", held)
        return session, os.environ.get(self._variable, ""), "" if filed == self.defaultvalue else filed

    def __call__(self) -> Any:
        if not self._set_here and (found := os.environ.get(self._variable)):
            return found
        return super().__call__()

    def set(self, value: Any) -> None:
        if not self._set_here:
            self._filed = self.by_source()[2]
        super().set(value)
        # ConfigItem sets the default itself when it finds no value, which is nobody's choice.
        self._set_here = value != self.defaultvalue

    def __set__(self, conf: ConfigNamespace, value: Any) -> None:
        self.set(value)
        self._set_here = True  # the default, too, if it was written out

    @contextmanager
    def set_temp(self, value: Any) -> Iterator[None]:
        before, stored = self._set_here, super().__call__()
        self.set(value)
        self._set_here = True  # the default, too, if it was asked for
        try:
            yield
        finally:
            super().set(stored)
            self._set_here = before


class _SecretItem(_EnvironmentItem):
    """A text that is not shown with the settings."""

    def set(self, value: Any) -> None:
        if not isinstance(value, str):
            raise TypeError(f"sunpy_flarecast.conf.{self.name} is text, not {type(value).__name__}")
        super().set(value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: name={self.name!r} {'set' if self() else 'not set'}>"

    def __str__(self) -> str:
        state = "set" if self() else "not set"
        return f"{type(self).__name__}: {self.name}\n  description={self.description!r}\n  {state}"


class _HeadersItem(ConfigItem):  # type: ignore[misc]
    """``"auto"``, True or False; as text in the configuration file."""

    def __call__(self) -> Any:
        value = str(super().__call__())
        return {"true": True, "false": False}.get(value.lower(), value)

    def set(self, value: Any) -> None:
        super().set(str(value))


class Conf(ConfigNamespace):  # type: ignore[misc]
    """
    Settings of sunpy_flarecast.

    They are kept in ``sunpy_flarecast.cfg`` in astropy's configuration folder, and can be set for a session
    (``conf.url = ...``) or for a block (``with conf.set_temp("url", ...):``).

    Examples
    --------
    >>> from sunpy_flarecast import conf
    >>> with conf.set_temp("window", 0.5):
    ...     conf.window
    0.5
    """

    url = _EnvironmentItem(
        "http://cluster-r730-1:8001",
        f"Base URL of the FLARECAST HMI service, without /HMI. The environment variable {URL_VARIABLE} overrides it.",
        URL_VARIABLE,
    )
    token = _SecretItem(
        "",
        "Bearer token of the service at url, if it demands one; it is sent to no other, and shown nowhere. The "
        f"environment variable {TOKEN_VARIABLE} overrides it.",
        TOKEN_VARIABLE,
    )
    window = ConfigItem(
        1.0,
        "Length in days of the time windows into which a search is cut, one request each.",
        cfgtype="float",
        module=_MODULE,
    )
    parallel_requests = ConfigItem(
        4,
        "How many windows of a search are asked for at a time.",
        cfgtype="integer(min=1)",
        module=_MODULE,
    )
    connect_timeout = ConfigItem(
        10.0, "Seconds to wait for a connection to the service.", cfgtype="float", module=_MODULE
    )
    read_timeout = ConfigItem(
        120.0, "Seconds to wait for the next bytes of an answer or a file.", cfgtype="float", module=_MODULE
    )
    max_retries = ConfigItem(
        5,
        "How often a request or the transfer of a file is tried again after a connection error, a timeout, or an "
        "answer that the service is busy or broken.",
        cfgtype="integer(min=0)",
        module=_MODULE,
    )
    retry_wait = ConfigItem(
        0.5,
        "Longest wait in seconds before something is tried again for the first time; it doubles each time, up to 60.",
        cfgtype="float(min=0)",
        module=_MODULE,
    )
    retry_after_max = ConfigItem(
        300.0,
        "Longest wait in seconds that a service may ask for (Retry-After).",
        cfgtype="float(min=0)",
        module=_MODULE,
    )
    reply_size = ConfigItem(
        500.0,
        "Largest size in MB, decompressed, of a list of records, or of keywords; more is requested in parts.",
        cfgtype="float(min=0)",
        module=_MODULE,
    )
    reply_timeout = ConfigItem(
        600.0,
        "Longest time in seconds that such a reply may take from its first byte to its last.",
        cfgtype="float(min=0)",
        module=_MODULE,
    )
    cache = ConfigItem(
        False,
        "Keep lists of records on disk, under astropy's cache folder, ask the service only whether they have changed, "
        "and use them while it cannot be reached. Needs the extra cache. sunpy_flarecast.clear_cache() removes them.",
        module=_MODULE,
    )
    cache_hours = ConfigItem(
        24.0,
        "How many hours a kept list is used without asking, if the service does not support asking whether it has "
        "changed.",
        cfgtype="float(min=0)",
        module=_MODULE,
    )
    cache_size = ConfigItem(
        1000.0,
        "Largest size of the cache in MB, compressed; the least recently used lists are dropped first.",
        cfgtype="float(min=0)",
        module=_MODULE,
    )
    verify_checksum = ConfigItem(
        False,
        "Verify DATASUM of every file of a fetch, besides its structure; files on disk with a wrong one are fetched "
        "again.",
        module=_MODULE,
    )
    complete_headers = _HeadersItem(
        "auto",
        "Whether files get the keywords (FITS headers) that they lack, from the service, before they are there under "
        "their final names: auto for files without any, True for all files, False for none.",
        cfgtype="option('auto', 'True', 'true', 'False', 'false')",
        module=_MODULE,
    )
    rebase_urls = ConfigItem(
        True,
        "Move the file URLs in the service's replies to the base URL. Replies carry the host under which the service "
        "knows itself, which is often not the one that can be reached from here.",
        module=_MODULE,
    )


conf = Conf()


def token_service() -> str:
    """
    Give the URL of the service whose token ``conf.token`` is.

    One that stands in the environment, or in the configuration file, is for the URL that stands there, and not for
    another that is asked for a while (``--url``, ``--from``).

    Examples
    --------
    >>> from sunpy_flarecast.config import conf, token_service
    >>> with conf.set_temp("url", "http://localhost:8001"), conf.set_temp("token", "for-the-example"):
    ...     token_service()
    'http://localhost:8001'
    """
    session, environment, _ = Conf.token.by_source()
    if session:
        return str(conf.url)
    _, beside, filed = Conf.url.by_source()
    standing = beside or filed if environment else filed or beside
    return standing or str(conf.url)
