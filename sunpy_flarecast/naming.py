"""File names of segments, as JSOC gives them; known before anything is downloaded."""

from __future__ import annotations

from .trec import slot_text

__all__ = ["file_name"]


def file_name(
    series: str, segment: str, *, harpnum: int | None = None, slot: int | None = None, recnum: int | None = None
) -> str:
    """
    Name the file of one segment of one record.

    Where HARPNUM or T_REC is not known the record number stands in its place, so that the name stays unique.

    Parameters
    ----------
    series : str
        Full name of the series.
    segment : str
        The segment's name.
    harpnum : int, optional
        HARP number.
    slot : int, optional
        T_REC as a number of 720 s slots since 1993-01-01T00:00:00 TAI (``t_rec_index``).
    recnum : int, optional
        Record number.

    Returns
    -------
    str
        ``{series}.{harpnum}.{T_REC}.{segment}.fits``.

    Examples
    --------
    >>> from sunpy_flarecast.naming import file_name
    >>> file_name("hmi.sharp_720s", "magnetogram", harpnum=6178, slot=1005598, recnum=5605571)
    'hmi.sharp_720s.6178.20151211_233600_TAI.magnetogram.fits'
    >>> file_name("hmi.sharp_cea_720s_nrt", "Br", slot=1010166, recnum=1958485)
    'hmi.sharp_cea_720s_nrt.1958485.20160119_011200_TAI.Br.fits'
    """
    if slot is not None and harpnum is not None:
        return f"{series}.{harpnum}.{slot_text(slot)}.{segment}.fits"
    region = harpnum if harpnum is not None else recnum
    time = slot_text(slot) if slot is not None else (recnum if harpnum is not None else None)
    return ".".join(str(part) for part in (series, region, time, segment, "fits") if part is not None)
