"""Reprocessed records: files of several editions in a folder, and their replies to clients."""

from __future__ import annotations

import itertools

import pytest
import requests
from indexed import CEA, header_of, listed, name_of, tiny
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, Series, conf, fetch
from sunpy_flarecast.archive import DirectoryArchive, NotHeldError, running
from sunpy_flarecast.archive.index import build_index

#: Cards of two editions of a record, the older first, and their descriptions in the report.
EDITIONS = {
    "numbers": ({"RECNUM": 5}, {"RECNUM": 6}, "RECNUM 5", "RECNUM 6"),
    "ids": ({"DRMS_ID": f"{CEA}:5:{{}}"}, {"DRMS_ID": f"{CEA}:6:{{}}"}, "RECNUM 5", "RECNUM 6"),
    "number and id": ({"DRMS_ID": f"{CEA}:5:{{}}"}, {"RECNUM": 6}, "RECNUM 5", "RECNUM 6"),
    "dates": (
        {"DATE": "2013-12-19T18:48:01"},
        {"DATE": "2015-04-16T00:39:09.000"},
        "DATE 2013-12-19T18:48:01",
        "DATE 2015-04-16T00:39:09.000",
    ),
    "number and date": (
        {"RECNUM": 5, "DATE": "2013-12-19T18:48:01"},
        {"DATE": "2013-12-20T18:48:02Z"},
        "RECNUM 5",
        "DATE 2013-12-20T18:48:02Z",
    ),
}


def put(folder, segment, cards, harp=377, **more):
    filled = {name: value.format(segment) if isinstance(value, str) else value for name, value in cards.items()}
    return tiny(folder / name_of(harp, 0, segment), **header_of(harp, 0), **filled, **more)


@pytest.mark.parametrize("kind", EDITIONS)
@pytest.mark.parametrize("folders", [("a", "b"), ("b", "a")])
def test_the_newer_edition_is_served_as_a_whole(tmp_path, kind, folders):
    """The order of files does not matter, and no segment of the older edition is mixed in."""
    older, newer, older_name, newer_name = EDITIONS[kind]
    first, second = (tmp_path / "root" / folder for folder in folders)
    for segment in ("Bp", "Br", "Bt"):
        put(first, segment, older, AREA=1.5)
    build_index(tmp_path / "root")  # only the order of runs shows the index which files are newer
    for segment in ("Bp", "Br"):
        put(second, segment, newer, AREA=2.5)
    report = build_index(tmp_path / "root")
    build_index(tmp_path / "root", index=tmp_path / "fresh")
    assert (report.records, report.faulty) == (1, 3)
    winner = f"{second.name}/{name_of(377, 0, 'Bp')}"
    assert report.faults == tuple(
        f"{first.name}/{name_of(377, 0, segment)}: It belongs to an older version of this record ({older_name}) than "
        f"{winner} ({newer_name}); only one version is served"
        for segment in ("Bp", "Br", "Bt")
    )
    for index in (None, tmp_path / "fresh"):
        with pytest.warns(UserWarning, match="3 of the files"):
            archive = DirectoryArchive(tmp_path / "root", index=index)
        with archive:
            (record,) = listed(archive)
            assert record.segments == ("Bp", "Br")
            assert archive.keywords(CEA, record.recnum)["area"] == 2.5
            assert archive.segment(CEA, record.recnum, "Br").path == second / name_of(377, 0, "Br")
    for file in second.iterdir():
        file.unlink()
    report = build_index(tmp_path / "root")
    assert (report.records, report.faulty) == (1, 0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_newest_of_three_editions_is_served(tmp_path, order):
    """One file has a date only, two others have numbers."""
    cards = ({"RECNUM": 5, "DATE": "2013-12-19"}, {"RECNUM": 6, "DATE": "2014-12-19"}, {"DATE": "2014-12-19T00:00:00"})
    for folder, which in enumerate(order):
        put(tmp_path / str(folder), ("Bp", "Br", "Bt")[which], cards[which])
    with pytest.warns(UserWarning, match="1 of the files"), DirectoryArchive(tmp_path) as archive:
        assert [(record.recnum, record.segments) for record in listed(archive)] == [(6, ("Bt", "Br"))]


@pytest.mark.parametrize(
    ("cards", "other"),
    [
        ({"RECNUM": 5, "DATE": "2013-12-19T18:48:01"}, {"RECNUM": 5, "DATE": "2015-04-16T00:39:09"}),
        ({"DATE": "2013-12-19T18:48:01"}, {"DATE": "2013-12-19T18:48:01.000Z"}),
        ({"DATE": "2013-12-19T18:48:01"}, {"DATE": "2013-12-20T18:48:01"}),
        ({"RECNUM": 5, "DATE": "2013-12-19T18:48:01"}, {"DATE": "2013-12-19T18:48:02Z"}),
        ({"RECNUM": 5, "DATE": "yesterday"}, {"DATE": "2013-12-19"}),
        ({"RECNUM": 5}, {}),
    ],
)
def test_files_that_may_be_of_one_edition_stay_together(tmp_path, cards, other):
    """Headers of several generations and as-is exports in one folder."""
    put(tmp_path, "Bp", cards)
    put(tmp_path, "Br", other)
    tiny(tmp_path / name_of(377, 0, "Bt"))
    with DirectoryArchive(tmp_path) as archive:
        assert [record.segments for record in listed(archive)] == [("Bp", "Bt", "Br")]


def test_segments_written_one_after_the_other_stay_together(tmp_path):
    """Each file has its own DATE."""
    for second, segment in enumerate(("Bp", "Br", "Bt")):
        put(tmp_path, segment, {"DATE": f"2013-12-19T18:48:0{second}"})
    report = build_index(tmp_path)
    assert (report.records, report.faults) == (1, ())
    with DirectoryArchive(tmp_path) as archive:
        assert [record.segments for record in listed(archive)] == [("Bp", "Bt", "Br")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_record_numbers_take_precedence_over_dates(tmp_path, order):
    """The largest number is served, with files that may be of its edition; a date in between is not newer."""
    cards = (
        {"RECNUM": 5, "DATE": "2014-01-01"},
        {"RECNUM": 6, "DATE": "2012-01-01"},
        {"DATE": "2013-01-01"},
        {"DATE": "2012-01-01T12:00:00"},
    )
    for folder, which in enumerate(order):
        segment = ("Bp", "Br", "Bt", "Bp_err")[which]
        put(tmp_path / str(folder), segment, cards[which])
    report = build_index(tmp_path)
    assert sorted(fault.partition(": It belongs to ")[2].partition(" (")[0] for fault in report.faults) == [
        "a different version of this record",
        "an older version of this record",
    ]
    with pytest.warns(UserWarning, match="2 of the files"), DirectoryArchive(tmp_path) as archive:
        assert [(record.recnum, set(record.segments)) for record in listed(archive)] == [(6, {"Br", "Bp_err"})]


def test_clients_see_a_reprocessed_record(tmp_path):
    """The ETag changes with it, and the old file is not served under the new number."""
    root = tmp_path / "root"
    for segment in ("Bp", "Br"):
        put(root, segment, {"RECNUM": 5})
        put(root, segment, {"RECNUM": 7}, harp=378)
    with DirectoryArchive(root) as archive, running(archive) as url, conf.set_temp("url", url):
        query = a.Time("2015-12-10", "2015-12-12"), Series(CEA)
        old = FLARECASTClient().search(*query)
        tag = requests.get(f"{url}/HMI/{CEA}/meta/5", timeout=20).headers["ETag"]
        put(root, "Br", {"RECNUM": 6}, QUALITY=1024)
        with pytest.raises(NotHeldError, match="belongs to another record, version or segment"):
            archive.segment(CEA, 5, "Br")
        build_index(root)
        new = FLARECASTClient().search(*query)
        changes = new.difference(old)
        assert [len(part) for part in (changes.new, changes.gone, changes.reprocessed)] == [0, 0, 1]
        assert changes.reprocessed["Record"].tolist() == [6]
        reply = requests.get(f"{url}/HMI/{CEA}/meta/6", headers={"If-None-Match": tag}, timeout=20)
        assert (reply.status_code, reply.json()["6"]["quality"]) == (200, 1024)
        report = fetch(changes.reprocessed, path=tmp_path / "data", progress=False)
    assert [path.rpartition("/")[2] for path in report.files] == [name_of(377, 0, "Br")]
