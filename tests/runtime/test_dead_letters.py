"""Dead letters: what is kept of a record, where, and how many are too many."""

from __future__ import annotations

import base64
import datetime
import errno
import itertools
import json
import logging
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
from dlq_kit import FanOut, Faults
from engine_kit import (
    QUICK,
    SIMPLE,
    MemoryStore,
    batch,
    letters,
    make_sink,
    make_source,
    make_transform,
    run_plan,
    simple_plan,
)

from rivven_connect._batch import Item, Poison
from rivven_connect._errors import ExitCode, PipelineError, StateStoreError
from rivven_connect._events import EventMetadata, SourceEvent
from rivven_connect._redaction import register_secret
from rivven_connect._secret import Secret
from rivven_connect._sink import WriteResult
from rivven_connect._state import State
from rivven_connect.config import SecretText, SourceConfig, Text
from rivven_connect.pipeline.config_hash import config_hash
from rivven_connect.pipeline.dead_letters import (
    DeadLetter,
    DeadLetterFile,
    event_letter,
    poison_letter,
)
from rivven_connect.pipeline.flood_guard import FloodGuard
from rivven_connect.pipeline.plan import DeadLetterPlan
from rivven_connect.pipeline.stored_letters import read_lines

CANARY = 'k9@/+%"\nQx7canary0123456'
WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=datetime.UTC)


def file_at(path: Path) -> DeadLetterFile:
    return DeadLetterFile(DeadLetterPlan(path, 0.1, 1000), "shop")


def letter(number: int = 1, **changes: Any) -> DeadLetter:
    event = SourceEvent(
        stream="orders",
        namespace="public",
        data={"id": number},
        position=number,
        timestamp=WHEN,
        metadata=EventMetadata(transaction_id="t1", extra={"a": ["b"]}),
        sub_index=3,
    )
    given = {
        "kind": "sink",
        "path": "sinks/lake",
        "source": "shop",
        "sink": "lake",
        "error": "no such column",
        "error_class": "rejected",
        "record": event.data,
    }
    return event_letter(event, **(given | changes))


def test_the_envelope_has_all_that_a_replay_and_a_person_need(tmp_path: Path) -> None:
    file_at(tmp_path / "d.jsonl").append([letter()])
    (found,) = letters(tmp_path / "d.jsonl")
    assert datetime.datetime.fromisoformat(found.pop("timestamp")).tzinfo is not None
    assert len(found.pop("id")) == 16
    assert found == {
        "format": 1,
        "kind": "sink",
        "path": "sinks/lake",
        "connector": "",
        "config_hash": "",
        "pipeline": "shop",
        "source": "shop",
        "sink": "lake",
        "stream": "orders",
        "namespace": "public",
        "operation": "record",
        "position": 1,
        "sub_index": 3,
        "event_timestamp": "2026-01-02T03:04:05.678900Z",
        "metadata": {"transaction_id": "t1", "extra": {"a": ["b"]}},
        "error_class": "rejected",
        "error": "no such column",
        "attempt": 1,
        "record": {"id": 1},
    }


def test_an_owner_adds_which_connector_failed_with_which_config(tmp_path: Path) -> None:
    one = FanOut(tmp_path, Faults())
    plan = one.plan().sources[0]
    assert plan.dead_letter is not None
    file = DeadLetterFile(plan.dead_letter, "pipeline", owner=plan)
    file.append([letter(path="sources/a/transforms/1"), letter(path="sources/a")])
    first, second = one.letters("a")
    assert (first["connector"], second["connector"]) == ("second", "scripted")
    assert first["config_hash"] == config_hash(plan.transforms[1].config)
    assert second["config_hash"] == config_hash(plan.config)


class TokenConfig(SourceConfig):
    token: Annotated[Secret | None, SecretText()] = None
    table: Text = "orders"


def test_the_hash_of_a_config_changes_with_it_and_not_with_its_secrets() -> None:
    def hashed(**values: Any) -> str:
        return config_hash(TokenConfig.model_validate(values))

    assert hashed(token="aaaaaaaa") == hashed(token="bbbbbbbb")
    assert hashed() != hashed(table="customers")
    assert hashed() == hashed()


def test_an_id_names_the_record_and_its_place_and_nothing_that_changes() -> None:
    name = letter().id("shop")
    assert letter(error="another", error_class="data", attempt=5).id("shop") == name
    others = {
        letter(2).id("shop"),
        letter(path="sinks/lake/transforms/0").id("shop"),
        letter(record={"id": 9}).id("shop"),
        letter().id("other"),
    }
    assert len(others | {name}) == 5


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe{", bytes(range(256)), "ä\u2028".encode()])
def test_bytes_that_could_not_be_parsed_are_kept_exactly(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    file_at(path).append([poison_letter(Poison("s", raw, "bad", position=7), "shop")])
    (found,) = letters(path)
    assert base64.b64decode(found["raw_base64"], validate=True) == raw
    assert "record" not in found
    assert (found["kind"], found["path"], found["position"]) == ("poison", "sources/shop", 7)


def test_secrets_are_masked_around_the_record_and_never_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    register_secret(CANARY)
    path = tmp_path / "d.jsonl"
    file = file_at(path)
    metadata = EventMetadata(transaction_id=CANARY, extra={CANARY: [{"deep": f"x{CANARY}y"}]})
    event = SourceEvent(stream="s", data={"text": CANARY}, metadata=metadata)
    leaky = event_letter(
        event,
        kind="sink",
        path="sinks/lake",
        source="shop",
        sink="lake",
        error=f"refused {CANARY}",
        error_class=f"E{CANARY}",
        record=event.data,
    )
    with caplog.at_level(logging.WARNING, "rivven_connect.dead_letters"):
        file.append([leaky, letter(), leaky])
        file.append([poison_letter(Poison("s", CANARY.encode(), "bad"), "shop")])
    first, clean, _, poison = letters(path)
    assert first["record"] == {"text": CANARY}
    assert base64.b64decode(poison["raw_base64"]) == CANARY.encode()
    del first["record"]
    assert CANARY not in json.dumps(first, ensure_ascii=False).encode().decode("unicode_escape")
    assert first["metadata"] == {"transaction_id": "***", "extra": {"***": [{"deep": "x***y"}]}}
    assert (first["error"], first["error_class"]) == ("refused ***", "E***")
    assert clean["metadata"] == {"transaction_id": "t1", "extra": {"a": ["b"]}}
    assert file.records_with_secrets == 3
    (warning,) = caplog.records
    assert "holds a known secret" in warning.getMessage()
    assert CANARY not in warning.getMessage()


def test_folders_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "d.jsonl"
    old = os.umask(0)
    try:
        file_at(path).append([letter()])
    finally:
        os.umask(old)
    assert [p.stat().st_mode & 0o777 for p in (path, path.parent, path.parent.parent)] == [
        0o600,
        0o700,
        0o700,
    ]
    path.chmod(0o644)
    file_at(path).append([letter()])
    assert path.stat().st_mode & 0o777 == 0o600


def test_half_a_line_of_a_crash_swallows_no_letter(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    file_at(path).append([letter(1)])
    with path.open("ab") as file:
        file.write(b'{"kind": "si')
    file_at(path).append([letter(2), letter(3)])
    lines = list(read_lines(path))
    assert [one.letter.record["id"] for one in lines if one.letter] == [1, 2, 3]
    assert [one.number for one in lines if one.problem] == [2]


def test_what_a_failed_write_has_written_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.jsonl"
    file_at(path).append([letter(1)])
    before = path.read_bytes()

    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="full"):
            file_at(path).append([letter(2)])
    assert path.read_bytes() == before


def test_letters_are_on_disk_when_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def noted(number: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{number}"))
        real(number)

    monkeypatch.setattr(os, "fsync", noted)
    path = tmp_path / "new" / "d.jsonl"
    file_at(path).append([letter()])
    assert synced == [str(tmp_path), str(path), str(path.parent)], "the names as well"
    synced.clear()
    file_at(path).append([letter()])
    assert synced == [str(path)]


@pytest.mark.parametrize("number", [1, 5_000, 9_999])
def test_one_poison_in_10_000_is_the_only_dead_letter(number: int, tmp_path: Path) -> None:
    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        yield batch(list(range(number)), state={"last": number})
        yield Poison("s", b"{" * number, "no JSON", position=number)
        yield batch(list(range(number + 1, 10_000)), state={"last": 9_999})

    source, _ = make_source(read)
    sink, sunk = make_sink()
    text = SIMPLE.replace("{connector: src}", "{connector: src, dead_letter: {path: d.jsonl}}")
    plan = simple_plan(tmp_path, source, sink, text + QUICK)
    memory = MemoryStore()
    run_plan(plan, memory=memory)
    assert sunk.keys() == set(range(10_000)) - {number}
    (found,) = letters(tmp_path / "d.jsonl")
    assert (found["position"], base64.b64decode(found["raw_base64"])) == (number, b"{" * number)
    assert (found["error_class"], found["attempt"]) == ("Poison", 1)
    assert memory.states == {"a": {"s": {"last": 9_999}}}


def test_poison_without_dead_letters_stops_before_it(tmp_path: Path) -> None:
    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        yield batch(list(range(50)), state={"last": 49})
        yield Poison("s", b"{", "no JSON", position=50)
        yield batch(list(range(51, 99)), state={"last": 98})

    source, _ = make_source(read)
    sink, sunk = make_sink()
    memory = MemoryStore()
    says = r"a record \(position 50\) cannot be parsed: no JSON; with `dead_letter`"
    with pytest.raises(PipelineError, match=says) as caught:
        run_plan(simple_plan(tmp_path, source, sink), memory=memory)
    assert caught.value.exit_code == ExitCode.CONNECTOR
    assert sunk.keys() == set(range(50))
    assert memory.states == {"a": {"s": {"last": 49}}}


@pytest.mark.parametrize("seed", range(4))
def test_a_transform_that_fails_on_some_disturbs_no_other(seed: int, tmp_path: Path) -> None:
    bad = {number for number in range(200) if (number * 7 + seed * 13) % 11 < 3}

    def function(event: SourceEvent) -> SourceEvent:
        if event.data["id"] in bad:
            event.data.clear()
            raise KeyError("total")
        return event

    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        yield batch(list(range(200)))

    source, _ = make_source(read)
    sink, sunk = make_sink()
    text = SIMPLE.replace(
        "{connector: src}",
        "{connector: src, transforms: [{transform: t}], dead_letter: {path: d.jsonl, max_ratio: 1}}",
    )
    plan = simple_plan(tmp_path, source, sink, text + QUICK, t=make_transform(function))
    run_plan(plan, memory=MemoryStore())
    assert [row["id"] for row in sunk.durable] == [n for n in range(200) if n not in bad]
    assert [one["record"] for one in letters(tmp_path / "d.jsonl")] == [
        {"id": number} for number in sorted(bad)
    ]
    assert {one["error_class"] for one in letters(tmp_path / "d.jsonl")} == {"KeyError"}


OUTCOMES = ("ok", "retry", "reject")


@pytest.mark.parametrize("order_safe", [True, False])
def test_every_mask_of_outcomes_on_a_batch_of_six(order_safe: bool, tmp_path: Path) -> None:
    """Each record ends in the sink or in the dead letters, in order, whatever its neighbours do."""
    plan, outcome = _masked_pipeline(tmp_path, order_safe=order_safe)
    dead = tmp_path / "dead.jsonl"
    for mask in itertools.product(OUTCOMES, repeat=6):
        dead.unlink(missing_ok=True)
        memory = MemoryStore()
        written = outcome(mask)
        run_plan(plan, memory=memory)
        rejected = [i for i, one in enumerate(mask) if one == "reject"]
        kept = letters(dead) if rejected else []
        assert [one["record"]["id"] for one in kept] == rejected, mask
        assert memory.states == {"a": {"s": {"last": 5}}}, mask
        retried = [i for i, one in enumerate(mask) if one == "retry"]
        first = [i for i, one in enumerate(mask) if one == "ok"]
        if order_safe:
            assert written == first + retried, mask
        elif retried:
            again = [i for i in range(retried[0], 6) if mask[i] != "reject"]
            assert written == first + again, mask
        else:
            assert written == first, mask


def _masked_pipeline(folder: Path, *, order_safe: bool) -> tuple[Any, Any]:
    state: dict[str, Any] = {"mask": (), "written": [], "calls": 0}

    def script(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        state["calls"] += 1
        result = WriteResult()
        for one in events:
            outcome = state["mask"][one.data["id"]] if state["calls"] == 1 else "ok"
            if outcome == "ok":
                state["written"].append(one.data["id"])
                result.add_success(1)
            else:
                result.add_failed_event(one, outcome, retryable=outcome == "retry")
        return result

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield batch(list(range(6)))

    def outcome(mask: tuple[str, ...]) -> list[int]:
        state.update(mask=mask, written=[], calls=0)
        found: list[int] = state["written"]
        return found

    source, _ = make_source(read)
    sink, _ = make_sink(script, order_safe=order_safe)
    text = SIMPLE.replace(
        "topics: [a]", "topics: [a], dead_letter: {path: dead.jsonl, max_ratio: 1}"
    )
    quick = QUICK.replace("initial_backoff_ms: 1, max_backoff_ms: 2", "initial_backoff_ms: 0")
    return simple_plan(folder, source, sink, text + quick), outcome


def test_sixty_percent_poison_stops_within_the_window_and_what_is_in_flight(tmp_path: Path) -> None:
    total, window, in_flight = 5_000, 200, 50
    bad = {number for number in range(total) if number % 5 < 3}
    read_ids: list[int] = []

    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        for number in range(total):
            read_ids.append(number)
            if number in bad:
                yield Poison("s", b"{", "no JSON", position=number)
            else:
                yield SourceEvent(
                    stream="s", data={"id": number}, position=number, state={"last": number}
                )

    source, _ = make_source(read)
    sink, sunk = make_sink()
    text = SIMPLE.replace(
        "{connector: src}",
        f"{{connector: src, dead_letter: {{path: d.jsonl, max_ratio: 0.5, window: {window}}}}}",
    )
    settings = QUICK.replace("{retry", f"{{max_in_flight: {in_flight}, retry")
    memory = MemoryStore()
    with pytest.raises(PipelineError, match=r"max_ratio 0\.5") as caught:
        run_plan(simple_plan(tmp_path, source, sink, text + settings), memory=memory)
    assert caught.value.exit_code == ExitCode.CONNECTOR
    assert max(read_ids) < window + 2 * in_flight
    dead = {one["position"] for one in letters(tmp_path / "d.jsonl")}
    last = memory.states["a"]["s"]["last"]
    assert dead | sunk.keys() >= set(range(last + 1)), "all before the checkpoint is somewhere"
    assert dead <= bad
    assert sunk.keys() <= set(range(total)) - bad


@pytest.mark.parametrize(("ratio", "window"), [(0.1, 1000), (0.5, 10), (0.9, 20), (0.0, 1)])
def test_the_guard_tolerates_its_ratio_of_a_window_and_no_letter_more(
    ratio: float, window: int
) -> None:
    """Also before a whole window has been seen: a small input is not stopped by its first letter."""
    for before in (0, window // 2):
        guard = FloodGuard(ratio, window)
        for _ in range(before):
            guard.add(1, 0)
        for _ in range(int(ratio * window)):
            guard.add(1, 1)
        with pytest.raises(PipelineError, match="became dead letters"):
            guard.add(1, 1)


def test_the_guard_forgets_what_has_left_its_window() -> None:
    guard = FloodGuard(0.1, 100)
    for _ in range(50):
        guard.add(10, 1)
    guard.add(90, 0)
    with pytest.raises(PipelineError):
        guard.add(10, 11)


class FullStore(MemoryStore):
    """A store that must not be reached."""

    def commit(self, source: str, states: Any, counters: Any) -> None:
        if states:
            raise AssertionError("the checkpoint passed a letter that is nowhere")


@pytest.mark.parametrize("where", ["source", "sink"])
@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("file/d.jsonl", PipelineError, ExitCode.CONNECTOR),
        ("folder", PipelineError, ExitCode.CONNECTOR),
        ("/dev/full", StateStoreError, ExitCode.STATE_STORE),
    ],
)
def test_letters_that_cannot_be_kept_stop_the_pipeline(
    path: str, kind: type[PipelineError], code: ExitCode, where: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        if where == "source":
            yield Poison("s", b"{", "bad", position=0)
        yield batch([1, 2])

    def refuse(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        result = WriteResult()
        for one in events:
            result.add_failed_event(one, "no")
        return result

    source, log = make_source(read)
    sink, _ = make_sink(None if where == "source" else refuse)
    block = f"dead_letter: {{path: {path}, max_ratio: 1}}"
    text = SIMPLE.replace("connector: src", f"connector: src, {block}")
    if where == "sink":
        text = SIMPLE.replace("topics: [a]", f"topics: [a], {block}")
    with pytest.raises(kind, match="dead letters of") as caught:
        run_plan(simple_plan(tmp_path, source, sink, text + QUICK), memory=FullStore())
    assert caught.value.exit_code == code
    assert log.acknowledged == []
