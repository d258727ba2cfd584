"""Real files in real folders: read once, read on, never read twice."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rivven_connect import (
    ConfiguredCatalog,
    ConnectorError,
    ErrorKind,
    EventBatch,
    JsonObject,
    State,
    SyncMode,
)
from rivven_connect.connectors.parquet_source import ParquetSource
from rivven_connect.connectors.parquet_source._generated import ParquetSourceConfig
from rivven_connect.testing.harness import note_state


class Lake:
    """A folder of Parquet files, and what a source gives of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, file: str, ids: Sequence[int], *, group: int = 3, **columns: Any) -> Path:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table({"id": pa.array(ids, pa.int64()), **columns})
        pq.write_table(table, path, row_group_size=group)
        return path

    def config(self, path: str = "", **options: Any) -> ParquetSourceConfig:
        return ParquetSourceConfig.model_validate({"path": str(self.folder / path), **options})

    def read(
        self,
        path: str = "",
        *,
        state: JsonObject | None = None,
        mode: SyncMode = SyncMode.INCREMENTAL,
        **options: Any,
    ) -> Found:
        return asyncio.run(self._read(self.config(path, **options), state, mode))

    async def _read(
        self, config: ParquetSourceConfig, state: JsonObject | None, mode: SyncMode
    ) -> Found:
        source = ParquetSource()
        await source.open(config)
        chosen = ConfiguredCatalog.from_catalog(await source.discover(config), {"records": mode})
        found = Found(dict(state or {}))
        async for item in source.read(config, chosen, State.from_json(state) if state else None):
            assert isinstance(item, EventBatch)
            found.batches.append(item)
            if note_state(found.state, item):
                found.states.append((len(found.ids()), dict(found.state)))
        await source.close()
        return found


class Found:
    """The batches that came, and every state on the way."""

    def __init__(self, state: JsonObject) -> None:
        self.batches: list[EventBatch] = []
        self.state = state
        self.states: list[tuple[int, JsonObject]] = []

    def ids(self) -> list[int]:
        return [row["id"] for batch in self.batches for row in batch.rows()]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_files_are_read_in_the_order_of_their_names(lake: Lake) -> None:
    for name, ids in (("b.parquet", [3, 4]), ("a.parquet", [1, 2]), ("c/d.parquet", [5])):
        lake.put(name, ids)
    for name in ("_tmp.parquet", ".x.parquet", "_old/y.parquet", "notes.txt"):
        lake.put(name, [99])
    assert lake.read().ids() == [1, 2, 3, 4, 5]
    assert lake.read("b.parquet").ids() == [3, 4]
    assert lake.read("[ab].parquet").ids() == [1, 2, 3, 4]
    assert lake.read("**/*.parquet").ids() == [1, 2, 3, 4, 5]
    assert lake.read("none-*.parquet").ids() == []


def test_batches_are_arrow_as_the_file_has_it(lake: Lake) -> None:
    moment = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    columns = {"at": [moment] * 7, "price": [decimal.Decimal("1.50")] * 7}
    path = lake.put("a.parquet", range(7), group=4, **columns)
    found = lake.read(batch_rows=2)
    assert [len(batch) for batch in found.batches] == [2, 2, 2, 1]
    assert all(isinstance(batch.records, pa.RecordBatch) for batch in found.batches)
    whole = pa.Table.from_batches([batch.records for batch in found.batches])
    assert whole.equals(pq.read_table(path))
    positions = [event.position for batch in found.batches for event in batch.events()]
    assert positions == [["a.parquet", row] for row in range(7)]


def test_every_row_group_is_a_place_to_go_on_at(lake: Lake) -> None:
    lake.put("a.parquet", range(10))
    lake.put("b.parquet", [])
    lake.put("c.parquet", range(10, 17))
    full = lake.read(batch_rows=2)
    assert full.ids() == list(range(17))
    assert [after for after, _ in full.states] == [3, 6, 9, 10, 10, 13, 16, 17]
    for after, state in full.states:
        assert lake.read(state=state).ids() == full.ids()[after:]


def test_new_files_are_read_by_the_next_run_wherever_their_names_put_them(lake: Lake) -> None:
    lake.put("m.parquet", [1])
    first = lake.read()
    lake.put("z.parquet", [2])
    lake.put("a.parquet", [3])
    second = lake.read(state=first.state)
    assert second.ids() == [3, 2]
    (lake.folder / "a.parquet").unlink()
    assert lake.read(state=second.state).ids() == []


def test_the_state_that_is_saved_does_not_grow_with_the_files(lake: Lake) -> None:
    for number in range(20):
        lake.put(f"{number:02}.parquet", [number])
    sizes = {len(str(batch.state)) for batch in lake.read().batches}
    assert max(sizes) - min(sizes) <= 5


@pytest.mark.parametrize("row_groups", [1, 3])
def test_a_file_that_changed_is_an_error_and_one_that_was_touched_is_not(
    lake: Lake, row_groups: int
) -> None:
    path = lake.put("a.parquet", range(9))
    full = lake.read()
    state = full.states[row_groups - 1][1]
    os.utime(path, (1, 1))
    assert lake.read(state=state).ids() == list(range(3 * row_groups, 9))
    lake.put("a.parquet", range(1, 10))
    with pytest.raises(ConnectorError, match="is not the file that was read") as caught:
        lake.read(state=state)
    assert caught.value.kind is ErrorKind.STATE


def test_a_full_refresh_reads_all_again_and_goes_on_after_a_crash(lake: Lake) -> None:
    lake.put("a.parquet", range(6))
    lake.put("b.parquet", range(6, 9))
    full = lake.read(mode=SyncMode.FULL_REFRESH)
    for after, state in full.states[:-1]:
        rest = lake.read(state=state, mode=SyncMode.FULL_REFRESH)
        assert rest.ids() == list(range(9))[after:]
    again = lake.read(state=full.state, mode=SyncMode.FULL_REFRESH)
    assert again.ids() == list(range(9))
    half = again.states[0][1]
    assert lake.read(state=half, mode=SyncMode.FULL_REFRESH).ids() == list(range(3, 9))


def test_only_the_columns_that_are_wanted_are_read(lake: Lake) -> None:
    lake.put("a.parquet", [1, 2], name=["x", "y"], more=[0.5, None])
    found = lake.read(columns=["more", "id"])
    assert {tuple(batch.records.schema.names) for batch in found.batches} == {("more", "id")}
    lake.put("0.parquet", [3])
    found = lake.read(columns=["more", "id"])
    assert [batch.rows() for batch in found.batches] == [
        [{"id": 3}],
        [{"more": 0.5, "id": 1}, {"more": None, "id": 2}],
    ]
    schema = asyncio.run(ParquetSource().discover(lake.config())).streams[0].json_schema
    assert schema["properties"] == {
        "id": {"type": ["integer", "null"]},
        "name": {},
        "more": {"type": ["number", "null"]},
    }


def test_wide_rows_come_few_at_a_time(lake: Lake) -> None:
    texts = [os.urandom(250_000).hex() for _ in range(60)]
    lake.put("a.parquet", range(60), group=60, text=texts)
    found = lake.read()
    assert found.ids() == list(range(60))
    assert max(batch.records.nbytes for batch in found.batches) < 24 * 1024 * 1024


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "no whole Parquet file"), (b"PAR1" + b"x" * 50, "no whole Parquet file"),
     (b"PAR1xxxx\x04\0\0\0PAR1", "cannot be read as Parquet")],
)  # fmt: skip
def test_what_is_no_parquet_is_said_before_anything_is_read(
    lake: Lake, content: bytes, says: str
) -> None:
    path = lake.put("a.parquet", [1])
    path.write_bytes(content)
    result = asyncio.run(ParquetSource().check(lake.config()))
    assert says in str(result.checks[0].message)
    with pytest.raises(ConnectorError, match=says):
        lake.read()


@pytest.mark.parametrize("inside", [False, True], ids=["columns", "fields of objects"])
def test_two_columns_of_one_name_stop_the_run(lake: Lake, *, inside: bool) -> None:
    """A record could hold one of them."""
    lake.folder.mkdir()
    twins = [pa.array([1]), pa.array(["x"])]
    if inside:
        objects = pa.StructArray.from_arrays(twins, names=["a", "a"])
        table = pa.table({"id": [7], "a": objects})
    else:
        table = pa.table([pa.array([7]), *twins], names=["id", "a", "a"])
    pq.write_table(table, lake.folder / "a.parquet")
    with pytest.raises(ConnectorError, match="has two columns 'a'"):
        lake.read()
    assert lake.read(columns=["id"]).ids() == [7]


def test_a_name_that_is_no_text_is_said(lake: Lake) -> None:
    """A state cannot hold it."""
    path = lake.put("a.parquet", [1])
    os.rename(path, os.fsencode(lake.folder) + b"/\xff.parquet")
    with pytest.raises(ConnectorError, match=r"the name of \\xff\.parquet is not UTF-8"):
        lake.read()


def test_a_file_that_is_damaged_inside_stops_the_run(lake: Lake) -> None:
    path = lake.put("a.parquet", range(1000), group=1000)
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    with pytest.raises(ConnectorError, match="cannot be read as Parquet"):
        lake.read()


def test_check_says_what_is_missing(lake: Lake) -> None:
    def told(path: str, **options: Any) -> str:
        result = asyncio.run(ParquetSource().check(lake.config(path, **options)))
        return str(result.checks[0].message)

    assert "does not exist" in told("nothing")
    lake.put("a.parquet", [1])
    assert "has no column 'total'; it has id" in told("", columns=["total"])
    os.mkfifo(lake.folder / "pipe")
    assert "neither a regular file nor a folder" in told("pipe")


@pytest.mark.parametrize("saved", [{"sync": 0}, {"sync": 0, "size": "x"}, {"sync": 0, "size": 1}])
def test_a_state_that_is_none_is_refused(lake: Lake, saved: JsonObject) -> None:
    lake.put("a.parquet", [1])
    with pytest.raises(ConnectorError, match="is none"):
        lake.read(state={"records/a.parquet": saved})
