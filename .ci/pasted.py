"""Parse every command on the built pages as a browser would copy it: ``python .ci/pasted.py html``."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from html.parser import HTMLParser
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from commandline import COMMAND, parse


class Blocks(HTMLParser):
    """The text of the shell code blocks of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kind = dict(attrs).get("class") or ""
        if tag == "div" and any(one in kind for one in ("highlight-sh", "highlight-bash")):
            self._inside = True
        if tag == "pre" and self._inside:
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside and self.lines:
            self.lines[-1] += data


def main() -> None:
    """Check all pages, and print the commands that cannot be parsed."""
    count, wrong = 0, []
    for page in sorted(Path(sys.argv[1]).rglob("*.html")):
        blocks = Blocks()
        blocks.feed(page.read_text("utf-8"))
        for line in "\n".join(blocks.lines).replace("\\\n", " ").splitlines():
            if (found := COMMAND.search(line)) and "[OPTIONS]" not in line:  # a usage line
                count += 1
                try:
                    with redirect_stdout(None):
                        parse(found[1])
                except (click.ClickException, ValueError) as error:
                    wrong.append(f"{page}: {line}: {error}")
    print(f"{count} commands", *wrong, sep="\n")
    sys.exit(bool(wrong) or not count)


if __name__ == "__main__":
    main()
