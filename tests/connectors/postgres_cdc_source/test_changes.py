"""From messages to batches: what is together, where reading can go on, and what an event says."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rivven_connect import ConnectorError, EventBatch, EventType, Item, Json, Poison, SourceEvent
from rivven_connect.connectors.postgres_cdc_source import pgoutput as pg
from rivven_connect.connectors.postgres_cdc_source import tuples
from rivven_connect.connectors.postgres_cdc_source.changes import (
    MOST_CHANGES,
    Assembler,
    Target,
)
from rivven_connect.connectors.postgres_cdc_source.place import Place
from rivven_connect.connectors.postgres_cdc_source.rows import RowReader
from rivven_connect.postgres import text_decoder
from rivven_connect.postgres._types import BUILT_IN

from .encoder import row

INT, TEXT, JSONB = 23, 25, 3802
START = Place("slot", "system", 1, 7, lsn=100)


def relation(oid: int, name: str, *columns: tuple[str, int, bool]) -> pg.Relation:
    made = tuple(pg.RelationColumn(one, type_oid, -1, is_key) for one, type_oid, is_key in columns)
    return pg.Relation(oid, "public", name, "d", made)


ORDERS = relation(1, "orders", ("id", INT, True), ("note", TEXT, False))
LINES = relation(2, "lines", ("id", INT, True), ("about", JSONB, False))


class Feed:
    """An assembler with two tables that were chosen, and one that was not."""

    def __init__(self, place: Place = START) -> None:
        self.assembler = Assembler(place)
        for one in (ORDERS, LINES):
            self.assembler.define(one, Target(one, BUILT_IN))
        self.assembler.define(relation(3, "others", ("id", INT, True)), None)
        self.items: list[Item] = []

    def transaction(self, final_lsn: int, *changes: Any, ends: bool = True) -> Feed:
        self.assembler.feed(pg.Begin(final_lsn, 1_000_000, 42))
        for one in changes:
            if isinstance(one, pg.Truncate):
                self.assembler.feed(one)
            elif self.assembler.change(one.relation, one, 10):
                self.take()
        if ends:
            self.assembler.feed(pg.Commit(final_lsn, final_lsn + 5, 0))
        return self

    def take(self) -> list[Item]:
        found = list(self.assembler.take())
        self.items += found
        return found

    def events(self) -> list[SourceEvent]:
        batches = [one for one in self.items if isinstance(one, EventBatch)]
        return [event for one in batches for event in one.events()]

    def states(self) -> list[Any]:
        return [one.state for one in self.items if isinstance(one, EventBatch) and one.state]


def insert(number: int, table: int = 1, note: bytes | None = b"x") -> pg.Insert:
    return pg.Insert(table, row([str(number).encode(), note]))


def inserts(start: int, end: int) -> Iterator[pg.Insert]:
    return map(insert, range(start, end))


def ids(events: Sequence[SourceEvent]) -> list[Json]:
    return [event.data["id"] if isinstance(event.data, dict) else None for event in events]


def test_an_event_says_when_where_and_in_which_transaction() -> None:
    feed = Feed().transaction(0x1_0000_0000, insert(1), insert(2))
    feed.take()
    first, second = feed.events()
    assert (first.stream, first.namespace, first.event_type) == (
        "orders",
        "public",
        EventType.INSERT,
    )
    assert (first.data, second.data) == ({"id": 1, "note": "x"}, {"id": 2, "note": "x"})
    assert (first.position, second.position) == (["1/0", 1], ["1/0", 2])
    assert first.timestamp == datetime.datetime(2000, 1, 1, 0, 0, 1, tzinfo=datetime.UTC)
    assert first.metadata is not None
    assert (first.metadata.transaction_id, first.metadata.position) == ("42", "1/0")


def test_small_transactions_of_one_table_are_one_batch_with_one_resume_point() -> None:
    feed = Feed()
    for number in range(5):
        feed.transaction(200 + 10 * number, insert(number))
    batch, state = feed.take()
    assert isinstance(batch, EventBatch)
    assert len(batch) == 5
    assert isinstance(state, EventBatch)
    assert (state.stream, state.records) == ("_state", [])
    assert feed.states() == [START.at(245).to_state()]


def test_the_order_of_changes_holds_across_tables() -> None:
    feed = Feed().transaction(200, insert(1), insert(2, 2, b"1"), insert(3), insert(4))
    feed.take()
    assert [(one.stream, one.data["id"]) for one in feed.events()] == [
        ("orders", 1),
        ("lines", 2),
        ("orders", 3),
        ("orders", 4),
    ]


def test_what_is_open_waits_for_its_commit() -> None:
    feed = Feed().transaction(200, insert(1)).transaction(210, insert(2), ends=False)
    feed.take()
    assert ids(feed.events()) == [1]
    feed.assembler.feed(pg.Commit(210, 215, 0))
    feed.take()
    assert ids(feed.events()) == [1, 2]
    assert feed.states()[-1] == START.at(215).to_state()


def test_a_large_transaction_has_resume_points_inside() -> None:
    count = 2 * MOST_CHANGES + 10
    feed = Feed().transaction(200, *inserts(0, count))
    feed.take()
    assert ids(feed.events()) == list(range(count))
    inside = [START.inside(200, MOST_CHANGES * n).to_state() for n in (1, 2)]
    assert feed.states() == [*inside, START.at(205).to_state()]


def test_a_place_behind_whole_transactions_does_not_forget_what_the_open_one_gave() -> None:
    feed = Feed().transaction(200, insert(-1)).transaction(210, *inserts(0, 1_500), ends=False)
    feed.items += feed.assembler.take_whole()
    assert feed.states()[-1] == START.at(205).inside(210, MOST_CHANGES).to_state()
    feed.assembler.feed(pg.Commit(210, 215, 0))
    feed.items += feed.assembler.take_whole()
    assert ids(feed.events()) == [-1, *range(1_500)]
    assert feed.states()[-1] == START.at(215).to_state()


@pytest.mark.parametrize("delivered", [1, 999, MOST_CHANGES, MOST_CHANGES + 7])
def test_reading_goes_on_inside_a_transaction(delivered: int) -> None:
    count = 2 * MOST_CHANGES
    feed = Feed(START.inside(200, delivered)).transaction(200, *inserts(0, count))
    feed.take()
    assert ids(feed.events()) == list(range(delivered, count))
    assert feed.events()[0].position == ["0/C8", delivered + 1]
    feed.transaction(210, insert(-1))
    feed.take()
    assert ids(feed.events())[-1] == -1, "only the first transaction was delivered in part"


def test_another_transaction_than_the_one_delivered_in_part_is_a_gap() -> None:
    with pytest.raises(ConnectorError, match="gap: 3 changes"):
        Feed(START.inside(200, 3)).transaction(210, insert(1))


def test_tables_that_were_not_chosen_count_and_are_left_out() -> None:
    others = [pg.Insert(3, row([b"1"]))] * 4
    feed = Feed(START.inside(200, 2)).transaction(200, *others, insert(1))
    feed.take()
    assert ids(feed.events()) == [1]
    assert feed.events()[0].position == ["0/C8", 5]


def test_transactions_that_are_behind_us_are_left_out() -> None:
    feed = Feed().transaction(90, insert(1)).transaction(100, insert(2))
    feed.take()
    assert ids(feed.events()) == [2]
    assert feed.states() == [START.at(105).to_state()]


def test_a_keepalive_moves_the_place_only_between_transactions() -> None:
    feed = Feed()
    feed.assembler.advance(150)
    assert feed.assembler.place.lsn == 150
    feed.assembler.advance(120)
    assert feed.assembler.place.lsn == 150
    feed.transaction(200, insert(1), ends=False)
    feed.assembler.advance(300)
    assert feed.assembler.place.lsn == 150
    partly = Feed(START.inside(200, 3))
    partly.assembler.advance(190)
    assert partly.assembler.place == START.inside(200, 3)


def test_updates_and_deletes_say_what_was() -> None:
    key = row([b"1", None])
    whole = row([b"1", b"old"])
    feed = Feed().transaction(
        200,
        pg.Update(1, None, False, row([b"1", b"a"])),
        pg.Update(1, key, True, row([b"2", b"b"])),
        pg.Update(1, whole, False, row([b"1", tuples.UNCHANGED])),
        pg.Update(1, None, False, row([b"1", tuples.UNCHANGED])),
        insert(3),
        pg.Delete(1, key, True),
        pg.Delete(1, whole, False),
    )
    feed.take()
    update, delete = EventType.UPDATE, EventType.DELETE
    assert [(one.event_type, one.data) for one in feed.events()] == [
        (update, {"before": None, "after": {"id": 1, "note": "a"}}),
        (update, {"before": {"id": 1}, "after": {"id": 2, "note": "b"}}),
        (update, {"before": {"id": 1, "note": "old"}, "after": {"id": 1, "note": "old"}}),
        (update, {"before": None, "after": {"id": 1}}),
        (EventType.INSERT, {"id": 3, "note": "x"}),
        (delete, {"id": 1}),
        (delete, {"id": 1, "note": "old"}),
    ]


def test_a_truncate_is_an_event_of_each_chosen_table() -> None:
    feed = Feed().transaction(200, insert(1), pg.Truncate([1, 3, 2], True, False), insert(2))
    feed.take()
    assert [(one.stream, one.event_type, one.data) for one in feed.events()] == [
        ("orders", EventType.INSERT, {"id": 1, "note": "x"}),
        ("orders", EventType.TRUNCATE, None),
        ("lines", EventType.TRUNCATE, None),
        ("orders", EventType.INSERT, {"id": 2, "note": "x"}),
    ]
    assert [one.position for one in feed.events()] == [["0/C8", n] for n in (1, 2, 4, 5)]


def test_a_new_schema_comes_before_the_first_row_that_has_it() -> None:
    feed = Feed()
    wider = relation(1, "orders", ("id", INT, True), ("note", TEXT, False), ("n", INT, False))
    feed.assembler.feed(pg.Begin(200, 0, 1))
    feed.assembler.change(1, insert(1))
    feed.assembler.define(wider, Target(wider, BUILT_IN), {"type": "object"})
    feed.assembler.change(1, pg.Insert(1, row([b"2", None, b"5"])))
    feed.assembler.feed(pg.Commit(200, 205, 0))
    before, schema, behind, _ = feed.take()
    assert isinstance(schema, SourceEvent)
    assert (schema.event_type, schema.full_name()) == (EventType.SCHEMA, "public.orders")
    assert isinstance(before, EventBatch)
    assert before.records == [{"id": 1, "note": "x"}]
    assert isinstance(behind, EventBatch)
    assert behind.records == [{"id": 2, "note": None, "n": 5}]


def test_a_row_that_cannot_be_read_is_poison_and_its_neighbours_are_records() -> None:
    numbers = [b"1", b"broken", b"3"]
    feed = Feed().transaction(200, *(insert(n, 2, one) for n, one in enumerate(numbers)))
    feed.take()
    assert ids(feed.events()) == [0, 2]
    poison = next(one for one in feed.items if isinstance(one, Poison))
    assert poison.stream == "public.lines"
    assert poison.raw == b"1\tbroken"
    assert poison.position == ["0/C8", 2]


def test_a_row_with_other_columns_than_its_table_is_no_message() -> None:
    feed = Feed().transaction(200, pg.Insert(1, row([b"1"])))
    with pytest.raises(tuples.ProtocolError, match="2 columns"):
        feed.take()


@pytest.mark.parametrize(
    "messages",
    [
        [insert(1)],
        [pg.Begin(200, 0, 1), pg.Begin(210, 0, 1)],
        [pg.Commit(200, 205, 0)],
        [pg.Begin(200, 0, 1), pg.Insert(9, row([b"1"]))],
        [pg.StreamStart(1, True)],
    ],
)
def test_messages_in_an_impossible_order_are_refused(messages: list[Any]) -> None:
    assembler = Feed().assembler

    def feed(one: Any) -> None:
        if isinstance(one, pg.Insert):
            assembler.change(one.relation, one)
        else:
            assembler.feed(one)

    *fine, wrong = messages
    for one in fine:
        feed(one)
    with pytest.raises(tuples.ProtocolError):
        feed(wrong)


TEXTS = {
    20: st.integers(-(2**63), 2**63 - 1).map(str),
    1700: st.sampled_from(["1.50", "-3", "NaN", "Infinity"]),
    25: st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=9),
    1082: st.sampled_from(["2024-01-31", "infinity", "0044-03-15 BC"]),
    1114: st.sampled_from(["2024-01-31 10:00:00.5", "-infinity", "0044-03-15 12:00:00 BC"]),
    1184: st.sampled_from(["2024-01-31 10:00:00+00", "infinity", "0044-03-15 12:00:00.25+00 BC"]),
    16: st.sampled_from(["t", "f"]),
    701: st.sampled_from(["1.5", "-0", "1e300", "NaN", "Infinity"]),
    1007: st.sampled_from(["{1,NULL,3}", "{}", "{{1,2},{3,4}}"]),
}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_a_column_read_at_once_is_as_its_values_read_alone(oid: int, data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.none() | TEXTS[oid].map(str.encode), min_size=1, max_size=6))
    together = RowReader([("v", oid)], BUILT_IN).read([texts], len(texts))
    one = text_decoder(oid)
    assert together == [{"v": None if text is None else one(text)} for text in texts]
