"""The command ``openapi``, which prints the description of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.markup import escape

from sunpy_flarecast.utils.files import check_output

from .console import out, plain_errors
from .main import cli
from .options import FILE, examples

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["openapi"]


@cli.command(epilog=examples("openapi -o openapi.json"))
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write the description to this file instead of showing it.",
)
def openapi(output: Path | None) -> None:
    """Print the OpenAPI description of the service.

    A running service has the same description at /openapi.json. Client generators and test tools read it.
    """
    with plain_errors():
        if output:
            output = check_output(output, "The description")
        import json

        from sunpy_flarecast.archive import DemoArchive, create_app

        # The routes are the same for all archives.
        text = json.dumps(create_app(DemoArchive()).openapi(), indent=2, ensure_ascii=False) + "\n"
        if not output:
            click.echo(text, nl=False)
        else:
            output.write_text(text, encoding="utf-8")
            out.print(f"Wrote {escape(str(output))}.", soft_wrap=True)
