"""`info`: a short description of a data set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.utils.reports import as_line, as_page, counted
from sunpy_flarecast.utils.store import Store

from .datasheet import read_provenance
from .keyword_sets import listed
from .report import lost_of, marked, unlisted_notes

if TYPE_CHECKING:
    import os

    from .model import Settings

__all__ = ["Info", "info"]


@dataclass(frozen=True, slots=True)
class Info:
    """
    The description of a data set, as printed and shown in notebooks.

    Parameters
    ----------
    path : str
        The folder or URL of the data set.
    text : str
        The description.
    settings : Settings
        The settings of the build.

    Examples
    --------
    >>> from sunpy_flarecast import dataset
    >>> dataset.info("sharps-2014").settings.series  # doctest: +SKIP
    'hmi.sharp_cea_720s'
    """

    path: str
    text: str
    settings: Settings

    __repr__ = as_line
    _repr_html_ = as_page

    def __str__(self) -> str:
        return self.text


def info(path: str | os.PathLike[str]) -> Info:
    """
    Describe a data set: its source, records, images, labels and sets, and missing data.

    Parameters
    ----------
    path : path-like or str
        The folder or URL of the data set.

    Returns
    -------
    Info

    Raises
    ------
    QueryError
        If there is no data set, its build is unfinished, it is damaged, or a newer version of this package wrote it.

    Examples
    --------
    >>> from sunpy_flarecast import dataset
    >>> print(dataset.info("sharps-2014"))  # doctest: +SKIP
    """
    store = Store(path)
    about, settings, report, _ = read_provenance(store)
    try:
        split = json.loads(store.read("split.json") or b"{}")
        lines = [
            f"{store}: {marked(report.origin)}{counted(report.records, 'record')}, {counted(report.images, 'image')}",
            f"Built {about['created']} by sunpy_flarecast {about['versions']['sunpy_flarecast']}",
            f"Series {settings.series}, segments {', '.join(settings.segments) or 'none'}",
            f"Keywords {listed(settings.keywords)}",
            f"Service {', later '.join((*settings.earlier, settings.service))}",
            *(f"Query {query}" for query in settings.query),
            f"Images {settings.images.encoding if settings.segments else 'none'}",
        ]
        for name, counts in report.labels.items():
            lines.append(f"Label {name}: {', '.join(f'{number:,} {kind}' for kind, number in counts.items())}")
        if split:
            lines.append(f"Split {split['rule']}")
            for name, part in {**split["sets"], "in no set": split["left_out"]}.items():
                lines.append(
                    f"  {name}: {counted(part['records'], 'record')}, {counted(len(part['regions']), 'region')}"
                )
        lost = lost_of(report)
        if any(lost):
            files, ranges = counted(lost.files, "file"), counted(lost.ranges, "time range")
            lines.append(f"Missing: {files}, keywords of {counted(lost.keywords, 'record')}, {ranges}")
        lines += unlisted_notes(report.unlisted)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise QueryError(
            f"{store} is damaged: its provenance.json or split.json is invalid. Run the build again."
        ) from None
    return Info(str(store), "\n".join(lines), settings)
