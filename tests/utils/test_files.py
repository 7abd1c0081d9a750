"""Output files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sunpy_flarecast.utils.files import check_output

if TYPE_CHECKING:
    from pathlib import Path


def test_an_older_file_is_removed_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("{}")
    assert check_output(path, "The report") == path
    assert path.exists()
    check_output(path, "The report", fresh=True)
    assert not path.exists()
    check_output(path, "The report", fresh=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
def test_special_files_are_kept(tmp_path: Path) -> None:
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    os.mkfifo(pipe)
    target.write_text("{}")
    link.symlink_to(target)
    for path in (pipe, link):
        check_output(path, "The report", fresh=True)
        assert path in tmp_path.iterdir()
    assert target.exists()
