"""Mirrors with conditions copy the records that a search finds, from a FLARECAST service and from JSOC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import pytest
from click.testing import CliRunner
from faults import Layer, answer
from keyworded import SERIES
from sunpy.net import attrs as a

from sunpy_flarecast import NOAA, FLARECASTClient, Keyword, Quality, QueryError, Series, ServiceError, conf, mirror
from sunpy_flarecast.cli import cli
from sunpy_flarecast.sharp.filenames import file_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jsoc import JSOC
    from sunpy.net import attr

STEPS = 20
ENDS = ("2015-12-11", "2015-12-11T04:00")
QUIET: dict[str, Any] = {"series": SERIES, "progress": False, "index": False}

CONDITIONS = {
    "listed": [Quality("good")],
    "requested": [NOAA(12443), Keyword("usflux") > 1.005e22 * u.Mx],
    "both": [Quality(mask=0x400), abs(Keyword("meangam")) < 40 * u.deg],
}


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*.fits")}


@pytest.mark.parametrize("sample", [None, 50 * u.min], ids=["all", "sampled"])
@pytest.mark.parametrize("where", CONDITIONS.values(), ids=CONDITIONS)
def test_conditions_on_a_service(
    keyworded: Layer, tmp_path: Path, where: Sequence[attr.Attr], sample: u.Quantity | None
) -> None:
    sampled = [] if sample is None else [a.Sample(sample)]
    found = FLARECASTClient().search(a.Time(*ENDS), Series(SERIES), *where, *sampled)
    asked = {path for _, path in keyworded.requests if "/meta/" in path}
    keyworded.requests.clear()
    report = mirror(*ENDS, tmp_path, where=where, sample=sample, **QUIET)
    assert report.complete, report
    assert 0 < report.records == len(found) < 2 * STEPS
    assert names(tmp_path) == {file.name for file in found.files()}
    assert {path for _, path in keyworded.requests if "/meta/" in path} == asked


def test_conditions_on_a_service_without_the_keywords(keyworded: Layer, tmp_path: Path) -> None:
    keyworded.faults["/meta/"] = answer(b'{"message": "the tape is away"}', status=404)
    with pytest.raises(ServiceError, match="the tape is away"):
        mirror(*ENDS, tmp_path, where=NOAA(12443), **QUIET)
    assert not names(tmp_path)


@pytest.mark.parametrize(
    ("where", "chosen"),
    [
        (Quality("good"), [3, 5]),
        (Keyword("usflux") > 2e22 * u.Mx, [1, 3]),
        (NOAA(12443), [0, 5]),
        ([Quality("good"), NOAA([12443, 12444])], [5]),
        (Keyword("recnum") <= 6_217_801, [0, 2]),
    ],
    ids=str,
)
def test_conditions_on_jsoc(jsoc: tuple[str, Layer, JSOC], tmp_path: Path, where: Any, chosen: list[int]) -> None:
    url, _, server = jsoc
    for number in (3, 5):
        server.records[number].keywords["QUALITY"] = "0x00000000"
    for number in (1, 3):
        server.records[number].keywords["USFLUX"] = "3e22"
    server.records[0].keywords["NOAA_AR"] = "12443"
    server.records[5].keywords["NOAA_ARS"] = "12440,12443"
    with conf.set_temp("retry_wait", 0.001):
        report = mirror("2015-12-11", "2015-12-13", tmp_path, where=where, jsoc=url, segment="Br", **QUIET)
    assert report.complete, report
    assert report.records == len(chosen)
    assert names(tmp_path) == {
        file_name(SERIES, "Br", harpnum=record.harpnum, slot=record.slot)
        for record in (server.records[number] for number in chosen)
    }


def test_conditions_on_the_command_line(keyworded: Layer, tmp_path: Path) -> None:
    options = ("--series", SERIES, "--good", "--noaa", "12443", "--where", "meangam < 40", "--no-progress")
    shown = CliRunner().invoke(cli, ["mirror", *ENDS, str(tmp_path), *options])
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.startswith("5 records from ")
    assert len(names(tmp_path)) == 5


def test_conditions_that_are_not_attrs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=r"mirror\(where='good'\) is not an attr"):
        mirror(*ENDS, tmp_path, where=["good"], **QUIET)  # type: ignore[list-item]
    with pytest.raises(QueryError, match="is given twice"):
        mirror(*ENDS, tmp_path, where=Series(SERIES), **QUIET)
