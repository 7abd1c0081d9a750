"""Keywords from the headers of SHARP files, whatever program wrote them."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import example, given
from hypothesis import strategies as st

from sunpy_flarecast.archive.index.headers import card, keywords_of, read_cards, read_header


def test_values_of_cards():
    cards = [
        "SIMPLE  =                    T",
        "R_VALUE =                  nan",
        "USFLUX  =         2.714760e+22",
        "EMPTY   =",
        "BLANKS  = '   '",
        "NANTEXT = 'nan     '",
        "HUGE    = 99999999999999999999",
        "FLAG    =                    T",
        "TEXT    = 'MISSING '",
        "_BUNIT  = 'Gauss   '",
        "BROKEN  = 'no end",
        "COMMENT   nothing",
    ]
    header = fits.Header.fromstring("".join(f"{card:80}" for card in cards))
    assert keywords_of(header) == {
        "r_value": None,
        "usflux": 2.71476e22,
        "empty": None,
        "blanks": None,
        "nantext": None,
        "huge": 1e20,
        "flag": True,
        "text": None,
        "broken": None,
    }


@given(
    st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
        st.integers(-(10**18), 10**18),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
        st.none(),
    ),
    st.sampled_from(["", "a note", "[Mx] with / in it"]),
)
@example("a'/b", "a note")
def test_cards_are_read_as_astropy_reads_them(value, comment):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a comment may be too long
        header = fits.Header([("A_KEY", value, comment), ("LAST", 5)])
        text = header.tostring()
        again = fits.Header.fromstring(text)
    # astropy ends a text at a quote followed by a slash.
    cut = isinstance(value, str) and re.search("' */", value)
    expected = value.rstrip() if cut else card(again, "A_KEY")
    assert read_cards(text.encode()) == {"A_KEY": expected, "LAST": 5}


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "7.5e+00",
        "7.5d+00",
        "5 no slash",
        "'text'/",
        "+.5E3",
        "1D5",
        "(1.0, 2.0)",
        "T",
        "t",
        "'open",
        "-NaN",
        "",
        "'a''b'",
        "007",
    ],
)
def test_cards_written_by_hand(text):
    header = f"{'A_KEY   = ' + text:80}{'END':80}"
    assert read_cards(header.encode())["A_KEY"] == card(fits.Header.fromstring(header), "A_KEY")


def test_keywords_in_the_primary_header_of_a_compressed_file(tmp_path):
    path = tmp_path / "a.fits"
    primary = fits.PrimaryHDU(header=fits.Header({"HARPNUM": 377, "T_REC": "2011.02.15_02:00:00_TAI"}))
    fits.HDUList([primary, fits.CompImageHDU(np.zeros((4, 4), dtype=np.int16))]).writeto(path)
    assert card(read_header(path), "HARPNUM") == 377


def test_headers_of_a_later_generation(shared_data):
    for path in sorted((shared_data / "keywords").glob("*.header")):
        text = path.read_text(encoding="ascii")
        header = fits.Header.fromstring(text, sep="\n" if "\n" in text else "")
        keywords = keywords_of(header)
        assert (keywords["harpnum"], keywords["date__obs"]) == (11465, "2024-06-27T23:58:46.200")
        assert not {"drms_id", "bunit", "datamin", "datarms"} & set(keywords)
