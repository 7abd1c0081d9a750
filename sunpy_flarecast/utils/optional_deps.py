"""Packages of extras: one sentence, with the command that installs them, where they are missing."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DATASET", "PLOT", "install_command", "missing_package", "need"]

#: What the extra ``plot`` brings, and this package uses.
PLOT: Final = ("matplotlib", "sunpy.map", "sunpy.visualization")

#: What the extra ``dataset`` brings, and data sets cannot do without.
DATASET: Final = ("zarr", "xarray", "pyarrow", "fsspec")


def need(purpose: str, extra: str, packages: Iterable[str]) -> None:
    """Raise `ImportError` if a package is missing; ``purpose`` begins its sentence: ``"Maps need"``."""
    for name in packages:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise missing_package(purpose, extra, error.name or name) from error


def missing_package(purpose: str, extra: str, package: str) -> ImportError:
    """Return the error that names a missing package, and the command that installs its extra."""
    return ImportError(f"{purpose} the package {package!r}: {install_command(extra)}", name=package)


def install_command(extra: str) -> str:
    """Return the command that adds an extra, from where the package itself was installed."""
    try:
        origin = json.loads(distribution("sunpy-flarecast").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    about, url = origin.get("dir_info"), urlsplit(origin.get("url", ""))
    if about is None or url.scheme != "file":
        return f'python -m pip install "sunpy-flarecast[{extra}]"'
    option = "-e " if about.get("editable") else ""
    return f'python -m pip install {option}"{url2pathname(url.path)}[{extra}]"'
