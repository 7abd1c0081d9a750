"""Several processes fetch, complete, mirror and index one folder while they are stopped and killed at random."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from stressing import stress

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize("seed", range(2))
def test_processes_that_are_stopped_and_killed_leave_all_files_as_they_were_served(tmp_path: Path, seed: int) -> None:
    assert stress(seed, 25, tmp_path) == []
