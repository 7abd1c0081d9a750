"""Entry point of ``python -m sunpy_flarecast`` and the command ``sunpy-flarecast``; it needs the extra ``cli``."""

import sys


def main() -> None:
    """Run the command line, or say which extra it needs."""
    try:
        from .cli import cli
    except KeyboardInterrupt:  # the imports take a second or two
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("click", "rich"):
            raise
        from .utils.optional_deps import missing_package

        sys.exit(str(missing_package("The command line needs", "cli", package)))
    cli(prog_name="sunpy-flarecast")


if __name__ == "__main__":
    main()
