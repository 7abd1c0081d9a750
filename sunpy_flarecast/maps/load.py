"""From files to maps: `load`, which opens SHARP files of every generation of headers as `sunpy.map.GenericMap`."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np
import parfive
from astropy.io import fits

from sunpy_flarecast.download.fetch import Report
from sunpy_flarecast.errors import FileError, MissingDataWarning, QueryError, TransferError
from sunpy_flarecast.fits.record_header import lacking
from sunpy_flarecast.fits.structure import read_headers
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.utils.optional_deps import need_plot

from .header_fixes import identify, mend

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Maps", "load", "tell_skipped"]


#: How many files that are left out a warning names.
_LISTED: Final = 10


class Maps(Sequence[Any]):
    """
    Maps that are read when they are asked for, each time anew, so that a long list does not fill the memory.

    ``maps[3]`` reads one file, ``maps[:10]`` is again such a sequence and reads none, ``list(maps)`` reads all and
    keeps them.

    Parameters
    ----------
    paths : iterable of path-like
        The files, in the order of the maps.

    Attributes
    ----------
    paths : tuple of str
        The files.
    """

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        self.paths = tuple(os.fspath(path) for path in paths)

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, which: int) -> Any: ...
    @overload
    def __getitem__(self, which: slice) -> Maps: ...
    def __getitem__(self, which: int | slice) -> Any:
        return Maps(self.paths[which]) if isinstance(which, slice) else _read_map(self.paths[which])

    def __iter__(self) -> Iterator[Any]:
        return map(_read_map, self.paths)

    def __repr__(self) -> str:
        first = f": {Path(self.paths[0]).name}{', ...' if len(self) > 1 else ''}" if self.paths else ""
        return f"<Maps of {len(self):,} files{first}>"


def load(files: Any, *, skip_broken: bool = False) -> Any:
    """
    Open SHARP files as maps, with units, segment names, colours and ranges that suit them.

    What `sunpy.map.Map` makes of such files as they are depends on when JSOC exported them, and on the segment: text
    ``'nan'`` for missing keywords, units that are missing (exports since late 2025), wrong (Dopplergrams), or refused,
    and pictures that are black. Pixels without a value are NaN. ``map.meta["segment"]`` is the segment's name; it is
    also put into ``map.meta["content"]``, of which sunpy makes the title of plots.

    Read maps in one thread, or in several processes: sunpy and astropy switch Python's filters of warnings while they
    read, which threads have in common.

    Parameters
    ----------
    files : path-like, iterable of path-like, `parfive.Results` or Report
        One file; several; what ``Fido.fetch`` or `sunpy_flarecast.fetch` gave; a folder, for the FITS files below it;
        or a pattern of paths, such as ``"data/*/*.Br.fits"`` (``**`` for folders of any depth).
    skip_broken : bool
        Whether to leave out files that are not whole, are no SHARP images, or carry no keywords, and to name them in a
        `~sunpy_flarecast.MissingDataWarning`. By default there is an error when such a file is read. All files are
        looked into for that, without reading their pixels.

    Returns
    -------
    `sunpy.map.GenericMap` or Maps
        One map for the path of one file, else a sequence, whose maps are read when they are asked for: in the order of
        the list, or, where there is none (fetches come in the order of arrival, folders and patterns in none), by
        series, HARP number, T_REC and segment.

    Raises
    ------
    FileError
        If there is no file; when a map is read, if the file is broken, is no SHARP image, or carries no keywords. With
        ``skip_broken``, if all are such.
    QueryError
        If ``files`` is something else.
    ImportError
        If the packages that maps need are not installed.

    Examples
    --------
    >>> import sunpy_flarecast
    >>> maps = sunpy_flarecast.load("data/6178")  # doctest: +SKIP
    >>> maps[0].meta["segment"]  # doctest: +SKIP
    'magnetogram'
    >>> maps[0].peek()  # doctest: +SKIP
    """
    need_plot("Maps")
    if isinstance(files, (str, os.PathLike)) and os.fspath(files):
        path = Path(files).expanduser()
        if path.is_dir():
            paths: list[str] = sorted(map(str, path.rglob("*.fits")), key=_order)
            where = f"in the folder {path} or below it"
        elif any(sign in str(path) for sign in "*?[") and not path.exists():
            base = Path(path.anchor)
            paths = sorted(map(str, base.glob(str(path.relative_to(base)))), key=_order)
            where = f"that fits {str(path)!r}"
        else:
            return _read_map(path)
    elif isinstance(files, (parfive.Results, Report)):
        paths = sorted(files.files if isinstance(files, Report) else map(str, files), key=_order)
        where = "among what was fetched"
    else:
        paths = _as_paths(files)
        where = "in the list"
    if not paths:
        raise FileError(f"load() found no FITS file {where}; fetch some with Fido.fetch(results, path=...) first.")
    return Maps(_whole(paths) if skip_broken else paths)


def _whole(paths: list[str]) -> list[str]:
    """Leave out files that cannot become maps, and tell which."""
    reasons: dict[str, str] = {}
    for path in paths:
        try:
            _, keywords, _ = _read(path, pixels=False)
            _check_usable(path, mend(keywords, identify(keywords, Path(path).name)))
        except FileError as error:
            reasons[path] = str(error)
    if len(reasons) == len(paths):
        raise FileError(f"None of the {len(paths):,} files can be loaded. The first: {reasons[paths[0]]}")
    if reasons:
        tell_skipped(list(reasons.values()))
    return [path for path in paths if path not in reasons]


def tell_skipped(reasons: list[str]) -> None:
    """
    Warn of files that are left out.

    Parameters
    ----------
    reasons : list of str
        What is wrong with each, as sentences that name it.
    """
    listed = " ".join(reasons[:_LISTED])
    more = f" And {len(reasons) - _LISTED:,} more." if len(reasons) > _LISTED else ""
    text = f"{len(reasons):,} file{'s are' if len(reasons) > 1 else ' is'} left out: {listed}{more}"
    warnings.warn(text, MissingDataWarning, stacklevel=4)


def _as_paths(files: Any) -> list[str]:
    if isinstance(files, Maps):
        return list(files.paths)
    if isinstance(files, str) and not files:
        raise QueryError("load(''): the path is empty. Write that of a file or a folder; '.' is the current one.")
    paths = list(files) if isinstance(files, Iterable) and not isinstance(files, bytes) else [files]
    if other := [path for path in paths if not isinstance(path, (str, os.PathLike))]:
        raise QueryError(
            f"load() takes files, not {type(other[0]).__name__}: paths, a folder, or what Fido.fetch(results) gave. "
            "Fetch the files of a search first."
        )
    return [os.fspath(Path(path).expanduser()) for path in paths]


def _order(path: str) -> tuple[Any, ...]:
    """Sort by series, HARP number, T_REC and segment in the catalog's order, as far as the name tells them."""
    name = os.path.basename(path)  # noqa: PTH119 (of many thousands of files)
    identity = identify({}, name)
    series = find_series(identity.series) if identity.series else None
    known = [segment.name for segment in series.segments] if series else []
    place = known.index(identity.segment) if identity.segment in known else len(known)
    stem = name.removesuffix(f".{identity.segment}.fits")
    # Numbers as numbers: HARP 377 comes before HARP 6060.
    parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", stem) if part]
    return parts, place, name, path


def _read_map(path: str | Path) -> Any:
    """Read one map."""
    import sunpy.map

    from .styles import style_of

    data, keywords, comments = _read(path)
    identity = identify(keywords, Path(path).name)
    mended = mend(keywords, identity)
    _check_usable(path, mended)
    mended["KEYCOMMENTS"] = {name: comment for name, comment in comments.items() if name in mended}
    if identity.segment:
        # JSOC says "HMI OBSERVABLE" of every segment. sunpy makes the title of plots of it, also of those of a part of
        # the map; a title among plot_settings would be handed to contours as well, which refuse it.
        mended["CONTENT"] = identity.segment
    one = sunpy.map.Map(data, mended)
    style = style_of(identity.segment, data)
    one.plot_settings |= {"cmap": style.cmap, "norm": style.norm}
    if "HARPNUM" in mended:
        one.nickname = f"{one.nickname} HARP {mended['HARPNUM']}"
    return one


def _read(path: str | Path, *, pixels: bool = True) -> tuple[Any, dict[str, Any], dict[str, str]]:
    """Read pixels (NaN where there is no value), keywords that have a valid value, and their comments."""
    try:
        read_headers(path)
    except TransferError as error:
        raise FileError(f"{path} {error}. Remove it and fetch it again.") from error
    except FileNotFoundError as error:
        raise FileError(f"There is no file {path}; fetch it, or correct the path.") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}.") from error
    keywords: dict[str, Any] = {}
    comments: dict[str, str] = {}
    with warnings.catch_warnings():
        # Of cards that are not as FITS demands (generation 1 writes nan), which are left out.
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        try:
            with fits.open(path, memmap=False) as hdus:
                image = next((hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS", 0) == 2), None)
                if image is None:
                    raise FileError(f"{path} is no SHARP file: it holds no image. sunpy.map.Map may know what it is.")
                data = image.data if pixels else np.empty((0, 0))
                for hdu in {id(hdu): hdu for hdu in (hdus[0], image)}.values():
                    _add_cards(hdu.header, keywords, comments)
        except (FileError, MemoryError):
            raise
        except Exception as error:  # astropy raises what it likes over damaged tiles
            raise FileError(f"{path} cannot be decoded ({error}). Remove it and fetch it again.") from error
    if data.dtype.kind == "f":
        keywords.pop("BLANK", None)  # NaN stands for it now, and astropy refuses it beside floats when a map is saved
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    return data, keywords, comments


def _add_cards(header: fits.Header, keywords: dict[str, Any], comments: dict[str, str]) -> None:
    """Take the cards of a header; those that say the same again win."""
    for name in ("COMMENT", "HISTORY"):
        if name in header:
            keywords[name] = "\n".join(map(str, header[name]))
    for card in header.cards:
        if card.keyword in ("", "COMMENT", "HISTORY", "END"):
            continue
        try:
            keywords[card.keyword] = card.value
        except fits.VerifyError:
            continue
        if card.comment:
            comments[card.keyword] = card.comment


def _check_usable(path: str | Path, keywords: dict[str, Any]) -> None:
    """Check that the keywords say where the image is, and that it is one of HMI's."""
    instrument = str(keywords.get("INSTRUME", ""))
    if instrument and not instrument.startswith("HMI"):
        raise FileError(f"{path} is no SHARP file: its INSTRUME is {instrument!r}. Use sunpy.map.Map for it.")
    missing = lacking(keywords)
    if not missing:
        return
    bare = "HARPNUM" not in keywords and "CTYPE1" not in keywords
    what = "no keywords" if bare else f"no {', '.join(missing)}"
    why = "as archives store files" if bare else "which a map needs"
    raise FileError(
        f"{path} carries {what} ({why}), so that it cannot be placed on the Sun. "
        f"Complete it: sunpy-flarecast complete {str(Path(path).parent)!r}, or sunpy_flarecast.complete_header."
    )
