"""The decoder against an encoder of its own, and against bytes that are no messages."""

from __future__ import annotations

import contextlib
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rivven_connect.connectors.postgres_cdc_source import pgoutput as pg
from rivven_connect.connectors.postgres_cdc_source import tuples
from rivven_connect.connectors.postgres_cdc_source.replication import (
    DATA,
    PAYLOAD,
    Keepalive,
    decode_keepalive,
    encode_status,
    lsn_text,
    moment,
    parse_lsn,
)

from .encoder import encode, number, row

oids = st.integers(0, 2**32 - 1)
longs = st.integers(-(2**63), 2**63 - 1)
names = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=70)
values = st.one_of(st.none(), st.just(tuples.UNCHANGED), st.binary(max_size=40))
columns = st.lists(values, max_size=6)
rows = columns.map(row)
relations = st.builds(
    pg.Relation,
    oid=oids,
    namespace=names.filter(bool),
    name=names,
    replica_identity=st.sampled_from("dnfi"),
    columns=st.lists(
        st.builds(pg.RelationColumn, names, oids, st.integers(-1, 2**31 - 1), st.booleans()),
        max_size=5,
    ).map(tuple),
)


@st.composite
def updates(draw: st.DrawFn) -> pg.Update:
    old = draw(st.none() | rows)
    return pg.Update(draw(oids), old, old is not None and draw(st.booleans()), draw(rows))


changes = st.one_of(
    relations,
    updates(),
    st.builds(pg.Type, oids, names.filter(bool), names),
    st.builds(pg.Insert, oids, rows),
    st.builds(pg.Delete, oids, rows, st.booleans()),
    st.builds(pg.Truncate, st.lists(oids, max_size=5), st.booleans(), st.booleans()),
    st.builds(pg.LogicalMessage, st.booleans(), longs, names, st.binary(max_size=40)),
)
others = st.one_of(
    st.builds(pg.Begin, longs, longs, oids),
    st.builds(pg.Commit, longs, longs, longs),
    st.builds(pg.Origin, longs, names),
    st.builds(pg.StreamCommit, oids, longs, longs, longs),
    st.builds(pg.StreamAbort, oids, oids),
)


@given(st.one_of(changes, others))
def test_what_was_encoded_is_decoded(message: pg.Message) -> None:
    assert pg.Decoder().decode(encode(message)) == message


@given(st.one_of(changes, others), st.binary(max_size=30))
def test_a_message_is_read_behind_its_frame(message: pg.Message, before: bytes) -> None:
    assert pg.Decoder().decode(before + encode(message), len(before)) == message


@given(st.lists(st.tuples(oids, st.lists(st.tuples(oids, changes), max_size=4)), max_size=4))
def test_streamed_blocks_name_the_transaction_of_each_change(
    blocks: list[tuple[int, list[tuple[int, pg.Message]]]],
) -> None:
    decoder = pg.Decoder()
    for xid, block in blocks:
        start = pg.StreamStart(xid, True)
        assert decoder.decode(encode(start)) == start
        for own, change in block:
            assert decoder.decode(encode(change, own)) == change
            assert decoder.xid == own
        assert decoder.decode(encode(pg.StreamStop())) == pg.StreamStop()
        behind = pg.Insert(7, row([b"x"]))
        assert decoder.decode(encode(behind)) == behind


def decode_wholly(data: bytes) -> pg.Message:
    """Decode a message and take its rows apart."""
    message = pg.Decoder().decode(data)
    for sent in (getattr(message, "old", None), getattr(message, "new", None)):
        if sent is not None:
            tuples.split_row(sent)
    return message


@given(st.one_of(changes, others))
def test_every_truncation_and_every_added_byte_is_an_error(message: pg.Message) -> None:
    whole = encode(message)
    for end in range(len(whole)):
        with pytest.raises(tuples.ProtocolError):
            decode_wholly(whole[:end])
    with pytest.raises(tuples.ProtocolError):
        decode_wholly(whole + b"\0")


@given(st.one_of(changes, others), st.data())
def test_a_changed_byte_gives_a_message_or_a_clear_error(
    message: pg.Message, data: st.DataObject
) -> None:
    broken = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(tuples.ProtocolError):
        assert isinstance(decode_wholly(bytes(broken)), pg.Message)


@given(st.binary(max_size=60))
def test_no_bytes_make_the_decoder_fail_otherwise(data: bytes) -> None:
    with contextlib.suppress(tuples.ProtocolError):
        decode_wholly(data)


tables = st.integers(0, 5).flatmap(
    lambda count: st.tuples(
        st.just(count), st.lists(st.lists(values, min_size=count, max_size=count), max_size=5)
    )
)


@given(columns)
def test_a_row_is_taken_apart(found: tuples.Columns) -> None:
    assert tuples.split_row(row(found)) == found


@given(tables)
def test_rows_are_taken_apart_together_as_alone(table: tuple[int, list[tuples.Columns]]) -> None:
    count, found = table
    together = tuples.split_rows([row(one) for one in found], count)
    if count and found:
        assert [*map(tuple, together)] == [*zip(*found, strict=True)]


@given(tables, st.data())
def test_broken_rows_are_the_same_together_as_alone(
    table: tuple[int, list[tuples.Columns]], data: st.DataObject
) -> None:
    count, found = table
    sent = [bytearray(row(one)) for one in found if one]
    for one in sent:
        if data.draw(st.booleans()):
            one[data.draw(st.integers(0, len(one) - 1))] = data.draw(st.sampled_from(b"\0\1tnuK"))
    rows = [*map(bytes, sent)]
    try:
        alone = [tuples.split_row(one) for one in rows]
    except tuples.ProtocolError:
        alone = []
    if rows and all(len(one) == count for one in alone) and alone:
        assert [*map(tuple, tuples.split_rows(rows, count))] == [*zip(*alone, strict=True)]
    elif rows:
        with pytest.raises(tuples.ProtocolError):
            tuples.split_rows(rows, count)


@pytest.mark.parametrize("length", [0, 1, 115, 116, 117, 255, 256, 257, 70_000])
def test_texts_of_any_length_are_whole(length: int) -> None:
    found: tuples.Columns = [b"t" * length, b"", b"\xc3\xa9t", b"n" * length]
    together = tuples.split_rows([row(found)] * 3, 4)
    assert [*map(tuple, together)] == [(one,) * 3 for one in found]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "broken"),
        (b"z", "no message of type 0x7a"),
        (b"I" + number(1, 4) + b"K\0\0", "broken"),
        (b"T" + number(2**32 - 1, 4) + b"\0", "broken"),
        (b"E\0", "another length"),
    ],
)
def test_errors_say_what_is_wrong(data: bytes, says: str) -> None:
    with pytest.raises(tuples.ProtocolError, match=says):
        pg.Decoder().decode(data)


@given(longs, st.binary(max_size=30))
def test_frames_are_data_or_a_keepalive(lsn: int, payload: bytes) -> None:
    data = b"w" + number(lsn, 8) + number(lsn, 8) + number(0, 8) + payload
    assert data[0] == DATA
    assert data[PAYLOAD:] == payload
    keepalive = b"k" + number(lsn, 8) + number(0, 8) + b"\1"
    assert decode_keepalive(keepalive) == Keepalive(lsn, True)
    for broken in (b"", b"x" + payload, keepalive[:-1], keepalive + b"\0"):
        with pytest.raises(tuples.ProtocolError):
            decode_keepalive(broken)


def test_a_status_says_three_times_what_is_durable() -> None:
    now = datetime.datetime(2000, 1, 1, 0, 0, 1, tzinfo=datetime.UTC)
    found = encode_status(2**40 + 5, now)
    assert found == b"r" + number(2**40 + 5, 8) * 3 + number(1_000_000, 8) + b"\0"


@given(st.integers(0, 2**64 - 1))
def test_positions_are_written_as_postgresql_does(lsn: int) -> None:
    assert parse_lsn(lsn_text(lsn)) == lsn
    assert lsn_text(0x16B374D848) == "16/B374D848"


@pytest.mark.parametrize("text", ["", "1", "/", "0/", "x/1", "0/123456789", "-1/0"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no position"):
        parse_lsn(text)


@given(longs)
def test_times_are_utc_or_refused(microseconds: int) -> None:
    with contextlib.suppress(tuples.ProtocolError):
        found = moment(microseconds)
        assert found.tzinfo is datetime.UTC
        assert (found - moment(0)) // datetime.timedelta(microseconds=1) == microseconds


def test_times_beyond_the_calendar_are_refused() -> None:
    with pytest.raises(tuples.ProtocolError, match="9999"):
        moment(2**62)
