"""Settings: `conf`, an `astropy.config.ConfigNamespace`, and environment variables for the service's URL and token."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from astropy.config import ConfigItem, ConfigNamespace, get_config

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Conf", "InvalidSettingError", "conf", "token_service", "token_settings"]

#: Environment variable that holds the base URL of the service.
URL_VARIABLE: Final = "FLARECAST_URL"

#: Environment variable that holds the token that the service requires.
TOKEN_VARIABLE: Final = "FLARECAST_TOKEN"  # noqa: S105 (its name)

#: The configuration file, for messages.
_FILE: Final = "sunpy_flarecast.cfg"


class InvalidSettingError(TypeError, ValueError):
    """A setting in the configuration file is invalid; a TypeError, as in astropy, and also a ValueError."""


class _Item(ConfigItem):  # type: ignore[misc]
    """A setting at the top of sunpy_flarecast.cfg."""

    def __init__(self, default: Any, description: str, kind: str | None = None) -> None:
        super().__init__(default, description, kind, "sunpy_flarecast")

    def __call__(self) -> Any:
        try:
            return super().__call__()
        except TypeError as error:
            file = get_config(self.module, rootname=self.rootname).filename
            reason = self._problem(error)
            raise InvalidSettingError(f"The setting {self.name} in {file} is invalid: {reason}. Correct it.") from None

    def _problem(self, error: TypeError) -> str:
        return str(error).rpartition(": ")[2].removesuffix(".")

    def shown(self) -> str:
        """Return the value for display, without passwords."""
        return re.sub(r"(?<=://)[^/?#\s]*@", "", repr(self()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: name={self.name!r} value={self.shown()}>"

    def __str__(self) -> str:
        return "\n  value=".join((super().__str__().partition("\n  value=")[0], self.shown()))


class _EnvironmentItem(_Item):
    """
    A setting from this session, the environment, the configuration file or the default, in this order.

    The session comes first, since `Conf.set_temp` would otherwise have no effect where the variable is set.
    """

    _set_here = False
    _filed = ""

    def __init__(self, default: str, description: str, variable: str) -> None:
        super().__init__(default, description)
        self._variable = variable

    def _problem(self, error: TypeError) -> str:
        # Text can have no other problem. The value itself is not shown, since it may contain a password.
        return "text with a comma must be quoted"

    def by_source(self) -> tuple[str, str, str]:
        """Return the values from this session, the environment and the configuration file; empty where not set."""
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
        # ConfigItem itself sets the default where it finds no value, which is not the user's choice.
        self._set_here = value != self.defaultvalue

    def __set__(self, conf: ConfigNamespace, value: Any) -> None:
        self.set(value)
        self._set_here = True  # also if the user assigned the default

    @contextmanager
    def set_temp(self, value: Any) -> Iterator[None]:
        before, stored = self._set_here, super().__call__()
        self.set(value)
        self._set_here = True  # also if the user set the default
        try:
            yield
        finally:
            super().set(stored)
            self._set_here = before


class _SecretItem(_EnvironmentItem):
    """A string setting whose value is never shown."""

    def set(self, value: Any) -> None:
        if not isinstance(value, str):
            raise TypeError(f"sunpy_flarecast.conf.{self.name} must be a string, not {type(value).__name__}")
        super().set(value)

    def shown(self) -> str:
        return "(set)" if self() else "(not set)"


class _HeadersItem(_Item):
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
    (``conf.url = ...``) or for a block (``with conf.set_temp("url", ...):``). ``conf`` alone shows all of them;
    ``conf.help("url")`` describes one.

    Examples
    --------
    >>> from sunpy_flarecast import conf
    >>> with conf.set_temp("window", 0.5):
    ...     conf.window
    0.5
    """

    url = _EnvironmentItem(
        "http://cluster-r730-1:8001",
        "Base URL of the FLARECAST HMI service, without /HMI. The environment variable "
        f"{URL_VARIABLE} overrides the configuration file.",
        URL_VARIABLE,
    )
    token = _SecretItem(
        "",
        "Bearer token of the service at url, if one is required; it is sent to no other service, and never shown. The "
        f"environment variable {TOKEN_VARIABLE} overrides the configuration file.",
        TOKEN_VARIABLE,
    )
    window = _Item(1.0, "Length in days of the windows into which a search is split, one request each.", "float")
    parallel_requests = _Item(4, "Number of simultaneous requests for records or keywords.", "integer(min=1)")
    connect_timeout = _Item(10.0, "Seconds to wait for a connection to the service.", "float")
    read_timeout = _Item(120.0, "Seconds to wait for the next bytes of a reply or a file.", "float")
    reply_timeout = _Item(600.0, "Longest time in seconds that a list of records or keywords may take.", "float")
    reply_size = _Item(
        500.0,
        "Largest decompressed size in MB of a list of records or keywords; larger lists are requested in parts.",
        "float(min=0)",
    )
    file_size = _Item(
        500.0,
        "Largest decompressed size in MB of a file. A transfer stops where the file ends according to its headers.",
        "float(min=0)",
    )
    max_retries = _Item(
        5,
        "Number of retries of a request or a transfer after a connection error, or a reply that says that the service "
        "is busy or has failed; a transfer is also retried after a timeout.",
        "integer(min=0)",
    )
    retry_wait = _Item(
        0.5, "Longest wait in seconds before the first retry; it doubles with each retry, up to 60.", "float(min=0)"
    )
    retry_after_max = _Item(300.0, "Longest wait in seconds that a service may ask for (Retry-After).", "float(min=0)")
    cache = _Item(
        False,
        "Cache lists of records on disk, in astropy's cache folder. Cached lists are revalidated with the service, and "
        "used while it cannot be reached. Needs the cache extra; sunpy_flarecast.clear_cache() removes them.",
    )
    cache_hours = _Item(
        24.0,
        "Hours for which a cached list is used without a request, where the service does not support revalidation. "
        "Lists of near-real-time series, and of windows that ended less than this long ago, are always requested.",
        "float(min=0)",
    )
    cache_size = _Item(
        1000.0,
        "Largest size of the cache in MB, compressed; the least recently used lists are dropped first.",
        "float(min=0)",
    )
    verify_checksum = _Item(
        False,
        "Verify the DATASUM of every file of a fetch, besides its structure. Files on disk that fail are replaced.",
    )
    complete_headers = _HeadersItem(
        "auto",
        "Which fetched files have missing keywords added to their FITS headers from the service's records, before the "
        "files get their final names: auto (files without keywords), True (all files) or False (none).",
        "option('auto', 'True', 'true', 'False', 'false')",
    )
    rebase_urls = _Item(
        True,
        "Rewrite the file URLs in replies to begin with the base URL. The host that a service gives often cannot be "
        "reached from here.",
    )

    def __setattr__(self, name: str, value: object) -> None:
        if name not in self.keys():
            near = get_close_matches(name, self.keys(), n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Valid: {', '.join(self.keys())}."
            raise AttributeError(f"No configuration parameter {name!r}. {hint}")  # as astropy's set_temp() says
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return "\n".join(["sunpy_flarecast.conf:", *(f"  {name} = {item.shown()}" for name, item in self.items())])


conf = Conf()


def token_settings() -> tuple[str, str, str]:
    """
    Return where ``conf.token`` is set, the URL of the service that it is for, and where that URL is set.

    A token set in this session is for the current URL. A token from the environment or the configuration file is for
    the URL from the same source; if there is none, for the URL from the other source, or the default. It is not for a
    URL set in this session (``conf.url = ...``, ``--url``, ``--from``).
    """
    session, environment, _ = Conf.token.by_source()
    if session:
        return "the token in conf.token", str(conf.url), "conf.url"
    _, exported, filed = Conf.url.by_source()
    of_variable, of_file = (exported, URL_VARIABLE), (filed, f"url in {_FILE}")
    default = (str(Conf.url.defaultvalue), "the default of conf.url")
    own, other = (of_variable, of_file) if environment else (of_file, of_variable)
    url, where = next((found for found in (own, other) if found[0]), default)
    return TOKEN_VARIABLE if environment else f"the token in {_FILE}", url, where


def token_service() -> str:
    """Return the URL of the service that ``conf.token`` is for."""
    return token_settings()[1]
