"""`load` opens SHARP files with headers of any generation as `sunpy.map.GenericMap`."""

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

from sunpy_flarecast.download.report import FetchReport
from sunpy_flarecast.errors import FileError, MissingDataWarning, QueryError, TransferError
from sunpy_flarecast.fits.record_header import lacking
from sunpy_flarecast.fits.structure import read_headers
from sunpy_flarecast.sharp.catalog import find_series, region_number
from sunpy_flarecast.sharp.filenames import FITS_ENDING, other_series
from sunpy_flarecast.utils.optional_deps import PLOT, need
from sunpy_flarecast.utils.reports import counted

from .header_fixes import identify, mend

if TYPE_CHECKING:
    from sunpy.map import GenericMap

__all__ = ["Maps", "load", "make_map", "tell_skipped"]

#: Maximum number of files that a warning names.
_LISTED: Final = 10


class Maps(Sequence[Any]):
    """
    A lazy sequence of maps: each file is read when its map is accessed, and not kept in memory.

    ``maps[3]`` reads one file; ``maps[:10]`` is another lazy sequence and reads none; ``list(maps)`` reads all and
    keeps them. ``sunpy.map.Map(list(maps), sequence=True)`` makes a `sunpy.map.MapSequence`.

    Parameters
    ----------
    paths : iterable of path-like
        The files, in the order of the maps.

    Attributes
    ----------
    paths : tuple of str
        The files.

    Examples
    --------
    >>> from sunpy_flarecast import Maps
    >>> maps = Maps(["hmi.sharp_cea_720s.377.20110215_020000_TAI.Br.fits"])
    >>> maps
    <Maps of 1 file: hmi.sharp_cea_720s.377.20110215_020000_TAI.Br.fits>
    >>> maps[0].peek()  # doctest: +SKIP
    """

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        self.paths = tuple(os.fspath(path) for path in paths)

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, which: int) -> GenericMap: ...
    @overload
    def __getitem__(self, which: slice) -> Maps: ...
    def __getitem__(self, which: int | slice) -> GenericMap | Maps:
        return Maps(self.paths[which]) if isinstance(which, slice) else _read_map(self.paths[which])

    def __repr__(self) -> str:
        first = f": {Path(self.paths[0]).name}{', ...' if len(self) > 1 else ''}" if self.paths else ""
        return f"<Maps of {counted(len(self), 'file')}{first}>"


@overload
def load(files: str | os.PathLike[str], *, skip_broken: bool = False) -> GenericMap | Maps: ...
@overload
def load(
    files: Iterable[str | os.PathLike[str]] | parfive.Results | FetchReport, *, skip_broken: bool = False
) -> Maps: ...
def load(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | parfive.Results | FetchReport,
    *,
    skip_broken: bool = False,
) -> GenericMap | Maps:
    """
    Open SHARP and SMARP files as maps, with suitable units, segment names, colours and ranges.

    With `sunpy.map.Map` alone, depending on the date of the export and the segment, missing keywords are the text
    ``'nan'``; units are missing (exports since late 2025), wrong (Dopplergrams) or refused; and plots are black.
    `load` corrects all of this, and missing pixels are NaN. ``map.meta["segment"]`` is the segment's name, as is
    ``map.meta["content"]``, from which sunpy makes the title of plots.

    Read maps in one thread, or in several processes: sunpy and astropy change Python's warning filters, which all
    threads share, while they read.

    Parameters
    ----------
    files : path-like, iterable of path-like, `parfive.Results` or FetchReport
        One file; several files; the result of ``Fido.fetch`` or `sunpy_flarecast.fetch`; a folder, for the FITS files
        below it; or a glob pattern, such as ``"data/*/*.Br.fits"`` (``**`` for folders of any depth).
    skip_broken : bool, optional
        Check the headers of all files, and leave out those that are incomplete, not SHARP images, or without keywords;
        a `~sunpy_flarecast.MissingDataWarning` names them. By default, reading such a file raises an error.

    Returns
    -------
    `sunpy.map.GenericMap` or Maps
        One map for the path of one file, else a lazy sequence. A list keeps its order; the files of a fetch, folder or
        pattern are sorted by series, HARP number, T_REC and segment.

    Raises
    ------
    FileError
        If there is no file, or no usable file with ``skip_broken``. When a map is read: if its file is damaged, not a
        SHARP image, or without keywords.
    QueryError
        If ``files`` has the wrong type.
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
    need("Maps need", "plot", PLOT)
    if isinstance(files, (str, os.PathLike)) and os.fspath(files):
        path = Path(files).expanduser()
        if path.is_dir():
            paths = sorted((str(found) for found in path.rglob("*.*") if FITS_ENDING.search(found.name)), key=_order)
            where = f"in the folder {path} or below it"
        elif any(sign in str(path) for sign in "*?[") and not path.exists():
            base = Path(path.anchor)
            paths = sorted(map(str, base.glob(str(path.relative_to(base)))), key=_order)
            where = f"that matches {str(path)!r}"
        else:
            return _read_map(path)
    elif isinstance(files, (parfive.Results, FetchReport)):
        paths = sorted(files.files if isinstance(files, FetchReport) else map(str, files), key=_order)
        where = "among the fetched files"
    else:
        paths, where = _as_paths(files), "in the list"
    if not paths:
        raise FileError(f"load() found no FITS file {where}; fetch some with Fido.fetch(results, path=...) first.")
    return Maps(_whole(paths) if skip_broken else paths)


def _whole(paths: list[str]) -> list[str]:
    """Return the files that can be opened as maps, with a warning that names the others."""
    reasons: dict[str, str] = {}
    for path in paths:
        try:
            _, keywords, _ = _read(path, pixels=False)
            _check_usable(path, mend(keywords, identify(keywords, Path(path).name)))
        except FileError as error:
            reasons[path] = str(error)
    if len(reasons) == len(paths):
        raise FileError(f"{counted(len(paths), 'file')} found, but none can be loaded. The first: {reasons[paths[0]]}")
    if reasons:
        tell_skipped(list(reasons.values()))
    return [path for path in paths if path not in reasons]


def tell_skipped(reasons: list[str]) -> None:
    """Warn that files are left out; each of the ``reasons`` is a sentence that names a file."""
    listed = " ".join(reasons[:_LISTED])
    more = f" And {len(reasons) - _LISTED:,} more." if len(reasons) > _LISTED else ""
    text = f"{len(reasons):,} file{'s are' if len(reasons) > 1 else ' is'} left out: {listed}{more}"
    warnings.warn(text, MissingDataWarning, stacklevel=4)


def _as_paths(files: Any) -> list[str]:
    if isinstance(files, Maps):
        return list(files.paths)
    if isinstance(files, str) and not files:
        raise QueryError(
            "load(''): the path is empty. Write the path of a file or a folder; '.' is the current folder."
        )
    paths = list(files) if isinstance(files, Iterable) and not isinstance(files, bytes) else [files]
    if other := [path for path in paths if not isinstance(path, (str, os.PathLike))]:
        raise QueryError(
            f"load() takes paths, a folder, or the result of Fido.fetch(results), not {type(other[0]).__name__}."
        )
    return [os.fspath(Path(path).expanduser()) for path in paths]


def _order(path: str) -> tuple[Any, ...]:
    """Return the sort key of a file: series, HARP number, T_REC and segment in the catalog's order."""
    name = os.path.basename(path)  # noqa: PTH119 (of many thousands of files)
    identity = identify({}, name)
    series = find_series(identity.series) if identity.series else None
    known = [segment.name for segment in series.segments] if series else []
    place = known.index(identity.segment) if identity.segment in known else len(known)
    stem = FITS_ENDING.sub("", name).removesuffix(f".{identity.segment}")
    # Numbers are compared as numbers: HARP 377 comes before HARP 6060.
    parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", stem) if part]
    return parts, place, name, path


def _read_map(path: str | Path) -> GenericMap:
    data, keywords, comments = _read(path)
    identity = identify(keywords, Path(path).name)
    mended = mend(keywords, identity)
    _check_usable(path, mended)
    mended["KEYCOMMENTS"] = {name: comment for name, comment in comments.items() if name in mended}
    return make_map(data, mended, identity.segment)


def make_map(data: Any, keywords: dict[str, Any], segment: str) -> GenericMap:
    """Make a map of an image and its corrected keywords (`mend`), with the colours and range of its segment."""
    import sunpy.map

    from .styles import style_of

    if segment:
        # JSOC writes "HMI OBSERVABLE" for every segment. sunpy makes the title of plots from it, also for submaps; a
        # title in plot_settings would break contours.
        keywords["CONTENT"] = segment
    one = sunpy.map.Map(data, keywords)
    style = style_of(segment, data, smarp="TARPNUM" in keywords)
    one.plot_settings |= {"cmap": style.cmap, "norm": style.norm}
    if (number := region_number(keywords)) is not None:
        one.nickname = f"{one.nickname or 'MDI'} {'HARP' if 'HARPNUM' in keywords else 'TARP'} {number}"
    if "SYNTHETIC" in str(keywords.get("ORIGIN", "")):
        one.nickname = f"SYNTHETIC {one.nickname}"
    return one


def _read(path: str | Path, *, pixels: bool = True) -> tuple[Any, dict[str, Any], dict[str, str]]:
    """Read pixels (NaN where missing), keywords with a valid value, and their comments."""
    try:
        read_headers(path)
    except TransferError as error:
        if not str(path).lower().endswith(".gz"):  # which astropy decompresses
            raise FileError(f"{path} {error}. Fetch it again.") from error
    except FileNotFoundError as error:
        raise FileError(f"There is no file {path}; fetch it, or correct the path.") from error
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror or error}.") from error
    keywords: dict[str, Any] = {}
    comments: dict[str, str] = {}
    with warnings.catch_warnings():
        # Invalid cards (generation 1 writes nan) are left out.
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        try:
            with fits.open(path, memmap=False) as hdus:
                image = next((hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS", 0) == 2), None)
                if image is None:
                    raise FileError(f"{path} is not a SHARP file: it holds no image.")
                data = image.data if pixels else np.empty((0, 0))
                for hdu in {id(hdu): hdu for hdu in (hdus[0], image)}.values():
                    _add_cards(hdu.header, keywords, comments)
        except (FileError, MemoryError):
            raise
        except Exception as error:  # of any type for damaged tiles
            raise FileError(f"Cannot decode {path} ({error}). Fetch it again.") from error
    if data.dtype.kind == "f":
        keywords.pop("BLANK", None)  # with floats, astropy refuses it when a map is saved
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    return data, keywords, comments


def _add_cards(header: fits.Header, keywords: dict[str, Any], comments: dict[str, str]) -> None:
    """Add the cards of a header; of several with the same name, the last counts."""
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
    """Check that the image is a SHARP or SMARP, and that its keywords give its position on the Sun."""
    name, instrument = Path(path).name, str(keywords.get("INSTRUME", ""))
    smarp = instrument == "MDI" and "TARPNUM" in keywords
    other = ""
    if series := other_series(str(keywords.get("DRMS_ID") or name)):
        other = f"it belongs to {series}"
    elif instrument and not instrument.startswith("HMI") and not smarp:
        other = f"its INSTRUME is {instrument!r}"
    elif instrument and region_number(keywords) is None and not identify({}, name).series:
        other = "it has no HARPNUM"
    if other:
        raise FileError(f"{path} is not a SHARP or SMARP: {other}. Use sunpy.map.Map for it.")
    rotated = "PC1_1" in keywords  # sunpy saves rotated maps with it, without CROTA2
    if missing := [name for name in lacking(keywords) if not (rotated and name == "CROTA2")]:
        bare = region_number(keywords) is None and "CTYPE1" not in keywords
        raise FileError(
            f"{path} has no {'keywords' if bare else ', '.join(missing)}, so its position on the Sun is unknown. "
            f"Complete it: sunpy-flarecast complete {str(Path(path).parent)!r}, or sunpy_flarecast.complete_header."
        )
