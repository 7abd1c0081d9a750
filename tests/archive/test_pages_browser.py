"""The pages in a real browser: with and without scripts, wide and narrow, light and dark, by mouse and by keyboard."""

from __future__ import annotations

import hashlib
from datetime import date
from importlib.util import find_spec
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from sunpy_flarecast.archive import DemoArchive, DirectoryArchive, Settings, running
from sunpy_flarecast.archive.web.steps import slot_at
from sunpy_flarecast.sharp.filenames import file_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selenium import webdriver

pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from browser import BROWSER, DRIVER, page_messages, start_browser
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs chromium and chromedriver")

SERIES = "hmi.sharp_cea_720s"
DAY = "2014-10-23"
TOKEN = "for-the-tests-only"


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Iterator[DirectoryArchive]:
    """Return an archive of two HARPs at three time steps of a day and one of the next, with four segments."""
    root, demo = tmp_path_factory.mktemp("sharps"), DemoArchive()
    noon = slot_at(date.fromisoformat(DAY), 12 * 60)
    for slot in (noon, noon + 1, noon + 2, noon + 90):
        for record in demo.records_at(SERIES, slot)[:2]:
            for segment in ("Bp", "Br", "Bt", "bitmap"):
                name = file_name(SERIES, segment, harpnum=record.harpnum, slot=slot)
                (root / name).write_bytes(demo.segment(SERIES, record.recnum, segment))
    with DirectoryArchive(root) as opened:
        assert len(opened) == 8
        yield opened


@pytest.fixture(scope="module")
def url(archive) -> Iterator[str]:
    texts = {"title": "SHARPs of our group", "contact": "us@example.org", "acknowledgement": "Please cite us."}
    with running(archive, settings=Settings(**texts)) as url:
        yield url


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    browser = start_browser(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    try:
        yield browser
    finally:
        browser.quit()


@pytest.fixture
def shown(driver):
    """Return a function that sets the width, the colour scheme and scripting of the browser."""

    def show(width: int = 1280, scheme: str = "light", scripts: bool = True) -> webdriver.Chrome:
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        return driver

    yield show
    show()


#: The pages; the last ones are errors.
NAMES = ("home", "day", "empty day", "harp", "noaa", "record", "picture", "form", "found", "wrong", "missing")


def pages(archive: DirectoryArchive) -> dict[str, str]:
    record = archive.records_at(SERIES, slot_at(date.fromisoformat(DAY), 12 * 60))[0]
    noaa = next(harp.noaa[0] for harp in archive.harps(SERIES) if harp.noaa)
    paths = (
        *("", f"day/{DAY}", "day/2016-01-01", f"harp/{record.harpnum}", f"noaa/{noaa}"),
        *(
            f"record/{SERIES}/{record.recnum}",
            f"picture/{SERIES}/{record.recnum}/Br",
            "search",
            f"search?series={SERIES}&start={DAY}&condition=usflux+>+1",
        ),
        *("search?condition=nonsense", "no/such/page"),
    )
    return dict(zip(NAMES, paths, strict=True))


@pytest.fixture(scope="module")
def axe() -> str:
    found = find_spec("axe_selenium_python")
    if found is None or not found.submodule_search_locations:
        pytest.skip("axe-selenium-python is not installed")
    return Path(found.submodule_search_locations[0], "node_modules", "axe-core", "axe.min.js").read_text()


def findings(driver: webdriver.Chrome, axe: str) -> list[str]:
    # Scripts of the page itself do not run if they are allowed after it was loaded.
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    driver.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
    driver.execute_script(axe)
    found = driver.execute_async_script("const done = arguments[0]; axe.run().then(done, done);")
    return [
        f"{fault['id']}: {fault['help']}: {node['html'][:200]}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


#: Width, colour scheme, and whether scripts run: four combinations with all pairs of values, and the others.
PAIRS = ((1280, "light", True), (390, "dark", True), (1280, "dark", False), (390, "light", False))
REST = tuple(view for view in product((1280, 390), ("light", "dark"), (True, False)) if view not in PAIRS)


@pytest.mark.parametrize("views", [PAIRS, pytest.param(REST, marks=pytest.mark.slow)], ids=["pairs", "rest"])
@pytest.mark.parametrize("name", NAMES)
def test_every_page_in_every_view(name, views, archive, url, shown, axe):
    for view in views:
        driver = shown(*view)
        driver.get(f"{url}/{pages(archive)[name]}")
        # The driver does not notice when a page without scripts is loaded.
        WebDriverWait(driver, 60).until(lambda browser: browser.title.endswith("SHARPs of our group"))
        WebDriverWait(driver, 60).until(
            lambda browser: browser.execute_script("return document.readyState") == "complete"
        )
        assert driver.execute_script("return document.documentElement.scrollWidth") <= view[0]
        assert findings(driver, axe) == [], view
        assert [message for message in page_messages(driver) if "status of 40" not in message] == []


def test_messages_of_the_browser_itself_are_ignored(shown):
    failing = "<script>throw new Error('of the {}')\n//# sourceURL={}</script>"
    ours, chromes = failing.format("page", "page.js"), failing.format("browser", "chrome://resources/js/parse.js")
    driver = shown()
    driver.get(f"data:text/html,{quote(ours + chromes)}")
    (message,) = page_messages(driver)
    assert "of the page" in message


def is_complete(driver: webdriver.Chrome) -> bool:
    return driver.execute_script("return document.readyState") == "complete"


def follow(driver: webdriver.Chrome, act: Callable[[], object]) -> None:
    """Open another page by an action, and wait for it."""
    before = driver.find_element(By.TAG_NAME, "html")
    act()
    WebDriverWait(driver, 60).until(staleness_of(before))
    WebDriverWait(driver, 60).until(is_complete)


def test_quicklooks_appear(archive, url, shown):
    driver = shown()
    driver.get(f"{url}/{pages(archive)['record']}")
    loaded = "return [...document.images].every(image => image.complete && image.naturalWidth === 320)"
    driver.execute_script("for (const image of document.images) image.loading = 'eager'")
    WebDriverWait(driver, 120).until(lambda browser: browser.execute_script(loaded))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_calendar_has_a_legend_of_its_colours(scheme, url, shown):
    driver = shown(scheme=scheme)
    driver.get(url)
    days, shown_shades = (
        {path.value_of_css_property("fill") for path in driver.find_elements(By.CSS_SELECTOR, f"{drawing} path")}
        for drawing in (".year a", ".legend")
    )
    assert len(shown_shades) == 4
    assert days <= shown_shades


@pytest.mark.parametrize("scripts", [True, False])
def test_days_are_large_enough_for_a_finger_on_narrow_screens(scripts, url, shown):
    driver = shown(390, scripts=scripts)
    driver.get(url)
    WebDriverWait(driver, 60).until(is_complete)
    days = driver.find_elements(By.CSS_SELECTOR, ".year a path")
    one, other = driver.execute_script("return arguments[0].map(one => one.getBoundingClientRect())", days)
    assert min(one["width"], one["height"]) > 22
    assert other["top"] - one["top"] >= 24
    driver.find_element(By.CSS_SELECTOR, ".year a").click()
    WebDriverWait(driver, 60).until(lambda browser: browser.current_url == f"{url}/day/{DAY}")


def test_only_the_latest_year_is_unfolded_on_narrow_screens(shown):
    with running(DemoArchive()) as url:
        for width, scripts, several in ((390, True, False), (390, False, True), (1280, True, True)):
            driver = shown(width, scripts=scripts)
            driver.get(url)
            WebDriverWait(driver, 60).until(is_complete)
            years = driver.find_elements(By.CLASS_NAME, "year")
            assert [year.is_displayed() for year in years] == [True] + [several] * (len(years) - 1)


@pytest.mark.parametrize("scripts", [True, False])
def test_keywords_of_a_record_are_folded_after_its_parameters(scripts, archive, url, shown):
    driver = shown(390, scripts=scripts)
    driver.get(f"{url}/{pages(archive)['record']}")
    WebDriverWait(driver, 60).until(is_complete)
    places = {name: driver.find_element(By.ID, name).location["y"] for name in ("images", "get", "keywords")}
    assert sorted(places, key=places.get) == ["images", "get", "keywords"]
    usflux, t_rec = (driver.find_element(By.XPATH, f"//th[code='{name}']") for name in ("usflux", "t_rec"))
    assert usflux.is_displayed()
    assert not t_rec.is_displayed()
    driver.find_element(By.CSS_SELECTOR, "[aria-labelledby=keywords] summary").click()
    assert t_rec.is_displayed()


@pytest.mark.parametrize("name", ["home", "day", "record"])
def test_tables_and_the_disk_fit_narrow_screens(name, archive, url, shown):
    driver = shown(390)
    driver.get(f"{url}/{pages(archive)[name]}")
    for details in driver.find_elements(By.TAG_NAME, "details"):
        driver.execute_script("arguments[0].open = true", details)
    excess = "return [...document.querySelectorAll('.scroll')].map(one => one.scrollWidth - one.clientWidth)"
    found = driver.execute_script(excess)
    assert found
    assert max(found) <= 0


@pytest.mark.parametrize("width", [390, 1280])
def test_labels_of_curves_are_within_the_screen_and_apart(width, archive, url, shown):
    driver = shown(width)
    driver.get(f"{url}/{pages(archive)['harp']}")
    for kind, begin, end in (("time", "left", "right"), ("value", "top", "bottom")):
        for curve in driver.find_elements(By.CSS_SELECTOR, ".curve svg"):
            texts = [text for text in curve.find_elements(By.CLASS_NAME, kind) if text.is_displayed()]
            boxes = driver.execute_script("return arguments[0].map(one => one.getBoundingClientRect())", texts)
            assert len(boxes) > 1
            assert all(0 <= box["left"] < box["right"] <= width for box in boxes)
            edges = sorted((box[begin], box[end]) for box in boxes)
            assert all(one[1] <= other[0] + 3 for one, other in pairwise(edges))


def test_times_of_records_do_not_wrap(archive, url, shown):
    driver = shown()
    driver.get(f"{url}/{pages(archive)['harp']}")
    heights = {link.size["height"] for link in driver.find_elements(By.CSS_SELECTOR, ".facts a")}
    assert len(heights) == 1


@pytest.mark.parametrize("scripts", [True, False])
def test_from_a_search_to_a_file(scripts, archive, url, shown, tmp_path):
    driver = shown(scripts=scripts)
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    driver.get(url)
    driver.find_element(By.NAME, "start").send_keys(DAY)
    end = driver.find_element(By.NAME, "end")
    follow(driver, lambda: end.send_keys(DAY, Keys.ENTER))
    rows = driver.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert len(rows) == 6
    follow(driver, rows[0].find_element(By.CSS_SELECTOR, "th a").click)
    follow(driver, driver.find_element(By.LINK_TEXT, "The disk at this time").click)
    assert urlsplit(driver.current_url).path == f"/day/{DAY}"
    largest = driver.find_element(By.CSS_SELECTOR, "tbody tr")
    flux = largest.find_element(By.CSS_SELECTOR, ".number").text
    follow(driver, largest.find_element(By.CSS_SELECTOR, "th a").click)
    harp = int(urlsplit(driver.current_url).path.removeprefix("/harp/"))
    follow(driver, driver.find_element(By.CSS_SELECTOR, ".records a").click)
    facts = driver.find_element(By.CLASS_NAME, "facts").text
    assert flux in facts
    driver.find_element(By.CSS_SELECTOR, "a[aria-label='Download Br as FITS']").click()
    record = archive.record(SERIES, int(driver.current_url.rpartition("/")[2]))
    name = file_name(SERIES, "Br", harpnum=harp, slot=record.t_rec_index)
    WebDriverWait(driver, 60).until(lambda _: (tmp_path / name).exists())
    assert (tmp_path / name).read_bytes() == (archive.path / name).read_bytes()


def test_by_keyboard_alone(archive, url, shown):
    driver = shown()
    driver.get(url)

    def press(*keys: str) -> None:
        ActionChains(driver).send_keys(*keys).perform()

    def tab_to(wanted) -> None:
        for _ in range(60):
            press(Keys.TAB)
            if wanted(driver.switch_to.active_element):
                return
        raise AssertionError("the element cannot be reached with the key Tab")

    press(Keys.TAB)
    assert driver.switch_to.active_element.text == "Skip to content"
    press(Keys.ENTER)
    tab_to(lambda element: element.find_elements(By.CSS_SELECTOR, ".year a:focus > path"))  # the last day of the year
    press(Keys.ARROW_UP)
    follow(driver, lambda: press(Keys.ENTER))
    assert urlsplit(driver.current_url).path == f"/day/{DAY}"
    driver.get(url)
    tab_to(lambda element: element.get_attribute("name") == "start")
    follow(driver, lambda: press(DAY, Keys.ENTER))
    tab_to(lambda element: "/record/" in (element.get_attribute("href") or ""))
    follow(driver, lambda: press(Keys.ENTER))
    begin = driver.current_url
    follow(driver, lambda: press(Keys.ARROW_RIGHT))
    assert driver.current_url != begin
    follow(driver, lambda: press(Keys.ARROW_LEFT))
    assert driver.current_url == begin
    tab_to(lambda element: element.text == "The disk at this time")
    follow(driver, lambda: press(Keys.ENTER))
    assert "12:00 TAI" in driver.title
    follow(driver, lambda: press(Keys.ARROW_RIGHT))
    assert "12:12 TAI" in driver.title
    next_day = ActionChains(driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT)
    follow(driver, next_day.perform)
    assert urlsplit(driver.current_url).path == "/day/2014-10-24"
    tab_to(lambda element: element.tag_name == "a" and "record" in (element.get_attribute("aria-label") or ""))
    follow(driver, lambda: press(Keys.ENTER))
    assert "/record/" in driver.current_url


def test_swagger_ui_links_back(url, shown):
    driver = shown(scheme="dark")
    driver.get(f"{url}/ui")
    WebDriverWait(driver, 60).until(lambda browser: browser.find_elements(By.CSS_SELECTOR, ".opblock"))
    follow(driver, driver.find_element(By.CLASS_NAME, "home").click)
    assert urlsplit(driver.current_url).path == "/"


def test_logging_in_and_out(archive, shown, axe):
    settings = Settings(token_hashes=frozenset({hashlib.sha256(TOKEN.encode()).hexdigest()}))
    driver = shown()
    with running(archive, settings=settings) as url:
        driver.get(f"{url}/day/{DAY}?time=12:12")
        assert findings(driver, axe) == []
        assert not driver.find_elements(By.LINK_TEXT, "Search")  # would only return to this page
        assert driver.switch_to.active_element.get_attribute("name") == "token"
        wrong = driver.find_element(By.NAME, "token")
        follow(driver, lambda: wrong.send_keys("wrong", Keys.ENTER))
        assert driver.find_element(By.ID, "wrong").is_displayed()
        right = driver.find_element(By.NAME, "token")
        follow(driver, lambda: right.send_keys(TOKEN, Keys.ENTER))
        assert driver.find_element(By.TAG_NAME, "h1").text == DAY
        (cookie,) = driver.get_cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        follow(driver, driver.find_element(By.XPATH, "//button[.='Log out']").click)
        driver.get(f"{url}/day/{DAY}")
        assert driver.find_elements(By.NAME, "token")
