"""Training data: the samples of a set as a sequence, or its images as one lazy array."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.times import utc_dates
from sunpy_flarecast.utils.masked import mask_of, unmasked
from sunpy_flarecast.utils.reports import as_line, as_page, counted

from .framing import bin_factor, check_shape
from .image_reader import Place, read_framed
from .model import Status, label_column
from .parquet import TIME

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

    from .framing import How
    from .selection import Selection

    Sample = tuple[npt.NDArray[np.float32] | None, npt.NDArray[np.float64], int]

__all__ = ["Samples", "fixed_images", "make_samples"]

#: Size of a chunk of the array in bytes.
_CHUNK: Final = 32_000_000


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Samples(Sequence["Sample"]):
    """
    A sequence of samples ``(image, keywords, label)`` of a data set. `.Dataset.samples` creates it.

    Images are read on access, and only the chunk of the record is decoded. Samples can be pickled, and several
    processes and threads can read them, for example those of ``torch.utils.data.DataLoader``. A slice is a `Samples`,
    too.

    In a data set without images, ``image`` is None.

    Records with an unknown label or a missing image are left out; ``left_out`` counts them.

    Attributes
    ----------
    labels : `numpy.ndarray`
        Label of each sample: 1 (flare) or 0 (no flare).
    keywords : `numpy.ndarray`
        Keywords of each sample, of shape (sample, keyword); missing values are NaN.
    keyword_names : tuple of str
        Names of the keywords.
    segments : tuple of str
        Names of the segments.
    rows : `numpy.ndarray`
        Row of each sample in the records of the data set.
    left_out : dict
        Number of records left out, by reason.

    Examples
    --------
    >>> from sunpy_flarecast import dataset
    >>> train = dataset.open("sharps-2014")["train"]  # doctest: +SKIP
    >>> image, keywords, label = train[17]  # doctest: +SKIP
    >>> image.shape  # doctest: +SKIP
    (3, 377, 744)
    """

    name: str
    label_name: str
    place: Place
    rows: npt.NDArray[np.int64]
    harps: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    keywords: npt.NDArray[np.float64]
    keyword_names: tuple[str, ...]
    labels: npt.NDArray[np.int8]
    segments: tuple[str, ...]
    channels: tuple[int, ...]
    left_out: dict[str, int]
    shape: tuple[int, int] | None = None
    how: How = "crop"
    fill: float = np.nan

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, which: int) -> Sample: ...

    @overload
    def __getitem__(self, which: slice) -> Samples: ...

    def __getitem__(self, which: int | slice) -> Sample | Samples:
        if isinstance(which, slice):
            arrays = ("rows", "harps", "indices", "sizes", "keywords", "labels")
            return replace(self, **{name: getattr(self, name)[which] for name in arrays})
        number = operator.index(which)
        if not self.channels:
            return None, self.keywords[number], int(self.labels[number])
        harp, index, rows, columns = (
            int(value) for value in (self.harps[number], self.indices[number], *self.sizes[number])
        )
        image = read_framed(self.place, harp, index, (rows, columns), self.channels, self.shape, self.how)
        if not np.isnan(self.fill):
            image[np.isnan(image)] = self.fill
        return image, self.keywords[number], int(self.labels[number])

    def __str__(self) -> str:
        text = (
            f"{self.name}: {counted(len(self), 'sample')}, {int(self.labels.sum()):,} of them positive "
            f"({self.label_name})"
        )
        if self.left_out:
            reasons = ", ".join(f"{count:,} with {reason}" for reason, count in self.left_out.items())
            text += f"; {counted(sum(self.left_out.values()), 'record')} left out: {reasons}"
        size = "size of each patch" if self.shape is None else f"{self.shape[0]} × {self.shape[1]} ({self.how})"
        images = f"{', '.join(self.segments)}, {size}" if self.segments else "none"
        return f"{text}\nimages: {images}\nkeywords: {', '.join(self.keyword_names) or 'none'}"

    __repr__ = as_line
    _repr_html_ = as_page


def make_samples(
    selection: Selection,
    name: str | None,
    window: Any,
    threshold: str | None,
    *,
    segments: Sequence[str] | None,
    keywords: Sequence[str] | None,
    shape: tuple[int, int] | None,
    how: How,
    fill: float,
) -> Samples:
    """Choose the records of a set with a known label and all images; see `Dataset.samples`."""
    if not isinstance(fill, Real):
        raise QueryError(f"fill={fill!r} is not a number. Write fill=0, or leave it out for NaN.")
    if shape is not None:
        shape = check_shape(shape, how)
    rows = selection.rows(name)
    label = selection.label(window, threshold)
    channels = selection.channels(segments)
    chosen = tuple(selection.settings.segments[channel] for channel in channels)
    column, harps, indices = selection.columns(label_column(*label), "HARPNUM", "index")
    statuses = np.array([unmasked(status) for status in selection.columns(*(f"status_{name}" for name in chosen))])
    statuses = statuses.reshape(len(chosen), len(harps))  # also without segments
    unknown, missing = mask_of(column)[rows], (statuses != Status.THERE).any(axis=0)[rows]
    left_out = {"an unknown label": int(unknown.sum()), "a missing image": int((missing & ~unknown).sum())}
    rows = rows[~unknown & ~missing]
    names, values = selection.numbers(keywords)
    return Samples(
        name=name or "all records",
        label_name=f"{label[1]} within {label[0]:g} h",
        place=selection.place,
        rows=rows,
        harps=unmasked(harps)[rows],
        indices=unmasked(indices)[rows],
        sizes=selection.sizes()[rows],
        keywords=values[rows],
        keyword_names=names,
        labels=unmasked(column)[rows],
        segments=chosen,
        channels=channels,
        left_out={reason: count for reason, count in left_out.items() if count},
        shape=shape,
        how=how,
        fill=fill,
    )


# --- One array --------------------------------------------------------------------------------------------------------


def fixed_images(
    selection: Selection, shape: tuple[int, int], how: How, name: str | None, segments: Sequence[str] | None
) -> xr.Dataset:
    """Return the images of a set as an `xarray.Dataset`; see `Dataset.fixed`."""
    import dask.array as da
    import xarray as xr

    channels = selection.channels(segments)
    chosen = [selection.settings.segments[channel] for channel in channels]
    rows = selection.rows(name)
    harps, indices = (unmasked(column)[rows] for column in selection.columns("HARPNUM", "index"))
    (times,) = selection.columns(TIME)
    sizes = selection.sizes()[rows]
    numbers = da.arange(len(rows), chunks=max(1, _CHUNK // (4 * len(chosen) * shape[0] * shape[1])))
    image = numbers.map_blocks(
        _read,
        selection.place,
        harps,
        indices,
        sizes,
        channels,
        shape,
        how,
        dtype=np.float32,
        chunks=(numbers.chunks[0], (len(chosen),), (shape[0],), (shape[1],)),
        new_axis=[1, 2, 3],
        meta=np.empty((0, 0, 0, 0), dtype=np.float32),
    )
    factors = [bin_factor((height, width), shape) if how == "bin" else 1 for height, width in sizes.tolist()]
    dimensions = ("sample", "segment", "y", "x")
    return xr.Dataset(
        {
            "image": (dimensions, image, {"long_name": "pixels of the segments"}),
            "mask": (dimensions, ~da.isnan(image), {"long_name": "whether a pixel has a value"}),
        },
        coords={
            "segment": chosen,
            "row": ("sample", rows),
            "HARPNUM": ("sample", harps),
            "time": ("sample", utc_dates(times[rows])),
            "bin": ("sample", factors),
        },
    )


def _read(
    rows: npt.NDArray[np.int64],
    place: Place,
    harps: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    channels: tuple[int, ...],
    shape: tuple[int, int],
    how: How,
) -> npt.NDArray[np.float32]:
    made = np.full((len(rows), len(channels), *shape), np.nan, dtype=np.float32)
    for number, row in enumerate(rows.tolist()):
        height, width = sizes[row].tolist()
        if height and width:
            made[number] = read_framed(place, int(harps[row]), int(indices[row]), (height, width), channels, shape, how)
    return made
