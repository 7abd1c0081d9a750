"""
Make the screenshots in "Set up an archive for a group" from the pages of the demo archive.

``python docs/tools/make_screenshots.py`` writes ``docs/_static/archive-*.png``. It requires selenium, Chromium and
chromedriver.
"""

from __future__ import annotations

import base64
import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from selenium.webdriver.support.ui import WebDriverWait

from sunpy_flarecast.archive import DemoArchive, running

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))
from browser import start_browser

if TYPE_CHECKING:
    from selenium import webdriver

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "_static"

#: Pages, with the height of the screenshot.
PAGES = {
    "home": ("", 1240),
    "day": ("day/2014-10-23", 1060),
    "harp": ("harp/3961", 1200),
    "record": ("record/hmi.sharp_cea_720s/11338330", 720),
}
WIDTH = 1280

#: Screenshots must also load over slow connections.
LARGEST = 160_000


def screenshot(driver: webdriver.Chrome, url: str, height: int) -> Image.Image:
    """Return a screenshot of the upper part of a page after all its images have loaded."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    driver.get(url)
    driver.execute_script("for (const one of document.images) one.loading = 'eager'")
    loaded = "return [...document.images].every(one => one.complete && one.naturalWidth)"
    WebDriverWait(driver, 300).until(lambda one: one.execute_script(loaded))
    return Image.open(BytesIO(base64.b64decode(driver.get_screenshot_as_base64()))).convert("RGB")


def main() -> None:
    """Save a screenshot of each page."""
    driver = start_browser()
    driver.set_page_load_timeout(300)
    try:
        with running(DemoArchive()) as url:
            for name, (path, height) in PAGES.items():
                picture = FOLDER / f"archive-{name}.png"
                shown = screenshot(driver, f"{url}/{path}", height)
                shown.quantize(colors=128, dither=Image.Dither.NONE).save(picture, optimize=True)
                size = picture.stat().st_size
                print(f"{picture.name}: {size:,} bytes")
                if size > LARGEST:
                    raise SystemExit(f"That is more than {LARGEST:,} bytes.")
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
