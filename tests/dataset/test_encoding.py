"""Encodings of images: round trips, and refused combinations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sunpy_flarecast.dataset.encoding import (
    check_encoding,
    common,
    decode,
    recode,
    to_kind,
)
from sunpy_flarecast.dataset.model import Encoding, ImageSettings
from sunpy_flarecast.errors import FileError, QueryError

LOSSLESS = [
    Encoding("int32", 0.01, 0.0, -(2**31)),
    Encoding("int32", 3.0, 97304.0, -(2**31)),
    Encoding("int16", 1.0, 0.0, -(2**15)),
    Encoding("uint8", 1.0, -128.0, 0),
    Encoding("float32"),
    Encoding("float64"),
]
encodings = st.sampled_from(LOSSLESS)
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=9)


@st.composite
def stored_images(draw: st.DrawFn) -> tuple[npt.NDArray[Any], Encoding]:
    encoding = draw(encodings)
    dtype = np.dtype(encoding.dtype)
    return draw(arrays.arrays(dtype, SHAPES)), encoding


@given(stored_images(), encodings, st.integers(0, 3), st.integers(0, 3))
def test_recoded_pixels_have_the_same_values_and_padding_is_missing(
    stored: tuple[npt.NDArray[Any], Encoding], other: Encoding, rows: int, columns: int
) -> None:
    pixels, encoding = stored
    to = common([encoding, other])
    assert to == common([other, encoding])
    shape = pixels.shape[0] + rows, pixels.shape[1] + columns
    values = decode(recode(pixels, encoding, to, shape), to)
    own = decode(pixels, encoding)
    assert values.shape == shape
    np.testing.assert_array_equal(values[: pixels.shape[0], : pixels.shape[1]], own)
    assert np.isnan(values[pixels.shape[0] :]).all()
    assert np.isnan(values[:, pixels.shape[1] :]).all()


def test_the_common_encoding_holds_all_values() -> None:
    assert common([LOSSLESS[0]] * 3) == LOSSLESS[0]
    assert common([LOSSLESS[2], LOSSLESS[3]]) == Encoding("float32")
    assert common(LOSSLESS) == Encoding("float64")


fields = arrays.arrays(np.float64, SHAPES, elements=st.one_of(st.floats(-32767.4, 32767.4), st.just(np.nan)))


@given(fields)
def test_int16_rounds_to_whole_gauss(values: npt.NDArray[np.float64]) -> None:
    pixels, encoding = to_kind(values, Encoding("float64"), ImageSettings(encoding="int16"))
    assert pixels.dtype == np.int16
    np.testing.assert_array_equal(decode(pixels, encoding), np.rint(values))


def test_int16_refuses_values_that_it_cannot_store() -> None:
    with pytest.raises(FileError, match=r"has values beyond ±32,767"):
        to_kind(np.array([[32768.0]]), Encoding("float64"), ImageSettings(encoding="int16"))


@given(fields, st.integers(1, 5))
def test_bins_are_means_of_valid_pixels(values: npt.NDArray[np.float64], side: int) -> None:
    means, encoding = to_kind(values, Encoding("float64"), ImageSettings(encoding="binned", bin=side))
    assert encoding == Encoding("float32")
    assert means.shape == tuple(-(-size // side) for size in values.shape)
    for (row, column), mean in np.ndenumerate(means):
        block = values[row * side : (row + 1) * side, column * side : (column + 1) * side]
        there = block[~np.isnan(block)]
        expected = there.mean() if there.size else np.nan
        np.testing.assert_allclose(mean, expected, rtol=1e-6, atol=0.01)


def test_encodings_that_do_not_suit_a_segment_are_refused() -> None:
    cea, ccd = "hmi.sharp_cea_720s", "hmi.sharp_720s"
    check_encoding(cea, ("Br", "magnetogram"), ImageSettings(encoding="int16"))
    check_encoding(ccd, ("field", "continuum"), ImageSettings(encoding="binned", bin=4))
    check_encoding(cea, ("bitmap", "continuum"), ImageSettings())
    with pytest.raises(QueryError, match="continuum is not a field in gauss"):
        check_encoding(cea, ("Br", "continuum"), ImageSettings(encoding="int16"))
    with pytest.raises(QueryError, match="codes such as bitmap"):
        check_encoding(cea, ("Br", "bitmap"), ImageSettings(encoding="binned", bin=4))
