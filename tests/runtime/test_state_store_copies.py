"""The state's second witness, its backups, and the versions before this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from engine_kit import make_sink, make_source, run_plan, saved, saved_state, simple_plan
from state_kit import FILLED, abandon, advance, copy_of, execute, fill, load, restore_fixture

from rivven_connect._batch import BatchConfig, Item
from rivven_connect._errors import StateStoreError
from rivven_connect._events import SourceEvent
from rivven_connect._state import State
from rivven_connect.pipeline import backups, migrations, run_pipeline
from rivven_connect.pipeline.store import StateStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def refusal(folder: Path) -> str:
    """Return why the state does not open; it must not be touched by that."""
    before = (folder / "shop.db").read_bytes()
    with pytest.raises(StateStoreError) as caught:
        StateStore.open(folder, "shop")
    assert caught.value.exit_code == 4
    assert (folder / "shop.db").read_bytes() == before
    return str(caught.value)


def test_a_copy_from_before_the_last_start_is_refused_whatever_that_run_did(folder: Path) -> None:
    path = fill(folder)
    copy = copy_of(path)
    StateStore.open(folder, "shop").close()
    path.write_bytes(copy)
    assert "is an older copy" in refusal(folder)


def test_a_copy_from_within_a_run_that_ended_cleanly_is_refused(folder: Path) -> None:
    path = folder / "shop.db"
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        store.commit("a", {("s", ""): {"last": 1}}, {})
        copy = copy_of(path)
        store.commit("a", {("s", ""): {"last": 2}}, {})
    path.write_bytes(copy)
    assert "it has 1 commits of 1 starts, and there were 2 of 1" in refusal(folder)


@pytest.mark.parametrize("commits", [1, 2, 3])
def test_a_copy_from_within_a_killed_run_is_refused(folder: Path, commits: int) -> None:
    path = folder / "shop.db"
    store = StateStore.open(folder, "shop")
    copy = copy_of(path)
    for last in range(commits):
        store.commit("a", {("s", ""): {"last": last}}, {})
    abandon(store)
    truth = path.read_bytes()
    path.write_bytes(copy)
    assert "is an older copy" in refusal(folder)
    path.write_bytes(truth)
    assert load(folder) == {"s": {"last": commits - 1}}


def test_a_copy_that_went_another_way_is_refused(folder: Path, tmp_path: Path) -> None:
    fill(folder)
    shutil.copytree(folder, tmp_path / "twin")
    advance(folder, 3)
    advance(tmp_path / "twin", 4)
    shutil.copy(tmp_path / "twin" / "shop.db", folder / "shop.db")
    assert "went another way" in refusal(folder)


def test_a_marker_that_is_behind_locks_nobody_out(folder: Path) -> None:
    """What a power failure leaves: commits are on disk, the last notes of the marker are not."""
    fill(folder)
    store = StateStore.open(folder, "shop")
    behind = (folder / "shop.marker").read_bytes()
    store.commit("a", {("s", ""): {"last": 3}}, {})
    abandon(store)
    (folder / "shop.marker").write_bytes(behind)
    assert load(folder)["s"] == {"last": 3}


@pytest.mark.parametrize("half", [0, 1])
def test_a_marker_with_one_torn_half_still_speaks(folder: Path, half: int) -> None:
    path = fill(folder)
    copy = copy_of(path)
    advance(folder, 3)
    marker = folder / "shop.marker"
    torn = bytearray(marker.read_bytes())
    torn[512 * half + 40] ^= 4
    marker.write_bytes(torn)
    truth = path.read_bytes()
    path.write_bytes(copy)
    assert "is an older copy" in refusal(folder)
    path.write_bytes(truth)
    assert load(folder)["s"] == {"last": 3}


def test_of_a_marker_torn_while_it_was_written_the_half_before_speaks(folder: Path) -> None:
    path = folder / "shop.db"
    store = StateStore.open(folder, "shop")
    copy = copy_of(path)
    for last in range(4):
        store.commit("a", {("s", ""): {"last": last}}, {})
        marker = (folder / "shop.marker").read_bytes()
    abandon(store)
    truth = path.read_bytes()
    newest = 512 * (4 % 2)
    (folder / "shop.marker").write_bytes(marker[:newest] + b"torn" + marker[newest + 4 :])
    path.write_bytes(copy)
    assert "there were 3 of 1" in refusal(folder)
    path.write_bytes(truth)
    assert load(folder) == {"s": {"last": 3}}


@pytest.mark.parametrize("content", [b"", b"x" * 1024, None])
def test_a_state_without_a_marker_to_trust_is_refused(folder: Path, content: bytes | None) -> None:
    fill(folder)
    marker = folder / "shop.marker"
    if content is None:
        marker.unlink()
    else:
        marker.write_bytes(content)
    assert "marker" in refusal(folder)


def test_a_whole_folder_from_another_day_is_taken_for_what_it_is(
    folder: Path, tmp_path: Path
) -> None:
    """The limit of the marker: nothing outside of the folder tells."""
    fill(folder)
    shutil.copytree(folder, tmp_path / "day before")
    advance(folder, 9)
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "day before", folder)
    assert load(folder) == FILLED


def test_each_clean_end_leaves_a_private_checked_backup(folder: Path) -> None:
    path = fill(folder)
    backup = folder / "shop.db.bak"
    assert backup.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(sqlite3.connect(f"file:{backup}?mode=ro", uri=True)) as copy:
        rows = copy.execute("SELECT source, stream, partition, value FROM state").fetchall()
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as state:
        expected = state.execute("SELECT source, stream, partition, value FROM state").fetchall()
    assert set(rows) == set(expected)
    written = backup.stat().st_mtime_ns
    StateStore.open(folder, "shop").close()
    assert backup.stat().st_mtime_ns == written, "nothing was committed, nothing is copied"
    store = StateStore.open(folder, "shop")
    store.commit("a", {("s", ""): {"last": 3}}, {})
    abandon(store)
    StateStore.open(folder, "shop").close()
    assert backup.stat().st_mtime_ns != written, "what a killed run committed is"
    assert not list(folder.glob("*.new"))


def test_a_bad_copy_never_replaces_a_good_one(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = fill(folder)
    good = (folder / "shop.db.bak").read_bytes()
    store = StateStore.open(folder, "shop")
    store.commit("a", {("s", ""): {"last": 3}}, {})
    execute(path, "DELETE FROM counters")
    store.close()
    assert (folder / "shop.db.bak").read_bytes() == good
    assert "its backup was not" in caplog.text
    assert not list(folder.glob("*.new"))


def test_a_disk_that_is_full_at_the_end_fails_no_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = StateStore.open(folder, "shop")
    store.commit("a", {("s", ""): {"last": 3}}, {})

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(backups, "sync_folder", full)
        store.close()
    assert "the disk is full" in caplog.text
    assert load(folder) == {"s": {"last": 3}}


def test_version_1_is_migrated_after_a_backup(folder: Path) -> None:
    path = restore_fixture(folder, "v1")
    before = path.read_bytes()
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        assert store.load("a") == FILLED
        assert store.load("b") == {"_state": {"page": 1, "Straße": 'ü\u2028"\\'}}
        assert store.counters() == {("source:a", "read"): 5, ("sink:z", "written"): 5}
        assert store._connection.execute("PRAGMA user_version").fetchone()[0] == 2
        term = store._connection.execute("SELECT owner_term FROM meta").fetchone()[0]
        assert term == 2, "the fence goes on where it was"
    backup = folder / "shop.db.v1.bak"
    assert backup.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(sqlite3.connect(f"file:{backup}?mode=ro", uri=True)) as copy:
        assert copy.execute("PRAGMA user_version").fetchone()[0] == 1
        assert copy.execute("SELECT count(*) FROM state").fetchone()[0] == 3
    migrated = path.read_bytes()
    path.write_bytes(before)
    assert "is an older copy" in refusal(folder), "no way back by itself"
    path.write_bytes(migrated)
    assert load(folder) == FILLED


def test_a_migration_that_fails_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = restore_fixture(folder, "v1")
    before = path.read_bytes()

    def broken(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("create_tables", "write_meta", "check_content"):
        with monkeypatch.context() as patched:
            patched.setattr(migrations, name, broken)
            with pytest.raises(StateStoreError, match="the disk is full"):
                StateStore.open(folder, "shop")
        assert path.read_bytes() == before
    assert load(folder) == FILLED


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("UPDATE state SET value = '{}' WHERE stream = 's'", "is damaged at source 'a'"),
        ("UPDATE meta SET pipeline = 'other'", "belongs to another pipeline"),
        ("UPDATE meta SET instance = 'other'", "is not the state that its marker belongs to"),
        ("DELETE FROM meta", "damaged in its table `meta`"),
        ("DROP TABLE counters", "is damaged|failed"),
    ],
)
def test_a_damaged_version_1_is_refused(folder: Path, statement: str, match: str) -> None:
    path = restore_fixture(folder, "v1")
    execute(path, statement)
    with pytest.raises(StateStoreError, match=match):
        StateStore.open(folder, "shop")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1


def test_version_1_without_its_marker_is_refused(folder: Path) -> None:
    path = restore_fixture(folder, "v1")
    path.with_suffix(".marker").unlink()
    assert "has lost its marker" in refusal(folder)


def test_a_kill_inside_a_commit_leaves_the_state_before_it(folder: Path) -> None:
    """F4: the journal of the cut commit is rolled back, and nothing of it is seen."""
    fill(folder)
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from rivven_connect import _failpoints\n"
        "from rivven_connect.pipeline.store import StateStore\n"
        "store = StateStore.open(Path(sys.argv[1]), 'shop')\n"
        "_failpoints.arm({'inside_commit': lambda hit: os.kill(os.getpid(), signal.SIGKILL)})\n"
        "store.commit('a', {('s', ''): {'last': 9}, ('t', ''): {'last': 9}}, {})\n"
    )
    found = subprocess.run([sys.executable, "-c", script, str(folder)], check=False)
    assert found.returncode == -9
    assert load(folder) == FILLED


def test_a_file_size_limit_is_a_full_disk(folder: Path) -> None:
    """F18: the file cannot grow; exit code 4, the last checkpoint stays, room lets it go on."""
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from rivven_connect._errors import StateStoreError\n"
        "from rivven_connect.pipeline.store import StateStore\n"
        "store = StateStore.open(Path(sys.argv[1]), 'shop')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "last = -1\n"
        "try:\n"
        "    for last in range(1000):\n"
        "        store.commit('a', {('s', ''): {'last': last, 'pad': 'x' * last * 2000}}, {})\n"
        "except StateStoreError as error:\n"
        "    store.close()\n"
        "    print(last); print(error, file=sys.stderr); sys.exit(int(error.exit_code))\n"
    )
    command = [sys.executable, "-c", script, str(folder)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 4, found.stderr
    assert "disk is full" in found.stderr
    failed = int(found.stdout)
    assert failed > 1
    assert load(folder)["s"]["last"] == failed - 1
    advance(folder, failed)
    assert load(folder)["s"] == {"last": failed}


def test_the_folder_of_a_state_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateStoreError, match="cannot be created"):
        StateStore.open(tmp_path / "file", "shop")
    assert os.listdir(tmp_path) == ["file"]


def test_a_run_on_a_full_disk_exits_4_and_the_next_one_goes_on(tmp_path: Path) -> None:
    """F18 through the engine: reading stops, the last good checkpoint counts, nothing is lost."""
    ids = list(range(60))

    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        for number in ids:
            if number > saved(state):
                padded = {"last": number, "pad": "x" * 3000 * number}
                yield SourceEvent(stream="s", data={"id": number}, state=padded, position=number)

    source, log = make_source(read)
    sink, sunk = make_sink(limits=BatchConfig(max_records=5, max_bytes=1 << 20, max_wait_ms=20))
    plan = simple_plan(tmp_path, source, sink)
    store = StateStore.open(plan.state_dir, plan.name)
    store._connection.execute("PRAGMA max_page_count = 40")
    with (
        contextlib.closing(store),
        pytest.raises(StateStoreError, match="the disk is full") as full,
    ):
        asyncio.run(asyncio.wait_for(run_pipeline(plan, store=store), 20))
    assert full.value.exit_code == 4
    checkpoint = saved_state(plan)["s"]["last"]
    assert checkpoint < 59
    assert set(range(checkpoint + 1)) <= sunk.keys(), "the checkpoint is not ahead of the sink"
    assert log.acknowledged[-1]["s"]["last"] == checkpoint
    run_plan(plan)
    assert sunk.keys() == set(ids)
    assert saved_state(plan)["s"]["last"] == 59
