"""The first two stages of a build: records and keywords are requested once, kept, and completed after failures."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from faults import Layer, answer
from sunpy.net import attrs as a

from sunpy_flarecast import HARPNUM, MissingDataWarning, Segment, Series, ServiceError, conf
from sunpy_flarecast.dataset import SWAN, BuildReport, keyword_stage
from sunpy_flarecast.dataset.keyword_stage import keyword_pieces
from sunpy_flarecast.dataset.model import Encoding, ImageFacts, ImageRecord, ShardFacts, ShardTask
from sunpy_flarecast.dataset.parquet import read_records
from sunpy_flarecast.dataset.records import Found, Rows, in_order, local_copy, search
from sunpy_flarecast.dataset.settings import build_request, image_settings
from sunpy_flarecast.dataset.table_stage import Known, write_records
from sunpy_flarecast.keywords.files import write_keywords
from sunpy_flarecast.sharp.t_rec import slot_time
from sunpy_flarecast.utils.masked import mask_of
from sunpy_flarecast.utils.store import Store

if TYPE_CHECKING:
    from pathlib import Path

DAYS = a.Time("2015-12-11", "2015-12-12")
SHARP = Series("hmi.sharp_cea_720s")
BROKEN = answer(b"{}", status=500)


def request_for(*query: Any) -> Any:
    return build_request(
        query or (DAYS, SHARP, HARPNUM(4928, 4935), Segment("Br", "Bt"), a.Sample(12 * u.hour)),
        keywords=SWAN,
        flares=None,
        windows=24 * u.hour,
        threshold="M1.0",
        flare_time="peak",
        by_position=False,
        noaa_numbers=None,
        split=None,
        images=image_settings("lossless", 4, 4),
    )


def run_search(wanted: Any, store: Store, forgotten: list[int] | None = None, strict: bool = False) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingDataWarning)
        return search(wanted, store, (forgotten or []).extend, strict=strict, progress=False)


def run_keywords(wanted: Any, rows: Any, store: Store, strict: bool = False) -> Any:
    return keyword_pieces(wanted, rows, store, strict=strict, progress=False)


def requested(layer: Layer) -> int:
    """Count the records whose keywords were requested."""
    paths = [path.partition("?")[0] for _, path in layer.requests]
    return sum(path.rpartition("/")[2].count(",") + 1 for path in paths if "/meta/" in path)


def test_rows_are_sorted_deduplicated_and_divided_into_tasks(demo: tuple[str, Layer], tmp_path: Path) -> None:
    rows = run_search(request_for(), store := Store(tmp_path))
    requests = len(demo[1].requests)
    assert (np.lexsort((rows.slots, rows.harps)) == np.arange(len(rows))).all()
    tasks = list(rows.tasks(("Bt", "Br"), 4))
    assert [(task.harp, record.slot) for task in tasks for record in task.records] == [
        *zip(rows.harps.tolist(), rows.slots.tolist(), strict=True)
    ]
    for harp, span in rows.spans().items():
        numbers = [task.number for task in tasks if task.harp == harp]
        assert numbers == list(range(-(-(span.stop - span.start) // 4)))
    assert all(record.urls[0].endswith("Bt.fits") and "Br" in record.urls[1] for record in tasks[0].records)
    assert all(record.urls == ("",) for record in next(rows.tasks(("Bp",), 4)).records)
    again = run_search(request_for(), store)
    assert len(demo[1].requests) == requests
    assert again.changed(rows) == []
    assert list(again.tasks(("Bt", "Br"), 4)) == tasks
    # A record that was listed before and after its reprocessing, and a record without a HARP number.
    records = rows.records
    double = in_order(Found(records[np.array([0, 1, 1, 2])], [], []))
    assert (len(double), double.notes) == (3, ["Left out 1 record with the HARP number and T_REC of a newer record."])
    masked = records[:3]
    masked.harpnum[1] = np.ma.masked
    assert in_order(Found(masked, [], [])).notes == ["Left out 1 record without a HARP number or T_REC."]


def test_a_completed_search_discards_shards_of_changed_harps(demo: tuple[str, Layer], tmp_path: Path) -> None:
    wanted = request_for(a.Time("2015-12-11", "2015-12-14"), SHARP, Segment("Br"))
    whole, store = run_search(wanted, Store(tmp_path / "a")), Store(tmp_path / "b")
    demo[1].faults["start=2015-12-12"] = BROKEN
    with pytest.raises(ServiceError, match="missing"):
        run_search(wanted, store, strict=True)
    rows = run_search(wanted, store)
    assert rows.missing
    assert 0 < len(rows) < len(whole)
    demo[1].clear()
    forgotten: list[int] = []
    again = search(wanted, store, forgotten.extend, strict=True, progress=False)
    assert forgotten == again.changed(rows) != []
    assert again.missing == []
    assert again.changed(whole) == []
    moved = replace(whole.records, prefix=np.array([b"http://elsewhere" + prefix for prefix in whole.records.prefix]))
    assert again.changed(Rows(moved)) == []
    assert 0 < len(demo[1].requests) < 4
    with pytest.raises(ServiceError, match=r"The search found no records for a data set\. .*before the first SHARPs"):
        run_search(request_for(a.Time("2009-01-01", "2009-01-02"), SHARP), Store(tmp_path / "c"))


def test_keywords_are_requested_in_pieces_that_are_kept(
    demo: tuple[str, Layer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyword_stage, "_ROWS", 4)
    wanted, store = request_for(), Store(tmp_path)
    rows = run_search(wanted, store)
    demo[1].clear()
    pieces, missing = run_keywords(wanted, rows, store)
    assert missing == []
    assert len(list(pieces)) == -(-len(rows) // 4) > 2
    whole = list(pieces)
    assert {"usflux", "noaa_ars", "lat_min"} <= set(whole[0].colnames)
    assert all(piece.colnames == whole[0].colnames for piece in whole)
    assert np.concatenate([piece["Record"] for piece in whole]).tolist() == rows.records.recnum.tolist()
    expected = rows.table(demo[0], slice(0, 4)).keywords("usflux", progress=False)
    assert (whole[0]["usflux"] == expected["usflux"]).all()
    assert whole[0]["usflux"].unit == u.Mx
    demo[1].clear()
    run_keywords(wanted, rows, store)
    assert demo[1].requests == []
    # If a search finds more records, only the new ones are requested.
    with_more = run_search(
        request_for(DAYS, SHARP, HARPNUM(4928, 4938), Segment("Br", "Bt"), a.Sample(6 * u.hour)),
        Store(tmp_path / "more"),
    )
    demo[1].clear()
    more, _ = run_keywords(wanted, with_more, store)
    # The first piece also determines which keywords the service has.
    assert requested(demo[1]) == len(with_more) - len(rows) + 1
    assert np.concatenate([piece["Record"] for piece in more]).tolist() == with_more.records.recnum.tolist()
    run_keywords(wanted, with_more, fresh := Store(tmp_path / "fresh"))
    assert fresh.names(".build/keywords") == store.names(".build/keywords")
    for path in fresh.names(".build/keywords"):
        assert fresh.read(path) == store.read(path)


@pytest.mark.usefixtures("demo")
def test_keywords_without_any_value_are_noted(tmp_path: Path) -> None:
    wanted, store = request_for(), Store(tmp_path)
    rows = run_search(wanted, store)
    pieces, _ = run_keywords(wanted, rows, store)
    assert pieces.notes == []
    for name in store.names(keyword_stage.PIECES):
        [piece] = pieces
        piece["usflux"].mask = True
        with local_copy(store, name, write=True) as file:
            write_keywords(piece, file)
    pieces, missing = run_keywords(wanted, rows, store)
    assert missing == []
    assert pieces.notes == ["No record has a value of USFLUX. The service may not send every keyword."]


def test_keywords_that_failed_are_requested_again(
    demo: tuple[str, Layer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyword_stage, "_ROWS", 4)
    wanted, store = request_for(), Store(tmp_path)
    rows = run_search(wanted, store)
    last = str(rows.records.recnum[-1])
    demo[1].faults[last] = BROKEN
    with conf.set_temp("max_retries", 0):
        with pytest.raises(ServiceError):
            run_keywords(wanted, rows, store, strict=True)
        kept = store.names(".build/keywords")
        assert len(kept) == len(rows) // 4
        pieces, missing = run_keywords(wanted, rows, store)
    assert [records for records, _ in missing] == [[int(last)]]
    assert mask_of(list(pieces)[-1]["usflux"]).tolist() == [False] * (len(rows) % 4 - 1) + [True]
    demo[1].clear()
    pieces, missing = run_keywords(wanted, rows, store, strict=True)
    assert missing == []
    assert requested(demo[1]) == 1
    demo[1].faults["/meta"] = BROKEN
    with conf.set_temp("max_retries", 0), pytest.raises(ServiceError, match="the same call resumes"):
        run_keywords(wanted, rows, Store(tmp_path / "other"))


def test_a_report_counts_the_reasons_that_it_does_not_list() -> None:
    report = BuildReport("sharps", failures={f"{number} Error": 1 for number in range(400, 425)})
    assert "... and 5 more reasons" in str(report)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "2 images (1 made by earlier calls)."),
        (7.2, "2 images (1 made by earlier calls) in 7 s."),
        (59.6, " in 1 min 0 s."),
        (185, " in 3 min 5 s."),
        (3599.4, " in 59 min 59 s."),
        (3599.5, " in 1 h 0 min."),
        (3840, " in 1 h 4 min."),
        (86399, " in 24 h 0 min."),
    ],
)
def test_a_report_has_the_duration_of_the_call(seconds: float, text: str) -> None:
    assert str(BuildReport("sharps", records=1, images=2, kept=1, seconds=seconds)).endswith(text)


def test_records_without_a_number_have_none_in_the_table(tmp_path: Path) -> None:
    settings, store = request_for().settings, Store(tmp_path)
    times = slot_time(np.array([1, 2]))
    piece = QTable({"HARPNUM": [377, 377], "T_REC": times})
    known = Known(np.array(["2011-01-01", "2011-01-02"], "datetime64[us]"), None, np.array([377, 377]), None)  # type: ignore[arg-type]
    task = ShardTask(377, 0, tuple(ImageRecord(number, 1, 0, ("", "")) for number in (0, 12)))
    images = [ImageFacts((0, 0), (1, 1), ("", "")) for _ in range(2)]
    facts = ShardFacts(377, 0, (0, 0), Encoding("float32"), images, {}, {})
    write_records(settings, known, None, None, [piece], [(task, facts)], store)  # type: ignore[arg-type]
    assert read_records(store, ["recnum"])["recnum"].tolist() == [None, 12]
