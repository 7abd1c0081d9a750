"""HARPs, time steps, neighbours and files of an archive, compared with its lists of records."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from indexed import ALL, CCD, CEA, FIRST, header_of, name_of, tiny

from sunpy_flarecast.archive import DemoArchive, DirectoryArchive, NotHeldError
from sunpy_flarecast.archive.base import DayCount, Passage, Steps

#: HARPs of the folder with their steps and NOAA numbers.
HELD = {
    377: {0: "11158", 1: "11158", 2: "11158,11160", 200: "MISSING"},
    378: {1: "MISSING", 2: "MISSING", 3: "MISSING"},
    401: {2: "11160"},
}

TWO_DAYS = datetime(2015, 12, 11, tzinfo=UTC), datetime(2015, 12, 12, 23, 59, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("browsed")
    for harp, steps in HELD.items():
        for step, noaa in steps.items():
            for segment in ("Br", "Bt"):
                cards = header_of(harp, step, NOAA_ARS=noaa)
                tiny(root / name_of(harp, step, segment), **cards)
    tiny(root / name_of(377, 0, "bitmap", CCD))
    with DirectoryArchive(root) as archive:
        yield archive


@pytest.fixture(scope="module", params=["folder", "demo"])
def archive_and_range(request, folder):
    """Return an archive, and a range with some of its records."""
    return (folder, *ALL) if request.param == "folder" else (DemoArchive(), *TWO_DAYS)


def test_harps_match_the_records(archive_and_range):
    archive, start, end = archive_and_range
    listed = defaultdict(list)
    for record in archive.records(CEA, start, end):
        listed[record.harpnum].append(record)
    found = archive.harps(CEA, start.date(), end.date())
    assert [passage.harpnum for passage in found] == sorted(listed)
    for passage in found:
        records = list(archive.records(CEA, *ALL, harpnums=[passage.harpnum]))
        assert (passage.records, {record.harpnum for record in records}) == (len(records), {passage.harpnum})
        dates = [record.date__obs for record in records if record.date__obs]
        assert not dates or (passage.first, passage.last) == (dates[0], dates[-1])
        for number in passage.noaa:
            assert passage in archive.harps(CEA, noaa=number)


def test_harps_of_a_folder(folder):
    # T_REC in UTC replaces the missing date__obs.
    assert folder.harps(CEA, date(2015, 12, 12)) == [
        Passage(harpnum=377, first="2015-12-11T00:11:24Z", last="2015-12-12T16:11:24Z", records=4, noaa=(11158, 11160))
    ]
    assert [passage.harpnum for passage in folder.harps(CEA)] == [377, 378, 401]
    assert [passage.harpnum for passage in folder.harps(CEA, noaa=11160)] == [377, 401]
    # The number may be that of another day.
    assert [passage.harpnum for passage in folder.harps(CEA, date(2015, 12, 12), noaa=11158)] == [377]
    assert folder.harps(CEA, noaa=1115) == folder.harps(CEA, date(2016, 1, 1)) == []
    assert [passage.harpnum for passage in folder.harps(CCD)] == [377]
    assert list(folder.days(CEA).values())[-1] == DayCount(1, 1)
    with pytest.raises(NotHeldError, match="no series"):
        folder.harps("hmi.none")


@given(data=st.data())
def test_parts_of_a_list(archive_and_range, data):
    archive, start, end = archive_and_range
    records = list(archive.records(CEA, start, end))
    numbers = sorted({record.harpnum for record in records})
    harpnums = data.draw(st.none() | st.sets(st.sampled_from([*numbers, 1]), min_size=1))
    every = data.draw(st.integers(1, 5))
    last = data.draw(st.none() | st.sampled_from(records))
    after = None if last is None else (last.t_rec_index, last.harpnum)
    assert list(archive.records(CEA, start, end, harpnums=harpnums, every=every, after=after)) == [
        record
        for record in records
        if (harpnums is None or record.harpnum in harpnums)
        and record.t_rec_index % every == 0
        and (after is None or (record.t_rec_index, record.harpnum) > after)
    ]


def test_steps_and_neighbours(archive_and_range):
    archive, start, end = archive_and_range
    records = list(archive.records(CEA, start, end))
    slots = sorted({record.t_rec_index for record in records})
    for before, slot, after in zip(slots, slots[1:], slots[2:], strict=False):
        assert archive.steps(CEA, slot) == Steps(before, slot, after)
        assert list(archive.records_at(CEA, slot)) == [record for record in records if record.t_rec_index == slot]
    for before, after in pairwise(slots):
        for slot in (before + (after - before) // 2, after - 1):
            expected = before if slot - before <= after - slot else after
            assert archive.steps(CEA, slot).nearest == expected
    passages = defaultdict(list)
    for record in records:
        passages[record.harpnum].append(record)
    for before, record, after in (
        three for passage in passages.values() for three in zip(passage, passage[1:], passage[2:], strict=False)
    ):
        assert archive.neighbours(CEA, record.recnum) == (before, after)


def test_the_ends_of_a_folder(folder):
    assert folder.steps(CEA, 0) == Steps(None, FIRST, FIRST + 1)
    assert folder.steps(CEA, 10**7) == Steps(FIRST + 3, FIRST + 200, None)
    assert folder.records_at(CEA, FIRST + 4) == []
    records = list(folder.records(CEA, *ALL, harpnums=[377]))
    assert folder.neighbours(CEA, records[0].recnum) == (None, records[1])
    assert folder.neighbours(CEA, records[-1].recnum) == (records[-2], None)
    with pytest.raises(NotHeldError, match="no record 5"):
        folder.neighbours(CEA, 5)


def test_files_of_a_record(archive_and_range):
    archive, start, end = archive_and_range
    record = next(iter(archive.records(CEA, start, end)))
    files = archive.segment_files(CEA, record.recnum)
    assert tuple(files) == record.segments
    assert {file.size for file in files.values()} == ({None} if archive.synthetic else {5760})
