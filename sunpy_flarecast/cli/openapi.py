"""The command that prints the description of a service: ``openapi``."""

from __future__ import annotations

from pathlib import Path

import click

from .main import cli
from .terminal import out, plain_errors

__all__ = ["openapi"]


@cli.command()
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write, instead of the terminal."
)
def openapi(output: Path | None) -> None:
    """Print the OpenAPI description of the service.

    It is what a running one gives at /openapi.json: for generators of clients, and tools that test services.
    """
    with plain_errors():
        import json

        from sunpy_flarecast.archive import DemoArchive, create_app

        # The routes are the same for all archives.
        text = json.dumps(create_app(DemoArchive()).openapi(), indent=2, ensure_ascii=False) + "\n"
        if output is None:
            click.echo(text, nl=False)
        else:
            output.write_text(text, encoding="utf-8")
            out.print(f"The description is {output}.", soft_wrap=True)
