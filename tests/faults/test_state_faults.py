"""M8, M9, M12: the state database fails, is damaged, and is fought for."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from figures import Record
from sizes import FULL, size

from rivven_connect._errors import RivvenError, StateStoreError
from rivven_connect.pipeline.store import StateStore

COMMITS = 3
_connect = sqlite3.connect
_fsync = os.fsync


@dataclass
class Fault:
    """Fails one operation: the Nth of all."""

    number: int
    after: bool
    """Whether the operation is done and only its answer is lost."""

    seen: int = 0
    what: str = ""
    kinds: set[str] = field(default_factory=set)

    def around(self, what: str, call: Callable[[], Any], error: Exception) -> Any:
        self.seen += 1
        self.kinds.add(what)
        if self.seen != self.number:
            return call()
        self.what = what
        if self.after:
            call()
        raise error


class FaultyConnection(sqlite3.Connection):
    """A connection whose operations are counted, and one of them fails."""

    fault: Fault

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self._count(sql, functools.partial(super().execute, sql, *values))

    def executemany(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self._count(sql, functools.partial(super().executemany, sql, *values))

    def backup(self, target: sqlite3.Connection, **options: Any) -> None:
        run = functools.partial(super().backup, target, **options)
        self.fault.around("backup", run, io_error())

    def _count(self, sql: str, run: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        found: sqlite3.Cursor = self.fault.around(sql.split(maxsplit=1)[0], run, io_error())
        return found


def io_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


@contextlib.contextmanager
def failing(fault: Fault) -> Iterator[None]:
    """Let every connection, and every fsync of ours, count and fail."""

    class Connection(FaultyConnection):
        pass

    Connection.fault = fault
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sqlite3, "connect", functools.partial(_connect, factory=Connection))
        patched.setattr(
            os, "fsync", lambda fd: fault.around("fsync", lambda: _fsync(fd), OSError(5, "EIO"))
        )
        yield


@dataclass
class History:
    """What a caller of the store was told."""

    saved: int = -1
    """The last commit that returned."""

    tried: int = -1
    """The last commit that was called."""

    loaded: list[int] = field(default_factory=list)
    errors: list[RivvenError] = field(default_factory=list)

    def run(self, folder: Path) -> None:
        """Open, load, commit a few times, each a second time if it failed, and close."""
        with contextlib.closing(StateStore.open(folder, "shop")) as store:
            self.loaded.append(number_in(store))
            for number in range(self.tried + 1, self.tried + 1 + COMMITS):
                self.tried = number
                for _ in range(2):
                    try:
                        commit(store, number)
                    except StateStoreError as error:
                        self.errors.append(error)
                    else:
                        self.saved = number
                        break


def commit(store: StateStore, number: int) -> None:
    states = {("s", ""): {"last": number}, ("t", str(number % 2)): {"last": number}}
    store.commit("a", states, {("source:a", "read"): 1})


def number_in(store: StateStore) -> int:
    """Return the number of the saved commit, -1 for none; both streams must be of one commit."""
    state = store.load("a")
    if not state:
        return -1
    last: int = state["s"]["last"]
    assert state[f"t/{last % 2}"] == {"last": last}, "half a commit"
    return last


def truth(folder: Path) -> int:
    """Return the saved commit, read without faults."""
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        return number_in(store)


def faulted(folder: Path, fault: Fault) -> History:
    """Run twice with a fault, and say what was told."""
    history = History()
    with failing(fault):
        for _ in range(2):
            try:
                history.run(folder)
            except RivvenError as error:
                history.errors.append(error)
    return history


@pytest.mark.parametrize("after", [False, True], ids=["refused", "answer lost"])
def test_m8_any_failing_operation_is_refused_or_retried(
    tmp_path: Path, figures: Record, after: bool
) -> None:
    """M8, F22: SELECT, INSERT, UPDATE, COMMIT, backup, fsync ...: each operation fails once.

    I3: what was saved is never more than what was tried. I5: never less than what a caller was told;
    a failed read is an error, never "no state".
    """
    counting = Fault(number=0, after=after)
    assert faulted(tmp_path / "0", counting).errors == []
    wanted = {"SELECT", "INSERT", "UPDATE", "REPLACE", "BEGIN", "COMMIT", "PRAGMA", "CREATE"}
    assert counting.kinds >= wanted | {"backup", "fsync"}
    numbers = range(1 + after, counting.seen + 1, 1 if FULL else 5)
    for number in numbers:
        folder = tmp_path / str(number)
        fault = Fault(number=number, after=after)
        history = faulted(folder, fault)
        found = truth(folder)
        told = f"operation {number}, {fault.what}: {history}"
        assert history.saved <= found <= history.tried, told
        assert history.loaded == sorted(history.loaded), told
        assert all(error.exit_code == 4 for error in history.errors), told
        shutil.rmtree(folder)
    figures("M8", operations=len(numbers), lost=0, regressed=0)


@dataclass(frozen=True)
class Original:
    """A state with its past."""

    folder: Path
    older: tuple[bytes, ...]
    """The database as it was after each earlier start and commit."""

    rows: dict[str, Any]


def original(folder: Path, *, killed: bool) -> Original:
    """Make a state of three runs, the last of which ends cleanly or is killed."""
    older = []
    path = folder / "shop.db"
    for run in range(3):
        store = StateStore.open(folder, "shop")
        older.append(path.read_bytes())
        for number in range(3):
            store.commit(
                "a",
                {("s", ""): {"last": 3 * run + number, "pad": "x" * 700 * run}},
                {("source:a", "read"): 5},
            )
            store.commit("b", {(f"s{number}", "p"): {"last": run}}, {("source:b", "read"): 5})
            older.append(path.read_bytes())
        if killed and run == 2:
            store._connection.close()
            store._lock.release()
        else:
            store.close()
    older = [copy for copy in older if copy != path.read_bytes()]
    saved = folder.with_name(f"{folder.name}-saved")
    shutil.copytree(folder, saved)
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        rows = content(store)
    return Original(saved, tuple(older), rows)


def content(store: StateStore) -> dict[str, Any]:
    """Return all that matters of a state."""
    counters = {"/".join(key): value for key, value in store.counters().items()}
    return {"a": store.load("a"), "b": store.load("b"), "counters": counters}


def flip(raw: bytes, chance: random.Random) -> bytes:
    """Flip a bit where something is written; free space is mostly zero, and flips there are dull."""
    written = [place for place, byte in enumerate(raw) if byte]
    at = chance.choice(written) if chance.random() < 0.7 else chance.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]


def zero_byte(raw: bytes, chance: random.Random) -> bytes:
    at = chance.choice([place for place, byte in enumerate(raw) if byte])
    return raw[:at] + b"\0" + raw[at + 1 :]


def truncate(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.choice([0, 1, 100, 512, 4096, chance.randrange(len(raw))])]


def zero_page(raw: bytes, chance: random.Random) -> bytes:
    at = 4096 * chance.randrange(len(raw) // 4096)
    return raw[:at] + bytes(4096) + raw[at + 4096 :]


def swap_pages(raw: bytes, chance: random.Random) -> bytes:
    pages = [raw[at : at + 4096] for at in range(0, len(raw), 4096)]
    chance.shuffle(pages)
    return b"".join(pages)


Damage = Callable[[bytes, random.Random], bytes]
DAMAGES: tuple[Damage, ...] = (flip, flip, flip, zero_byte, truncate, zero_page, swap_pages)


@pytest.mark.parametrize("killed", [False, True], ids=["after a clean end", "after a kill"])
def test_m9_damage_and_older_copies_are_found_out_or_change_nothing(
    tmp_path: Path, figures: Record, killed: bool
) -> None:
    """M9, F19, F20: flipped bits, cut, zeroed and older files; the state is the truth or refused."""
    known = original(tmp_path / "state", killed=killed)
    chance = random.Random(20 + killed)  # one seed: a failing trial comes back
    outcomes = []
    for trial in range(size(100)):
        damage = chance.choice(DAMAGES)
        outcomes.append(
            attempt(known, tmp_path / str(trial), functools.partial(_do, damage, chance))
        )
        assert outcomes[-1] in {"refused", "harmless"}, (
            f"{trial}, {damage.__name__}: {outcomes[-1]}"
        )
    copies = known.older if FULL else chance.sample(known.older, 4)
    for number, copy in enumerate(copies):
        outcome = attempt(known, tmp_path / f"copy{number}", functools.partial(_instead, copy))
        assert outcome == "refused", f"older copy {number}: {outcome}"
    harmless = outcomes.count("harmless")
    assert harmless < len(outcomes)
    figures("M9", trials=len(outcomes), harmless=harmless, older_copies=len(copies), missed=0)


def _do(damage: Damage, chance: random.Random, raw: bytes) -> bytes:
    return damage(raw, chance)


def _instead(copy: bytes, _raw: bytes) -> bytes:
    return copy


def attempt(known: Original, folder: Path, damage: Callable[[bytes], bytes]) -> str:
    """Damage a copy of the state, open it, and say what came of it."""
    shutil.copytree(known.folder, folder)
    path = folder / "shop.db"
    path.write_bytes(damage(path.read_bytes()))
    try:
        with contextlib.closing(StateStore.open(folder, "shop")) as store:
            found = content(store)
    except StateStoreError:
        return "refused"
    finally:
        shutil.rmtree(folder)
    return "harmless" if found == known.rows else f"taken for the truth: {json.dumps(found)[:300]}"


RACERS = """
import os, sys
from pathlib import Path
from rivven_connect._errors import AlreadyRunning
from rivven_connect.pipeline.store import StateStore

folder, rounds, racers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

def race(gate, told, over):
    os.read(gate, 1)
    try:
        store = StateStore.open(folder, "shop")
    except AlreadyRunning as error:
        os.write(told, f"refused {error}\\n".encode())
        os._exit(int(error.exit_code))
    except BaseException as error:
        os.write(told, f"failed {error!r}\\n".encode())
        os._exit(1)
    store.commit("a", {("s", ""): {"owner": os.getpid()}}, {("source:a", "starts"): 1})
    os.write(told, f"owns {os.getpid()}\\n".encode())
    os.read(over, 1)
    if os.getpid() % 2:
        store.close()
    os._exit(0)  # the other half ends as a kill does: the kernel frees the lock

for number in range(rounds):
    gate, open_gate = os.pipe()
    over, end = os.pipe()
    hear, told = os.pipe()
    children = []
    for _ in range(racers):
        child = os.fork()
        if not child:
            os.close(open_gate), os.close(end)
            race(gate, told, over)
        children.append(child)
    os.close(told)
    os.close(open_gate)
    text = b""
    while text.count(b"\\n") < racers:
        text += os.read(hear, 65536) or b"failed: a racer is gone\\n" * racers
    os.close(end)
    for child in children:
        os.waitpid(child, 0)
    for one in (gate, over, hear):
        os.close(one)
    print(text.decode().replace("\\n", "|"), flush=True)
"""


def races(folder: Path, rounds: int, racers: int) -> list[list[str]]:
    """Let processes race for one pipeline, again and again; return what each said, per round."""
    command = [sys.executable, "-c", RACERS, str(folder), str(rounds), str(racers)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 0, found.stderr
    return [line.strip("|").split("|") for line in found.stdout.splitlines()]


def owners(said: list[str]) -> list[str]:
    return [one.removeprefix("owns ") for one in said if one.startswith("owns ")]


@pytest.mark.parametrize(("rounds", "racers"), [(size(50), 4), (1, 20)], ids=["M12", "F25"])
def test_m12_f25_of_several_starts_exactly_one_runs(
    tmp_path: Path, figures: Record, rounds: int, racers: int
) -> None:
    """M12, F25: one owner; all others exit 5 and name its process id; a kill frees the lock."""
    found = races(tmp_path / "state", rounds, racers)
    assert len(found) == rounds
    for said in found:
        (owner,) = owners(said)
        refused = [one for one in said if not one.startswith("owns ")]
        assert len(refused) == racers - 1
        assert all(f"already runs as process {owner} " in one for one in refused), refused
    with contextlib.closing(StateStore.open(tmp_path / "state", "shop")) as store:
        assert store.counters() == {("source:a", "starts"): rounds}
        assert store.load("a") == {"s": {"owner": int(owners(found[-1])[0])}}
    figures("M12", races=rounds, starts=rounds * racers, second_owners=0)
