"""`carried`: functions that use the settings of this process when they are called in others."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from uuid import uuid4

from sunpy_flarecast.config import conf, token_service

from .service_url import is_same_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["carried"]

_T = TypeVar("_T")

#: Identifier of this process.
_HERE: Final = uuid4().hex


class _InUse:
    """The settings of the tasks that run in this process; tasks with other settings wait."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._values: dict[str, Any] = {}
        self._tasks = 0
        self._before = ExitStack()

    @contextmanager
    def of(self, values: dict[str, Any]) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._tasks or self._values == values)
            if not self._tasks:
                self._values = values
                for name, value in values.items():
                    if name in ("url", "token") or getattr(conf, name) != value:
                        self._before.enter_context(conf.set_temp(name, value))
            self._tasks += 1
        try:
            yield
        finally:
            with self._changed:
                self._tasks -= 1
                if not self._tasks:
                    self._before.close()
                    self._changed.notify_all()


_IN_USE: Final = _InUse()


class _Carried(Generic[_T]):
    """A function with settings. Its representation, for dashboards and logs, hides them, since a token is one."""

    def __init__(self, function: Callable[..., _T]) -> None:
        self._function = function
        self._home = _HERE
        self._values = {name: item() for name, item in conf.items()}
        # In another process the token would count as the one for conf.url.
        if self._values["token"] and not is_same_service(self._values["url"], token_service()):
            self._values["token"] = ""

    def __repr__(self) -> str:
        function = getattr(self._function, "func", self._function)  # without the arguments of a partial
        return f"carried({getattr(function, '__qualname__', type(function).__name__)})"

    def __call__(self, *arguments: Any) -> _T:
        if self._home == _HERE:
            return self._function(*arguments)
        with _IN_USE.of(self._values):
            return self._function(*arguments)


def carried(function: Callable[..., _T]) -> Callable[..., _T]:
    """
    Return a function that can be sent to other processes, and runs there with the settings (``conf``) of this one.

    The settings include the URL of the service, its password and the token.
    """
    return _Carried(function)
