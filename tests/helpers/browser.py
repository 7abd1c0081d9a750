"""A headless browser (Chromium) for tests, screenshots and checks of pages; needs selenium and chromedriver."""

from __future__ import annotations

import shutil

from selenium import webdriver

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    "--window-size=1280,900",
)


def start_browser(*options: str) -> webdriver.Chrome:
    """Start the browser without network access of its own; its console messages are logged."""
    chrome = webdriver.ChromeOptions()
    chrome.binary_location = BROWSER or ""
    for option in (*_OPTIONS, *options):
        chrome.add_argument(option)
    chrome.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(chrome, webdriver.ChromeService(DRIVER))


def page_messages(driver: webdriver.Chrome) -> list[str]:
    """Return what pages have logged to the console since the last call, but not messages of Chromium's own pages."""
    # Scripts of chrome://... run beside the pages under test, and fail when they are stopped while they load.
    messages = [entry["message"] for entry in driver.get_log("browser")]
    return [message for message in messages if not message.startswith("chrome://")]
