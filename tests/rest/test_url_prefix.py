"""Splitting the URLs of many records together equals splitting each list."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from sunpy_flarecast.rest.url_prefix import split_urls


def split(*texts: bytes) -> list[tuple[bytes, tuple[str, ...]] | None]:
    good, prefix, names = split_urls([Raw(text) for text in texts], [None] * len(texts))
    found = iter(zip(prefix.tolist(), names.tolist(), strict=True))
    return [next(found) if whole else None for whole in good.tolist()]


PREFIXES = st.sampled_from(
    [
        "http://h/HMI/s/7/",
        "http://h/HMI/s/12345/",
        "http://h/HMI/s/7_20160119011008_",
        "http://h/HMI/s/8_20160119011008_",
        "http://h/HMI/s/7_2016_",
        "http://h/HMI/é/7/",
        'http://h/"/',
        "http://h/\\/",
        "",
        "/",
        "x",
    ]
)
NAMES = st.lists(st.sampled_from(["Br.fits", "Bt.fits", "a/Br.fits", "", "7_20160119011008_Br.fits", "é"]), max_size=3)
LISTS = st.builds(
    lambda prefix, names, escaped: json.dumps([prefix + name for name in names], ensure_ascii=escaped).encode(),
    PREFIXES,
    NAMES,
    st.booleans(),
)
ODD = st.sampled_from(
    [b"null", b"[]", b"5", b'["http://h/HMI/s/7/Br.fits"', b'["\xff/Br.fits"]', b'[ "http://h/Br.fits" ]']
)


@given(st.lists(LISTS | ODD, max_size=6))
def test_splitting_many_lists_equals_splitting_each(texts: list[bytes]) -> None:
    assert split(*texts) == [found for text in texts for found in split(text)]


@given(st.lists(LISTS, max_size=6))
def test_prefix_and_names_join_to_the_urls(texts: list[bytes]) -> None:
    urls = [list(dict.fromkeys(json.loads(text))) for text in texts]
    assert [[prefix.decode() + name for name in names] for prefix, names in split(*texts)] == urls


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Each second list is the first one with another prefix of its URLs, and a further difference.
        (b'["h/a/Br"]', b'["h/b","h/c/Br"]'),
        (b'["h/a/Br"]', b'["h/a/xBr"]'),
        (b'["h/a/Br","h/a/Bt"]', b'["h/b/Br","h/c/Bt"]'),
        (b'["h/a/Br"]', b'["h/\\u0062/Br"]'),
        (b'["h/a/Br"]', b'["h/\xff/Br"]'),
        (b'["h/a/Br"]', b'["h/\n/Br"]'),
        (b'["h/a/Br"]', b'["h/a\n/b/Br"]'),
        (b'["h/7_20160119011008_Br"]', b'["h/a/Br"]'),
        (b'["h/a/Br"]', b'["h/7_20160119011008_Br"]'),
        (b'["h/a/"]', b'["h/b/c"]'),
        (b'["Br"]', b'["h/Br"]'),
    ],
)
def test_lists_that_differ_slightly(first: bytes, second: bytes) -> None:
    assert split(first, second, first) == [*split(first), *split(second), *split(first)]


def test_records_with_the_same_names_share_them() -> None:
    texts = [json.dumps([f"http://h/HMI/s/{place}/{name}" for name in "ab"[: 1 + place % 2]]) for place in range(9)]
    _, prefix, names = split_urls([Raw(text) for text in texts], [None] * 9)
    assert len({id(found) for found in names}) == 2
    assert prefix.dtype.kind == "S"
    assert prefix[8] == b"http://h/HMI/s/8/"


def test_layout_a() -> None:
    good, prefix, names = split_urls([Raw(b"null"), Raw(b"null"), Raw(b"null")], ["http://h/é", "", None])
    assert good.tolist() == [True, False, False]
    assert (prefix[0].decode(), names[0]) == ("http://h/é", ("",))


@pytest.mark.parametrize("length", [10_000, 30_000_000])
def test_a_long_url_does_not_make_the_others_long(length: int) -> None:
    long = f"http://h/{'x' * length}/"
    ordinary = b'["http://h/HMI/s/7/Br.fits"]'
    lists = [ordinary, json.dumps([f"{long}Br.fits", f"{long}Bt.fits"]).encode(), ordinary, b"null"]
    good, prefix, names = split_urls([Raw(text) for text in lists], [None, None, None, long])
    assert good.all()
    assert prefix.dtype.itemsize < 1000
    assert names[1] == (f"{long}Br.fits", f"{long}Bt.fits")
    assert (prefix[3], names[3]) == (b"", (long,))
    assert prefix[0] == prefix[2] == b"http://h/HMI/s/7/"
    assert np.array_equal(names[0], names[2])
