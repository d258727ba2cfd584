"""Replay: every dead letter goes through the pipeline again, from where it failed, and none is lost."""

from __future__ import annotations

import datetime
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import msgspec.structs
import pytest
from dlq_kit import FAN_OUT, FanOut, Faults, ids_of, replay_now
from engine_kit import (
    QUICK,
    SIMPLE,
    accept,
    make_sink,
    make_source,
    make_transform,
    run_plan,
    simple_plan,
)

from rivven_connect import _failpoints
from rivven_connect._batch import Item, Poison
from rivven_connect._catalog import Catalog, DestinationSyncMode, Stream, SyncMode
from rivven_connect._errors import AlreadyRunning, InputError, PipelineError
from rivven_connect._events import EventMetadata, EventType, SourceEvent
from rivven_connect._sink import WriteResult
from rivven_connect._state import State
from rivven_connect.pipeline import StateStore
from rivven_connect.pipeline.replay import plan_replay
from rivven_connect.pipeline.replay_choice import Chosen, check_chosen
from rivven_connect.pipeline.replay_claim import Claim
from rivven_connect.pipeline.replay_plan import Place, Revision, place_of, replay_plan
from rivven_connect.pipeline.stored_letters import read_lines

ALL = list(range(20))
VALIDATED = FAN_OUT.replace(
    "connector: src", "connector: src\n    streams: [{name: s, validate: true, fields: [id]}]"
)


def failed_run(folder: Path, **ids: set[int]) -> FanOut:
    """Return a pipeline after a run in which these ids failed."""
    one = FanOut(folder, Faults(**ids))
    run_plan(one.plan())
    return one


def repaired(one: FanOut) -> FanOut:
    one.faults.ids.clear()
    one.faults.seen.clear()
    return one


def test_a_replay_delivers_just_the_dead_letters_to_every_sink(tmp_path: Path) -> None:
    one = failed_run(tmp_path, first={1, 2}, second={5}, x={7}, third={9}, z={11})
    assert ids_of(one.left) == sorted(set(ALL) - {1, 2, 5, 7})
    assert ids_of(one.right) == sorted(set(ALL) - {1, 2, 5, 9, 11})
    assert (one.dead("a"), one.dead("x"), one.dead("z")) == ([1, 2, 5], [7], [9, 11])
    result = replay_now(repaired(one).plan())
    assert ids_of(one.left) == ids_of(one.right) == ALL, "everything, once"
    assert one.files() == set()
    assert result.is_complete
    assert {path: found.replayed for path, found in result.places.items()} == {
        "sources/a/transforms/0": 2,
        "sources/a/transforms/1": 1,
        "sinks/x": 1,
        "sinks/z/transforms/0": 1,
        "sinks/z": 1,
    }


def test_a_letter_enters_where_it_failed_and_not_before(tmp_path: Path) -> None:
    one = failed_run(tmp_path, first={1}, second={5}, third={9}, z={11})
    replay_now(repaired(one).plan())
    assert one.faults.seen == {"first": [1], "second": [1, 5], "third": [1, 5, 9]}
    assert one.right.durable[-1] == {"id": 11, "first": True, "second": True, "third": True}


def test_a_second_replay_has_nothing_to_do(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={3, 4})
    replay_now(repaired(one).plan())
    opened = one.log.opened
    result = replay_now(one.plan())
    assert (result.places, result.is_complete) == ({}, True)
    assert ids_of(one.left) == ids_of(one.right) == ALL
    assert one.log.opened == opened, "nothing was even opened"


def test_the_state_of_the_real_source_stays(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={3})
    replay_now(repaired(one).plan())
    store = StateStore.open(one.plan().state_dir, "pipeline")
    try:
        assert store.load("a") == {"s": {"last": 19}}
        assert not [key for key in store.counters() if "replay" in key[0]]
    finally:
        store.close()
    assert len(one.log.states) == 1, "the source was not read again"
    run_plan(one.plan())
    assert ids_of(one.left) == ALL


def test_a_letter_that_a_crash_wrote_twice_is_replayed_once(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={3, 4})
    path = next(tmp_path.glob("*.jsonl"), None) or next(tmp_path.rglob("*.jsonl"))
    path.write_bytes(path.read_bytes() * 2)
    result = replay_now(repaired(one).plan())
    assert ids_of(one.left) == ids_of(one.right) == ALL
    assert sum(found.replayed for found in result.places.values()) == 2
    assert one.files() == set()


def test_a_letter_that_fails_again_is_kept_once_with_its_tries(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={3, 4}, x={7})
    (name,) = (letter["id"] for letter in one.letters("a") if letter["record"]["id"] == 3)
    one.faults.ids = {"second": {3}, "x": {7}}
    result = replay_now(one.plan())
    assert not result.is_complete
    assert (result.places["sources/a/transforms/1"].replayed, one.dead("a")) == (1, [3])
    (again,) = one.letters("a")
    assert (again["attempt"], again["id"], again["source"]) == (2, name, "a")
    assert (again["path"], again["pipeline"]) == ("sources/a/transforms/1", "pipeline")
    assert [(found["attempt"], found["source"]) for found in one.letters("x")] == [(2, "a")]
    replay_now(one.plan())
    assert [found["attempt"] for found in one.letters("a")] == [3]
    replay_now(repaired(one).plan())
    assert ids_of(one.left) == ids_of(one.right) == ALL
    assert one.files() == set()


def test_a_letter_that_fails_later_than_before_is_kept_there(tmp_path: Path) -> None:
    one = failed_run(tmp_path, first={3})
    one.faults.ids = {"z": {3}}
    result = replay_now(one.plan())
    assert (ids_of(one.left), one.dead("a"), one.dead("z")) == (ALL, [], [3])
    assert one.letters("z")[0]["attempt"] == 2, "the tries of the letter it was"
    assert (result.places["sources/a/transforms/0"].failed_again, result.is_complete) == (1, False)
    replay_now(repaired(one).plan())
    assert ids_of(one.left) == ids_of(one.right) == ALL


def test_only_what_was_chosen_is_replayed_and_the_others_keep_their_order(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={2, 3, 5, 8}, x={7})
    chosen = [letter["id"] for letter in one.letters("a") if letter["record"]["id"] in {3, 8}]
    repaired(one).faults.ids = {"second": {8}}
    result = replay_now(one.plan(), ids=chosen)
    assert one.dead("a") == [2, 5, 8], "the failed one behind the others"
    assert one.dead("x") == [7]
    assert (result.places["sources/a/transforms/1"].replayed, list(result.places)) == (
        1,
        ["sources/a/transforms/1"],
    )
    replay_now(repaired(one).plan(), owners=["sinks/x"])
    assert (one.dead("a"), one.dead("x")) == ([2, 5, 8], [])
    replay_now(one.plan())
    assert ids_of(one.left) == ids_of(one.right) == ALL


def test_owners_that_share_a_file_are_told_apart(tmp_path: Path) -> None:
    text = FAN_OUT.replace("dlq/x.jsonl", "dlq/a.jsonl").replace("dlq/z.jsonl", "dlq/a.jsonl")
    one = FanOut(tmp_path, Faults(second={1}, x={7}, z={9}), text=text)
    run_plan(one.plan())
    assert sorted(one.dead("a")) == [1, 7, 9]
    replay_now(repaired(one).plan(), owners=["sinks/x"])
    assert sorted(one.dead("a")) == [1, 9]
    replay_now(one.plan())
    assert ids_of(one.left) == ids_of(one.right) == ALL
    assert one.files() == set()


def test_a_dry_run_says_what_would_happen_and_changes_nothing(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={2, 3}, x={7})
    before = {name: (tmp_path / "dlq" / name).read_bytes() for name in one.files()}
    result = plan_replay(one.plan(), Chosen())
    assert {path: found.replayed for path, found in result.places.items()} == {
        "sources/a/transforms/1": 2,
        "sinks/x": 1,
    }
    assert {name: (tmp_path / "dlq" / name).read_bytes() for name in one.files()} == before


def test_a_running_pipeline_is_not_disturbed(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={2})
    plan = one.plan()
    store = StateStore.open(plan.state_dir, plan.name)
    try:
        with pytest.raises(AlreadyRunning):
            replay_now(plan)
    finally:
        store.close()
    assert one.files() == {"a.jsonl"}


def test_the_event_is_the_one_that_failed(tmp_path: Path) -> None:
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=datetime.UTC)
    made = SourceEvent(
        stream="s",
        namespace="public",
        event_type=EventType.UPDATE,
        data={"before": {"id": 1}, "after": {"id": 1, "text": "ä\u0000\x1b"}},
        timestamp=when,
        metadata=EventMetadata(position="0/16", transaction_id="t7", sequence=3, extra={"k": [1]}),
        position={"lsn": 16, "row": 2},
        sub_index=5,
    )

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield msgspec.structs.replace(made)

    broken = [True]

    def script(events: Any, _call: int) -> Any:
        if not broken[0]:
            return accept(sunk, events)
        result = WriteResult()
        for one in events:
            result.add_failed_event(one, "no")
        return result

    source, _ = make_source(read, streams=("s",))
    sink, sunk = make_sink(script)
    text = SIMPLE.replace("topics: [a]", "topics: [a], dead_letter: {path: d.jsonl, max_ratio: 1}")
    plan = simple_plan(tmp_path, source, sink, text + QUICK)
    run_plan(plan)
    broken[0] = False
    replay_now(plan)
    (got,) = sunk.events
    got.state = None  # the reading's own business, and no part of what failed
    assert got == made


def test_poison_is_kept_and_said(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield SourceEvent(stream="s", data={"id": 1}, position=1)
        yield Poison("s", b"\xff{", "no JSON", position=2)
        yield SourceEvent(stream="s", data={"id": 3}, position=3, state={"last": 3})

    one = FanOut(tmp_path, Faults(second={1}))
    source, _ = make_source(read, streams=("s",))
    one.known.sources._factories.clear()
    one.known.sources.register("src", source)
    run_plan(one.plan())
    assert [letter["kind"] for letter in one.letters("a")] == ["transform", "poison"]
    result = replay_now(repaired(one).plan())
    assert ids_of(one.left) == [1, 3]
    (kept,) = one.letters("a")
    assert kept["raw_base64"] == "/3s="
    assert (result.places["sources/a"].kept, result.is_complete) == (1, False)
    assert "correct the source" in result.places["sources/a"].reason
    before = (tmp_path / "dlq" / "a.jsonl").read_bytes()
    replay_now(one.plan())
    assert (tmp_path / "dlq" / "a.jsonl").read_bytes() == before, "not even claimed"


def test_letters_of_an_older_format_are_replayed(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={2}, x={7}, z={8})
    new = ("format", "id", "connector", "config_hash", "event_timestamp", "metadata")
    for name in ("a", "x", "z"):
        path = tmp_path / "dlq" / f"{name}.jsonl"
        old = [{k: v for k, v in letter.items() if k not in new} for letter in one.letters(name)]
        path.write_text("".join(json.dumps(letter) + "\n" for letter in old))
    result = replay_now(repaired(one).plan())
    assert ids_of(one.left) == ids_of(one.right) == ALL
    assert result.is_complete


def test_a_letter_whose_place_is_gone_is_kept(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={2}, first={4})
    repaired(one).text = FAN_OUT.replace(", {transform: second}", "")
    result = replay_now(one.plan())
    assert (one.dead("a"), ids_of(one.left)) == ([2], sorted(set(ALL) - {2}))
    assert [problem.code for problem in result.problems] == ["RVN743"]
    assert not result.is_complete


def test_damaged_lines_are_kept_and_disturb_no_letter(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={2, 3})
    path = tmp_path / "dlq" / "a.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    newer = json.dumps({**json.loads(first), "format": 99}).encode() + b"\n"
    damaged = b'{"kind": "tran\n' + b"\xff\xfe\n" + newer
    path.write_bytes(first + damaged + b"\n" + second + b'{"half')
    result = replay_now(repaired(one).plan())
    assert ids_of(one.left) == ids_of(one.right) == ALL
    assert path.read_bytes() == damaged + b'{"half\n'
    assert [problem.code for problem in result.problems] == ["RVN742"] * 4
    assert [problem.line for problem in result.problems] == [2, 3, 4, 7]


def test_a_stop_before_the_end_keeps_everything(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={2, 3})
    result = replay_now(repaired(one).plan(), stopped=True)
    assert (result.interrupted, result.is_complete) == (True, False)
    assert one.files() == {"a.jsonl.replaying", "a.jsonl.replaying.claim"}
    assert replay_now(one.plan()).is_complete
    assert ids_of(one.left) == ids_of(one.right) == ALL
    assert one.files() == set()


def test_an_error_that_ends_the_replay_keeps_everything(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={2, 3}, x={7})
    repaired(one).text = FAN_OUT.replace("dead_letter: {path: dlq/x.jsonl, max_ratio: 1.0}", "")
    one.faults.ids = {"x": {3}}
    with pytest.raises(PipelineError, match="x refuses 3"):
        replay_now(one.plan())
    one.faults.ids = {}
    one.text = FAN_OUT
    replay_now(one.plan())
    assert set(ids_of(one.left)) == set(ids_of(one.right)) == set(ALL)
    assert one.files() == set()


class Crash(BaseException):
    """Ends everything, as a kill does."""


def crash_now() -> None:
    raise Crash


def crash_at(number: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Crash just before the Nth change of a dead-letter file's name; return what was done."""
    done: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Path, *args: Any, **kwargs: Any) -> Any:
            if "dlq" not in path.parts or not path.exists():
                return real(path, *args, **kwargs)
            if len(done) == number:
                raise Crash
            done.append(name)
            return real(path, *args, **kwargs)

        return call

    monkeypatch.setattr(Path, "replace", counted("replace", Path.replace))
    monkeypatch.setattr(Path, "unlink", counted("unlink", Path.unlink))
    return done


@pytest.mark.parametrize("number", range(6))
def test_a_crash_between_any_two_steps_on_the_disk_loses_no_letter(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = failed_run(tmp_path, second={2, 3, 5, 8})
    chosen = [letter["id"] for letter in one.letters("a") if letter["record"]["id"] in {2, 5}]
    repaired(one).faults.ids = {"second": {5}}
    with monkeypatch.context() as patch:
        done = crash_at(number, patch)
        if number < 5:
            with pytest.raises(Crash):
                replay_now(one.plan(), ids=chosen)
        else:
            replay_now(one.plan(), ids=chosen)
            assert done == ["replace", "replace", "replace", "unlink", "unlink"]
    replay_now(one.plan(), ids=chosen if number < 2 else ())
    if number < 2:
        assert (one.dead("a"), set(ids_of(one.left))) == ([3, 8, 5], set(ALL) - {3, 5, 8})
    else:
        assert one.dead("a") == [5], "5 failed again; the others went with the second replay"
    replay_now(repaired(one).plan())
    assert ids_of(one.left) == ids_of(one.right) == ALL, "none lost, none doubled"
    assert one.files() == set()


POINTS = (
    "read", "handed_off", "before_write", "after_write", "after_flush", "source_letters_kept",
    "sink_letters_kept", "before_commit", "inside_commit", "after_commit",
)  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_any_step_of_a_flush_loses_no_letter(point: str, tmp_path: Path) -> None:
    one = failed_run(tmp_path, first={2}, second={3, 5, 8}, x={6, 7}, z={9})
    one.faults.ids = {"second": {5}, "x": {6}}

    crashed = 0
    for hit in itertools.count(1):
        _failpoints.arm({point: lambda now, hit=hit: crash_now() if now == hit else None})  # type: ignore[misc]  # bound per loop
        try:
            replay_now(one.plan())
        except (Crash, PipelineError):
            crashed += 1
            # Gone with its process is what no flush has made durable.
            one.left.buffered.clear()
            one.right.buffered.clear()
        else:
            break
        finally:
            _failpoints.arm({})
        if crashed == 3:
            break
    replay_now(one.plan())
    dead = {number for name in "axz" for number in one.dead(name)}
    assert dead == {5, 6}
    replay_now(repaired(one).plan())
    assert set(ids_of(one.left)) == set(ids_of(one.right)) == set(ALL)
    assert one.files() == set()
    assert crashed >= 1


def test_what_is_committed_of_a_replay_is_not_replayed_again(tmp_path: Path) -> None:
    bad = set(range(0, 20, 2))
    text = FAN_OUT.replace("settings: {", "settings: {max_in_flight: 2, ")
    one = FanOut(tmp_path, Faults(second=bad), text=text)
    run_plan(one.plan())
    repaired(one)
    _failpoints.arm({"before_commit": lambda hit: crash_now() if hit == 4 else None})
    try:
        with pytest.raises(Crash):
            replay_now(one.plan())
    finally:
        _failpoints.arm({})
    crashed_with = Counter(ids_of(one.left))
    replay_now(one.plan())
    delivered = Counter(ids_of(one.left))
    assert delivered.keys() == set(ALL)
    twice = {number for number, times in delivered.items() if times > 1}
    assert twice, "delivered and not committed"
    assert len(twice) <= 2, "no more than may be in flight"
    assert twice <= crashed_with.keys() & bad


def test_letters_that_are_all_through_need_no_connector_to_be_let_go(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={2, 3})
    with pytest.MonkeyPatch.context() as patch:
        crash_at(2, patch)
        with pytest.raises(Crash):
            replay_now(repaired(one).plan())
    opened = one.log.opened
    replay_now(one.plan())
    assert (one.log.opened, one.files()) == (opened, set())
    assert ids_of(one.left) == ids_of(one.right) == ALL


def test_a_claim_without_its_note_is_refused(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={2, 3})
    path = tmp_path / "dlq" / "a.jsonl"
    Claim.take(path, [])
    (tmp_path / "dlq" / "a.jsonl.replaying.claim").write_text("{")
    with pytest.raises(PipelineError, match="nobody knows which letters"):
        replay_now(repaired(one).plan())


def test_what_does_not_exist_cannot_be_chosen(tmp_path: Path) -> None:
    one = failed_run(tmp_path, second={2})
    loaded = one.plan().loaded
    with pytest.raises(InputError, match="RVN740 'sinks/lake' has no dead letters") as owner:
        check_chosen(loaded, Chosen(frozenset({"sinks/lake"})))
    assert "sinks/x" in owner.value.problems[0].hint
    with pytest.raises(InputError, match="RVN741 no dead letter has the id 'abc'"):
        check_chosen(loaded, Chosen(ids=frozenset({"abc"})))


def test_an_overwriting_sink_is_not_told_to_overwrite(tmp_path: Path) -> None:
    """A replay is no whole sync: what is not in it must stay."""
    one = failed_run(tmp_path, second={2})
    plan = repaired(one).plan()
    sinks = tuple(msgspec.structs.replace(sink, mode="overwrite") for sink in plan.sinks)
    replay_now(msgspec.structs.replace(plan, sinks=sinks))
    (stream, _) = one.left.prepared[-1].streams
    assert stream.destination_sync_mode is DestinationSyncMode.APPEND


def test_sinks_are_prepared_for_the_chosen_streams_only(tmp_path: Path) -> None:
    text = FAN_OUT.replace("connector: src", "connector: src\n    streams: [s]")
    one = FanOut(tmp_path, Faults(second={2}), text=text)
    run_plan(one.plan())
    replay_now(repaired(one).plan())
    real, replayed = one.left.prepared
    assert [found.stream.name for found in replayed.streams] == ["s"]
    modes = [SyncMode.FULL_REFRESH]
    assert [found.stream for found in replayed.streams] == [
        msgspec.structs.replace(found.stream, supported_sync_modes=modes) for found in real.streams
    ]


def test_streams_that_a_transform_renamed_are_replayed(tmp_path: Path) -> None:
    """The source's selection of streams is for its own names."""

    def rename(event: SourceEvent) -> SourceEvent:
        event.stream = "other"
        return event

    text = FAN_OUT.replace("connector: src", "connector: src\n    streams: [s]")
    one = FanOut(tmp_path, Faults(second={2}, x={4}), text=text)
    one.known.transforms._factories.clear()
    one.known.transforms.register("first", make_transform(rename))
    for name in ("second", "third"):
        one.known.transforms.register(name, one.faults.transform(name))
    run_plan(one.plan())
    assert {letter["stream"] for letter in one.letters("a") + one.letters("x")} == {"other"}
    replay_now(repaired(one).plan())
    assert ids_of(one.left) == ids_of(one.right) == ALL


def test_to_a_sink_that_keeps_checkpoints_a_replay_is_another_pipeline(tmp_path: Path) -> None:
    """Such a sink replaces its checkpoint with the run's; that of the real source must stay."""
    one = failed_run(tmp_path, x={2})
    plan = one.plan()
    (line,) = read_lines(tmp_path / "dlq" / "x.jsonl")
    assert line.letter is not None
    letter, place = line.letter, place_of(plan, line.letter)
    assert isinstance(place, Place)
    revision = Revision("pipeline", "a", "replay:1", lambda: [(1, letter)])
    part = replay_plan(plan, place, "replay:1", lambda: [(1, letter)], revision)
    assert part.name != plan.name
    assert {source.name for source in part.sources}.isdisjoint(one.name for one in plan.sources)
    assert [sink.name for sink in part.sinks] == ["x"]


def test_a_record_that_did_not_fit_its_schema_is_checked_again(tmp_path: Path) -> None:
    wanted: list[str] = ["integer"]
    one = FanOut(tmp_path, Faults(), text=VALIDATED)

    async def discover(self: object, config: object) -> Catalog:
        schema = {"type": "object", "properties": {"id": {"type": wanted}}}
        return Catalog([Stream(name="s", json_schema=schema), Stream(name="t")])

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for number in (1, "two", 3.5):
            yield SourceEvent(stream="s", data={"id": number, "extra": 1}, position=number)

    source, _ = make_source(read)
    source.discover = discover  # type: ignore[method-assign]  # schemas of its own
    one.known.sources._factories.clear()
    one.known.sources.register("src", source)
    run_plan(one.plan())
    assert [(letter["kind"], letter["record"]["id"]) for letter in one.letters("a")] == [
        ("schema", "two"),
        ("schema", 3.5),
    ]
    wanted.append("string")
    result = replay_now(one.plan())
    assert not result.is_complete
    assert [(letter["record"]["id"], letter["attempt"]) for letter in one.letters("a")] == [
        (3.5, 2)
    ]
    wanted.append("number")
    assert replay_now(one.plan()).is_complete
    assert {row["id"] for row in one.left.durable} == {1, "two", 3.5}
    assert all(row.keys() == {"id", "first", "second"} for row in one.left.durable)
