"""The stages of a build that make labels and sets, and the table of the records."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from astropy.table import QTable

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.t_rec import slot_time
from sunpy_flarecast.sharp.times import utc_dates
from sunpy_flarecast.utils.masked import column_with, mask_of, unmasked

from .harp_numbers import number_pairs
from .keyword_sets import NOAA
from .label import UNKNOWN, label
from .model import label_column
from .parquet import RecordsWriter, write_flare_table, write_labels
from .regions import regions
from .split import split, split_summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from sunpy_flarecast.utils.store import Store

    from .harp_numbers import NumberPairs
    from .keyword_stage import Pieces
    from .label import Labels
    from .model import Settings, ShardFacts, ShardTask
    from .records import Rows
    from .settings import BuildRequest

__all__ = [
    "Known",
    "check_ranges",
    "known_of",
    "label_columns",
    "make_labels",
    "make_sets",
    "write_label_tables",
    "write_records",
]

#: Keywords that bound the patch of a record, in the order that labels expect.
_BOX: Final = ("latdtmin", "latdtmax", "londtmin", "londtmax")

#: Columns of keyword tables that the table of records names differently or omits.
_LEFT_OUT: Final = ("Start Time", "Series", "HARPNUM", "Record", "T_REC", "quality", "harpnum", "recnum")

#: Meanings of columns of the table of records; keyword columns have their own.
_MEANINGS: Final = {
    "HARPNUM": "HARP number (SMARP: TARP number)",
    "QUALITY": "quality bit word, 0 is good",
    "region": "lowest number of the HARPs that share NOAA numbers with this one",
    "split": "set of the record; null: none",
    "group": "group of the image in images.zarr",
    "index": "index of the image in its group",
    "height": "rows of the image without padding; 0: no image",
    "width": "columns of the image without padding; 0: no image",
    "recnum": "record number in the series",
}


@dataclass(frozen=True)
class Known:
    """Properties of the records for labels and sets: T_REC in UTC, NOAA numbers, regions, and bounds of patches."""

    times: npt.NDArray[np.datetime64]
    pairs: NumberPairs
    regions: npt.NDArray[np.int64]
    box: npt.NDArray[np.float64] | None


def known_of(request: BuildRequest, rows: Rows, pieces: Pieces) -> Known:
    """Collect the properties of the records from their keywords."""
    texts: list[str] = []
    boxes: list[npt.NDArray[np.float64]] = []
    by_position = request.settings.flares is not None and request.settings.flares.by_position
    shared: dict[str, str] = {}
    numbered = False
    for piece in pieces:
        name = next((keyword for keyword in NOAA if keyword in piece.colnames), "")
        numbered |= bool(name)
        column = piece[name] if name else np.full(len(piece), "")
        values = np.where(mask_of(column), "", unmasked(column).astype(str)).tolist()
        texts += [shared.setdefault(text, text) for text in values]
        if by_position and set(_BOX) <= set(piece.colnames):
            boxes.append(np.stack([np.asarray(np.ma.filled(_plain(piece[bound]), np.nan)) for bound in _BOX], axis=1))
    if not numbered and request.harp_numbers is None and request.flares is not None:
        raise QueryError(
            f"{request.settings.service} has no keyword NOAA_ARS, which assigns flares to records. Pass JSOC's list "
            "all_harps_with_noaa_ars.txt with noaa_numbers=... (--noaa-numbers)."
        )
    times = utc_dates(slot_time(rows.slots))
    pairs = number_pairs(rows.harps, np.array(texts, dtype=object), times, request.harp_numbers)
    box = np.concatenate(boxes) if boxes and sum(map(len, boxes)) == len(rows) else None
    return Known(times, pairs, regions(rows.harps, pairs), box)


def _plain(column: Any) -> np.ma.MaskedArray[Any, Any]:
    return np.ma.MaskedArray(unmasked(getattr(column, "value", column)).astype(float), mask=mask_of(column))


# --- Labels and sets ----------------------------------------------------------------------------------------------


def check_ranges(settings: Settings, rows: Rows) -> None:
    """Check that each set by time or month has records, which is known after the search."""
    if settings.split is not None and settings.split.by != "region":
        split(settings.split, utc_dates(slot_time(rows.slots)), np.arange(len(rows)))


def make_labels(request: BuildRequest, rows: Rows, known: Known, lacking: Sequence[int]) -> Labels | None:
    """Label the records; labels of records without keywords (numbers ``lacking``) are unknown."""
    settings = request.settings.flares
    if settings is None or request.flares is None:
        return None
    labels = label(known.times, rows.harps, known.pairs, request.flares, settings, known.box)
    labels.value[np.isin(rows.records.recnum, lacking)] = UNKNOWN
    return labels


def write_label_tables(request: BuildRequest, labels: Labels, store: Store) -> None:
    """Write the tables of the labels and of the flares."""
    if request.settings.flares is not None and request.flares is not None:
        write_labels(store, labels, request.settings.flares, request.flares)
        write_flare_table(store, request.flares, labels)


def label_columns(settings: Settings, labels: Labels | None) -> dict[str, npt.NDArray[np.int8]]:
    """Return the labels of each window and threshold by column name: 1, 0, or -1 if unknown."""
    if labels is None or settings.flares is None:
        return {}
    return {
        label_column(hours, threshold): labels.value[:, window, place]
        for window, hours in enumerate(settings.flares.windows)
        for place, threshold in enumerate(settings.flares.thresholds)
    }


def make_sets(
    settings: Settings, known: Known, labels: Labels | None
) -> tuple[npt.NDArray[np.str_] | None, dict[str, Any]]:
    """Split the records into sets; also return the content of ``split.json``."""
    if settings.split is None:
        return None, {}
    sets = split(settings.split, known.times, known.regions, None if labels is None else labels.value)
    return sets, split_summary(settings.split, sets, known.regions, label_columns(settings, labels))


# --- The table of the records -------------------------------------------------------------------------------------


def write_records(
    settings: Settings,
    known: Known,
    labels: Labels | None,
    sets: npt.NDArray[np.str_] | None,
    pieces: Pieces,
    shards: Iterable[tuple[ShardTask, ShardFacts]],
    store: Store,
) -> None:
    """Write the table of the records; `~sunpy_flarecast.dataset.model.label_column` lists its columns."""
    size = settings.images.shard_records
    images = chain.from_iterable(
        zip(
            range(size * task.number, size * (task.number + 1)),
            repeat(task.harp),
            task.records,
            facts.images,
            strict=False,
        )
        for task, facts in shards
    )
    values = label_columns(settings, labels)
    begin = 0
    with RecordsWriter(store, len(known.times)) as writer:
        for piece in pieces:
            here = slice(begin, begin := begin + len(piece))
            table = QTable({"HARPNUM": piece["HARPNUM"], "T_REC": piece["T_REC"]})
            index, harps, records, facts = zip(*islice(images, len(piece)), strict=True)
            quality = np.array([record.quality for record in records], dtype=np.int64)
            table["QUALITY"] = column_with(quality, quality < 0)
            table["region"] = known.regions[here]
            for name in piece.colnames:
                if name not in _LEFT_OUT:
                    table[name] = piece[name]
            if sets is not None:
                table["split"] = column_with(sets[here], sets[here] == "")
            for name, column in values.items():
                table[name] = column_with(column[here], column[here] == UNKNOWN)
            table["group"] = [f"harp/{harp:05d}" for harp in harps]
            table["index"] = np.array(index, dtype=np.int32)
            table["height"], table["width"] = np.array([image.shape for image in facts], dtype=np.int32).T
            recnum = np.array([record.recnum for record in records], dtype=np.int64)
            table["recnum"] = column_with(recnum, recnum == 0)
            for place, segment in enumerate(settings.segments):
                table[f"status_{segment}"] = np.array([image.status[place] for image in facts], dtype=np.int8)
                table[f"url_{segment}"] = _texts(record.urls[place] for record in records)
                table[f"sha256_{segment}"] = _texts(image.sha256[place] for image in facts)
            for name, meaning in _MEANINGS.items():
                if name in table.colnames:
                    table[name].info.description = meaning
            writer.write(table)


def _texts(values: Iterable[str]) -> Any:
    texts = np.array(list(values), dtype=str)
    return column_with(texts, texts == "")
