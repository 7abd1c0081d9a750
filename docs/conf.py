"""Configuration of Sphinx; build with ``sphinx-build -W --keep-going -n docs docs/_build/html``, without network."""

from __future__ import annotations

import inspect
import json
import logging
import os
import pydoc
import re
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils.nodes import Text, raw

from sunpy_flarecast import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "tools"))

project = "sunpy_flarecast"
author = "The sunpy_flarecast developers"
copyright = author  # noqa: A001 (the name is Sphinx's)
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_automodapi.automodapi",
    "sphinx_automodapi.smart_resolver",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "myst_nb",
]
# Without .ipynb, since sphinx-gallery writes a notebook beside each of its pages.
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}
exclude_patterns = [
    "_build",
    "generated/gallery/*.ipynb",
    "tools",
    "generated/reference",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]
default_role = "obj"
nitpicky = True

# Links to the documentation of other projects need the network, so they are optional. Without them, references to these
# projects are not reported as missing. References to the projects in the next line never are.
nitpick_ignore_regex = [(r"py:.*", r"(fastapi|msgspec|starlette)\..*")]
if os.environ.get("DOCS_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "astropy": ("https://docs.astropy.org/en/stable", None),
        "sunpy": ("https://docs.sunpy.org/en/stable", None),
        "parfive": ("https://parfive.readthedocs.io/en/stable", None),
        "matplotlib": ("https://matplotlib.org/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "requests": ("https://requests.readthedocs.io/en/latest", None),
        "xarray": ("https://docs.xarray.dev/en/stable", None),
        "distributed": ("https://distributed.dask.org/en/stable", None),
    }
else:
    _OTHERS = "astropy|sunpy|numpy|parfive|matplotlib|requests|pandas|xarray|distributed|collections|datetime"
    nitpick_ignore_regex += [(r"py:.*", rf"({_OTHERS}|pathlib|contextlib|typing|os|sqlite3|threading)\..*")]

autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False

# Typographic dashes and quotes break commands that are copied from a page.
smartquotes = False

html_theme = "pydata_sphinx_theme"
html_logo = html_favicon = "_static/logo.svg"
html_theme_options = {
    "logo": {"text": "sunpy_flarecast", "alt_text": ""},
    "header_links_before_dropdown": 5,
    "footer_start": ["independent"],
    "footer_center": [],
    "footer_end": ["copyright"],
    "show_toc_level": 2,
}
# Pages that do not belong to a section need no navigation.
html_sidebars = {
    page: []
    for page in ("architecture", "changelog", "citing", "contributing", "glossary", "help", "install", "tutorial")
}
html_show_sourcelink = html_copy_source = False
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_title = "sunpy_flarecast"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
# Pages write files.
nb_execution_in_temp = True
nb_merge_streams = True
# Logs and warnings of tqdm and asyncio in notebooks; errors are raised and end the build.
nb_output_stderr = "remove"

automodapi_toctreedirnm = "generated/api"
automodapi_inheritance_diagram = False

# Examples write files into their folder, so they run in a copy.
EXAMPLES = HERE / "_build" / "examples"
shutil.copytree(HERE.parent / "examples", EXAMPLES, dirs_exist_ok=True)
for stale in EXAMPLES.glob("*.py"):
    if not (HERE.parent / "examples" / stale.name).exists():
        stale.unlink()

sphinx_gallery_conf = {
    "examples_dirs": str(EXAMPLES),
    "gallery_dirs": "generated/gallery",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "filename_pattern": r".*\.py$",
    "abort_on_example_error": True,
    "matplotlib_animations": False,
    "remove_config_comments": True,
    "plot_gallery": True,
}


def describe(_app: Sphinx, what: str, name: str, _value: Any, _options: Any, lines: list[str]) -> None:
    """Describe a field without docstring with the description of the parameter in the docstring of its class."""
    if what == "attribute" and not any(lines):
        owner, _, field = name.rpartition(".")
        about = inspect.getdoc(pydoc.locate(owner)) or ""
        if found := re.search(rf"^(?:.+, )?{field}(?:, .+)? : .+\n((?:    .+\n?)+)", about, re.MULTILINE):
            lines[:] = [line.strip() for line in found[1].splitlines()]


def show_examples(_app: Sphinx, _context: Any, lines: list[str]) -> None:
    """Show the examples at the end of a command's help as a code block."""
    texts = [line.strip(" |") for line in lines]
    if "Examples:" in texts:
        commands = [line for line in texts[texts.index("Examples:") + 1 :] if line]
        shown = (f"   {line}" if line.startswith("sunpy-flarecast") else f"       {line}" for line in commands)
        lines[:] = ["", ".. rubric:: Examples", "", ".. code-block:: sh", "", *shown, ""]


def show_defaults(_app: Sphinx, _context: Any, lines: list[str]) -> None:
    """Show defaults as in the help of a command: descriptions as text, and values without Python's quotes."""
    for number, line in enumerate(lines):
        if found := re.fullmatch(r"( *:default: )``(['\"])(.*)\2``", line):
            lines[number] = f"{found[1]}{found[3]}"


def clean_notebook(path: Path, base: str) -> None:
    """
    Prepare the notebook of a page for download.

    Remove the outputs and the paragraph that offers the download. Make links absolute. If the URL of the pages is
    unknown, replace links by their text, and remove those that are a remark in parentheses.
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))

    def link(found: re.Match[str]) -> str:
        text, target = found.groups()
        if "://" in target:
            return found[0]
        return f"[{text}]({base.rstrip('/')}/{re.sub(r'[.](md|rst)(?=#|$)', '.html', target)})" if base else text

    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        else:
            kept = (part for part in "".join(cell["source"]).split("\n\n") if "{nb-download}" not in part)
            source = "\n\n".join(kept)
            if not base:
                source = re.sub(r"\s+\(\[[^\]]+\]\((?!\w+://)[^()\s]+\)\)", "", source)
            cell["source"] = re.sub(r"\[([^\]]+)\]\(([^()\s]+)\)", link, source)
    for name in ("source_map", "language_info"):
        notebook["metadata"].pop(name, None)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def label_animations(_app: Sphinx, doctree: Any) -> None:
    """Name the image and the slider of matplotlib's animations for screen readers, and load no font from elsewhere."""
    for node in doctree.findall(raw):
        if "anim-slider" in (html := node.astext()):
            html = re.sub(r"<link [^>]*font-awesome[^>]*>", "", html)
            html = html.replace("<img ", '<img alt="Animation, described in the text above" ')
            html = html.replace('type="range"', 'type="range" aria-label="Frame"')
            node.children[:] = [Text(html)]


def hide_paths(_app: Sphinx, doctree: Any) -> None:
    """Replace the folders in which pages and examples run, in their outputs, by a user's folder."""
    temporary = re.escape(tempfile.gettempdir() + os.sep)
    folders = re.compile(rf"(?:{re.escape(str(EXAMPLES))}|{temporary}tmp\w{{8}})(?=/)")
    for node in list(doctree.findall(Text)):
        if folders.search(node):
            parent = node.parent
            parent.replace(node, Text(folders.sub("/home/user", node)))
            # Sphinx highlights a block only if its raw source equals its text.
            parent.rawsource = folders.sub("/home/user", parent.rawsource)


def setup(app: Sphinx) -> None:
    """Write the generated pages before the build, and clean the notebook after it."""

    def begin(app: Sphinx) -> None:
        # Imported here, when "tools" is on the path.
        from make_reference import main as make_reference

        make_reference()
        # tqdm warns in notebooks without widgets, with the path of its own file.
        os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"

    def end(app: Sphinx, failure: Any) -> None:
        for path in (Path(app.outdir) / "_downloads").glob("*/tutorial.ipynb"):
            clean_notebook(path, app.config.html_baseurl)

    warnings.filterwarnings("error", module="sunpy_flarecast")
    # sunpy logs the normalization of each map.
    logging.getLogger("sunpy").setLevel("WARNING")
    # Before sphinx-gallery, which runs its examples at the same event.
    app.connect("builder-inited", begin, priority=1)
    app.connect("build-finished", end)
    app.connect("doctree-read", label_animations)
    app.connect("doctree-read", hide_paths)
    app.connect("autodoc-process-docstring", describe)
    app.connect("sphinx-click-process-options", show_defaults)
    app.connect("sphinx-click-process-epilog", show_examples)
