"""Optional dependencies: errors for missing packages that name the install command."""

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

#: Packages of the extra ``plot`` that this package uses.
PLOT: Final = ("matplotlib", "sunpy.map", "sunpy.visualization")

#: Packages of the extra ``dataset`` that data sets require.
DATASET: Final = ("zarr", "xarray", "pyarrow", "fsspec")


def need(purpose: str, extra: str, packages: Iterable[str]) -> None:
    """Raise `ImportError` if a package is missing; ``purpose`` starts the message: ``"Maps need"``."""
    for name in packages:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise missing_package(purpose, extra, error.name or name) from error


def missing_package(purpose: str, extra: str, package: str) -> ImportError:
    """Return the error for a missing package, with the install command of its extra."""
    text = f"{purpose} the package {package!r}, which is not installed. Install it with: {install_command(extra)}"
    return ImportError(text, name=package)


def install_command(extra: str) -> str:
    """Return the command that installs an extra from the source that the package was installed from."""
    try:
        origin = json.loads(distribution("sunpy-flarecast").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    about, url = origin.get("dir_info"), urlsplit(origin.get("url", ""))
    if about is None or url.scheme != "file":
        return f'python -m pip install "sunpy-flarecast[{extra}]"'
    option = "-e " if about.get("editable") else ""
    return f'python -m pip install {option}"{url2pathname(url.path)}[{extra}]"'
