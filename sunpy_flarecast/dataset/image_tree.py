"""All images of a data set as an `xarray.DataTree` that opens quickly, even with many HARPs."""

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
    The groups of ``images.zarr``; indexing with a HARP number opens the `xarray.Dataset` of this HARP only.

    Everything else works as in any `xarray.DataTree`, and opens the whole tree on first use, which takes about 15 ms
    per HARP.
    """

    __slots__ = ("_harps", "_store", "_unopened")

    def __init__(self, dataset: Any = None, children: Any = None, name: str | None = None) -> None:
        self._store: Any = None
        self._harps: Collection[int] = ()
        self._unopened = False
        super().__init__(dataset, children, name)

    @classmethod
    def of(cls, store: Store, harps: Collection[int]) -> ImageTree:
        """Return the tree of a data set with the given HARPs, without reading anything."""
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
                f"The data set has no images of HARP {harp}. The numbers of its HARPs are in ds.records['HARPNUM']."
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
        return f"<ImageTree of {counted(len(self._harps), 'HARP')}; images[HARPNUM] opens the xarray.Dataset of a HARP>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return as_page(self)
