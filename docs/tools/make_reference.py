"""
Generate the parts of the reference that are derived from the code, in ``docs/generated/reference``.

Sphinx runs this at the beginning of each build (see ``conf.py``); pages in ``docs/reference`` include the files.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from astropy.table import TableAttribute
from sunpy.net.attr import Attr

from sunpy_flarecast import FLARECASTResponse, Keyword, Quality, Segment, Series, __version__, conf
from sunpy_flarecast.archive import DemoArchive, create_app
from sunpy_flarecast.cli import cli
from sunpy_flarecast.sharp.catalog import SPACE_WEATHER, all_keywords, all_series, find_keyword

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DOCS: Final = Path(__file__).parents[1]
OUTPUT: Final = DOCS / "generated" / "reference"


def main() -> None:
    """Write all parts; unchanged files are not touched, so that Sphinx does not read their pages again."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[], str]] = {
        "attrs.md": attrs,
        "series.md": series,
        "parameters.md": parameters,
        "keywords.md": keywords,
        "results.rst": results,
        "settings.md": settings,
        "settings.cfg": configuration,
        "rest.md": routes,
        "changes.rst": changes,
    }
    makers |= {f"../commands/{name}.rst": partial(command, name) for name in cli.commands}
    for name, make in makers.items():
        path, text = OUTPUT / name, make().strip() + "\n"
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def attrs() -> str:
    """List the values that tab completion offers, by attr."""
    parts = []
    for attr in (Series, Segment, Quality):
        known = Attr._attr_registry[attr]
        rows = (
            (code(name), code(value), escaped(meaning))
            for name, value, meaning in sorted(zip(known.name, known.name_long, known.desc, strict=True))
        )
        parts += [
            f"## {attr.__name__}",
            summary(attr),
            table((f"after `a.flarecast.{attr.__name__}.`", "value", "meaning"), rows),
        ]
    parts += ["## Keyword", summary(Keyword), "The names are those of [Keywords](keywords.md)."]
    return "\n\n".join(parts)


def series() -> str:
    """List the series, and the segments of each kind."""
    names = table(
        ("series", "projection", "near real time", "meaning"),
        ((code(one.name), one.projection, "yes" if one.near_real_time else "", one.meaning) for one in all_series()),
    )
    parts = [names]
    kinds = {one.segments: one.projection if one.instrument == "HMI" else "SMARP" for one in all_series()}
    for segments, kind in kinds.items():
        rows = ((code(one.name), unit(one.unit), escaped(one.meaning)) for one in segments)
        parts += [f"## Segments of {kind}", table(("segment", "unit", "meaning"), rows)]
    return "\n\n".join(parts)


def parameters() -> str:
    """List the SHARP parameters, in their usual order."""
    found = [find_keyword(name) for name in SPACE_WEATHER]
    rows = (
        (code(one.name), code(one.fits), unit(one.unit), code(one.error), escaped(one.meaning)) for one in found if one
    )
    return table(("keyword", "in FITS files", "unit", "error", "meaning"), rows)


def keywords() -> str:
    """List all keywords by name."""
    rows = (
        (
            code(one.name),
            code(one.fits),
            ", ".join(filter(None, (one.kind, unit(one.unit)))),
            ", ".join((*one.projections, *(("SMARP",) if one.smarp else ()))),
            escaped(one.meaning),
        )
        for one in sorted(all_keywords(), key=lambda keyword: keyword.name)
    )
    return table(("keyword", "in FITS files", "type, unit", "projection", "meaning"), rows)


def results() -> str:
    """Document the methods that the table of results adds to astropy's tables."""
    own = [one for one in FLARECASTResponse.__mro__ if one.__module__.startswith("sunpy_flarecast.")]
    documented = (classmethod, property, TableAttribute, FunctionType)
    names = [
        name for one in own for name, value in vars(one).items() if name[0] != "_" and isinstance(value, documented)
    ]
    return f".. autoclass:: sunpy_flarecast.FLARECASTResponse\n   :members: {', '.join(dict.fromkeys(names))}"


def settings() -> str:
    """List the settings in their order in ``Conf``."""
    rows = (
        (code(f"conf.{name}"), code(repr(item.defaultvalue)), escaped(item.description)) for name, item in conf.items()
    )
    return table(("setting", "default", "meaning"), rows)


def configuration() -> str:
    """Return a configuration file with all defaults, commented out."""
    return "\n".join(f"# {name} = {item.defaultvalue}" for name, item in conf.items())


def routes() -> str:
    """Describe the routes of the service from its OpenAPI document."""
    document = create_app(DemoArchive()).openapi()
    parts = []
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            parts += [f"## {route['summary']}", f"`{method.upper()} {path}`", route.get("description", "")]
            if parameters := route.get("parameters", []):
                parts.append(table(("parameter", "in", "type", "meaning"), map(_parameter, parameters)))
            parts.append(table(("status", "reply"), _replies(route["responses"])))
            parts += _examples(route["responses"])
    return "\n\n".join(part for part in parts if part)


def _parameter(parameter: dict[str, Any]) -> tuple[str, ...]:
    schema = parameter.get("schema", {})
    kinds = [one.get("type", "") for one in schema.get("anyOf", [schema])]
    kind = " or ".join(kind for kind in kinds if kind and kind != "null")
    text = " ".join(parameter.get("description", "").split())
    if not parameter.get("required"):
        default = schema.get("default")
        text += " Optional." if default in (None, "") else f" Default: `{json.dumps(default)}`."
    values = [str(one["value"]) for one in parameter.get("examples", {}).values() if one.get("value") not in (None, "")]
    if values:
        text += f" For example {' or '.join(map(code, values))}."
    return code(parameter["name"]), parameter["in"], kind, escaped(text)


def _replies(responses: dict[str, Any]) -> Iterable[tuple[str, ...]]:
    for status, response in sorted(responses.items()):
        content = ", ".join(response.get("content", {}))
        yield status, escaped(f"{response.get('description', '')}{f' ({content})' if content else ''}")


def _examples(responses: dict[str, Any]) -> Iterable[str]:
    for response in responses.values():
        for content in response.get("content", {}).values():
            if "example" in content:
                yield f"```json\n{json.dumps(content['example'], indent=2, ensure_ascii=False)}\n```"


def command(name: str) -> str:
    """Document a command and its subcommands."""
    made = cli.commands[name]
    module = import_module(made.callback.__module__)
    attribute = next(key for key, value in vars(module).items() if value is made)
    return f".. click:: {module.__name__}:{attribute}\n   :prog: sunpy-flarecast {name}\n   :nested: full"


def changes() -> str:
    """Return the unreleased changes from the fragments in ``changelog``."""
    options = ("--version", __version__, "--date", "not released")
    command = [sys.executable, "-m", "towncrier", "build", "--draft", *options]
    done = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, encoding="utf-8", check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"towncrier failed: {done.stderr}")
    return done.stdout if "No significant changes" not in done.stdout else ""


def summary(attr: type[Attr]) -> str:
    """Return the first paragraph of a docstring, with code marked as in Markdown."""
    first = (inspect.getdoc(attr) or "").split("\n\n")[0]
    return " ".join(first.replace("``", "`").split())


def unit(text: str) -> str:
    """Show a unit as code on one line."""
    return code(text.replace(" ", "\N{NO-BREAK SPACE}"))


def code(text: str) -> str:
    """Mark text as code unless it is empty."""
    return f"`{text}`" if text else ""


def escaped(text: str) -> str:
    """Escape Markdown outside of code."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else re.sub(r"([*_<\[\]])", r"\\\1", piece) for piece in pieces)


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Format a Markdown table whose last column is the meaning; its class adapts it to phones."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    text = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
    return f":::{{div}} names\n{text}\n:::"


if __name__ == "__main__":
    main()
