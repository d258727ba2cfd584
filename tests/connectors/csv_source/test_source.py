"""Real files, read in order and again from every place; what is no record is named and kept."""

from __future__ import annotations

import asyncio
import csv
import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rivven_connect import ConnectorError, ErrorKind, JsonObject, SyncMode
from rivven_connect import _line_reader as line_reader
from rivven_connect.connectors.csv_source import CsvSource
from rivven_connect.connectors.csv_source._generated import CsvSourceConfig

Reading: TypeAlias = Callable[..., Any]


@pytest.fixture(params=[1, 3, 1000], ids=lambda lines: f"{lines} lines a block")
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_reader, "_BATCH_LINES", request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.csv"


@pytest.fixture
def run(path: Path, read: Any) -> Reading:
    """Return what reads a text as a file of some config, from a state on."""

    def reading(
        content: str | bytes | None = None,
        state: JsonObject | None = None,
        mode: SyncMode = SyncMode.INCREMENTAL,
        **options: Any,
    ) -> Any:
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        config = CsvSourceConfig.model_validate({"path": str(path), **options})
        return asyncio.run(read(CsvSource(), config, state, mode=mode))

    return reading


def records(found: Any) -> list[Any]:
    return [event.data for event in found.events]


@pytest.mark.usefixtures("block")
def test_records_are_read_with_their_names(run: Reading) -> None:
    found = run('id,name\n1,"a ""b""\nc"\r\n2,\n\n3,""\n4,last')
    assert records(found) == [
        {"id": "1", "name": 'a "b"\nc'},
        {"id": "2", "name": None},
        {"id": "3", "name": ""},
        {"id": "4", "name": "last"},
    ]
    assert [event.position for event in found.events] == [8, 23, 27, 32]
    assert not found.poison


@pytest.mark.usefixtures("block")
def test_every_state_is_a_place_to_go_on_at(run: Reading) -> None:
    rows = "".join(f'{n},"x\n{n}",\n' + ("bad\n" if n % 5 == 0 else "") for n in range(20))
    full = run(f"\ufeffid,text,none\n{rows}", columns={"id": "integer"})
    assert [one["id"] for one in records(full)] == list(range(20))
    assert len(full.poison) == 4
    for after, state in full.states:
        rest = run(None, state, columns={"id": "integer"})
        assert records(rest) == records(full)[after:]
        assert {one.position for one in rest.poison} <= {one.position for one in full.poison}


@pytest.mark.usefixtures("block")
def test_what_is_no_record_is_kept_and_its_neighbours_come(run: Reading) -> None:
    found = run(
        b'a,b\n1,2\n3\n4,5,6\n"x"y,7\n8,\xff\n9,10\n"open,11\n12,13\n',
        columns={"b": "integer"},
    )
    assert records(found) == [{"a": "1", "b": 2}, {"a": "9", "b": 10}, {"a": "12", "b": 13}]
    assert [(one.raw, one.error) for one in found.poison] == [
        (b"3", "it has 1 cells, and there are 2 columns"),
        (b"4,5,6", "it has 3 cells, and there are 2 columns"),
        (b'"x"y,7', "',' expected after '\"'"),
        (b"8,\xff", "the text is not utf-8"),
        (b'"open,11', "a quote is not closed"),
    ]
    assert [one.position for one in found.poison] == [8, 10, 16, 23, 32]


def test_a_quote_that_is_never_closed_swallows_no_more_than_a_record_may_hold(
    run: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_reader, "_BATCH_LINES", 5)
    rows = [f"{n},x" for n in range(100)]
    rows[10] = '"open,x'
    found = run("id,b\n" + "\n".join(rows) + "\n", max_record_bytes=50)
    assert [one["id"] for one in records(found)] == [str(n) for n in range(100) if n != 10]
    assert [one.raw for one in found.poison] == [b'"open,x']


def test_a_file_with_the_line_ends_of_old_macs_is_no_csv(run: Reading) -> None:
    found = run("a,b\n1,2\r3,4\n")
    assert [one.error for one in found.poison] == ["a cell without quotes holds a carriage return"]


def test_a_line_that_is_too_long_stops(run: Reading) -> None:
    with pytest.raises(ConnectorError, match="raise `max_record_bytes`"):
        run("a\n" + "x" * 100, max_record_bytes=50)


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("integer", {"0": 0, "-7": -7, "+7": 7, "007": 7, str(2**70): 2**70}, ["1.0", "1_0", " 1", "", "٣"]),
        ("number", {"1": 1, "-.5": -0.5, "1e3": 1000.0, str(2**63): 2**63}, ["nan", "1e999", "1,5", "0x1", ""]),
        ("boolean", {"true": True, "F": False, "1": True, "0": False}, ["yes", "", "2"]),
    ],
)  # fmt: skip
def test_a_cell_is_exactly_of_its_type_or_no_record(
    run: Reading, type_: str, good: JsonObject, bad: list[str]
) -> None:
    lines = [f'x,"{text}"' for text in (*good, *bad)]
    found = run("k,v\n" + "\n".join(lines), columns={"v": type_})
    values = [one["v"] for one in records(found)]
    assert values == list(good.values())
    assert list(map(type, values)) == list(map(type, good.values()))
    assert [one.raw.decode() for one in found.poison] == lines[len(good) :]
    assert {one.error for one in found.poison} == {f"v is no {type_}"}


def test_null_is_what_the_config_says_and_quotes_make_a_text_of_it(run: Reading) -> None:
    content = 'a,b,c\n\\N,"\\N",\n'
    assert records(run(content, null_text="\\N")) == [{"a": None, "b": "\\N", "c": ""}]
    assert records(run(content)) == [{"a": "\\N", "b": "\\N", "c": None}]
    assert records(run(content, null_text=None)) == [{"a": "\\N", "b": "\\N", "c": ""}]
    tricky = '"a,""b",,"",5" x,\n'
    found = run(tricky, header=False, names=["a", "b", "c", "d", "e"])
    assert records(found) == [{"a": 'a,"b', "b": None, "c": "", "d": '5" x', "e": None}]


def test_telling_null_from_an_empty_text_takes_no_memory_for_each_character(run: Reading) -> None:
    long = "x" * 1_000_000 + '""' * 100_000
    tracemalloc.start()
    try:
        found = run(f'a,b,c\n"{long}","",\n')
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert records(found) == [{"a": long.replace('""', '"'), "b": "", "c": None}]
    assert peak < 30 * len(long)


def test_other_delimiters_quotes_and_encodings(run: Reading) -> None:
    found = run(
        "id\tname\n1\t'it''s\t\xe4'\n".encode("windows-1252"),
        delimiter="\t",
        quote="'",
        encoding="windows-1252",
    )
    assert records(found) == [{"id": "1", "name": "it's\tä"}]


def test_names_stand_in_for_a_header_or_take_its_place(run: Reading) -> None:
    assert records(run("1,2\n", header=False, names=["a", "b"])) == [{"a": "1", "b": "2"}]
    assert records(run("x,x\n1,2\n", names=["a", "b"])) == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("a,b,a\n", {}, "two columns 'a'"),
        ("a,,c\n", {}, "column 2 of"),
        ("a,b\n", {"names": ["x"]}, "has 2 columns, and `names` has 1"),
        ("id,total\n", {"columns": {"totl": "number"}}, "did you mean 'total'"),
        ('"a"b,c\n', {}, "the header of"),
        ('"a\n', {}, "a quote is not closed"),
        ("a\n", {"quote": "'", "delimiter": "'"}, "the same character"),
    ],
)
def test_columns_that_cannot_be_are_said_before_anything_is_read(
    run: Reading, path: Path, content: str, options: JsonObject, says: str
) -> None:
    with pytest.raises(ConnectorError, match=says) as caught:
        run(content, **options)
    assert caught.value.kind is ErrorKind.CONFIG
    config = CsvSourceConfig.model_validate({"path": str(path), **options})
    result = asyncio.run(CsvSource().check(config))
    assert [one.passed for one in result.checks] == [True, False]


def test_an_empty_file_has_no_records_and_may_grow(run: Reading, path: Path) -> None:
    assert records(run("")) == []
    first = run("id\n")
    assert records(first) == []
    path.write_text("id\n1\n")
    assert records(run(None, first.states[-1][1])) == [{"id": "1"}]


def test_a_file_that_grows_is_read_on_and_one_that_changes_is_refused(
    run: Reading, path: Path
) -> None:
    state = run("id,b\n1,2\n").states[-1][1]
    with path.open("a") as file:
        file.write("3,4\n")
    assert records(run(None, state)) == [{"id": "3", "b": "4"}]
    for content, says in (("id,c\n1,2\n5,6\n", "holds other bytes"), ("id", "truncated")):
        with pytest.raises(ConnectorError, match=says) as caught:
            run(content, state)
        assert caught.value.kind is ErrorKind.STATE


def test_a_last_record_that_was_still_being_written_is_found_out(run: Reading, path: Path) -> None:
    state = run("id,b\n1,2").states[-1][1]
    path.write_text("id,b\n1,23\n")
    with pytest.raises(ConnectorError, match="has grown since"):
        run(None, state)


def test_a_full_refresh_starts_over_once_it_has_come_to_the_end(run: Reading) -> None:
    full = run("id\n1\n2\n", mode=SyncMode.FULL_REFRESH)
    assert records(run(None, full.states[-1][1], SyncMode.FULL_REFRESH)) == records(full)


def test_the_schema_names_the_columns(path: Path) -> None:
    path.write_text('id,"a ""b"""\n')
    config = CsvSourceConfig(path=str(path), columns={"id": "integer"}, null_text=None)
    (stream,) = asyncio.run(CsvSource().discover(config)).streams
    assert stream.json_schema == {
        "type": "object",
        "required": ["id", 'a "b"'],
        "properties": {"id": {"type": "integer"}, 'a "b"': {"type": "string"}},
    }


CELLS = st.text(alphabet='ab,"\n\r\t ä✓0', max_size=6)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=12), crlf=st.booleans(), size=st.integers(1, 5)
)
def test_what_python_writes_is_read_back(
    rows: list[tuple[str, str]],
    crlf: bool,
    size: int,
    read: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("csv") / "data.csv"
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n" if crlf else "\n")
    writer.writerow(["a", "b"])
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    config = CsvSourceConfig(path=str(path), null_text=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_reader, "_BATCH_LINES", size)
        full = asyncio.run(read(CsvSource(), config))
        assert not full.poison
        assert [tuple(event.data.values()) for event in full.events] == rows
        for after, state in full.states:
            rest = asyncio.run(read(CsvSource(), config, state))
            assert [event.data for event in rest.events] == [
                event.data for event in full.events[after:]
            ]


@pytest.mark.parametrize(
    ("text", "options", "is_told"),
    [
        ("id;name\n1;a\n", {}, True),
        ("id\tname\n1\ta\n", {}, True),
        ("id,name\n1,a\n", {"delimiter": ";"}, True),
        ("id;name\n1;a\n", {"delimiter": ";"}, False),
        ("id\n1\n", {}, False),
        ("1;a\n", {"header": False, "names": ["a;b"]}, False),
    ],
)
def test_a_single_column_that_looks_like_several_is_told(
    run: Reading,
    caplog: pytest.LogCaptureFixture,
    text: str,
    options: JsonObject,
    *,
    is_told: bool,
) -> None:
    """With the wrong delimiter, each row would be one text, and nothing would say so."""
    run(text, **options)
    assert ("is `delimiter` right?" in caplog.text) is is_told
