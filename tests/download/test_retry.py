"""All transfers of a fetch pause for a busy host."""

from __future__ import annotations

import asyncio
import time

from sunpy_flarecast.download.context import Pace


def test_a_gate_opens_for_all_when_the_longest_pause_is_over() -> None:
    async def main() -> float:
        pace = Pace()
        await pace.passed()  # open
        begin = time.monotonic()
        pace.pause(0.2)
        pace.pause(0.01)  # does not open it earlier
        await asyncio.gather(pace.passed(), pace.passed())
        return time.monotonic() - begin

    assert asyncio.run(main()) >= 0.2
