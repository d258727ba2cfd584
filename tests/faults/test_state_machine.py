"""M10: any order of arrivals, failures, crashes, stops, resets and schema changes keeps I1 to I6.

The machine decides what happens and when; the connectors and their model are those of M6.
"""

from __future__ import annotations

import logging
import random
import shutil
import tempfile
from pathlib import Path

from figures import Record
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from oracle import Level, repeated
from simulated_world import Faults, SinkScript, SourceScript, StreamScript, World
from simulation import Simulation
from sizes import FULL, size

FAILURES = (
    "open fails",
    "read fails",
    "acknowledge fails",
    "prepare fails",
    "write fails before",
    "write fails after",
    "some fail, nobody knows which",
    "fails from some record on",
    "flush fails",
    "transaction fails before",
    "transaction fails after",
    "one event cannot be written now",
)
STYLES = ("each", "page", "every", "end", "ties", "pages", "unordered")
KINDS = ("plain", "batch", "upsert", "transactional")


class Chosen(Faults):
    """Fails where the machine has said so, and nowhere else."""

    def __init__(self) -> None:
        super().__init__(random.Random(0), 0, 0.0)
        self.wanted: list[str] = []

    def strikes(self, what: str) -> bool:
        if what not in self.wanted:
            return False
        self.wanted.remove(what)
        return True


class Pipelines(RuleBasedStateMachine):
    """One pipeline, and all that may happen to it."""

    def __init__(self) -> None:
        super().__init__()
        logging.disable(logging.CRITICAL)
        self._folder = Path(tempfile.mkdtemp())
        self._faults = Chosen()
        self._resets = 0

    @initialize(
        seed=st.integers(0, 1000),
        style=st.sampled_from(STYLES),
        kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=2),
        window=st.sampled_from([1, 5, 50]),
        poison=st.booleans(),
        rejects=st.booleans(),
        fan_out=st.integers(1, 2),
    )
    def begin(  # noqa: PLR0917  # hypothesis gives them by name
        self,
        seed: int,
        style: str,
        kinds: list[str],
        window: int,
        poison: bool,
        rejects: bool,
        fan_out: int,
    ) -> None:
        world = self._world = World(seed, self._folder)
        hooks = style in {"ties", "pages", "unordered"}
        streams = [StreamScript(f"a{n}", 5, style, 4, poison=poison) for n in range(2)]
        world.sources["a"] = SourceScript("a", hooks, streams, False, False, fan_out, 0.1)
        for name, kind in zip("xy", kinds, strict=False):
            world.sinks[name] = _sink(name, kind, rejects=rejects)
        world.max_in_flight = window
        world.faults = self._faults
        self._simulation = Simulation(world)

    @rule(stream=st.integers(0, 1), records=st.integers(1, 9))
    def read(self, stream: int, records: int) -> None:
        """There is more to read."""
        self._streams()[stream].total += records

    @rule(what=st.sampled_from(FAILURES))
    def write_partially(self, what: str) -> None:
        """The next run meets a failure."""
        self._faults.wanted.append(what)
        self._world.incidents += 1

    @rule()
    def nack(self) -> None:
        """A sink says no, with every try: the run fails, and no checkpoint passes."""
        self._faults.wanted += ["write fails before"] * 12 + ["transaction fails before"] * 12
        self._run()
        self._faults.wanted.clear()

    @rule(after=st.floats(0.001, 3.0))
    def crash(self, after: float) -> None:
        self._run(crash_after=after)

    @rule(after=st.floats(0.001, 3.0))
    def stop(self, after: float) -> None:
        self._run(stop_after=after)

    @rule()
    def restart(self) -> None:
        """Run to the end: everything has arrived, and is committed."""
        for _ in range(20):
            if self._run() == "done":
                break
        assert not self._world.broken, self._world.broken
        assert self._world.is_done(), self._simulation.ends[-3:]
        assert self._simulation.verdict() == []

    @rule()
    def reset(self) -> None:
        """As `state reset`, where the sink begins afresh, too."""
        world = self._world
        world.states.clear()
        world.incidents += 1
        for sink in world.sinks.values():
            sink.checkpoint.clear()
            sink.keys.clear()
            sink.order.clear()
            sink.rows.clear()
            (self._folder / f"{sink.name}-letters.jsonl").unlink(missing_ok=True)
        (self._folder / "a-letters.jsonl").unlink(missing_ok=True)

    @rule(stream=st.integers(0, 1), ahead=st.integers(0, 5))
    def change_schema(self, stream: int, ahead: int) -> None:
        """A field more, from some record on."""
        self._streams()[stream].schema_at = self._streams()[stream].total - ahead

    @invariant()
    def nothing_is_broken(self) -> None:
        world = getattr(self, "_world", None)
        if world is None:
            return
        assert not world.broken, world.broken
        for sink in world.sinks.values():
            evidence = self._simulation.evidence(sink)
            assert set(sink.held()) <= evidence.source
            assert repeated(evidence, Level.L2, Level.L3) == 0

    def teardown(self) -> None:
        logging.disable(logging.NOTSET)
        shutil.rmtree(self._folder)

    def _streams(self) -> list[StreamScript]:
        return self._world.sources["a"].streams

    def _run(self, **how: float) -> str:
        world = self._world
        world.run += 1
        world.incidents += 1
        end = self._simulation.once(**how)
        self._simulation.ends.append(end)
        return end


def _sink(name: str, kind: str, *, rejects: bool) -> SinkScript:
    return SinkScript(
        name,
        ["a"],
        "batch" if kind == "upsert" else kind,
        upserts=kind == "upsert",
        through=name == "y",
        rejects=rejects,
        whole=False,
        slow=0.02,
        fails_transform=False,
        batch={"max_records": 7, "max_bytes": 1 << 20, "max_wait_ms": 50},
    )


def test_any_order_of_events_keeps_the_promises(figures: Record) -> None:
    examples, steps = size(200), 50 if FULL else 20
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Pipelines, settings=chosen)
    figures("M10", sequences=examples, most_steps_each=steps, broken=0)
