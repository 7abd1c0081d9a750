"""The difference of two searches."""

from __future__ import annotations

import json

import pytest

from sunpy_flarecast import FLARECASTResponse, QueryError
from sunpy_flarecast.rest.list_reply import read_records

SERIES = "hmi.sharp_cea_720s_nrt"


def table_of(*records: tuple[int, int | None, int | None], series: str = SERIES) -> FLARECASTResponse:
    listed = [
        {"recnum": recnum, "harpnum": harp, "t_rec_index": slot, "urls": [f"http://h/HMI/{series}/{recnum}/Br.fits"]}
        for recnum, harp, slot in records
    ]
    return FLARECASTResponse.from_records(read_records(json.dumps(listed).encode(), series)[0])


def test_new_gone_and_reprocessed_records() -> None:
    old = table_of((1, 377, 1005480), (2, 378, 1005480), (3, 377, 1005481), (9, None, None))
    new = table_of((14, 379, 1005481), (1, 377, 1005480), (13, 377, 1005481), (9, None, None), (10, None, None))
    found = new.difference(old)
    assert found.new["Record"].tolist() == [14, 10]
    assert found.gone["Record"].tolist() == [2]
    assert found.reprocessed["Record"].tolist() == [13]
    assert all(isinstance(table, FLARECASTResponse) for table in found)
    assert repr(found) == "<Difference: 2 new, 1 gone, 1 reprocessed>"
    assert [len(table) for table in old.difference(old)] == [0, 0, 0]
    assert [len(table) for table in new[:0].difference(old)] == [0, 4, 0]
    # HARP numbers of two series are unrelated.
    other = table_of((1, 377, 1005480), series="hmi.sharp_cea_720s")
    assert [len(table) for table in other.difference(old[:1])] == [1, 1, 0]


def test_a_table_without_its_columns_is_refused() -> None:
    old = table_of((1, 377, 1005480))
    new = old.copy()
    new.remove_column("HARPNUM")
    with pytest.raises(QueryError, match="no longer has the column 'HARPNUM'"):
        new.difference(old)
