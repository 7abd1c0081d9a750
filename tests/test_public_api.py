"""The public names and their modules, and an import that is fast, silent and without network."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import astropy.units as u
import pytest

import sunpy_flarecast
from sunpy_flarecast import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Every public import path; a name that is not here may change.
PUBLIC = {
    "sunpy_flarecast": {
        *("FLARECASTClient", "FLARECASTResponse", "FLARECASTRow", "HARPNUM", "Keyword", "NOAA", "Quality", "Segment"),
        *("Series", "FetchFailure", "FetchReport", "Maps", "MirrorReport", "clear_cache", "complete_header"),
        "demo_service",
        *("Tolerance", "conf", "fetch"),
        *("load", "mirror", "read_keywords", "timeseries_of", "write_keywords", "FLARECASTError", "FileError"),
        *("ClusterError", "Interrupted"),
        *("MissingDataWarning", "QueryError", "ReplyError", "ServiceError", "TransferError", "UnreachableError"),
        "__version__",
    },
    "sunpy_flarecast.attrs": {"HARPNUM", "Keyword", "NOAA", "Quality", "Segment", "Series", "Tolerance"},
    "sunpy_flarecast.archive": {
        *("Archive", "DayCount", "DemoArchive", "DirectoryArchive", "Holding", "NotHeldError", "Passage", "Record"),
        *("SegmentFile", "Settings", "Steps", "Stored"),
        *("create_app", "running", "serve"),
    },
    "sunpy_flarecast.catalog": {
        *("CEA_PIXEL", "SPACE_WEATHER", "Keyword", "Segment", "Series", "all_keywords", "all_series", "find_keyword"),
        *("find_series", "similar_keywords"),
    },
    "sunpy_flarecast.dataset": {
        *("BuildReport", "CheckReport", "Dataset", "Info", "SWAN", "build", "check", "info", "open"),
    },
    "sunpy_flarecast.flares": {"FlareList", "flux_of_class", "read_flares", "threshold_name"},
    "sunpy_flarecast.plot": {
        *("check_picture", "plot_coverage", "plot_disk", "plot_disk_maps", "plot_keywords", "plot_magnetograms"),
        *("plot_record", "save"),
    },
}

#: Lists the modules that this package imports in addition to those of sunpy.
SCRIPT = """
import socket, sys

import parfive
import sunpy.net

def blocked(*_, **__):
    raise AssertionError("importing must not use the network")

socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = blocked
before = set(sys.modules)

import sunpy_flarecast

print(" ".join(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize("home", PUBLIC)
def test_every_public_name_exists_and_is_listed(home: str) -> None:
    module = import_module(home)
    assert len(module.__all__) == len(set(module.__all__))
    assert set(module.__all__) == PUBLIC[home]
    for name in module.__all__:
        assert getattr(module, name) is not None
    modules = {other.rpartition(".")[2] for other in PUBLIC if other != home} if home == "sunpy_flarecast" else set()
    assert set(dir(module)) == PUBLIC[home] | modules
    with pytest.raises(AttributeError, match="no attribute 'none'"):
        module.none  # noqa: B018


@pytest.mark.parametrize("home", PUBLIC)
def test_the_reference_can_show_the_fields_of_dataclasses(home: str) -> None:
    # Of fields without a default, sphinx-automodapi shows dataclasses.MISSING, unless the class has slots.
    for found in (getattr(import_module(home), name) for name in PUBLIC[home]):
        assert not is_dataclass(found) or "__slots__" in vars(found)


#: Methods that sunpy or this package call, and users do not.
NOT_FOR_USERS = {"collides", "register_values", "lack", "fail"}


def public_functions() -> Iterator[tuple[str, Callable[..., object], str]]:
    """List public functions and methods, each with its name and the docstring of its class."""
    for home, names in PUBLIC.items():
        for name in sorted(names):
            found = getattr(import_module(home), name)
            if inspect.isfunction(found):
                yield f"{home}.{name}", found, ""
            # A service calls the methods of archives.
            elif inspect.isclass(found) and home != "sunpy_flarecast.archive":
                for own, member in vars(found).items():
                    method = getattr(member, "__func__", member)
                    if inspect.isfunction(method) and not own.startswith("_") and own not in NOT_FOR_USERS:
                        yield f"{home}.{name}.{own}", method, found.__doc__ or ""


def test_public_functions_have_examples() -> None:
    listed = {name: (function, about) for name, function, about in public_functions()}
    assert {"sunpy_flarecast.load", "sunpy_flarecast.FLARECASTResponse.keywords"} < set(listed)
    without = []
    for name, (function, about) in listed.items():
        of_class = about.partition("Examples\n")[2]
        if "Examples\n" not in (function.__doc__ or "") and f".{name.rpartition('.')[2]}(" not in of_class:
            without.append(name)
    assert without == []


def test_public_functions_name_their_types() -> None:
    vague = []
    for name, function, _ in public_functions():
        signature = inspect.signature(function)
        kept = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        # Keywords have values of any type.
        types = (*(parameter.annotation for parameter in kept), signature.return_annotation)
        vague += [(name, one) for one in types if re.search(r"\bAny\b", str(one).replace("[str, Any]", ""))]
    assert vague == []


def test_public_modules_need_no_explicit_import() -> None:
    script = "import sunpy_flarecast as f; print(len(f.catalog.SPACE_WEATHER), f.plot.__name__, f.archive.__name__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["18", "sunpy_flarecast.plot", "sunpy_flarecast.archive"]


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (attrs.Series("hmi.sharp_720s"), "Series('hmi.sharp_720s')>"),
        (attrs.Segment("B*"), "Segment('B*')>"),
        (attrs.HARPNUM(377), "HARPNUM(377)>"),
        (attrs.HARPNUM(377, 380), "HARPNUM(377, 380)>"),
        (attrs.NOAA(12673), "NOAA(12673)>"),
        (attrs.Quality("good"), "Quality('good')>"),
        (attrs.Quality(mask=0x400), "Quality(mask=0x400)>"),
        (attrs.Tolerance(12 * u.min), "Tolerance(720 s)>"),
        (attrs.Keyword("usflux"), "Keyword('usflux'): total unsigned flux, in Mx>"),
    ],
    ids=str,
)
def test_attrs_are_shown_where_they_are_public(one: object, text: str) -> None:
    assert repr(one).startswith(f"<sunpy_flarecast.attrs.{text}")
    assert repr(one).endswith(text)
    assert "(usflux > 1e+22 Mx)>" in repr(attrs.Keyword("usflux") > 1e22 * u.Mx)


def test_importing_is_quiet_and_uses_no_network_and_no_extras() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.returncode == 0
    added = done.stdout.split()
    assert "sunpy_flarecast.fido.client" in added
    extras = ("fastapi", "uvicorn", "starlette", "sqlite3", "click", "rich", "matplotlib", "pyarrow", "sunpy.map")
    own = ("archive", "cli", "download", "fits", "keywords", "maps", "mirroring", "plot", "search")
    for name in (*extras, *(f"sunpy_flarecast.{one}" for one in own)):
        assert not [module for module in added if module == name or module.startswith(f"{name}.")]


def test_importing_alone_is_quiet_and_loads_no_extras() -> None:
    script = "import sunpy_flarecast, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"sunpy.map", "matplotlib", "fastapi", "uvicorn"}.isdisjoint(done.stdout.split())


def test_the_top_level_stays_small() -> None:
    names = {path.name for path in Path(sunpy_flarecast.__file__).parent.iterdir() if not path.is_dir()}
    assert len(names) <= 9, names
