"""Transforms where users put them: on both sides of a topic, conditional, chained, failing."""

from __future__ import annotations

import copy
import dataclasses
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from engine_kit import (
    MemoryStore,
    SourceLog,
    Sunk,
    letters,
    make_sink,
    make_source,
    make_transform,
    plan_of,
    registries,
    run_plan,
    saved,
    transient,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect._batch import Item
from rivven_connect._errors import ConnectorError
from rivven_connect._events import EventMetadata, SourceEvent
from rivven_connect._registry import Registries, TransformRegistry
from rivven_connect._state import State
from rivven_connect._transform import Transform
from rivven_connect.pipeline import RunSummary

BUILT_INS = ("cast", "filter", "flatten", "insert", "mask", "rename", "route", "timestamp")
RETRY = {"retry": {"max_retries": 3, "initial_backoff_ms": 1, "max_backoff_ms": 2}}

Chain = Sequence[dict[str, Any]]


@dataclasses.dataclass
class Ran:
    """What a pipeline did with some events."""

    summary: RunSummary
    sinks: dict[str, Sunk]
    source: SourceLog
    letters: list[dict[str, Any]]

    def records(self, sink: str = "z") -> list[Any]:
        """Return what a sink has durable, in order."""
        return self.sinks[sink].durable


def built_ins() -> dict[str, type[Transform[Any]]]:
    registry = TransformRegistry.installed()
    return {name: registry.resolve(name).cls for name in BUILT_INS}


def run(
    folder: Path,
    events: Sequence[SourceEvent],
    at_source: Chain = (),
    at_sinks: dict[str, Chain] | None = None,
    *,
    dead_letters: bool = True,
    memory: MemoryStore | None = None,
    **transforms: type[Transform[Any]],
) -> Ran:
    """Run one source and its sinks, which share its topic, to the end."""

    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        for one in copy.deepcopy(list(events)):
            if one.position is None or one.position > saved(state, one.stream):
                yield one

    sinks = at_sinks or {"z": ()}
    streams = sorted({one.stream for one in events})
    source, log = make_source(read, streams=streams)
    made = {name: make_sink() for name in sinks}
    block = {"dead_letter": {"path": "dead.jsonl", "max_ratio": 1.0}} if dead_letters else {}
    pipeline = {
        "version": "1.0",
        "sources": {"a": {"connector": "src", "transforms": list(at_source), **block}},
        "sinks": {
            name: {"connector": name, "topics": ["a"], "transforms": list(chain), **block}
            for name, chain in sinks.items()
        },
        "settings": RETRY,
    }
    known: Registries = registries(
        {"src": source}, {name: sink for name, (sink, _) in made.items()}, built_ins() | transforms
    )
    summary = run_plan(plan_of(folder, known, json.dumps(pipeline)), memory=memory)
    dead = folder / "dead.jsonl"
    return Ran(
        summary,
        {name: sunk for name, (_, sunk) in made.items()},
        log,
        letters(dead) if dead.exists() else [],
    )


def made(number: int, **more: Any) -> SourceEvent:
    """Return the event of one id, with a state that says that it was read."""
    return SourceEvent(
        stream="s", data={"id": number, **more}, state={"last": number}, position=number
    )


PEOPLE = [made(n, email=f"p{n}@example.com", home={"city": "Bonn", "zip": "0" * n}) for n in (1, 2)]


def test_a_transform_at_the_source_is_seen_by_every_sink(tmp_path: Path) -> None:
    ran = run(
        tmp_path,
        PEOPLE,
        [{"transform": "mask", "config": {"fields": ["email", "home.zip"]}}],
        {"z": (), "y": ()},
    )
    expected = [{"id": n, "email": "***", "home": {"city": "Bonn", "zip": "***"}} for n in (1, 2)]
    assert ran.records("z") == ran.records("y") == expected


def test_a_transform_at_one_sink_is_not_seen_by_another(tmp_path: Path) -> None:
    def scramble(one: SourceEvent) -> SourceEvent:
        one.data["home"]["city"] = "elsewhere"
        del one.data["email"]
        one.stream, one.namespace, one.event_type = "t", "n", type(one.event_type).INSERT
        return one

    ran = run(
        tmp_path,
        PEOPLE,
        (),
        {
            "built_in": [
                {"transform": "mask", "config": {"fields": ["email"]}},
                {"transform": "flatten", "config": {}},
                {"transform": "rename", "config": {"exclude": ["home_zip"]}},
                {"transform": "insert", "config": {"static_fields": {"home_land": "DE"}}},
                {"transform": "route", "config": {"routes": [{"pattern": "s", "stream": "x"}]}},
            ],
            "in_place": [{"transform": "scramble"}],
            "plain": (),
        },
        scramble=make_transform(scramble),
    )
    assert ran.records("built_in") == [
        {"id": n, "email": "***", "home_city": "Bonn", "home_land": "DE"} for n in (1, 2)
    ]
    assert {one.stream for one in ran.sinks["built_in"].events} == {"x"}
    assert ran.records("plain") == [one.data for one in PEOPLE]
    for got in ran.sinks["plain"].events:
        assert (got.stream, got.namespace, got.event_type) == ("s", None, "record")
    assert [row["home"]["city"] for row in ran.records("in_place")] == ["elsewhere"] * 2


def test_a_transform_at_one_sink_does_not_change_the_metadata_of_another(tmp_path: Path) -> None:
    def scramble(one: SourceEvent) -> SourceEvent:
        assert one.metadata is not None
        one.metadata.extra["tags"].append("scrambled")
        one.metadata.transaction_id = "t"
        return one

    events = [made(1)]
    events[0].metadata = EventMetadata(extra={"tags": ["read"]})
    sinks: dict[str, Chain] = {"in_place": [{"transform": "scramble"}], "plain": ()}
    ran = run(tmp_path, events, (), sinks, scramble=make_transform(scramble))
    assert [one.metadata for one in ran.sinks["plain"].events] == [events[0].metadata]


@pytest.mark.parametrize("late", [False, True])
def test_what_a_failing_transform_did_to_the_event_is_undone(tmp_path: Path, late: bool) -> None:
    calls = []

    def fail(one: SourceEvent) -> SourceEvent:
        calls.append((one.stream, one.event_type.value))
        one.stream, one.event_type = "changed", type(one.event_type).INSERT
        if late and len(calls) > 1:
            return one
        raise transient() if late else ConnectorError.data("it does not fit")

    ran = run(tmp_path, [made(1)], [{"transform": "fail"}], fail=make_transform(fail))
    assert set(calls) == {("s", "record")}
    found = {(letter["stream"], letter["operation"]) for letter in ran.letters}
    assert found == (set() if late else {("s", "record")})


def test_a_chain_runs_in_its_order_and_the_sinks_behind_the_sources(tmp_path: Path) -> None:
    rename = {"transform": "rename", "config": {"from": "id", "to": "key"}}
    insert = {"transform": "insert", "config": {"static_fields": {"id": "new", "key": "new"}}}
    for number, (at_source, at_sink, expected) in enumerate(
        [
            ([rename, insert], (), {"key": 1, "id": "new"}),
            ([rename], [insert], {"key": 1, "id": "new"}),
            ([insert], (), {"id": 1, "key": "new"}),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert run(folder, [made(1)], at_source, {"z": at_sink}).records() == [expected]
    backwards = run(tmp_path, [made(1)], [insert, rename])
    assert backwards.records() == []
    assert [letter["record"] for letter in backwards.letters] == [{"id": 1, "key": "new"}]


def test_what_a_chain_filters_no_later_transform_sees(tmp_path: Path) -> None:
    seen = []

    def note(one: SourceEvent) -> SourceEvent:
        seen.append(one.data["id"])
        return one

    ran = run(
        tmp_path,
        [made(n, odd=bool(n % 2)) for n in range(6)],
        [{"transform": "filter", "config": {"field": "odd", "operator": "==", "value": True}}],
        {"z": [{"transform": "note"}]},
        note=make_transform(note),
    )
    assert seen == [row["id"] for row in ran.records()] == [1, 3, 5]


MIXED = [
    SourceEvent(stream="s", data={"id": 0, "a": {"b": None}}),
    SourceEvent(stream="s", namespace="n", data={"id": 1, "kind": 1, "a.b": 0}),
    SourceEvent(stream="t", namespace="n", data={"id": 2, "kind": True, "a": [{"b": 1}]}),
    SourceEvent.insert("s", {"id": 3, "kind": 1.0, "a": {"b": 1}}),
    SourceEvent.update("s", {"id": 4, "kind": 1}, {"id": 4, "kind": 2}),
    SourceEvent.delete("s", {"id": 5, "kind": 1}),
]


@pytest.mark.parametrize(
    ("when", "acted_on"),
    [
        ({"streams": ["s"]}, {0, 1, 3, 4, 5}),
        ({"streams": ["n.s", "t"]}, {1, 2}),
        ({"streams": ["n"]}, set()),
        ({"namespaces": ["n"]}, {1, 2}),
        ({"operations": ["record"]}, {0, 1, 2}),
        ({"operations": ["insert", "update", "delete"]}, {3, 4, 5}),
        ({"field_exists": "a.b"}, {0, 1, 3}),
        ({"field_exists": "kind"}, {1, 2, 3, 4, 5}),
        ({"field_equals": {"kind": 1}}, {1, 3, 5}),
        ({"field_equals": {"a.b": None}}, {0}),
        ({"field_equals": {"kind": 1, "a.b": 1}}, {3}),
        ({"streams": ["s"], "operations": ["record"], "field_equals": {"kind": 1}}, {1}),
        ({"streams": ["s"], "negate": True}, {2}),
        ({"operations": ["record"], "field_exists": "kind", "negate": True}, {0, 3, 4, 5}),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("side", ["source", "sink"])
def test_when_says_which_events_a_transform_acts_on(
    tmp_path: Path, side: str, when: dict[str, Any], acted_on: set[int]
) -> None:
    step = {"transform": "mark", "when": when}
    marked = set()

    def mark(one: SourceEvent) -> SourceEvent:
        marked.add((one.after() or one.before())["id"])
        return one

    at_source, at_sink = ([step], ()) if side == "source" else ((), [step])
    ran = run(tmp_path, MIXED, at_source, {"z": at_sink}, mark=make_transform(mark))
    assert marked == acted_on
    assert ran.records() == [one.data for one in MIXED]


def test_a_routed_event_counts_for_the_stream_that_it_was_read_from(tmp_path: Path) -> None:
    rules = [{"field": "id", "value": 1, "stream": "ones", "namespace": "n"}]
    chain = [{"transform": "route", "config": {"routes": rules, "default_stream": "{stream}_rest"}}]
    memory = MemoryStore()
    first = run(tmp_path, [made(1), made(2)], chain, memory=memory)
    assert [(one.namespace, one.stream) for one in first.sinks["z"].events] == [
        ("n", "ones"),
        (None, "s_rest"),
    ]
    again = run(tmp_path, [made(1), made(2), made(3)], chain, memory=memory)
    assert again.records() == [{"id": 3}]


Fate = st.sampled_from(["passes", "passes", "data", "bug", "changes_then_fails", "passes_late"])


@settings(max_examples=40, deadline=None)
@given(
    fates=st.lists(Fate, min_size=1, max_size=30), side=st.sampled_from(["source", "sink", "both"])
)
def test_failing_records_go_to_dead_letters_and_the_others_on_in_order(
    fates: list[str], side: str
) -> None:
    tried: set[tuple[str, int]] = set()

    def fail(one: SourceEvent) -> SourceEvent:
        number = one.data["id"]
        match fates[number]:
            case "data":
                raise ConnectorError.data("it does not fit")
            case "bug":
                raise KeyError("a bug")
            case "changes_then_fails":
                one.data["inner"]["steps"].append("half")
                one.data["id"] = None
                raise ValueError("too late")
            case "passes_late" if ("fail", number) not in tried:
                tried.add(("fail", number))
                one.data["inner"]["steps"].append("half")
                raise transient()
        one.data["inner"]["steps"].append("done")
        return one

    before = {"transform": "insert", "config": {"static_fields": {"inner.before": 1}}}
    behind = {"transform": "insert", "config": {"static_fields": {"behind": 2}}}
    chain: Chain = [before, {"transform": "fail"}, behind]
    spread: dict[str, tuple[Chain, Chain]] = {
        "source": (chain, ()),
        "sink": ((), chain),
        "both": (chain[:1], chain[1:]),
    }
    at_source, at_sink = spread[side]
    events = [made(number, inner={"steps": []}) for number in range(len(fates))]
    with tempfile.TemporaryDirectory() as folder:
        ran = run(
            Path(folder),
            events,
            at_source,
            {"z": at_sink, "untouched": ()},
            memory=MemoryStore(),
            fail=make_transform(fail),
        )
    passing = [n for n, fate in enumerate(fates) if fate.startswith("passes")]
    failing = [n for n in range(len(fates)) if n not in passing]
    assert ran.records() == [
        {"id": n, "inner": {"steps": ["done"], "before": 1}, "behind": 2} for n in passing
    ]
    assert [letter["record"] for letter in ran.letters] == [
        {"id": n, "inner": {"steps": [], "before": 1}} for n in failing
    ]
    where = "sources/a" if side == "source" else "sinks/z"
    place = f"{where}/transforms/{0 if side == 'both' else 1}"
    assert {letter["path"] for letter in ran.letters} <= {place}
    others = ran.records("untouched")
    assert [row["id"] for row in others] == (
        passing if side == "source" else list(range(len(fates)))
    )
    assert side != "sink" or others == [one.data for one in events]


@pytest.mark.parametrize("side", ["source", "sink"])
def test_built_ins_refuse_records_one_by_one(tmp_path: Path, side: str) -> None:
    chain = [
        {"transform": "flatten", "config": {}},
        {"transform": "cast", "config": {"fields": {"n": "integer"}}},
        {"transform": "timestamp", "config": {"fields": ["at"], "to": "date"}},
    ]
    rows = [
        {"n": "1", "at": 0},
        {"n": "1.5", "at": 0},
        {"n": "2", "at": "soon"},
        {"a_b": 1, "a": {"b": 2}},
        {"n": "3", "a": {"b": 1}},
        [1],
    ]
    events = [SourceEvent(stream="s", data=row, position=n) for n, row in enumerate(rows)]
    at_source, at_sink = (chain, ()) if side == "source" else ((), chain)
    ran = run(tmp_path, events, at_source, {"z": at_sink})
    assert ran.records() == [{"n": 1, "at": "1970-01-01"}, {"n": 3, "a_b": 1}, [1]]
    assert [(letter["path"][-1], letter["record"]) for letter in ran.letters] == [
        ("1", {"n": "1.5", "at": 0}),
        ("2", {"n": 2, "at": "soon"}),
        ("0", {"a_b": 1, "a": {"b": 2}}),
    ]
