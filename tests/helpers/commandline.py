"""Parse the commands that pages show."""

from __future__ import annotations

import re
import shlex
from itertools import takewhile

import click

from sunpy_flarecast.cli import cli

#: A command of this package within a line of a shell.
COMMAND = re.compile(r"(?:^|&& |\$ |\s)sunpy-flarecast (.*)")


def parse(line: str) -> None:
    """Parse the arguments of a command; raises click's errors for invalid ones."""
    line = re.sub(r"\$\([^)]*\)", "2015-12-11", line)  # values computed by the shell are times
    words = takewhile(lambda word: word not in ("|", "||", "&&", "&", ";", ">", ">>"), shlex.split(line, comments=True))
    arguments = [word for word in words if word != "..."]
    command: click.Command = cli
    while isinstance(command, click.Group) and arguments and arguments[0] != "--help":
        name = arguments.pop(0)
        if name not in command.commands:
            raise click.UsageError(f"There is no command {name!r}.")
        command = command.commands[name]
    try:
        command.make_context("sunpy-flarecast", arguments).close()
    except click.BadParameter as error:
        # The folder of an example is not here, and an elided command lacks its times.
        if "..." not in line and not isinstance(getattr(error.param, "type", None), click.Path):
            raise
    except click.exceptions.Exit:  # of --help
        pass
