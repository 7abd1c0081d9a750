"""
Generate ``sunpy_flarecast/data/keywords.json``, the catalog of SHARP keywords, from tables of JSOC.

Run it from the top of the project, with one table for each projection of SHARP and one for SMARP::

    python docs/tools/make_keywords.py hmi.sharp_720s.csv hmi.sharp_cea_720s.csv mdi.smarp_cea_96m.csv

A table lists the cards in the header of one exported file. Its columns are ``fits`` (name of the card),
``drms_from_comment`` (name of the keyword, if the comment gives another one), ``unit`` (the text in brackets at the
beginning of the comment), and ``value_example`` (the value as written in the card). They determine unit and type of a
keyword. To make a table, export a record of the series from http://jsoc.stanford.edu (method ``url``, protocol
``FITS``; exports have comments since 2022), and list the cards of the magnetogram. The series information has the same
facts by DRMS names (``show_info -j`` or http://jsoc.stanford.edu/ajax/lookdata.html). The tables of the catalog are
from the record of HARP 11465 at 2024.06.28_00:00:00_TAI, whose headers are in sunpy's test data
(``sunpy/data/test/hmi_sharp_magnetogram.header``, ``hmi_cea_sharp_magnetogram.header``), and from the record of TARP
13520 at 2010.07.14_12:48:00_TAI, a file in the public repository mbobra/SMARPs.

This script supplies facts that JSOC's tables lack or that are not machine-readable. ``keyword_meanings.txt`` has the
meaning of each keyword, one per line.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
OUTPUT = HERE.parents[1] / "sunpy_flarecast" / "data" / "keywords.json"

TABLES = ("CCD", "CEA", "SMARP")

#: Cards that describe the file or the pixels of one segment.
NOT_OF_THE_RECORD = {
    *("BUNIT", "DATAVALS", "MISSVALS", "DATAMIN", "DATAMAX", "DATAMEDN", "DATAMEAN", "DATARMS"),
    *("DRMS_ID", "HEADSUM", "LONGSTRN"),
}

#: DRMS names (in lower case) that differ from the names in FITS files. JSOC's comments have them, but are truncated.
#: For USFLUXL and MEANGBL, which replaced obsolete keywords, the comments give different names in the two projections;
#: services are not expected to use those.
DRMS = {
    "DATE-OBS": "date__obs",
    "TRECEPOC": "t_rec_epoch",
    "TRECSTEP": "t_rec_step",
    "TRECUNIT": "t_rec_unit",
    "LATFWTPO": "lat_fwtpos",
    "LONFWTPO": "lon_fwtpos",
    "LATFWTNE": "lat_fwtneg",
    "LONFWTNE": "lon_fwtneg",
}

#: JSOC's units in astropy's spelling. Areas (mH, millionths of the hemisphere or the disk) and counts are numbers.
UNITS = {
    "": "",
    "ISO": "",
    "TAI": "",
    "number": "",
    "mH": "",
    "uH": "",
    "pixels": "",
    "pixel": "pix",
    "seconds": "s",
    "Maxwell": "Mx",
    "Degrees": "deg",
    "degree": "deg",
    "deg": "deg",
    "degree/day": "deg / d",
    "arcsec": "arcsec",
    "Gauss": "G",
    "gauss": "G",
    "G": "G",
    "Gauss/Mm": "G / Mm",
    "mA/(m^2)": "mA / m2",
    "Amperes": "A",
    "1/Mm": "1 / Mm",
    "(G^2)/m": "G2 / m",
    "Ergs per cubic centimeter": "erg / cm3",
    "Percentage of Total": "%",
    "Mm": "Mm",
    "m": "m",
    "meters": "m",
    "m/s": "m / s",
    "cm/s": "cm / s",
    "angstrom": "Angstrom",
    "Angstrom": "Angstrom",
    "mA": "0.001 Angstrom",
    "mA/Gauss": "0.001 Angstrom / G",
    "D/S": "DN / s",
}

#: Units that differ from JSOC's tables, by DRMS name.
MEANT = {
    # An energy density integrated over an area: MEANPOT times CMASK times the area of a pixel.
    "totpot": "erg / cm",
    "errtpot": "erg / cm",
    # A logarithm, with 0 for no flux; a logarithmic unit would turn 0 into 1 Mx.
    "r_value": "",
    # The values are differences between pixels: computed from the pixels of a record, they match its header in gauss
    # per pixel. (JSOC says Gauss/Mm; see tests/sharp/test_real_keywords.py.)
    **dict.fromkeys(("meangbt", "meangbz", "meangbh", "meangbl", "errbt", "errbz", "errbh"), "G / pix"),
    # JSOC says ampere, but divides by the side of a CEA pixel in arcsec where TOTUSJZ is multiplied by it.
    **dict.fromkeys(("savncpp", "errjht"), "A / arcsec2"),
    # JSOC says weber, but MNET is MMEAN times NPIX.
    "mtot": "G",
    "mnet": "G",
    "mpos_tot": "G",
    "mneg_tot": "G",
    # No filter is hundreds of ångström wide.
    "invlyotw": "0.001 Angstrom",
    # CUNIT1 and CUNIT2 have the unit, which differs between the projections.
    **dict.fromkeys(("crval1", "crval2", "cdelt1", "cdelt2"), ""),
    # Text that names a unit.
    **dict.fromkeys(("cunit1", "cunit2"), ""),
}

#: Keywords without a value in the tables.
KINDS = {
    **dict.fromkeys(("gwill", "csyser1", "csyser2", "invkeyd3"), "float"),
    **dict.fromkeys(("invkeyi1", "invkeyi2", "ars_qual"), "int"),
    **dict.fromkeys(("invdocu", "ambdocu", "invkeys1", "invkeys2", "invkeys3", "bld_vers"), "text"),
}

#: The error of each keyword, after Bobra et al. (2014, Sol. Phys. 289, 3549), table 3.
ERRORS = {
    "usflux": "errvf",
    "meangam": "errgam",
    "meangbt": "errbt",
    "meangbz": "errbz",
    "meangbh": "errbh",
    "meanjzd": "errjz",
    "totusjz": "errusi",
    "meanalp": "erralp",
    "meanjzh": "errmih",
    "totusjh": "errtui",
    "absnjzh": "errtai",
    "savncpp": "errjht",
    "meanpot": "errmpot",
    "totpot": "errtpot",
    "meanshr": "errmsha",
}


def kind_of(name: str, example: str) -> str:
    """Return the type of a keyword, given a value as written in a card."""
    if not example:
        return KINDS[name]
    if example.startswith(("'", '"')):
        return "text"
    return "float" if set(example) & set(".E") else "int"


def main(tables: list[str]) -> None:
    """Write the catalog, one keyword per line."""
    if len(tables) != len(TABLES):
        sys.exit(f"Pass {len(TABLES)} tables: {', '.join(TABLES)}.\n{__doc__}")
    lines = (HERE / "keyword_meanings.txt").read_text("utf-8").splitlines()
    meanings = dict(line.split(" ", 1) for line in lines)
    found: dict[str, dict[str, object]] = {}
    for projection, table in zip(TABLES, tables, strict=True):
        with Path(table).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                fits = row["fits"]
                if fits in NOT_OF_THE_RECORD:
                    continue
                name = DRMS.get(fits, fits.lower())
                unit = MEANT[name] if name in MEANT else UNITS[row["unit"]]
                keyword = {
                    "name": name,
                    "fits": fits,
                    "unit": unit,
                    "kind": kind_of(name, row["value_example"]),
                    "meaning": meanings[name],
                    "error": ERRORS.get(name, ""),
                    "projections": [],
                    "smarp": False,
                }
                held = found.setdefault(name, keyword)
                if projection == "SMARP":
                    held["smarp"] = True
                    continue
                if {**held, "projections": []} != keyword:
                    sys.exit(f"{name} differs between the projections: {held} and {keyword}")
                held["projections"] += [projection]  # type: ignore[operator]
    if stale := meanings.keys() - found.keys():
        sys.exit(f"These keywords have a meaning, but are in no table: {', '.join(sorted(stale))}")
    rows = ",\n".join(f" {json.dumps(keyword, ensure_ascii=False)}" for keyword in found.values())
    OUTPUT.write_text(f"[\n{rows}\n]\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
