"""Images of one shape, compared with a computation pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast import QueryError
from sunpy_flarecast.dataset.framing import bin_factor, binned, check_shape, framed

sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


def numbered(size: tuple[int, int]) -> np.ndarray:
    return np.arange(1.0, size[0] * size[1] + 1).reshape(1, *size).astype(np.float32)


@given(sizes, sizes)
def test_the_centres_agree_and_added_pixels_are_missing(size: tuple[int, int], shape: tuple[int, int]) -> None:
    image, made = numbered(size), framed(numbered(size), shape)
    assert made.shape == (1, *shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            there = [
                place - (wanted - min(own, wanted)) // 2 + (own - min(own, wanted)) // 2
                for place, own, wanted in zip((row, column), size, shape, strict=True)
            ]
            inside = all(0 <= index < own for index, own in zip(there, size, strict=True)) and (
                all(
                    0 <= place - (wanted - min(own, wanted)) // 2 < min(own, wanted)
                    for place, own, wanted in zip((row, column), size, shape, strict=True)
                )
            )
            value = made[0, row, column]
            assert value == image[0, *there] if inside else np.isnan(value)


@given(sizes, st.integers(1, 4), st.integers(0, 80))
def test_squares_are_averaged_without_missing_pixels(size: tuple[int, int], factor: int, lost: int) -> None:
    image = numbered(size)
    image.reshape(-1)[lost % image.size] = np.nan
    made = binned(image, factor)
    assert made.dtype == np.float32
    for row in range(made.shape[1]):
        for column in range(made.shape[2]):
            square = image[0, row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            known = square[~np.isnan(square)]
            value = made[0, row, column]
            assert np.isclose(value, known.mean(), rtol=1e-6) if known.size else np.isnan(value)


@given(sizes, sizes)
def test_the_factor_is_the_smallest_with_which_an_image_fits(size: tuple[int, int], shape: tuple[int, int]) -> None:
    def fits(factor: int) -> bool:
        return all(-(-own // factor) <= most for own, most in zip(size, shape, strict=True))

    factor = bin_factor(size, shape)
    assert fits(factor)
    assert factor == 1 or not fits(factor - 1)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5), 7, "ab", (0, 4), (2.5, 4), None])
def test_invalid_shapes(shape: object) -> None:
    with pytest.raises(QueryError, match="rows and columns"):
        check_shape(shape, "crop")


def test_unknown_methods() -> None:
    with pytest.raises(QueryError, match="Use 'crop'"):
        check_shape((2, 2), "stretch")
