"""URLs moved to the service, and paths from templates; nothing leads out of the service or the folder."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import vstack
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast import FLARECASTResponse, QueryError, TransferError
from sunpy_flarecast.download.plan import Plan, check_writable, moved_url, plan, template_of
from sunpy_flarecast.rest.list_reply import read_records

BASE = "http://localhost:8001"
HOST = "http://cluster-r730-1:8001"
SERIES = "hmi.sharp_720s"


def record(recnum: int = 7, *segments: str, **fields: Any) -> dict[str, Any]:
    urls = [f"{HOST}/HMI/{SERIES}/{recnum}/{segment}.fits" for segment in segments or ("magnetogram",)]
    return {"recnum": recnum, "harpnum": 6178, "t_rec_index": 1005598, "quality": 1024, "urls": urls, **fields}


def table_of(*listed: dict[str, Any]) -> FLARECASTResponse:
    records, broken = read_records(json.dumps(listed).encode(), SERIES)
    assert broken == 0
    return FLARECASTResponse.from_records(records)


def paths(template: str, *listed: dict[str, Any]) -> list[str]:
    planned = plan(table_of(*listed), template, BASE)
    assert planned.refused == []
    return [place.path for place in planned.places]


def error(template: str, *listed: dict[str, Any]) -> str:
    with pytest.raises(QueryError) as caught:
        plan(table_of(*(listed or [record()])), template, BASE)
    return str(caught.value)


# --- URLs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "base", "moved"),
    [
        (f"{HOST}/HMI/s/7/a.fits", BASE, f"{BASE}/HMI/s/7/a.fits"),
        (f"{HOST}/HMI/s/7/a.fits", "https://lab.org/proxy", "https://lab.org/proxy/HMI/s/7/a.fits"),
        ("https://h:9/deep/er/HMI/s/7/a.fits", BASE, f"{BASE}/HMI/s/7/a.fits"),
        ("http://[::1]:8001/HMI/s/7/a.fits", BASE, f"{BASE}/HMI/s/7/a.fits"),
        ("HTTP://USER:pass@h/HMI/s/7/a.fits", BASE, f"{BASE}/HMI/s/7/a.fits"),
        (f"{HOST}/HMI/s/7/a.fits?version=2&x=%2F", BASE, f"{BASE}/HMI/s/7/a.fits?version=2&x=%2F"),
        (f"{HOST}/HMI/s/7/a.fits#part", BASE, f"{BASE}/HMI/s/7/a.fits"),
        (f"{HOST}/HMI/s/HMI/a.fits", BASE, f"{BASE}/HMI/s/HMI/a.fits"),
        (f"{HOST}/HMI/s/7/a b.fits", BASE, f"{BASE}/HMI/s/7/a%20b.fits"),
        (f"{HOST}/HMI/s/7/a%20b.fits", BASE, f"{BASE}/HMI/s/7/a%20b.fits"),
        (f"{HOST}/HMI/s/7/ö.fits", BASE, f"{BASE}/HMI/s/7/%C3%B6.fits"),
        (f"{HOST}/HMI/s/7/a..b.fits", BASE, f"{BASE}/HMI/s/7/a..b.fits"),
        (f"{HOST}/HMI/s/7/%252e%252e/a.fits", BASE, f"{BASE}/HMI/s/7/%252e%252e/a.fits"),
    ],
)
def test_urls_are_rebased(url: str, base: str, moved: str) -> None:
    assert moved_url(url, base) == moved
    assert moved_url(url, base, move=False) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.fits",
        "/HMI/s/7/a.fits",
        "//h/HMI/s/7/a.fits",
        "ftp://h/HMI/s/7/a.fits",
        "file:///HMI/s/7/a.fits",
        "file://h/HMI/s/7/a.fits",
        "javascript:/HMI/",
        "http:///HMI/s/7/a.fits",
        "http:HMI/s/7/a.fits",
        "http://:8001/HMI/s/7/a.fits",
        "http://[::1/HMI/s/7/a.fits",
        "http://h]/HMI/s/7/a.fits",
        f"{HOST}/HMI/../a.fits",
        f"{HOST}/HMI/s/./a.fits",
        f"{HOST}/../HMI/s/7/a.fits",
        f"{HOST}/HMI/s/..",
        f"{HOST}/HMI/s/%2e%2e/a.fits",
        f"{HOST}/HMI/s/.%2E/a.fits",
        f"{HOST}/HMI/s%2F..%2Fa.fits",
        f"{HOST}/HMI/s\\..\\a.fits",
        f"{HOST}/HMI/s%5C..%5Ca.fits",
        f"{HOST}/HMI/s/7/a%00.fits",
        f"{HOST}/HMI/s/7/a%0d%0aX: y.fits",
        f"{HOST}/HMI/s/7/a\x7f.fits",
        f"{HOST}/HMI/s/7/\ud800.fits",
    ],
)
@pytest.mark.parametrize("move", [True, False])
def test_urls_that_are_refused(url: str, move: bool) -> None:
    with pytest.raises(TransferError, match="was skipped") as caught:
        moved_url(url, BASE, move=move)
    assert repr(url) in str(caught.value)


@pytest.mark.parametrize("url", [f"{HOST}/s/7/a.fits", f"{HOST}/HMI", f"{HOST}/hmi/s/7/a.fits", f"{HOST}/?x=/HMI/s"])
def test_urls_that_cannot_be_rebased(url: str) -> None:
    with pytest.raises(TransferError, match=r"lacks /HMI/.*conf\.rebase_urls = False"):
        moved_url(url, BASE)
    assert moved_url(url, BASE, move=False) == url


@given(st.text("/.%2eE5Cc\\:?#@HMIhtp", max_size=30) | st.text(max_size=20))
def test_no_url_leads_out_of_the_service(rest: str) -> None:
    for url in (rest, f"{HOST}{rest}", f"{HOST}/HMI/{rest}"):
        try:
            moved = moved_url(url, BASE)
        except TransferError:
            continue
        path, _, _ = moved.partition("?")
        assert path.startswith(f"{BASE}/HMI/")
        steps = path.replace("%2e", ".").replace("%2E", ".").replace("%2f", "/").replace("%2F", "/").split("/")
        assert ".." not in steps
        assert path.isascii()


# --- Templates --------------------------------------------------------------------------------------------------------

NAME = "hmi.sharp_720s.6178.20151211_233600_TAI.magnetogram.fits"


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{file}", NAME),
        ("data/{file}", f"data/{NAME}"),
        ("{harpnum}/{segment}/{t_rec:%Y/%m/%d}/{file}", f"6178/magnetogram/2015/12/11/{NAME}"),
        ("{series}/{harpnum:06d}/{record}_{quality:x}/{file}", f"hmi.sharp_720s/006178/7_400/{NAME}"),
        ("{instrument}{source}{provider}{segments}/{file}", f"HMISDOFLARECAST1/{NAME}"),
        ("{start_time:%Y}/{wavelength:.1f}/{file}", f"unknown/unknown/{NAME}"),
        ("{t_rec}/{t_rec!s}_{start_time}/{file}", f"20151211_233600/20151211_233600_unknown/{NAME}"),
        ("{{literally}}/{file}", f"{{literally}}/{NAME}"),
        ("{file:>60}", NAME.rjust(60)),
        ("{harpnum:{segments}d}/{file}", f"6178/{NAME}"),
        ("{segment!s}.fits", "magnetogram.fits"),
        ("~/%Y/{file}", f"~/%Y/{NAME}"),
    ],
)
def test_templates(template: str, path: str) -> None:
    assert paths(template, record()) == [path]


def test_fields_contain_no_colon_by_default() -> None:
    table = table_of(record(date__obs="2015-12-11T23:34:08.8Z", wavelnth=6173))
    fields = table.path_format_keys() | {"segment", "file"}
    [place] = plan(table, "/".join(f"{{{field}}}" for field in sorted(fields)), BASE).places
    assert "20151211_233408" in place.path
    assert ":" not in place.path
    assert not any(":" in str(value) for value in table[0].response_block_map.values())
    table["mine"] = ["2015-12-11T23:34"]
    assert "unsafe in a path" in str(plan(table, "{mine}/{file}", BASE).refused[0][1])


@pytest.mark.parametrize("field", ["harp", "Harpnum", "", "0", "file.upper", "file[0]", "url_prefix", "__class__"])
@pytest.mark.parametrize("template", ["d/{%s}/{file}", "{harpnum:{%s}}/{file}"])
def test_an_unknown_field(field: str, template: str) -> None:
    text = error(template % field)
    assert f"an unknown field {{{field}}}" in text
    assert (
        "Valid: {file}, {harpnum}, {instrument}, {provider}, {quality}, {record}, {segment}, {segments}, {series}, "
        "{source}, {start_time}, {t_rec}, {wavelength}." in text
    )


@pytest.mark.parametrize("template", ["{file", "file}", "{", "{file}{", "{file!}"])
def test_invalid_templates(template: str) -> None:
    assert "is not a valid template" in error(template)


@pytest.mark.parametrize(
    "template",
    [
        "{harpnum:%Y}/{file}",
        "{series:05d}/{file}",
        "{file:d}",
        "{file!x}",
        "{segments:zz}",
        "{quality:c}/{file}",
        "{harpnum:.3d}",
    ],
)
def test_a_format_that_does_not_match_its_field(template: str) -> None:
    text = error(template, record(quality=2**40))
    assert "cannot be filled in" in text
    assert "{t_rec:%Y%m%d}" in text


def test_a_template_is_checked_even_for_an_empty_table() -> None:
    assert plan(table_of(), "{harpnum}/{file}", BASE) == Plan([], [])
    with pytest.raises(QueryError, match="unknown field"):
        plan(table_of(), "{harp}/{file}", BASE)


# --- Plans ------------------------------------------------------------------------------------------------------------


def test_a_plan_is_in_the_order_of_the_table() -> None:
    planned = plan(table_of(record(7, "bitmap", "field"), record(8, harpnum=5)), "{segment}/{file}", BASE)
    assert [(place.url, place.path, place.segment, place.record.recnum) for place in planned.places] == [
        (f"{BASE}/HMI/{SERIES}/7/bitmap.fits", f"bitmap/{NAME.replace('magnetogram', 'bitmap')}", "bitmap", 7),
        (f"{BASE}/HMI/{SERIES}/7/field.fits", f"field/{NAME.replace('magnetogram', 'field')}", "field", 7),
        (f"{BASE}/HMI/{SERIES}/8/magnetogram.fits", f"magnetogram/{NAME.replace('6178', '5')}", "magnetogram", 8),
    ]
    assert planned.refused == []


def test_urls_are_unchanged_on_request() -> None:
    [place] = plan(table_of(record()), "{file}", BASE, move=False).places
    assert place.url == f"{HOST}/HMI/{SERIES}/7/magnetogram.fits"


@pytest.mark.parametrize("template", ["all.fits", "{harpnum}/{segments}.fits", "{t_rec:%Y}.fits"])
def test_two_files_on_one_path(template: str) -> None:
    text = error(template, record(7, "bitmap", "field"))
    assert "Two files would both be written to " in text
    assert f"{BASE}/HMI/{SERIES}/7/bitmap.fits and {BASE}/HMI/{SERIES}/7/field.fits" in text
    assert "Nothing was fetched" in text


def test_two_records_with_one_name() -> None:
    assert "Two files would both" in error("{file}", record(7), record(8))
    with pytest.raises(QueryError, match="Two files would both"):
        table_of(record(7), record(8)).paths("data")
    assert paths("{record}/{file}", record(7), record(8)) == [f"7/{NAME}", f"8/{NAME}"]


def test_a_record_in_two_rows_is_fetched_once() -> None:
    table = table_of(record(7), record(8, harpnum=5))
    assert len(plan(table[[0, 1, 0]], "{file}", BASE).places) == 2
    assert len(plan(vstack([table[:1], table[:1]], metadata_conflicts="silent"), "{file}", BASE).places) == 1


BAD_SEGMENTS = [
    "..",
    ".",
    "...",
    ".hidden",
    "a b",
    "a:b",
    "CON\u00ad",
    "a%b",
    "a*",
    "ä",
    "$HOME",
    "~",
    "a;b",
    "a#b",
]


@pytest.mark.parametrize("segment", BAD_SEGMENTS)
@pytest.mark.parametrize("template", ["{file}", "d/{segment}/{file}", "d/{segment}"])
def test_names_of_segments_that_are_refused(segment: str, template: str) -> None:
    good = record(8, harpnum=5)
    planned = plan(table_of(record(7, segment), good), template, BASE)
    assert [place.url for place in planned.places] == [f"{BASE}/HMI/{SERIES}/8/magnetogram.fits"]
    [(url, reason)] = planned.refused
    assert url == f"{HOST}/HMI/{SERIES}/7/{segment}.fits"
    assert isinstance(reason, TransferError)
    assert repr(url) in str(reason)
    assert "was skipped" in str(reason)


@pytest.mark.parametrize(
    "series", ["..", "../..", "/etc", "a/b", "C:\\x", "a\\b", ".ssh", "a\x00b", "a\n", "%2F", "x y"]
)
@pytest.mark.parametrize("template", ["{file}", "{series}/{file}", "{series}.fits"])
def test_names_of_series_that_are_refused(series: str, template: str) -> None:
    planned = plan(table_of(record(7, series_name=series)), template, BASE)
    assert planned.places == []
    [(_, reason)] = planned.refused
    assert "unsafe in a path" in str(reason)


@pytest.mark.parametrize("column", [np.array([b"/../../escape/x"]), np.array([b"../x"], dtype=object)])
def test_names_that_lead_to_parent_folders_are_refused(column: Any) -> None:
    table = table_of(record())
    table["Mine"] = column
    planned = plan(table, "data/{mine}/{file}", BASE)
    assert planned.places == []
    assert "unsafe in a path" in str(planned.refused[0][1])


@pytest.mark.parametrize(
    "url", [f"{HOST}/HMI/..", f"{HOST}/HMI/a%2Fb", f"{HOST}/HMI/.a", f"{HOST}/HMI/a?b=1", f"{HOST}/HMI/"]
)
def test_layout_a_has_safe_names_too(url: str) -> None:
    planned = plan(table_of({"url": url}, {"url": f"{HOST}/HMI/sharp_720s/x_1"}), "{segment}/{file}", BASE)
    [place] = planned.places
    assert (place.url, place.path) == (f"{BASE}/HMI/sharp_720s/x_1", "unknown/x_1.fits")
    assert [found for found, _ in planned.refused] == [url]


SEGMENTS = st.text("ab./\\%2F: \n~é", max_size=8)


@given(
    SEGMENTS,
    SEGMENTS,
    st.sampled_from(["{file}", "{segment}/{file}", "{series}/{segment}/{file}", "{segment}-{series}"]),
)
def test_no_name_leads_out_of_the_folder(segment: str, series: str, template: str) -> None:
    table = table_of(record(7, segment, series_name=series), {"url": f"{HOST}/HMI/{segment}", "series_name": series})
    try:
        planned = plan(table, f"folder/{template}", BASE)
    except QueryError as caught:
        assert "Two files" in str(caught)  # noqa: PT017
        return
    assert len(planned.places) + len(planned.refused) == 2
    for place in planned.places:
        assert os.path.normpath(place.path) == place.path
        assert place.path.startswith("folder/")
        assert place.path.count("/") == f"folder/{template}".count("/")
        assert not any(step.startswith(".") for step in place.path.split("/"))


@pytest.mark.parametrize("spec", ["abc", "%Q", "%%", "2015"])
def test_formats_that_do_not_depend_on_time(spec: str) -> None:
    assert "is the same for all times" in error(f"{{t_rec:{spec}}}/{{file}}")


class _BytesPath:
    """A path of bytes, like those of ``os.scandir(b".")``."""

    def __fspath__(self) -> bytes:
        return b"x"


@pytest.mark.parametrize("path", [5, b"x", _BytesPath(), "a\0b", Path("a\0b"), Path("~no such user/x")])
def test_invalid_paths(path: Any) -> None:
    with pytest.raises(QueryError, match=r"^(path=|The path 'a.x00b' contains a NUL)") as caught:
        template_of(path)
    assert "Path(" not in str(caught.value)


# --- Valid and writable paths -----------------------------------------------------------------------------------------


def test_a_folder_with_the_name_of_a_file_is_refused(tmp_path: Path) -> None:
    for path in ("one.fits", "{harpnum}.FITS", tmp_path / "{record}.fts" / "{file}"):
        with pytest.raises(QueryError, match=r"would create a folder .*\. Write {file} for the file name"):
            template_of(path)
    for path in ("data/x.fits", Path("data/x.fits"), Path("data/x.fits/{file}")):  # the last is how Fido passes them
        with pytest.raises(QueryError, match=r"^The path 'data/x\.fits' would create a folder 'x\.fits'\."):
            template_of(path)
    (tmp_path / "one.fits").mkdir()
    assert template_of(tmp_path / "one.fits") == str(tmp_path / "one.fits" / "{file}")


def test_nothing_is_written_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for template in ("file/{file}", "file/{harpnum}/{file}", "file/new/{file}"):
        with pytest.raises(QueryError, match=r"cannot be written to: .*file is not a folder"):
            check_writable(f"{tmp_path}/{template}")
    for template in ("{file}", f"{tmp_path}/file_{{file}}", f"{tmp_path}/new/newer/{{file}}"):
        check_writable(template)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no folder where os.access() is wrong")
def test_a_folder_is_not_writable_although_its_mode_says_so() -> None:
    with pytest.raises(QueryError, match=r"cannot be written to: nothing can be created in /proc \(No such file or"):
        check_writable("/proc/x/{file}")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_nothing_is_written_to_a_folder_that_is_read_only(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o500)
    with pytest.raises(QueryError, match=r"cannot be written to: .*folder is not writable"):
        check_writable(f"{tmp_path}/folder/{{harpnum}}/{{file}}")
    (tmp_path / "folder").chmod(0o700)
    (tmp_path / "folder" / "6178").mkdir()
    (tmp_path / "folder").chmod(0o500)
    check_writable(f"{tmp_path}/folder/{{harpnum}}/{{file}}")
    for template in ("{file}", "new/{harpnum}/{file}"):
        with pytest.raises(QueryError, match=r"cannot be written to: .*folder is not writable"):
            check_writable(f"{tmp_path}/folder/{template}")
    (tmp_path / "folder").chmod(0o700)
