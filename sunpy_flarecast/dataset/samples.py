"""The samples of a set: images, keywords and labels as a sequence, for training with any library."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sunpy_flarecast.utils.masked import mask_of, unmasked
from sunpy_flarecast.utils.reports import as_line, as_page, counted

from .framing import check_shape
from .image_reader import read_framed
from .model import Status, label_column

if TYPE_CHECKING:
    import numpy.typing as npt

    from .framing import How
    from .selection import Selection

__all__ = ["Samples", "make_samples"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Samples(Sequence[Any]):
    """
    A sequence of samples, ``(image, keywords, label)``, of a data set; `Dataset.samples` makes it.

    An image is read when it is accessed, and only its chunk is decoded. Samples can be pickled, and be read in several
    processes and threads, as ``torch.utils.data.DataLoader`` does. A slice is another such sequence.

    Records whose label is unknown and records with a missing image are left out, and counted in ``left_out``.

    Attributes
    ----------
    labels : `numpy.ndarray`
        Label of each sample: 1 (a flare) or 0 (none).
    keywords : `numpy.ndarray`
        Keywords of each sample, of shape (sample, keyword); NaN where they are missing.
    keyword_names : tuple of str
        Names of the keywords.
    segments : tuple of str
        Names of the segments.
    rows : `numpy.ndarray`
        Row of each sample in the records of the data set.
    left_out : dict
        Number of records that were left out, by reason.

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
    place: str
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

    def __getitem__(self, which: int | slice) -> Any:
        if isinstance(which, slice):
            arrays = ("rows", "harps", "indices", "sizes", "keywords", "labels")
            return replace(self, **{name: getattr(self, name)[which] for name in arrays})
        one = operator.index(which)
        harp, index, rows, columns = (int(value) for value in (self.harps[one], self.indices[one], *self.sizes[one]))
        image = read_framed(self.place, harp, index, (rows, columns), self.channels, self.shape, self.how)
        if not np.isnan(self.fill):
            image[np.isnan(image)] = self.fill
        return image, self.keywords[one], int(self.labels[one])

    def __str__(self) -> str:
        text = (
            f"{self.name}: {counted(len(self), 'sample')}, {int(self.labels.sum()):,} of them positive "
            f"({self.label_name})"
        )
        if self.left_out:
            reasons = ", ".join(f"{count:,} with {reason}" for reason, count in self.left_out.items())
            text += f"; {counted(sum(self.left_out.values()), 'record')} left out: {reasons}"
        size = "of the size of each patch" if self.shape is None else f"{self.shape[0]} × {self.shape[1]} ({self.how})"
        return (
            f"{text}\nimages: {', '.join(self.segments)}, {size}\nkeywords: {', '.join(self.keyword_names) or 'none'}"
        )

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
    """Choose the records of a set whose label and images are known; see `Dataset.samples`."""
    if shape is not None:
        shape = check_shape(shape, how)
    rows = selection.rows(name)
    label = selection.label(window, threshold)
    channels = selection.channels(segments)
    chosen = tuple(selection.settings.segments[one] for one in channels)
    column, harps, indices = selection.columns(label_column(*label), "HARPNUM", "index")
    statuses = np.array([unmasked(one) for one in selection.columns(*(f"status_{one}" for one in chosen))])
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
