"""All images of a data set as an `xarray.DataTree` that opens quickly, however many HARPs there are."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import xarray as xr

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.utils.reports import as_page, counted

from .arrays import ROOT, group_path
from .image_reader import lost_group

if TYPE_CHECKING:
    from collections.abc import Collection

    from sunpy_flarecast.utils.store import Store

__all__ = ["ImageTree"]


class ImageTree(xr.DataTree):  # type: ignore[misc]
    """
    The groups of ``images.zarr``; of a HARP number, the `xarray.Dataset`, which is opened alone.

    Anything else is as in any `xarray.DataTree`, and opens the whole tree when it is first used, which takes about 15
    ms for each HARP.
    """

    __slots__ = ("_harps", "_store", "_unopened")

    def __init__(self, dataset: Any = None, children: Any = None, name: str | None = None) -> None:
        self._store: Any = None
        self._harps: Collection[int] = ()
        self._unopened = False
        super().__init__(dataset, children, name)

    @classmethod
    def of(cls, store: Store, harps: Collection[int]) -> ImageTree:
        """Return the tree of a data set that has these HARPs; nothing is read."""
        tree = cls()
        tree._store, tree._harps, tree._unopened = store, harps, True
        return tree

    def __getitem__(self, key: Any) -> Any:
        try:
            harp = operator.index(key)
        except TypeError:
            return super().__getitem__(key)
        if harp not in self._harps:
            raise QueryError(
                f"There are no images of HARP {harp}. The {len(self._harps):,} HARPs of the data set are in "
                "ds.records['HARPNUM']."
            )
        try:
            return xr.open_zarr(self._store.zarr(group_path(harp)), consolidated=True, chunks=None)
        except FileNotFoundError as error:
            raise lost_group(str(self._store), harp) from error

    @xr.DataTree.children.getter  # type: ignore[untyped-decorator]
    def children(self) -> Any:
        """The groups of the root."""
        if self._unopened:
            self._unopened = False
            tree = xr.open_datatree(self._store.zarr(ROOT), engine="zarr", chunks=None)
            self.children = dict(tree.children)
        return super().children

    def __repr__(self) -> str:
        return f"<ImageTree of {counted(len(self._harps), 'HARP')}; images[HARPNUM] is the xarray.Dataset of one>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return as_page(self)
