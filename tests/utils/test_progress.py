"""Progress without a terminal: lines of text in a log."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sunpy_flarecast.utils import progress
from sunpy_flarecast.utils.progress import ProgressLines


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Replace the clock of progress lines; ``now`` is its time in seconds."""
    found = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


def test_the_last_line_shows_that_all_is_done(clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLines(total=240, desc="Images", unit="record") as bar:
        for clock.now, count in ((31, 188), (35, 40), (39, 12)):
            bar.update(count)
    assert capsys.readouterr().err.splitlines() == [
        "Images: 188 of 240 records, 0:00:31 elapsed, less than a minute left",
        "Images: 240 of 240 records, 0:00:39 elapsed",
    ]
    with ProgressLines(total=240, desc="Images", unit="record") as bar:
        for count in (100, 140):
            clock.now += 60
            bar.update(count)
    assert capsys.readouterr().err.splitlines() == [
        "Images: 100 of 240 records, 0:01:00 elapsed, about 0:01:00 left",
        "Images: 240 of 240 records, 0:02:00 elapsed",
    ]


def test_the_last_line_of_work_that_ended_early_has_no_estimate(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressLines(total=30, unit="day") as bar:
        for clock.now, count in ((60, 2), (70, 1)):
            bar.update(count)
    assert capsys.readouterr().err.splitlines()[-1] == "Progress: 3 of 30 days, 0:01:10 elapsed"


def test_short_and_interrupted_tasks_have_no_last_line(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressLines(total=2) as bar:
        clock.now += 29
        bar.update(2)
    assert capsys.readouterr().err == ""
    with pytest.raises(KeyboardInterrupt), ProgressLines(total=9) as bar:  # noqa: PT012
        for clock.now in (100, 101):
            bar.update()
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "Progress: 1 of 9 its, 0:01:11 elapsed, about 0:09:00 left\n"
