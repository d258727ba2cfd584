"""Many records through a chain of transforms, side by side: no transform can tell."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    EmptyConfig,
    make_sink,
    make_source,
    make_transform,
    rows,
    simple_plan,
    transient,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect._batch import EventBatch
from rivven_connect._errors import ConnectorError, RivvenError
from rivven_connect._events import EventMetadata, EventType, SourceEvent
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._transform import Transform, Transformed
from rivven_connect.pipeline.blocks import HeldBatch
from rivven_connect.pipeline.chain import TransformChain
from rivven_connect.pipeline.march import Transformed as Found

Function = Callable[[SourceEvent], Transformed]


def chain_of(
    folder: Path, *transforms: type[Transform[Any]], when: str = "", on_error: str = "dead_letter"
) -> TransformChain:
    """Return the chain of a source with these transforms."""
    source, _ = make_source(rows(()))
    sink, _ = make_sink()
    names = [f"t{number}" for number in range(len(transforms))]
    blocks = ", ".join(f"{{transform: {name}, on_error: {on_error}{when}}}" for name in names)
    keys = f"dead_letter: {{path: d.jsonl, max_ratio: 1}}, transforms: [{blocks}]"
    text = SIMPLE.replace("connector: src", f"connector: src, {keys}") + QUICK
    plan = simple_plan(
        folder, source, sink, text, **dict(zip(names, transforms, strict=True))
    ).sources[0]
    return TransformChain(plan.transforms, plan.retry)


def events_of(records: Sequence[Any]) -> list[SourceEvent]:
    """Return an event per record."""
    return [
        SourceEvent(stream="s", data=copy.deepcopy(data), position=place)
        for place, data in enumerate(records)
    ]


def run(
    chain: TransformChain, events: Sequence[SourceEvent] | EventBatch, *, together: bool
) -> tuple[Found, RivvenError | None]:
    """Return what a chain makes of events, and what ended it."""

    async def drive() -> tuple[Found, RivvenError | None]:
        into = Found()
        async with contextlib.AsyncExitStack() as stack:
            await chain.open(stack)
            try:
                if together:
                    held = events if isinstance(events, EventBatch) else HeldBatch([*events])
                    await chain.apply_all(held, "a", into)
                else:
                    for event in events.events() if isinstance(events, EventBatch) else events:
                        await chain.apply(event, "a", into)
            except RivvenError as error:
                return into, error
        return into, None

    return asyncio.run(drive())


def seen(found: Found) -> Any:
    """Return all that can be seen of a result."""
    events = [(one.stream, one.data, one.position, one.sub_index) for one in found.events]
    letters = [(one.record, one.position, one.sub_index, one.error_class) for one in found.letters]
    return events, letters, found.filtered, found.dropped, found.read


class Counting:
    """A transform that numbers what it gets, and does with it what the number says."""

    def __init__(self, doings: Sequence[str]) -> None:
        self._doings = doings
        self._count = 0

    def __call__(self, event: SourceEvent) -> Transformed:
        doing = self._doings[self._count % len(self._doings)]
        self._count += 1
        event.data["path"].append(self._count)
        if doing == "none":
            return None
        if doing == "two":
            return [event, SourceEvent(stream="s", data={"path": [*event.data["path"], "b"]})]
        if doing == "fail":
            raise ConnectorError.data("no")
        if doing == "other":
            return SourceEvent(stream="s", data={"path": event.data["path"]})
        if doing == "moved":
            event.stream = "elsewhere"
        return event


DOINGS = ["one", "one", "none", "two", "fail", "other", "moved"]
STEPS = st.lists(st.sampled_from(DOINGS), min_size=1, max_size=5)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(STEPS, min_size=1, max_size=3),
    st.integers(1, 12),
    st.booleans(),
    st.sampled_from(["dead_letter", "drop", "stop"]),
)
def test_every_transform_of_a_chain_sees_the_records_in_their_order(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[list[str]],
    count: int,
    is_plain: bool,
    on_error: str,
) -> None:
    folder = tmp_path_factory.mktemp("march")
    records: list[Any] = [{"path": []} for _ in range(count)]

    def result(*, together: bool) -> Any:
        made = [make_transform(Counting(doings)) for doings in steps]
        chain = chain_of(folder, *made, on_error=on_error)
        batch = EventBatch(stream="s", records=copy.deepcopy(records))
        given = batch if is_plain else events_of(records)
        found, error = run(chain, given, together=together)
        assert found.whole is None or list(found.whole.events()) == found.events
        return seen(found), str(error)

    assert result(together=True) == result(together=False)


WHEN = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
ENVELOPES: list[tuple[str, Any]] = [
    ("stream", "elsewhere"),
    ("namespace", "n"),
    ("event_type", EventType.DELETE),
    ("timestamp", WHEN),
    ("metadata", EventMetadata(extra={})),
    ("position", 7),
]


def test_events_of_which_only_the_records_differ_go_on_as_one_batch(tmp_path: Path) -> None:
    def double(one: SourceEvent) -> Transformed:
        one.data = {"n": 2 * one.data["n"]}
        return one

    batch = EventBatch(stream="s", records=[{"n": n} for n in range(3)], timestamp=WHEN)
    found, _ = run(chain_of(tmp_path, make_transform(double)), batch, together=True)
    assert found.whole is not None
    assert found.whole.records == [{"n": 0}, {"n": 2}, {"n": 4}]
    assert list(found.whole.events()) == found.events
    assert {one.timestamp for one in found.events} == {WHEN}


@pytest.mark.parametrize(("name", "value"), ENVELOPES)
def test_one_envelope_that_differs_keeps_them_apart(tmp_path: Path, name: str, value: Any) -> None:
    def change_one(one: SourceEvent) -> Transformed:
        if one.data["n"] == 1:
            setattr(one, name, value)
        return one

    batch = EventBatch(stream="s", records=[{"n": n} for n in range(3)])
    found, _ = run(chain_of(tmp_path, make_transform(change_one)), batch, together=True)
    assert found.whole is None
    assert [getattr(one, name) == value for one in found.events] == [False, True, False]


class Batched(Transform[EmptyConfig]):
    """A transform with a batch form, which `form` is; one by one, it says so."""

    config_type = EmptyConfig
    form: Callable[[list[SourceEvent]], Any]

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(connector_type="b", version="1.0.0", kind=ConnectorKind.TRANSFORM)

    def transform(self, config: EmptyConfig, event: SourceEvent) -> Transformed:
        event.data["singly"] = type(event.data.get("day")).__name__
        return event

    async def transform_batch(
        self, config: EmptyConfig, events: Sequence[SourceEvent]
    ) -> list[SourceEvent]:
        found: list[SourceEvent] = type(self).form(list(events))
        return found


def batched(form: Callable[[list[SourceEvent]], Any]) -> type[Batched]:
    """Return a transform class with this batch form."""
    return type("Made", (Batched,), {"form": staticmethod(form)})


def change(events: list[SourceEvent]) -> list[SourceEvent]:
    for one in events:
        one.data["n"] = -1
        if one.metadata is not None:
            one.metadata.extra["n"] = -1
        one.stream = "changed"
    return events


def fail(events: list[SourceEvent]) -> list[SourceEvent]:
    change(events)
    raise ConnectorError.data("one of them is bad")


def plain_fail(_events: list[SourceEvent]) -> list[SourceEvent]:
    raise ConnectorError.data("one of them is bad")


USABLE: list[tuple[Callable[[list[SourceEvent]], Any], list[int]]] = [
    (change, [0, 1, 2, 3]),
    (lambda events: change(events)[1:3], [1, 2]),
    (lambda events: tuple(change(events)[::2]), [0, 2]),
    (lambda _events: [], []),
]


@pytest.mark.parametrize(("form", "left"), USABLE)
def test_a_batch_form_that_returns_its_events_in_order_is_taken(
    tmp_path: Path, form: Any, left: list[int]
) -> None:
    events = events_of([{"n": number} for number in range(4)])
    found, error = run(chain_of(tmp_path, batched(form)), events, together=True)
    assert error is None
    assert [one.position for one in found.events] == left
    assert all("singly" not in one.data for one in found.events)
    assert all(one is events[place] for one, place in zip(found.events, left, strict=True))
    assert (found.read, found.filtered) == (4, 4 - len(left))


UNUSABLE: list[Callable[[list[SourceEvent]], Any]] = [
    fail,
    lambda events: change(events)[::-1],
    lambda events: [*change(events), events[0]],
    lambda events: [events[0], *change(events)],
    lambda events: [copy.copy(one) for one in change(events)],
    lambda events: change(events) and None,
    lambda events: (one for one in change(events)),
    lambda events: {one.position: one for one in change(events)},
    lambda events: change(events) and 7,
]


@pytest.mark.parametrize("form", UNUSABLE)
def test_of_any_other_batch_form_nothing_is_left(tmp_path: Path, form: Any) -> None:
    events = events_of([{"n": number} for number in range(4)])
    for one in events:
        one.metadata = EventMetadata(extra={"n": one.position})
    found, error = run(chain_of(tmp_path, batched(form)), events, together=True)
    assert error is None
    assert [one.data for one in found.events] == [
        {"n": number, "singly": "NoneType"} for number in range(4)
    ]
    assert [one.metadata.extra for one in found.events if one.metadata] == [
        {"n": number} for number in range(4)
    ]
    assert {one.stream for one in found.events} == {"s"}


def test_what_a_batch_form_did_not_touch_keeps_even_its_dates(tmp_path: Path) -> None:
    events = events_of([{"day": datetime.date(2024, 1, 2)}])
    found, _ = run(chain_of(tmp_path, batched(plain_fail)), events, together=True)
    assert found.events[0].data == {"day": datetime.date(2024, 1, 2), "singly": "date"}


def test_a_batch_form_gets_what_is_chosen_and_never_nothing(tmp_path: Path) -> None:
    given: list[list[int]] = []

    def note(events: list[SourceEvent]) -> list[SourceEvent]:
        given.append([one.data["n"] for one in events])
        return events[1:]

    chain = chain_of(tmp_path, batched(note), batched(note), when=", when: {field_exists: big}")
    found, _ = run(
        chain, events_of([{"n": 0}, {"n": 1}, *({"n": n, "big": 1} for n in (2, 3))]), together=True
    )
    assert given == [[2, 3], [3]]
    assert [one.data["n"] for one in found.events] == [0, 1]
    run(chain, events_of([{"n": 0}]), together=True)
    assert given == [[2, 3], [3]]


def test_a_failure_that_may_pass_is_tried_on_the_untouched_record(tmp_path: Path) -> None:
    tried: list[Any] = []

    def passing(one: SourceEvent) -> Transformed:
        tried.append((one.position, copy.deepcopy(one.data)))
        one.data["n"].append(1)
        if one.position == 1:
            raise transient()
        return one

    chain = chain_of(tmp_path, make_transform(passing), on_error="dead_letter")
    found, error = run(chain, events_of([{"n": []} for _ in range(3)]), together=True)
    assert [one.position for one in found.events] == [0]
    assert "the other side is away" in str(error)
    assert tried == [(0, {"n": []}), *[(1, {"n": []})] * 4], "a first try and three more"


def test_what_went_before_a_stop_goes_on_through_all_steps(tmp_path: Path) -> None:
    def stop_at_two(one: SourceEvent) -> Transformed:
        if one.data["n"] == 2:
            raise ConnectorError.data("no")
        return [one, SourceEvent(stream="s", data={"n": one.data["n"] + 10})]

    def mark(one: SourceEvent) -> Transformed:
        one.data["marked"] = True
        return one

    chain = chain_of(tmp_path, make_transform(stop_at_two), make_transform(mark), on_error="stop")
    found, error = run(chain, events_of([{"n": number} for number in range(4)]), together=True)
    assert error is not None
    assert [one.data["n"] for one in found.events] == [0, 10, 1, 11]
    assert all(one.data["marked"] for one in found.events)
    assert found.read == 2


def test_a_cancellation_from_within_a_transform_is_no_stop(tmp_path: Path) -> None:
    def cancelled(_one: SourceEvent) -> Transformed:
        raise asyncio.CancelledError

    _, error = run(chain_of(tmp_path, make_transform(cancelled)), events_of([{}]), together=True)
    assert "nobody had asked for" in str(error)


@pytest.mark.parametrize("outcome", ["none", "two", "fail"])
def test_a_record_that_is_not_json_is_as_it_was_where_a_transform_gives_no_single_event(
    tmp_path: Path, outcome: str
) -> None:
    """Rows of `csv.DictReader` have the key None where a line is too long."""

    def change(event: SourceEvent) -> Transformed:
        event.data.pop(None, None)
        event.data["n"] += 1
        if outcome == "fail":
            raise ConnectorError.data("no")
        return [event, event] if outcome == "two" else None

    def result(*, together: bool) -> Any:
        chain = chain_of(tmp_path, make_transform(change))
        return run(chain, events_of([{"n": 1}, {"n": 5, None: ["x"]}]), together=together)

    together, alone = result(together=True)[0], result(together=False)[0]
    assert seen(together) == seen(alone)
    assert [one.record for one in together.letters][-1] == repr({"n": 5, None: ["x"]})


def test_a_batch_form_that_fails_leaves_times_in_their_zone(tmp_path: Path) -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    events = events_of([{"day": datetime.datetime(2026, 1, 2, 3, tzinfo=zone)}])
    found, _ = run(chain_of(tmp_path, batched(plain_fail)), events, together=True)
    assert found.events[0].data["singly"] == "datetime"
