"""The archive whose pages are tested."""

from __future__ import annotations

import pytest
from browsed import EVIL, PLACE, SMARP, STEPS
from indexed import CCD, header_of, name_of, tiny

from sunpy_flarecast.archive import DirectoryArchive, Settings, running


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Serve two HARPs in CEA, one record of the CCD without keywords, and a region of SMARPs."""
    root = tmp_path_factory.mktemp("pages")
    for harp, steps in STEPS.items():
        for step in steps:
            cards = {**PLACE, "USFLUX": (harp - 370) * 1e21 + step * 1e19, "QUALITY": 1024 * (step == 2)}
            cards |= {} if harp == 378 else {"R_VALUE": 0.0 if step in (1, 60) else 4.25}
            cards["NOAA_ARS"] = "11158,11160" if harp == 377 else EVIL
            for pixel, segment in enumerate(("Bp", "Br", "Bt", "bitmap")):
                tiny(root / name_of(harp, step, segment), pixel=pixel, **header_of(harp, step, **cards))
    tiny(root / name_of(377, 0, "magnetogram", CCD))
    tiny(root / f"{SMARP}.13520.20100301_000000_TAI.magnetogram.fits", TARPNUM=13520, T_REC="2010.03.01_00:00:00_TAI")
    settings = Settings(title="Our SHARPs", contact="us@example.org", acknowledgement="Please cite us.")
    with DirectoryArchive(root) as archive, running(archive, settings=settings) as url:
        yield url, archive
