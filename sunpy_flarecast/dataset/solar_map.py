"""Make a `sunpy.map.GenericMap` from an image of a data set; of a lossless image it equals the map of the FITS file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.time import Time
from sunpy.time import parse_time

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.maps.load import make_map
from sunpy_flarecast.sharp.catalog import step_of
from sunpy_flarecast.sharp.t_rec import slot_of, slot_seconds, slot_time, t_rec_text
from sunpy_flarecast.sharp.times import utc_time

from .image_header import header_of
from .image_reader import read_record
from .model import Status

if TYPE_CHECKING:
    import numpy.typing as npt

    from .selection import Selection

__all__ = ["map_of"]


def map_of(selection: Selection, group: Any, time: Any, segment: str | None) -> Any:
    """Return the map of a segment of the record nearest to a time; ``group`` is the dataset of a HARP."""
    channel, *others = selection.channels(segment)
    if others:
        names = ", ".join(selection.settings.segments)
        raise QueryError(f"The data set has the segments {names}. Choose one with segment=...")
    name, harp = selection.settings.segments[channel], int(group.attrs["harp"])
    slots = slot_of(utc_time(group["time"].values.astype("datetime64[us]")))
    row = _nearest(slots, time, step_of(selection.settings.series), harp)
    when = t_rec_text(int(slots[row]))
    status = Status(int(group["status"].values[row, channel]))
    if status != Status.THERE:
        reason = status.name.lower().replace("_", " ")
        raise QueryError(f"The data set has no {name} image of HARP {harp} at {when}: {reason}.")
    header = header_of(group, row, name)
    rows, columns = slice(0, header["NAXIS2"]), slice(0, header["NAXIS1"])
    return make_map(read_record(selection.place, harp, row, [channel], rows, columns)[0], header, name)


def _nearest(slots: npt.NDArray[np.int64], time: Any, step: int, harp: int) -> int:
    try:
        wanted = float(slot_seconds(time if isinstance(time, Time) else parse_time(time)))
    except (ValueError, TypeError) as error:
        raise QueryError(
            f"Cannot parse the time {time!r}. Write '2014-10-24T21:36' (UTC), or pass an astropy Time."
        ) from error
    waits = np.abs((slot_time(slots) - slot_time(0)).to_value("s") - wanted)
    row = int(waits.argmin())
    if waits[row] > step / 2:
        nearest = slot_time(slots[row])
        raise QueryError(
            f"HARP {harp} has no record at {time}; the nearest is at {t_rec_text(int(slots[row]))} "
            f"({nearest.utc.strftime('%Y-%m-%dT%H:%M:%S')} UTC). Use its time."
        )
    return row
