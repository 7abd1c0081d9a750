"""Replies for tests, and the records read from them in a comparable form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sunpy_flarecast.rest.list_reply import read_records

if TYPE_CHECKING:
    from sunpy_flarecast.rest.records import Records

SERIES = "hmi.sharp_720s"
FOLDER = f"http://cluster-r730-1:8001/HMI/{SERIES}"

#: A record with all values, and a record without any.
FULL = {
    "recnum": 5605571,
    "harpnum": 6178,
    "t_rec_index": 1005598,
    "quality": 1024,
    "wavelnth": 6173,
    "date__obs": "2015-12-11T23:34:08.799999Z",
    "urls": [f"{FOLDER}/5605571/{name}.fits" for name in ("magnetogram", "bitmap")],
}
BARE = {"urls": [f"{FOLDER}/7/bitmap.fits"]}


def encoded(*rows: Any) -> bytes:
    return json.dumps(rows).encode()


def row(recnum: int = 7, **fields: Any) -> dict[str, Any]:
    return {"recnum": recnum, "urls": [f"{FOLDER}/{recnum}/bitmap.fits"], **fields}


def read(*rows: Any) -> Records:
    records, broken = read_records(encoded(*rows), SERIES)
    assert broken == 0
    return records


def urls(records: Records) -> list[list[str]]:
    prefixes = (prefix.decode() for prefix in records.prefix)
    return [[prefix + name for name in names] for prefix, names in zip(prefixes, records.names, strict=True)]


def rows(records: Records) -> list[tuple[Any, ...]]:
    """Return records as comparable tuples."""
    columns = (records.recnum, records.harpnum, records.slot, records.quality, records.wavelength)
    return list(
        zip(
            records.series.tolist(),
            *(column.tolist() for column in columns),
            records.date_obs.astype(str).tolist(),
            map(tuple, urls(records)),
            strict=True,
        )
    )
