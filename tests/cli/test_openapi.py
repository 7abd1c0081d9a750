"""The command ``openapi``."""

from __future__ import annotations

import json

from click.testing import CliRunner

from sunpy_flarecast.archive import DemoArchive, create_app
from sunpy_flarecast.cli import cli


def test_the_document_of_a_service_is_printed(tmp_path):
    expected = create_app(DemoArchive()).openapi()
    printed = CliRunner().invoke(cli, ["openapi"])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == expected
    file = tmp_path / "openapi.json"
    written = CliRunner().invoke(cli, ["openapi", "-o", str(file)])
    assert written.exit_code == 0
    assert json.loads(file.read_text(encoding="utf-8")) == expected


def test_a_file_that_cannot_be_written_gives_a_one_line_error(tmp_path):
    result = CliRunner().invoke(cli, ["openapi", "-o", str(tmp_path / "nowhere" / "openapi.json")])
    assert result.exit_code == 2
    assert "its folder does not exist. Create it first" in result.stderr
