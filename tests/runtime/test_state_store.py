"""The durable state: what it keeps, what it refuses, whom it lets in."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from state_kit import FILLED, abandon, execute, fill, load

from rivven_connect._errors import AlreadyRunning, StateStoreError
from rivven_connect._redaction import register_secret
from rivven_connect.pipeline import file_systems
from rivven_connect.pipeline.file_systems import file_system_type
from rivven_connect.pipeline.state_encoding import encode_state
from rivven_connect.pipeline.store import StateStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_what_is_committed_is_loaded(folder: Path) -> None:
    fill(folder)
    store = StateStore.open(folder, "shop")
    assert store.load("a") == FILLED
    assert store.load("b") == {"_state": {"page": 1}}
    assert store.load("c") == {}
    assert store.counters() == {("source:a", "read"): 5}
    store.close()


def test_files_are_private_and_ignored_by_git(folder: Path) -> None:
    path = fill(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    for file in (path, path.with_suffix(".lock"), path.with_suffix(".marker")):
        assert file.stat().st_mode & 0o777 == 0o600, file
    assert (folder / ".gitignore").read_text() == "*\n"


def test_the_database_follows_the_rules(folder: Path) -> None:
    path = fill(folder)
    connection = sqlite3.connect(path)
    journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    assert journal == ("wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "delete")
    assert connection.execute("PRAGMA application_id").fetchone()[0] == 0x52564E43
    connection.close()
    store = StateStore.open(folder, "shop")
    assert store._connection.execute("PRAGMA synchronous").fetchone()[0] == 3
    store.close()


def test_a_second_owner_is_refused_and_told_of_the_first(folder: Path) -> None:
    store = StateStore.open(folder, "shop")
    script = (
        "import sys; from pathlib import Path\n"
        "from rivven_connect.pipeline.store import StateStore\n"
        "try: StateStore.open(Path(sys.argv[1]), 'shop')\n"
        "except Exception as error: print(type(error).__name__, error); sys.exit(error.exit_code)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 5
    assert f"process {os.getpid()}" in found.stdout
    other = StateStore.open(folder, "another")
    other.close()
    store.close()
    StateStore.open(folder, "shop").close()


def test_f26_a_stale_owner_commits_nothing(folder: Path) -> None:
    stale = StateStore.open(folder, "shop")
    execute(folder / "shop.db", "UPDATE meta SET owner_term = owner_term + 1")
    with pytest.raises(AlreadyRunning, match="nothing was saved"):
        stale.commit("a", {("s", ""): {"last": 9}}, {})
    assert stale.load("a") == {}
    marker = (folder / "shop.marker").read_bytes()
    stale.close()
    assert (folder / "shop.marker").read_bytes() == marker, "nor does it touch what is the other's"
    assert not (folder / "shop.db.bak").exists()


def test_f20_emptied_and_deleted_states_are_refused(folder: Path) -> None:
    path = fill(folder)
    path.write_bytes(b"")
    with pytest.raises(StateStoreError, match="was emptied or deleted"):
        StateStore.open(folder, "shop")
    path.unlink()
    with pytest.raises(StateStoreError, match="was emptied or deleted"):
        StateStore.open(folder, "shop")
    path.with_suffix(".marker").unlink()
    StateStore.open(folder, "shop").close()


@pytest.mark.parametrize("when", ["first start", "second start"])
def test_a_crash_while_the_marker_is_written_locks_nobody_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    if when == "second start":
        fill(folder)
    with monkeypatch.context() as patched:
        # What SIGKILL between opening and writing leaves: a file, and nothing in it.
        patched.setattr("builtins.open", _killed_open)
        with contextlib.suppress(KeyboardInterrupt):
            StateStore.open(folder, "shop").close()
    assert load(folder) == (FILLED if when != "first start" else {})


def _killed_open(file: int | str, *_args: object, **_options: object) -> None:
    if isinstance(file, int):
        os.close(file)
    raise KeyboardInterrupt


def test_another_files_content_is_refused(folder: Path, tmp_path: Path) -> None:
    path = fill(folder)
    elsewhere = fill(tmp_path / "elsewhere")
    path.write_bytes(elsewhere.read_bytes())
    with pytest.raises(StateStoreError, match="is not the state that"):
        StateStore.open(folder, "shop")


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("PRAGMA application_id = 7", "another program"),
        ("PRAGMA user_version = 99", "newer version"),
        ("UPDATE meta SET pipeline = 'other'", "another pipeline"),
        ("UPDATE state SET value = '{\"last\": 0}' WHERE stream = 's'", "is damaged"),
        ("UPDATE state SET stream = 't' WHERE stream = 's'", "is damaged"),
        ("DELETE FROM state WHERE stream = 's'", "rows are missing"),
        ("DELETE FROM state", "rows are missing"),
        ("UPDATE counters SET value = 6", "another program changed them"),
        ("UPDATE counters SET connector = 'source:b'", "another program changed them"),
        ("DELETE FROM counters", "rows are missing"),
        ("INSERT INTO identities VALUES ('source', 'a', '', 'x')", "another program changed"),
        ("UPDATE meta SET owner_term = 9", "damaged in its table `meta`"),
        ("UPDATE meta SET commits = 9", "damaged in its table `meta`"),
        ("DELETE FROM meta", "damaged in its table `meta`"),
        ("UPDATE counters SET value = 'x'", "is damaged"),
        ("PRAGMA user_version = 0", "is damaged"),
        ("PRAGMA user_version = 1", "is damaged"),
        ("DROP TABLE state", "no such table"),
    ],
)
def test_f21_foreign_newer_and_damaged_states_are_refused(
    folder: Path, statement: str, match: str
) -> None:
    path = fill(folder)
    execute(path, statement)
    before = path.read_bytes()
    with pytest.raises(StateStoreError, match=match) as caught:
        StateStore.open(folder, "shop")
    assert caught.value.exit_code == 4
    assert str(path) in str(caught.value)
    assert f"rivven state import PIPELINE.yaml {path}.bak" in str(caught.value)
    assert "rivven state reset PIPELINE.yaml" in str(caught.value)
    assert path.read_bytes() == before, "never reset by itself"


def test_rows_that_change_places_are_found_out(folder: Path) -> None:
    path = fill(folder)
    execute(
        path,
        "UPDATE state SET source = 'c' WHERE source = 'a' AND stream = 's'",
        "UPDATE state SET source = 'a', stream = 's' WHERE source = 'b'",
        "UPDATE state SET source = 'b', stream = '_state' WHERE source = 'c'",
    )
    with pytest.raises(StateStoreError, match="is damaged at source"):
        StateStore.open(folder, "shop")


def test_a_row_that_an_older_row_of_itself_replaced_is_found_out(folder: Path) -> None:
    path = fill(folder)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        row = connection.execute("SELECT * FROM state WHERE stream = 's'").fetchone()
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        store.commit("a", {("s", ""): {"last": 3}}, {})
    value, sha256 = row[3:]
    execute(path, f"UPDATE state SET value = '{value}', sha256 = '{sha256}' WHERE stream = 's'")
    with pytest.raises(StateStoreError, match="another program changed them"):
        StateStore.open(folder, "shop")


def test_f19_flipped_bits_and_cut_files_never_open(folder: Path) -> None:
    path = fill(folder)
    good = path.read_bytes()
    at = good.index(b'{"last": 2}')
    for damaged in (
        b"garbage" * 100,
        good[: len(good) // 2],
        good[: at + 9] + b"3" + good[at + 10 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(StateStoreError):
            StateStore.open(folder, "shop")
    path.write_bytes(good)
    StateStore.open(folder, "shop").close()


def test_f22_a_failed_read_is_never_no_state(folder: Path) -> None:
    fill(folder)
    store = StateStore.open(folder, "shop")
    store._connection.execute("ALTER TABLE state RENAME TO gone")
    with pytest.raises(StateStoreError):
        store.load("a")
    with pytest.raises(StateStoreError):
        store.commit("a", {("s", ""): {"last": 9}}, {})
    assert not store._connection.in_transaction
    store.close()


@pytest.mark.parametrize(
    "disguise",
    [
        lambda secret: {"cursor": f"x {secret}"},
        lambda secret: {secret: 1},
        lambda secret: {"deep": [{"url": f"https://x/?t={quote(secret, safe='')}"}]},
        lambda secret: {"url": quote_plus(secret)},
        lambda secret: {"basic": base64.b64encode(f"user:{secret}".encode()).decode()},
        lambda secret: {"json": json.dumps({"token": secret})},
        lambda secret: {"shown": repr(secret)},
    ],
    ids=["text", "key", "url", "query", "base64", "json", "repr"],
)
def test_a_secret_never_enters_the_state_in_any_form(
    folder: Path, disguise: Callable[[str], dict[str, object]]
) -> None:
    secret = 'canary/of+the@state%store"ü'
    register_secret(secret)
    store = StateStore.open(folder, "shop")
    with pytest.raises(StateStoreError, match="put a secret into") as caught:
        store.commit("a", {("s", ""): disguise(secret)}, {})
    assert caught.value.exit_code == 4
    assert secret not in str(caught.value)
    with pytest.raises(StateStoreError, match="put a secret into") as caught:
        store.commit("a", {(f"s-{secret}", ""): {"last": 1}}, {})
    assert secret not in str(caught.value)
    assert store.load("a") == {}
    store.close()


def test_an_empty_state_never_replaces_a_saved_one(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(folder)
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        store.commit("a", {("s", ""): {}, ("new", ""): {}}, {})
        assert store.load("a") == {**FILLED, "new": {}}
    assert "gave an empty state for 's'" in caplog.text
    assert load(folder) == {**FILLED, "new": {}}


def test_two_keys_that_load_under_one_name_are_refused(folder: Path) -> None:
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        store.commit("a", {("x", "y/z"): {"last": 1}}, {})
        for key in (("x/y", "z"), ("x/y/z", "")):
            with pytest.raises(StateStoreError, match="called 'x/y/z'"):
                store.commit("a", {("other", ""): {"last": 1}, key: {"last": 2}}, {})
        assert store.load("a") == {"x/y/z": {"last": 1}}, "all or nothing"
        store.commit("b", {("x/y", "z"): {"last": 3}}, {})
        store.commit("a", {("x", "y/z"): {"last": 4}}, {})
    assert load(folder) == {"x/y/z": {"last": 4}}


@pytest.mark.parametrize("value", [{"x": float("nan")}, {"x": object()}, {"x": "\ud800"}])
def test_what_is_not_json_is_refused_as_such(folder: Path, value: dict[str, object]) -> None:
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        with pytest.raises(StateStoreError):
            store.commit("a", {("s", ""): value}, {})
        assert store.load("a") == {}


def test_a_full_disk_keeps_the_last_checkpoint(folder: Path) -> None:
    """F18: SQLITE_FULL while committing."""
    fill(folder)
    store = StateStore.open(folder, "shop")
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateStoreError, match="the disk is full") as caught:
        store.commit("a", {("s", ""): {"last": 3, "pad": "x" * 100_000}}, {("source:a", "read"): 9})
    assert caught.value.exit_code == 4
    assert store.load("a") == FILLED
    abandon(store)
    assert load(folder) == FILLED
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        assert store.counters() == {("source:a", "read"): 5}


def test_a_state_folder_that_a_crash_left_bare_is_hidden_from_git(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    ours = tmp_path / "ours"
    path = fill(ours)
    (ours / ".gitignore").unlink()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "notes.txt").write_text("mine")
    for one in (bare, ours, theirs):
        StateStore.open(one, "shop").close()
    assert (bare / ".gitignore").read_text() == "*\n"
    assert (ours / ".gitignore").read_text() == "*\n"
    assert not (theirs / ".gitignore").exists()
    assert path.exists()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_database_that_lost_its_name_is_not_written_to(folder: Path, replaced: bool) -> None:
    path = fill(folder)
    store = StateStore.open(folder, "shop")
    path.rename(folder / "moved")
    if replaced:
        path.write_bytes((folder / "moved").read_bytes())
    with pytest.raises(StateStoreError, match="removed or replaced while in use"):
        store.commit("a", {("s", ""): {"last": 9}}, {})
    store.close()
    (folder / "moved").rename(path)
    assert load(folder) == FILLED


def test_a_database_that_is_overwritten_while_in_use_is_found_out(folder: Path) -> None:
    path = fill(folder)
    older = path.read_bytes()
    store = StateStore.open(folder, "shop")
    store.commit("a", {("s", ""): {"last": 3}}, {})
    path.write_bytes(older)
    saved = 3
    with contextlib.suppress(StateStoreError):
        store.commit("a", {("s", ""): {"last": 4}}, {})
        saved = 4
    store.close()
    # With a write-ahead log the database may be whole again; otherwise it is refused.
    with contextlib.suppress(StateStoreError):
        assert load(folder)["s"] == {"last": saved}


MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw,relatime 0 0
/dev/sdb /home/me/with\\040space xfs rw 0 0
tmpfs /run tmpfs rw 0 0
//nas/share /run cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/srv/state", "ext4"),
        ("/home/me/state", "nfs4"),
        ("/homes", "ext4"),
        ("/home/me/with space/x", "xfs"),
        ("/run/x", "cifs"),
    ],
)
def test_the_file_system_of_a_folder_is_that_of_its_deepest_mount(
    folder: str, expected: str
) -> None:
    assert file_system_type(MOUNTS, Path(folder)) == expected


def test_a_network_file_system_is_warned_of(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(file_systems, "_MOUNTS", mounts)
    StateStore.open(folder, "shop").close()
    assert "network file system (nfs4)" in caplog.text


def test_equal_states_are_saved_as_the_same_text() -> None:
    one, other = {"b": {"d": 1, "c": "é"}, "a": 2}, {"a": 2, "b": {"c": "é", "d": 1}}
    texts = {encode_state("s", ("t", ""), state).value for state in (one, other)}
    assert texts == {'{"a": 2, "b": {"c": "é", "d": 1}}'}
