"""M14: broken pipeline files and saved states are refused, each with its reason; never a traceback.

The files are mutations of one good file, by bytes and by its grammar. A secret of the environment and
one that stands in the file must be in no message.
"""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from engine_kit import MemoryStore, run_plan
from figures import Record
from sizes import size

from rivven_connect._errors import ConnectorError, ErrorKind, InputError, RivvenError
from rivven_connect._redaction import redact
from rivven_connect._registry import Registries
from rivven_connect.pipeline import explain, load_pipeline, plan_pipeline

CANARY = "cAnArY-0f-tHe-EnViRonment"
INLINE = "cAnArY-iN-tHe-FiLe-itself"

GOOD: dict[str, Any] = {
    "version": "1.0",
    "sources": {
        "made": {
            "connector": "datagen",
            "topic": "t",
            "streams": [{"name": "datagen", "mode": "incremental"}],
            "config": {"pattern": "orders", "seed": 7, "max_events": 20},
            "transforms": [
                {"transform": "mask", "config": {"fields": ["email"]}, "on_error": "dead_letter"},
                {"transform": "filter", "config": {"field": "id", "equals": 3}},
            ],
            "rate_limit": {"events_per_second": 5000},
            "dead_letter": {"path": "dlq/made.jsonl", "max_ratio": 0.5},
        },
        "lines": {"connector": "jsonl", "config": {"path": "in.jsonl"}},
    },
    "sinks": {
        "hook": {
            "connector": "http-webhook",
            "topics": ["t"],
            "config": {
                "url": "https://example.com/in",
                "headers": {"X-Key": "${env:RIVVEN_CANARY}"},
                "auth": {"type": "bearer", "token": "${env:RIVVEN_CANARY}"},
            },
            "retry": {"max_retries": 2},
            "circuit_breaker": {"failure_threshold": 3},
        },
        "file": {
            "connector": "jsonl",
            "topics": ["t", "lines"],
            "config": {"path": "out/${env:RIVVEN_NAME:-x}.jsonl"},
            "batch": {"max_records": 10, "max_bytes": 1000, "max_wait_ms": 5},
        },
        "lake": {"connector": "sqlite", "topics": ["lines"], "config": {"path": "lake.db"}},
    },
    "settings": {
        "max_in_flight": 100,
        "queue_bytes": "8 MiB",
        "retry": {"max_retries": 1, "initial_backoff_ms": 1},
        "health": {"enabled": False, "port": 8080},
        "log": {"level": "info"},
    },
}

NASTY: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    float("inf"),
    "",
    " ",
    "x" * 300,
    "../../etc/passwd",
    "/",
    "./gone",
    "./" + "x" * 300,
    "a/b",
    "\u202eabc",
    "\x00",
    "${env:",
    "${env:RIVVEN_GONE}",
    "${file:/nowhere}",
    "${env:RIVVEN_CANARY}",
    "${RIVVEN_CANARY}",
    "${env:X:-${env:Y}}",
    "NaN",
    "10 GiB",
    "postgres-cdc",
    "datagen",
    INLINE,
    [],
    {},
    [[]],
    [None],
    {"a": {"b": []}},
    {"name": None},
    ["t", "t"],
)


@cache
def installed() -> Registries:
    """Return the connectors of this environment; looking for them takes its time."""
    return Registries.installed()


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value inside a value."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*at, index))


def mutate(rng: random.Random, value: Any) -> Any:
    """Return the value with one to three places changed."""
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        at = rng.choice([one for one in places(value) if one])
        parent = value
        for key in at[:-1]:
            parent = parent[key]
        key = at[-1]
        what = rng.randrange(5)
        if what == 0:
            del parent[key]
        elif what == 1 and isinstance(parent, dict):
            parent[rng.choice(["", "x", f"{key}s", f" {key}", "__class__", "version"])] = (
                parent.pop(key)
            )
        elif what == 2:
            deep: Any = parent[key]
            for _ in range(rng.choice([1, 3, 70])):
                deep = rng.choice([[deep], {"x": deep}])
            parent[key] = deep
        else:
            parent[key] = copy.deepcopy(rng.choice(NASTY))
    return value


def by_grammar(rng: random.Random) -> bytes:
    """Return a file that is well-formed more often than not, and wrong somewhere."""
    text = json.dumps(mutate(rng, GOOD), indent=rng.choice([None, 2]))
    return text.encode("utf-8", "surrogatepass")


def by_bytes(rng: random.Random) -> bytes:
    """Return the good file with bytes changed, repeated, left out or put in."""
    raw = bytearray(json.dumps(GOOD, indent=2).encode())
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(raw))
        what = rng.randrange(5)
        if what == 0:
            raw[at] = rng.randrange(256)
        elif what == 1:
            del raw[at : at + rng.randint(1, 40)]
        elif what == 2:
            raw[at:at] = raw[at : at + rng.randint(1, 60)]
        elif what == 3:
            new = (b"\t", b"\n- ", b": ", b"&a ", b"*a", b"!!python/name:os ", b"\xff", b"[" * 99)
            raw[at:at] = rng.choice(new)
        else:
            del raw[at:]
            raw += b"\n"
    return bytes(raw)


def attempt(path: Path, raw: bytes) -> tuple[bool, str]:
    """Load and plan a file; return whether it can run, and what was said."""
    path.write_bytes(raw)
    try:
        plan = plan_pipeline(load_pipeline(path), installed(), environ={"RIVVEN_CANARY": CANARY})
    except InputError as error:
        refused = error
    else:
        said = [one.render() for one in plan.warnings]
        return True, "\n".join([*said, repr(plan.sources), repr(plan.sinks), str(explain(plan))])
    assert refused.exit_code == 2
    assert refused.problems
    assert all(one.code for one in refused.problems)
    told = json.dumps([one.to_dict() for one in refused.problems])
    return False, "\n".join([str(refused), repr(refused), told])


@pytest.mark.parametrize("make", [by_grammar, by_bytes])
def test_any_file_is_planned_or_refused(
    make: Callable[[random.Random], bytes], tmp_path: Path, figures: Record
) -> None:
    accepted = 0
    for seed in range(size(1_000)):
        raw = make(random.Random(seed))
        try:
            planned, said = attempt(tmp_path / "pipeline.yaml", raw)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {raw.decode('utf-8', 'replace')}") from error
        accepted += planned
        assert CANARY not in redact(said), (seed, said)
        if INLINE in said:
            assert _stands_for_a_name(raw), (seed, said)
    assert 0 < accepted < size(1_000) / 2
    figures("M14", files=size(1_000))


def _stands_for_a_name(raw: bytes) -> bool:
    """Whether the literal stands where no secret may: what is no secret may be quoted."""
    value = json.loads(raw)
    found = [at for at in places(value) if _value_at(value, at) == INLINE]
    return all("headers" not in at and "auth" not in at for at in found)


def _value_at(value: Any, at: tuple[Any, ...]) -> Any:
    for key in at:
        value = value[key]
    return value


def test_the_good_file_is_good(tmp_path: Path) -> None:
    planned, said = attempt(tmp_path / "pipeline.yaml", json.dumps(GOOD).encode())
    assert planned, said
    assert CANARY not in said


@pytest.mark.parametrize("block", range(4))
def test_the_command_says_so_with_exit_2(block: int, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    for seed in range(block, max(4, size(100)), 4):
        rng = random.Random(10_000 + seed)
        path.write_bytes(rng.choice([by_grammar, by_bytes])(rng))
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from rivven_connect.cli import main; main()",
                "run",
                str(path),
                "--explain",
            ],
            cwd=tmp_path,
            env={**os.environ, "RIVVEN_CANARY": CANARY},
            capture_output=True,
            timeout=60,
            check=False,
        )
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        assert done.returncode in {0, 2}, (seed, said)
        assert "Traceback" not in said, (seed, said)
        assert CANARY not in said, (seed, said)
        assert (done.returncode == 0) or "RVN" in said, (seed, said)


STATES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "jsonl": (
        {"path": "in.jsonl", "stream": "s"},
        {"offset": 0, "fingerprint": ""},
    ),
    "datagen": (
        {"pattern": "sequence", "seed": 1, "max_events": 10, "events_per_second": 0}
        | {"stream_name": "s", "batch_size": 5},
        {"sequence": 5, "seed": 1},
    ),
}
"""Connector -> its config, and its state behind the first five of ten records."""

VALUES: tuple[Any, ...] = (*NASTY, 3, 5, 2**63, "5", [1], {"offset": 5}, -7)


@pytest.mark.parametrize("connector", STATES)
def test_any_saved_state_is_refused_or_resumed(
    connector: str, tmp_path: Path, figures: Record
) -> None:
    lines = [json.dumps({"n": number}) + "\n" for number in range(10)]
    (tmp_path / "in.jsonl").write_text("".join(lines), encoding="utf-8")
    config, good = STATES[connector]
    whole = _read(tmp_path, connector, config, {})
    assert len(whole) == 10
    if connector == "jsonl":
        good = _state_behind(tmp_path, config, lines[:5])
    assert _read(tmp_path, connector, config, {"s": good}) == whole[5:]
    bugs: list[object] = []
    for seed in range(size(1_000)):
        rng = random.Random(seed)
        state = _mutated_state(rng, good)
        try:
            got = _read(tmp_path, connector, config, {"s": state})
        except RivvenError as error:
            bugs += [(seed, state, error)] if _is_a_bug(error) else []
        else:
            assert _is_a_suffix_at(got, whole, state), (seed, state, got)
    assert not bugs
    figures("M14", states=size(1_000))


def _mutated_state(rng: random.Random, good: dict[str, Any]) -> Any:
    state = dict(good)
    for _ in range(rng.randint(1, 2)):
        key = rng.choice([*good, "x"])
        if rng.random() < 0.25:
            state.pop(key, None)
        else:
            state[key] = rng.choice(VALUES)
    return state


def _is_a_suffix_at(got: list[Any], whole: list[Any], state: dict[str, Any]) -> bool:
    """Whether the reading went on at the very place that the state names."""
    place = state.get("sequence", 5 if "fingerprint" in state and state.get("offset") else None)
    if not state or state.get("offset", state.get("sequence")) == 0:
        return got == whole
    return isinstance(place, int) and got == whole[place:]


def _is_a_bug(error: BaseException | None) -> bool:
    """Whether an error says that nobody had thought of this."""
    while error is not None:
        if isinstance(error, ConnectorError):
            return error.kind is ErrorKind.INTERNAL
        error = error.__cause__
    return True


def _read(folder: Path, connector: str, config: dict[str, Any], state: dict[str, Any]) -> list[Any]:
    """Return what a source delivers that starts at a saved state."""
    out = folder / "out.jsonl"
    out.unlink(missing_ok=True)
    pipeline = {
        "version": "1.0",
        "sources": {
            "a": {
                "connector": connector,
                "config": config,
                "streams": [{"name": "s", "mode": "incremental"}],
            }
        },
        "sinks": {"z": {"connector": "jsonl", "topics": ["a"], "config": {"path": str(out)}}},
        "settings": {"retry": {"max_retries": 0}},
    }
    path = folder / "pipeline.yaml"
    path.write_text(json.dumps(pipeline).replace("in.jsonl", str(folder / "in.jsonl")))
    memory = MemoryStore()
    memory.states["a"] = copy.deepcopy(state)
    run_plan(plan_pipeline(load_pipeline(path), installed()), memory=memory)
    if not out.exists():
        return []
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return [_plain(one) for one in found]


def _plain(record: Any) -> Any:
    """Return a record without what differs from run to run."""
    if isinstance(record, dict):
        return {key: _plain(one) for key, one in record.items() if "timestamp" not in key}
    return record


def _state_behind(folder: Path, config: dict[str, Any], lines: list[str]) -> dict[str, Any]:
    """Return the state that the jsonl source saves behind some lines."""
    whole = (folder / "in.jsonl").read_text(encoding="utf-8")
    (folder / "in.jsonl").write_text("".join(lines), encoding="utf-8")
    memory = MemoryStore()
    _read(folder, "jsonl", config, {})
    plan = plan_pipeline(load_pipeline(folder / "pipeline.yaml"), installed())
    run_plan(plan, memory=memory)
    (folder / "in.jsonl").write_text(whole, encoding="utf-8")
    state: dict[str, Any] = memory.states["a"]["s"]
    return state
