"""The provenance of a data set: ``provenance.json``, and the data sheet ``README.md`` written from it."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from sunpy_flarecast._version import __version__
from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.utils.reports import counted

from .checksums import CHECKSUMS
from .label import rules
from .model import SETTINGS, Settings
from .report import BuildReport, unlisted_notes
from .split import rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sunpy_flarecast.utils.store import Store

__all__ = ["Provenance", "data_sheet", "provenance", "read_provenance"]

#: Packages whose versions may affect the content of a data set.
_PACKAGES: Final = ("numpy", "astropy", "sunpy", "zarr", "pyarrow")

_ENCODINGS: Final = {
    "lossless": "exactly as in the FITS files (integers with `scale_factor` and `add_offset`, or floats)",
    "int16": "as integers, rounded to 1 G",
    "binned": "as averages of {bin} x {bin} pixels",
}

#: Maximum number of entries that a data sheet lists.
_LISTED: Final = 50

#: The newest format of data sets that this version can read.
_FORMAT: Final = 1


class Provenance(NamedTuple):
    """The content of ``provenance.json``, its settings and report, and the SHA-256 of the file."""

    content: dict[str, Any]
    settings: Settings
    report: BuildReport
    digest: str


def provenance(
    settings: Settings, report: Any, *, flares: Mapping[str, int] | None = None, created: str
) -> dict[str, Any]:
    """Return the content of ``provenance.json``; ``flares`` are ``Labels.counts``, ``created`` is a time in UTC."""
    return {
        "created": created,
        "versions": {
            "sunpy_flarecast": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "settings": msgspec.to_builtins(settings),
        "rules": {
            "labels": rules(settings.flares) if settings.flares else None,
            "split": rule(settings.split) if settings.split else None,
        },
        "flares": dict(flares or {}),
        "report": msgspec.to_builtins(report),
    }


def read_provenance(store: Store) -> Provenance:
    """Read ``provenance.json``; raise a `QueryError` if there is no finished data set that this version can read."""
    data = store.read("provenance.json")
    finished = store.exists(CHECKSUMS)
    if not finished and store.exists(SETTINGS):
        raise QueryError(f"The build of {store} is unfinished. Run the same build again to resume it.")
    listed = data is not None or b"  provenance.json\n" in (store.read(CHECKSUMS) or b"")
    if not finished or not listed:
        lacking = "provenance.json" if data is None else CHECKSUMS
        raise QueryError(
            f"{store} is not a data set: it has no {lacking}. Correct the path, or build a data set there."
        )
    if data is None:
        # Copies without the state of the build cannot be resumed.
        advice = "Run the build again, or get a complete copy." if store.exists(SETTINGS) else "Get a complete copy."
        raise QueryError(f"{store} is damaged: it has no provenance.json. {advice}")
    try:
        content = msgspec.json.decode(data)
        if (found := content["settings"].get("format", _FORMAT)) > _FORMAT:
            raise QueryError(
                f"{store} has format {found}, but this version of sunpy_flarecast reads only up to format {_FORMAT}. "
                "Install a newer version."
            )
        settings = msgspec.convert(content["settings"], Settings)
        report = msgspec.convert({**content["report"], "out": str(store)}, BuildReport)
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise QueryError(
            f"{store} is damaged: its provenance.json is invalid ({error}). Run the build again, or get a complete "
            "copy."
        ) from None
    return Provenance(content, settings, report, hashlib.sha256(data).hexdigest())


def data_sheet(about: Mapping[str, Any], split: Mapping[str, Any] | None = None) -> str:
    """
    Write the data sheet from the contents of ``provenance.json`` and ``split.json``.

    It contains no times, so identical data sets have identical data sheets.
    """
    settings = msgspec.convert(about["settings"], Settings)
    parts = [_summary(settings, about["report"]), _CONTENTS, _source(settings)]
    if settings.segments:
        parts.append(_images(settings, about["report"]))
    if about["rules"]["labels"]:
        parts.append(_labels(about))
    if split:
        parts.append(_sets(split))
    parts += [_gaps(about["report"]), _USE, _SYNTHETIC if about["report"]["origin"] else _publishing(settings)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _summary(settings: Settings, report: Mapping[str, Any]) -> str:
    images = ""
    if settings.segments:
        word = "segments" if len(settings.segments) > 1 else "segment"
        images = f"{counted(report['images'], 'image')} of the {word} {_quoted(settings.segments)}, and "
    mark = f"{report['origin']} " if report["origin"] else ""
    warning = f"**The records are {mark.strip()}: they do not show the Sun.**\n\n" if mark else ""
    return f"""
# {mark}{"SOHO/MDI SMARP" if _is_smarp(settings) else "SDO/HMI SHARP"} data set for solar flare forecasting

{warning}{counted(report["records"], "record")} of the series `{settings.series}` with {images}\
{counted(len(settings.keywords), "keyword")} of each record. Built with \
sunpy_flarecast {__version__}."""


_CONTENTS: Final = """
## Contents

| file | content |
| --- | --- |
| `records.parquet` (or `records/`, one file per year) | one row per record: keywords with units, labels, set, image |
| `images.zarr` | images, Zarr v3, one group per HARP: `harp/03944/image[time, segment, y, x]` |
| `labels.parquet` | one row per record, window and threshold |
| `flares.parquet` | the list of flares, each with the HARPs that it was assigned to |
| `split.json` | the rule of the split, and the content of each set |
| `provenance.json` | query, service, settings, versions, missing data |
| `checksums.txt` | SHA-256 of all files: `sha256sum -c checksums.txt` |

Images, labels, flares and sets are present only if they were requested."""


def _source(settings: Settings) -> str:
    queries = "\n".join(f"- {query}" for query in settings.query) or f"- a table of records, SHA-256 {settings.records}"
    return f"""
## Source

The records were found with the FLARECAST service {", later ".join((*settings.earlier, settings.service))}:

{queries}

Keywords: {_quoted(settings.keywords)}."""


def _images(settings: Settings, report: Mapping[str, Any]) -> str:
    kind = _ENCODINGS[settings.images.encoding].format(bin=settings.images.bin)
    padded = report["padded"]
    return f"""
## Images

Pixels are stored {kind}. Pixels missing in the files (off the limb, for example) are NaN when read. `status` is 0 if \
the image of a segment is available, 1 if the service did not list it, 2 if it could not be fetched, and 3 if it could \
not be read; missing images have the fill value. \
{_padded(padded) if padded else "All images of a HARP have the same shape."}"""


def _padded(padded: list[int]) -> str:
    return (
        f"The images {_within(padded)} differ in shape; they are padded at the end of both axes, and `mask` is true "
        "for the pixels of the patch."
    )


def _labels(about: Mapping[str, Any]) -> str:
    counts = "".join(f"- {name.replace('_', ' ')}: {number:,}\n" for name, number in about["flares"].items())
    rows = "".join(
        f"| {name} | {counts['positive']:,} | {counts['negative']:,} | {counts['unknown']:,} |\n"
        for name, counts in about["report"]["labels"].items()
    )
    return f"""
## Labels

{about["rules"]["labels"]}

| label | positive | negative | unknown |
| --- | --- | --- | --- |
{rows}
Numbers of flares in the list (those without a region, or of regions that are not in the data set, belong to no record):

{counts}"""


def _sets(split: Mapping[str, Any]) -> str:
    sets = {**split["sets"], "*in no set*": split["left_out"]}
    names = list(split["left_out"]["labels"])
    rows = "".join(
        f"| {name} | {counts['records']:,} | {len(counts['regions']):,} | "
        + "".join(f"{counts['labels'][label]['positive']:,} | " for label in names).rstrip()
        + "\n"
        for name, counts in sets.items()
    ).replace("|  \n", "|\n")
    several = (
        ""
        if split["by"] == "region"
        else " If the records of a region would fall into several sets, only those in the set with the most are kept."
    )
    return f"""
## Sets

Records were split {split["rule"]}. A region consists of all HARPs that share NOAA numbers, directly or through other \
HARPs. No region is in two sets.{several} A region that returns after a rotation has new numbers and is not recognized.

| set | records | regions |{"".join(f" {name} positive |" for name in names)}
| --- | --- | --- |{" --- |" * len(names)}
{rows}"""


def _gaps(report: Mapping[str, Any]) -> str:
    lines = [f"- Not searched: {gap}" for gap in report["missing"]]
    lines += [f"- {number:,} x {reason}" for reason, number in report["failures"].items()]
    lines += [f"- {note}" for note in (*unlisted_notes(report["unlisted"]), *report["notes"])]
    if (more := len(lines) - _LISTED) > 0:
        lines = [*lines[:_LISTED], f"- ... and {more:,} more, see `provenance.json`."]
    return "## Missing data\n\n" + ("\n".join(lines) or "Nothing that was requested is missing.")


_USE: Final = """
## Use

```python
import pandas as pd
import xarray as xr

records = pd.read_parquet("records.parquet")
images = xr.open_datatree("images.zarr", engine="zarr")  # unless built without images
```

With sunpy_flarecast, `sunpy_flarecast.dataset.open(".")` gives tables with units, samples for training, and maps.
`T_REC` is in TAI; `time` is the same time in UTC."""

_SHARP: Final = """SDO data are open: see the SDO data policy, https://sdo.gsfc.nasa.gov/data/rules.php. Acknowledge \
them with "Courtesy of NASA/SDO and the AIA, EVE, and HMI science teams", and cite Bobra et al. (2014), Solar Physics
289, 3549, doi:10.1007/s11207-014-0529-3, for SHARPs."""

_SMARP: Final = """SOHO data are open: see https://soho.nascom.nasa.gov/data/summary/copyright.html. Acknowledge the \
SOHO/MDI consortium ("SOHO is a project of international cooperation between ESA and NASA"), and cite Bobra et al.
(2021), ApJS 256, 26, doi:10.3847/1538-4365/ac1f1d, for SMARPs."""


_SYNTHETIC: Final = """
## Licence and acknowledgement

The records are synthetic, so the data policy and the acknowledgement of the instrument do not apply. When you publish
the data set, or results from it, state that it is synthetic."""


def _publishing(settings: Settings) -> str:
    return f"""
## Licence and acknowledgement

{_SMARP if _is_smarp(settings) else _SHARP} Cite the list of flares as its source requests. When you publish the data
set, state its licence, authors and DOI here."""


def _is_smarp(settings: Settings) -> bool:
    known = find_series(settings.series)
    return known is not None and known.instrument == "MDI"


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _within(harps: list[int]) -> str:
    if len(harps) == 1:
        return f"of HARP {harps[0]}"
    shown = list(map(str, harps[:_LISTED]))
    last = f"{len(harps) - _LISTED:,} more" if len(harps) > _LISTED else shown.pop()
    return f"within each of the HARPs {', '.join(shown)} and {last}"
