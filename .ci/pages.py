"""Look at every page of built documentation in a browser, and follow its links: ``python .ci/pages.py html``."""

from __future__ import annotations

import sys
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from browser import DRIVER, start_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Pages that Sphinx makes for itself, and source code, which is shown as it is.
LEFT_OUT = ("_modules/", "_static/", "_downloads/")


class Links(HTMLParser):
    """The links of a page, and what can be linked to in it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        if target := given.get("src" if tag in ("img", "script", "source", "video") else "href"):
            self.links.append(target)


class Quiet(SimpleHTTPRequestHandler):
    """Serve files without a line for each."""

    def log_message(self, *_: object) -> None:
        pass


def broken(root: Path) -> Iterator[str]:
    """Find links to files or headings that are not there."""
    pages = {}
    for path in root.rglob("*.html"):
        if path.relative_to(root).parts[0] == "_static":  # templates of the theme
            continue
        pages[path] = Links()
        pages[path].feed(path.read_text("utf-8"))
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            plain, anchor = urldefrag(link)
            target = (path.parent / unquote(urlsplit(plain).path)).resolve() if plain else path
            if not target.exists():
                yield f"{path.relative_to(root)}: there is no {link}"
            elif target in pages and unquote(anchor) not in pages[target].anchors:
                yield f"{path.relative_to(root)}: {link} has no such heading"


def findings(root: Path) -> Iterator[str]:
    """Find what axe-core objects to, and pages that are wider than their window, in light and dark colours."""
    folder = Path(find_spec("axe_selenium_python").submodule_search_locations[0])
    axe = (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    driver = start_browser()
    try:
        for path in sorted(root.rglob("*.html")):
            name = path.relative_to(root).as_posix()
            if name.startswith(LEFT_OUT):
                continue
            for colours in ("light", "dark"):
                # Without motion, as colours that are fading in have less contrast.
                features = {"prefers-color-scheme": colours, "prefers-reduced-motion": "reduce"}
                wanted = [{"name": feature, "value": value} for feature, value in features.items()]
                driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})
                driver.get(urljoin(f"http://127.0.0.1:{server.server_port}/", name))
                driver.execute_script(axe)
                found = driver.execute_async_script("const done = arguments[0]; axe.run().then(done, done);")
                if driver.execute_script("return document.documentElement.scrollWidth > window.innerWidth"):
                    yield f"{name}: wider than its window"
                for one in found["violations"]:
                    for node in one["nodes"]:
                        html = " ".join(node["html"].split())
                        # astropy's row of units, and the corner of pandas' tables.
                        if html != "<th></th>":
                            yield f"{name} ({colours}): {one['id']}: {one['help']}: {html[:160]}"
    finally:
        driver.quit()
        server.shutdown()


def main() -> None:
    """Print all that is found."""
    root = Path(sys.argv[1]).resolve()
    wrong = 0
    looks = (broken, findings) if DRIVER else (broken,)
    if len(looks) == 1:
        print("There is no chromedriver: the pages are not looked at")
    for look in looks:
        for line in look(root):
            wrong += 1
            print(line)
    print(f"{len(list(root.rglob('*.html')))} pages, {wrong} findings")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
