"""The examples in the docstrings of all modules."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import sunpy_flarecast

MODULES = [
    "sunpy_flarecast",
    *(
        module.name
        for module in pkgutil.walk_packages(sunpy_flarecast.__path__, "sunpy_flarecast.")
        if not module.name.endswith("__main__")
    ),
]


def test_all_modules_are_found() -> None:
    assert {"sunpy_flarecast.sharp.t_rec", "sunpy_flarecast.archive.app"} < set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, _ = doctest.testmod(module, optionflags=options, raise_on_error=False)
    assert failed == 0


def test_the_pure_modules_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in (
        "attrs",
        "config",
        "download.plan",
        "fits.structure",
        "sharp.catalog",
        "sharp.filenames",
        "sharp.t_rec",
    ):
        module = importlib.import_module(f"sunpy_flarecast.{name}")
        assert any(test.examples for test in finder.find(module)), name
