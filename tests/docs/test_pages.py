"""
Code in the README and the documentation that the build does not run.

The build runs ``{code-cell}`` blocks. ``python`` blocks are run here in the order of their page, against the demo
service. A block that cannot be run, or takes too long, has a line ``<!-- not run: reason -->`` above it and must only
be valid Python. Commands in ``sh`` blocks must be valid for the command line.
"""

from __future__ import annotations

import doctest
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import astropy.units as u
import click
import matplotlib as mpl
import pytest
from commandline import COMMAND, parse
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults import Layer

ROOT = Path(__file__).parents[2]

PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if not {"generated", "_build"} & set(path.parts)
}

_BLOCK = re.compile(
    r"^(?P<note><!-- not run: [^\n]+ -->\n)?(?P<fence>`{3,})(?P<kind>[\w{}-]+)[^\n]*\n(?P<code>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)


#: The options of a cell, which a page does not show.
_OPTIONS = re.compile(r"\A---\n.*?^---$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of code, its line in the page, and whether it can be run."""

    code: str
    line: int
    runs: bool


def blocks(page: str, *kinds: str) -> list[Block]:
    text = PAGES[page].read_text("utf-8")
    return [
        Block(found["code"], text.count("\n", 0, found.start("code")), not found["note"])
        for found in _BLOCK.finditer(text)
        if found["kind"] in kinds
    ]


def test_pages_and_blocks_are_found() -> None:
    assert "docs/tutorial.md" in PAGES
    assert blocks("README.md", "python")
    assert blocks("README.md", "sh")


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")  # peek() opens a window with other backends
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python", "pycon")])
def test_python_blocks_run(page: str, demo: tuple[str, Layer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.print", lambda *_, **__: None)
    mpl.use("agg")
    names: dict[str, Any] = {"Fido": Fido, "a": a, "u": u, "sunpy_flarecast": sunpy_flarecast}
    before = sunpy_flarecast.conf.url
    with ExitStack() as services:
        started = sunpy_flarecast.demo_service
        monkeypatch.setattr(sunpy_flarecast, "demo_service", lambda: services.enter_context(started()))
        for block in blocks(page, "python"):
            assert ">>>" not in block.code, f"{page}:{block.line}: such blocks are called pycon"
            program = compile("\n" * block.line + block.code, page, "exec")
            if block.runs:
                exec(program, names)
    for block in blocks(page, "pycon"):
        test = doctest.DocTestParser().get_doctest(block.code, names, page, page, block.line)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        assert not block.runs or runner.run(test, clear_globs=False).failed == 0
    assert sunpy_flarecast.conf.url == before, "the page changes conf.url for later blocks"


@pytest.mark.parametrize("page", PAGES)
def test_code_fits_the_page(page: str) -> None:
    kinds = "python", "pycon", "sh", "bash", "console", "text", "{code-cell}", "{code-block}"
    code = "\n".join(_OPTIONS.sub("", block.code) for block in blocks(page, *kinds))
    assert not [line for line in code.splitlines() if len(line) > 88]


def commands() -> list[tuple[str, str]]:
    lines = [
        (page, line)
        for page in PAGES
        for block in blocks(page, "sh", "bash", "console")
        for line in block.code.replace("\\\n", " ").splitlines()
    ]
    return sorted({(page, match[1]) for page, line in lines if (match := COMMAND.search(line))})


def help_examples(group: click.Group) -> Iterator[tuple[str, str]]:
    """List the commands at the ends of the help pages."""
    for name, command in group.commands.items():
        yield from help_examples(command) if isinstance(command, click.Group) else ()
        lines = (command.epilog or "").replace("\\\n", " ").splitlines()
        yield from ((name, match[1]) for line in lines if (match := COMMAND.search(line)))


@pytest.mark.parametrize(("page", "line"), [*commands(), *help_examples(cli)])
def test_commands_can_be_parsed(page: str, line: str) -> None:
    parse(line)
