"""What stands in real files, read back by Python's csv module and by eye."""

from __future__ import annotations

import asyncio
import csv
import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    ConnectorError,
    EventType,
    JsonObject,
    SourceEvent,
    Stream,
    WriteResult,
)
from rivven_connect._appended_files import AppendedFiles
from rivven_connect.connectors.csv_sink import CsvSink
from rivven_connect.connectors.csv_sink._generated import CsvSinkConfig
from rivven_connect.connectors.csv_sink.records import CsvRecords

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {}}}


class Files:
    """A sink at a folder, opened anew for each call as a new run does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(
        self,
        *batches: Sequence[Any],
        name: str = "out.csv",
        schema: JsonObject | None = None,
        **options: Any,
    ) -> list[WriteResult]:
        return asyncio.run(self._write(batches, name, schema, options))

    async def _write(
        self, batches: Sequence[Any], name: str, schema: JsonObject | None, options: Any
    ) -> list[WriteResult]:
        config = CsvSinkConfig.model_validate({"path": str(self.folder / name), **options})
        sink = CsvSink()
        await sink.open(config)
        stream = Stream(name="s", json_schema=SCHEMA if schema is None else schema)
        catalog = Catalog.single_stream(stream)
        try:
            await sink.prepare(config, ConfiguredCatalog.from_catalog(catalog))
            results = []
            for batch in batches:
                events = [
                    one if isinstance(one, SourceEvent) else SourceEvent.record("s", one)
                    for one in batch
                ]
                results.append(await sink.write_batch(config, events))
                await sink.flush(config)
            return results
        finally:
            await sink.close()

    def text(self, name: str = "out.csv") -> str:
        return (self.folder / name).read_bytes().decode()

    def rows(self, name: str = "out.csv") -> list[list[str]]:
        with (self.folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file, strict=True))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def reasons(result: WriteResult) -> list[str]:
    return [one.error for one in result.failed_events]


def test_a_file_has_one_header_and_a_row_for_each_record(files: Files) -> None:
    files.write([{"id": 1, "name": 'a "b"\nc'}], [{"name": "", "id": 2}, {"id": 3}])
    files.write([{"id": 4, "name": None}])
    assert files.text() == '"id","name"\n1,"a ""b""\nc"\n2,""\n3,\n4,\n'


def test_values_keep_their_kind(files: Files) -> None:
    rows = [True, 2**70, 0.1, "1", {"a": [1, None]}, ["✓"], datetime.date(2026, 1, 2)]
    files.write([{"v": value} for value in rows], schema={})
    assert files.text() == (
        '"v"\ntrue\n1180591620717411303424\n0.1\n"1"\n"{""a"":[1,null]}"\n"[""✓""]"\n"2026-01-02"\n'
    )


def test_without_a_schema_the_first_batch_says_what_the_columns_are(files: Files) -> None:
    first, second = files.write([{"a": 1}, {"b": 2}], [{"b": 3}, {"c": 4}, {"a": 5}], schema={})
    assert files.text() == '"a","b"\n1,\n,2\n,3\n5,\n'
    assert (first.records_failed, second.records_failed) == (0, 1)
    assert "no column 'c'" in reasons(second)[0]


def test_columns_can_be_said_and_the_rest_kept_as_json(files: Files) -> None:
    (result,) = files.write(
        [{"id": 1, "x": [1], "y": None}, {"id": 2}], columns=["name", "id"], extra_column="more"
    )
    assert files.text() == '"name","id","more"\n,1,"{""x"":[1],""y"":null}"\n,2,\n'
    assert result.records_failed == 0


def test_a_file_that_is_there_keeps_its_columns(files: Files) -> None:
    (files.folder / "out.csv").write_text("name,id\nsomebody,0\n")
    files.write([{"id": 1, "name": "x"}])
    assert files.text() == 'name,id\nsomebody,0\n"x",1\n'
    with pytest.raises(ConnectorError, match="has no column 'more'"):
        files.write([{"id": 1}], extra_column="more")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"a,a\n", "two columns of one name"), (b'"a"b\n', "no header that can be read"),
     (b"\xff\n", "no header that can be read"), (b"\n\r\n", "no header that can be read"), (b'a,b\n"x"y,1\n1,"', "no CSV that can be appended")],
)  # fmt: skip
def test_a_file_that_is_something_else_is_left_alone(
    files: Files, content: bytes, says: str
) -> None:
    path = files.folder / "out.csv"
    path.write_bytes(content)
    with pytest.raises(ConnectorError, match=says):
        files.write([{"id": 1}])
    assert path.read_bytes() == content


def test_changes_need_a_column_for_what_they_are(files: Files) -> None:
    def change(kind: EventType, data: Any) -> SourceEvent:
        return SourceEvent(stream="s", event_type=kind, data=data)

    changes = [
        change(EventType.INSERT, {"id": 1}),
        change(EventType.UPDATE, {"before": {"id": 1}, "after": {"id": 2}}),
        change(EventType.DELETE, {"id": 2}),
        change(EventType.TRUNCATE, None),
    ]
    (plain,) = files.write(changes)
    assert files.text() == '"id","name"\n1,\n2,\n'
    assert [reason.partition(":")[0] for reason in reasons(plain)] == [
        "a delete would look like a record",
        "a truncate would look like a record",
    ]
    (told,) = files.write(changes, name="told.csv", type_column="op")
    assert told.records_failed == 0
    assert files.text("told.csv") == (
        '"id","name","op"\n1,,"insert"\n2,,"update"\n2,,"delete"\n,,"truncate"\n'
    )


def test_a_record_that_cannot_be_a_row_is_named_and_its_neighbours_are_written(
    files: Files,
) -> None:
    events = [
        SourceEvent.record("s", one)
        for one in (
            {"id": 1},
            {"id": float("nan")},
            {"id": "\ud800"},
            {"id": {"a": float("inf")}},
            {"id": object()},
            [1],
            {"id": 2},
        )
    ]
    (result,) = files.write(events)
    assert files.rows() == [["id", "name"], ["1", ""], ["2", ""]]
    assert [one.event for one in result.failed_events] == events[1:-1]
    (blank,) = files.write([{"a": None}, {"a": 1}], name="one.csv", schema={})
    assert files.text("one.csv") == '"a"\n1\n'
    assert "blank line" in reasons(blank)[0]


def test_formulas_are_texts_where_people_open_the_file(files: Files) -> None:
    row = {"id": -1, "name": '=HYPERLINK("x")'}
    files.write([row])
    files.write([row, {"name": "@x"}, {"name": "a=b"}], name="people.csv", escape_formulas=True)
    assert files.text() == '"id","name"\n-1,"=HYPERLINK(""x"")"\n'
    assert files.text("people.csv") == ('"id","name"\n-1,"\'=HYPERLINK(""x"")"\n,"\'@x"\n,"a=b"\n')


def test_a_field_whose_name_is_a_formula_keeps_its_column(files: Files) -> None:
    row = {"@id": 1, "name": "a"}
    for _ in range(2):
        (result,) = files.write([row], schema={}, escape_formulas=True)
        assert not result.has_failures()
    assert files.text() == '"\'@id","name"\n1,"a"\n1,"a"\n'
    odd = {"'@id": 1, "=x": 2}
    for _ in range(2):
        (result,) = files.write(
            [odd], name="odd.csv", schema={"properties": odd}, escape_formulas=True
        )
        assert not result.has_failures()


def test_delimiter_and_line_end_are_what_the_config_says(files: Files) -> None:
    files.write([{"id": 1, "name": "a;b"}], [{"id": 2}], delimiter=";", line_ending="crlf")
    assert files.text() == '"id";"name"\r\n1;"a;b"\r\n2;\r\n'


@pytest.mark.parametrize("ending", ["lf", "crlf"])
def test_what_a_crash_has_cut_off_anywhere_is_cut_off_whole_and_kept(
    files: Files, ending: str
) -> None:
    rows = [{"id": 1, "name": 'x "y"\nz'}, {"id": 12, "name": "a\r\n"}, {"id": 3, "name": None}]
    files.write(rows, line_ending=ending)
    path = files.folder / "out.csv"
    content = path.read_bytes()
    whole = [0]
    end = b"\r\n" if ending == "crlf" else b"\n"
    for row in csv.reader(content.decode().splitlines(keepends=True), strict=True):
        shown = [
            ('"' + cell.replace('"', '""') + '"') if not cell.isdigit() and cell else cell
            for cell in row
        ]
        whole.append(whole[-1] + len(",".join(shown).encode()) + len(end))
    assert whole[-1] == len(content)
    for size in range(len(content)):
        path.write_bytes(content[:size])
        (files.folder / "out.csv.torn").unlink(missing_ok=True)
        files.write([{"id": 9, "name": "new"}], line_ending=ending)
        kept = max(one for one in whole if one <= size)
        head = content[: whole[1]] if kept == 0 else b""
        assert path.read_bytes() == head + content[:kept] + b'9,"new"' + end
        torn = files.folder / "out.csv.torn"
        assert (torn.read_bytes() if torn.exists() else end) == content[kept:size] + end


def test_a_stray_quote_in_somebody_s_file_costs_nothing(files: Files) -> None:
    content = 'id,name\n1,5" disk\n2,x\n'
    path = files.folder / "out.csv"
    path.write_text(content)
    files.write([{"id": 3, "name": "y"}])
    assert path.read_text() == content + '3,"y"\n'


def test_a_header_may_stand_behind_blank_lines(files: Files) -> None:
    """Readers skip them; taken for a file without a header, the first row would become one."""
    (files.folder / "out.csv").write_text("\nname,id\n")
    files.write([{"id": 1, "name": "x"}])
    assert files.text() == '\nname,id\n"x",1\n'


def test_extra_fields_and_types_need_a_column_each(files: Files) -> None:
    """Else the extra fields would be lost."""
    with pytest.raises(ConnectorError, match="are the same column"):
        files.write([{"id": 1, "x": 2}], extra_column="more", type_column="more")


def test_a_torn_file_is_repaired_however_long_its_cells_are(files: Files) -> None:
    default = csv.field_size_limit(131_072)  # what a new process has
    try:
        long = "x" * 200_000
        whole = f'"id","name"\n1,"{long}"\n'
        (files.folder / "out.csv").write_text(f'{whole}2,"{long}')
        files.write([{"id": 3}])
        assert files.text() == f"{whole}3,\n"
    finally:
        csv.field_size_limit(default)


def test_a_full_disk_leaves_whole_rows_and_the_header_comes_with_the_next(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.writev

    def full(descriptor: int, parts: Any) -> int:
        real(descriptor, [memoryview(b"".join(parts))[:5]])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(OSError, match="No space"):
        files.write([{"id": 1}])
    assert files.text() == ""
    monkeypatch.setattr(os, "writev", real)
    files.write([{"id": 1}])
    assert files.text() == '"id","name"\n1,\n'


def test_hostile_names_are_cells_and_file_names(files: Files) -> None:
    names = ['a"b', "x,y", "=1", "new\nline", "ä✓", "../up"]
    events = [SourceEvent.record(name, {name: name}) for name in names]
    (result,) = files.write(events, name="{stream}.csv", schema={})
    assert result.records_failed == 0
    found = {path.name: files.rows(path.name) for path in files.folder.iterdir()}
    assert sorted(found.values()) == sorted([[name], [name]] for name in names)
    assert files.folder.parent.joinpath("up.csv").exists() is False


def test_two_streams_of_one_file_share_its_columns(files: Files) -> None:
    async def work() -> None:
        config, sink = CsvSinkConfig(path=str(files.folder / "out.csv")), CsvSink()
        streams = [Stream(name=n, json_schema={"properties": {n: {}}}) for n in ("a", "b")]
        await sink.prepare(config, ConfiguredCatalog.from_catalog(Catalog(streams)))
        await sink.write_batch(config, [SourceEvent.record(n, {n: 1}) for n in ("a", "b")])
        await sink.flush(config)
        await sink.close()

    asyncio.run(work())
    assert files.text() == '"a","b"\n1,\n,1\n'


def test_preparing_and_checking_create_nothing(files: Files) -> None:
    files.write(schema=SCHEMA, name="new/out.csv")
    config = CsvSinkConfig(path=str(files.folder / "other" / "out.csv"))
    assert asyncio.run(CsvSink().check(config)).is_success()
    assert list(files.folder.iterdir()) == []


VALUES = st.none() | st.booleans() | st.integers() | st.text(alphabet='a,"\n\r ä', max_size=5)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(VALUES, VALUES), max_size=8), ending=st.sampled_from(["lf", "crlf"]))
def test_null_and_the_empty_text_are_told_apart_by_who_looks(
    rows: list[tuple[Any, Any]], ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = Files(tmp_path_factory.mktemp("csv"))
    files.write([{"id": a, "name": b} for a, b in rows], line_ending=ending)
    if not rows:
        return
    shown = [[_shown(value) for value in row] for row in rows]
    assert files.rows()[1:] == shown
    import pyarrow.csv as arrow

    table = arrow.read_csv(
        files.folder / "out.csv",
        parse_options=arrow.ParseOptions(newlines_in_values=True),
        convert_options=arrow.ConvertOptions(
            column_types={"id": "string", "name": "string"},
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
    wanted = [[None if value is None else _shown(value) for value in row] for row in rows]
    assert [list(row.values()) for row in table.to_pylist()] == wanted


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def test_a_file_is_looked_through_once_however_many_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each append of many streams reads a whole file."""
    looked: list[str] = []
    look = CsvRecords.start_of_last

    def counting(form: CsvRecords, path: str, descriptor: int, size: int) -> int:
        looked.append(path)
        return look(form, path, descriptor, size)

    monkeypatch.setattr(CsvRecords, "start_of_last", counting)
    paths = [str(tmp_path / name) for name in "abc"]
    Path(paths[2]).write_bytes(b"1\n2")
    files = AppendedFiles(CsvRecords(b"\n", ","), most_open=1)
    for _ in range(3):
        for path in paths:
            files.append(path, [b"3\n"])
    assert looked == paths[2:]
    files.append(paths[0], [b"4\n"])
    with open(paths[2], "ab") as other:
        other.write(b"5")
    files.append(paths[2], [b"6\n"])
    files.close()
    assert looked == [paths[2]] * 2
    assert Path(paths[2]).read_bytes() == b"1\n3\n3\n3\n6\n"
