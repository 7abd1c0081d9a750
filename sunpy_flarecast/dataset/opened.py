"""`open` and `Dataset`: a finished data set, read lazily."""

from __future__ import annotations

from functools import cached_property
from numbers import Integral
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.times import utc_dates
from sunpy_flarecast.utils.optional_deps import DATASET, PLOT, need
from sunpy_flarecast.utils.reports import as_table, counted
from sunpy_flarecast.utils.store import Store

from .datasheet import read_provenance
from .framing import check_shape
from .keyword_sets import listed
from .parquet import TIME, read_flare_table, read_labels, read_records
from .report import marked
from .samples import Samples, fixed_images, make_samples
from .selection import Selection

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import xarray as xr
    from astropy.table import QTable
    from astropy.time import Time
    from matplotlib.figure import Figure
    from sunpy.map import GenericMap

    from .datasheet import Provenance
    from .framing import How
    from .image_tree import ImageTree

__all__ = ["Dataset", "open"]


def open(path: str | os.PathLike[str]) -> Dataset:  # noqa: A001 (as h5py and xarray do)
    """
    Open a finished data set.

    Parameters
    ----------
    path : path-like or str
        The folder of the data set, or a URL supported by fsspec.

    Returns
    -------
    Dataset

    Raises
    ------
    QueryError
        If there is no data set, its build is unfinished, it is damaged, or a newer version of this package wrote it.

    Examples
    --------
    >>> from sunpy_flarecast import dataset
    >>> ds = dataset.open("sharps-2014")  # doctest: +SKIP
    >>> ds.records["usflux"]  # doctest: +SKIP
    >>> image, keywords, label = ds["train"][17]  # doctest: +SKIP
    """
    need("Data sets need", "dataset", DATASET)
    store = Store(path)
    return Dataset(store, read_provenance(store))


class Dataset:
    """
    A data set: tables of records, labels and flares, and images. `open` returns it.

    ``ds["train"]`` returns the samples of a set.

    Attributes
    ----------
    settings : Settings
        The settings of the build.
    origin : str
        ``"SYNTHETIC"`` if the records are synthetic.

    Examples
    --------
    >>> from sunpy_flarecast import dataset
    >>> ds = dataset.open("sharps-2014")  # doctest: +SKIP
    >>> ds.records["HARPNUM", "T_REC", "usflux", "label_24h_M1.0"]  # doctest: +SKIP
    >>> ds.images[3944]["image"].sel(segment="Br")  # doctest: +SKIP
    """

    def __init__(self, store: Store, about: Provenance) -> None:
        self._store = store
        self._selection = Selection(store, about.settings, about.digest)
        self.settings = about.settings
        self.origin = about.report.origin
        self._report = about.report

    @cached_property
    def records(self) -> QTable:
        """Table with one row per record, with keywords and their units, labels, set, and place of the image."""
        table = read_records(self._store)
        table.meta |= {"origin": self.origin} if self.origin else {}
        return table

    @cached_property
    def labels(self) -> QTable:
        """Table with one row per record, window and threshold; unknown labels are masked."""
        self._selection.flares()
        return read_labels(self._store)

    @cached_property
    def flares(self) -> QTable:
        """Table of the flares, with the HARPs that each was assigned to."""
        self._selection.flares()
        return read_flare_table(self._store)

    @cached_property
    def images(self) -> ImageTree:
        """
        Images of each HARP; ``ds.images[3944]`` is an `xarray.Dataset`, whose pixels are read on access.

        It is also an `xarray.DataTree`; using it as such opens the groups of all HARPs.
        """
        from .image_tree import ImageTree

        self._need_images()
        return ImageTree.of(self._store, self._harps)

    def _need_images(self) -> None:
        if not self.settings.segments:
            raise QueryError(
                f"{self._store} has no images: it was built with images=False. Build it again with images=True and "
                "overwrite=True."
            )

    @cached_property
    def _harps(self) -> list[int]:
        found: list[int] = np.unique(self._selection.columns("HARPNUM")[0]).tolist()
        return found

    # --- Samples --------------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Samples:
        return self.samples(name)

    def samples(
        self,
        name: str | None = None,
        *,
        window: u.Quantity | None = None,
        threshold: str | None = None,
        segments: Sequence[str] | None = None,
        keywords: Sequence[str] | None = None,
        shape: tuple[int, int] | None = None,
        how: How = "crop",
        fill: float = np.nan,
    ) -> Samples:
        """
        Return the samples of a set, for training.

        Parameters
        ----------
        name : str, optional
            The set (default: all records).
        window : `~astropy.units.Quantity`, optional
            Window of the labels; required if the data set has several.
        threshold : str, optional
            GOES class of the labels; required if the data set has several.
        segments : sequence of str, optional
            Segments of the images (default: all).
        keywords : sequence of str, optional
            Numeric keywords (default: all, except the NOAA numbers and positions that every data set has).
        shape : tuple of int, optional
            Rows and columns of the images (default: the size of each patch).
        how : {"crop", "bin"}
            How to bring images to this shape: crop or pad them around their centre (default), or first bin them by the
            smallest factor with which they fit, and then pad them.
        fill : float, optional
            Value for padding and for missing pixels, such as those off the limb (default: NaN).

        Returns
        -------
        Samples

        Raises
        ------
        QueryError
            If the data set has no labels, or no such set, window, threshold, segment or keyword; if it has several
            windows or thresholds and none is given; or if the shape is invalid.

        Examples
        --------
        >>> train = ds.samples("train", threshold="M1.0", shape=(256, 512), fill=0)  # doctest: +SKIP
        >>> torch.utils.data.DataLoader(train, batch_size=16, num_workers=2)  # doctest: +SKIP
        """
        return make_samples(
            self._selection,
            name,
            window,
            threshold,
            segments=segments,
            keywords=keywords,
            shape=shape,
            how=how,
            fill=fill,
        )

    # --- Images ---------------------------------------------------------------------------------------------------

    def fixed(
        self,
        shape: tuple[int, int],
        how: How = "crop",
        *,
        name: str | None = None,
        segments: Sequence[str] | None = None,
    ) -> xr.Dataset:
        """
        Return all images in one shape, as one lazy array.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns.
        how : {"crop", "bin"}
            Crop or pad images around their centre (default), or first bin them by the smallest factor with which they
            fit, and then pad them.
        name : str, optional
            The set (default: all records).
        segments : sequence of str, optional
            Segments of the images (default: all).

        Returns
        -------
        `xarray.Dataset`
            ``image`` (sample, segment, y, x), a dask array of float32 with NaN for missing pixels; ``mask``, which is
            True for valid pixels; and for each sample its ``row`` in the records, ``HARPNUM``, ``time`` (T_REC in UTC)
            and binning factor ``bin``. Samples are in the order of the records. Samples with an unknown label are kept;
            so are those without an image, with all pixels missing.

        Raises
        ------
        QueryError
            If the shape is invalid, or the data set has no images, or no such set or segment.

        Examples
        --------
        >>> fixed = ds.fixed((256, 512))  # doctest: +SKIP
        >>> fixed.image.where(fixed.mask).mean().compute()  # doctest: +SKIP
        """
        self._need_images()
        return fixed_images(self._selection, check_shape(shape, how), how, name, segments)

    def map(self, harp: int, time: Time | str, segment: str | None = None) -> GenericMap:
        """
        Return an image as a map.

        It equals the map of the FITS file if the images are stored as ``"lossless"``.

        Parameters
        ----------
        harp : int
            HARP number.
        time : `~astropy.time.Time` or str
            T_REC; strings are UTC, unless they end with ``_TAI``. The nearest record within half a time step is used.
        segment : str, optional
            The segment; required if the data set has several.

        Returns
        -------
        `sunpy.map.GenericMap`

        Raises
        ------
        QueryError
            If the data set has no images, no such HARP or segment, or no record at this time; if the image is missing;
            or if the data set has several segments and none is given.

        Examples
        --------
        >>> ds.map(3944, "2014-04-01T12:00", "Br").peek()  # doctest: +SKIP
        """
        need("Maps need", "plot", PLOT)
        if not isinstance(harp, Integral):
            raise QueryError(f"{harp!r} is not a HARP number. Write an integer such as {self._harps[0]}.")
        from .solar_map import map_of

        return map_of(self._selection, self.images[harp], time, segment)

    # --- Overview -------------------------------------------------------------------------------------------------

    def plot(self, *, window: u.Quantity | None = None, threshold: str | None = None) -> Figure:
        """
        Plot the records by time and set, the labels by class, and the missing data.

        Parameters
        ----------
        window : `~astropy.units.Quantity`, optional
            Window of the labels (default: the shortest).
        threshold : str, optional
            GOES class of the labels (default: the lowest).

        Returns
        -------
        `matplotlib.figure.Figure`

        Examples
        --------
        >>> ds.plot().savefig("sharps-2014.png")  # doctest: +SKIP
        """
        need("Plots need", "plot", ("matplotlib",))
        from .picture import draw, overview_of

        chosen = None
        if (flares := self.settings.flares) is not None:
            first = flares.windows[0] * u.hour, flares.thresholds[0]
            chosen = self._selection.label(
                first[0] if window is None else window, first[1] if threshold is None else threshold
            )
        return draw(overview_of(self._selection, chosen, self._report))

    def _facts(self) -> dict[str, str]:
        settings = self.settings
        (times,) = self._selection.columns(TIME)
        dates = utc_dates(times)
        span = " to ".join(str(day) for day in np.array([np.min(dates), np.max(dates)], "datetime64[D]"))
        records = f"{marked(self.origin)}{counted(len(times), 'record')}"
        facts = {"records": f"{records} of {counted(len(self._harps), 'HARP')}, {span}"}
        if settings.segments:
            facts["images"] = f"{', '.join(settings.segments)} of {settings.series}, {settings.images.encoding}"
        else:
            facts["images"] = f"none; series {settings.series}"
        facts["keywords"] = listed(settings.keywords)
        if settings.flares:
            windows = ", ".join(f"{hours:g}" for hours in settings.flares.windows)
            facts["labels"] = f"{', '.join(settings.flares.thresholds)} within {windows} h after T_REC"
        if settings.split:
            sets = self._selection.set_of()
            facts["sets"] = ", ".join(f"{name} {(sets == name).sum():,}" for name in self._selection.sets)
        return facts

    def __repr__(self) -> str:
        facts = self._facts()
        return "\n".join(
            [f"<Dataset {self._store}: {facts.pop('records')}>", *(f"{name}: {fact}" for name, fact in facts.items())]
        )

    def _repr_html_(self) -> str:
        return as_table(f"Dataset {self._store}", self._facts())
