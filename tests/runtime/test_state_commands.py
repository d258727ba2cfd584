"""`rivven-connect state`: shows, exports, imports and resets, and is the way out of every refusal."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from project_kit import out_ids, run_cli, start_cli, wait_until, write_pipeline, write_projects
from state_kit import FILLED, fill, load, restore_fixture

from rivven_connect._errors import StateStoreError
from rivven_connect.cli import GROUP
from rivven_connect.cli.edge import run_group
from rivven_connect.pipeline import state_edit
from rivven_connect.pipeline.store import StateStore

PIPELINE = """\
version: "1.0"
sources:
  a: {connector: nowhere, config: {token: "${env:RIVVEN_NOT_SET}"}}
sinks:
  z: {connector: nowhere, topics: [a]}
"""
"""Neither connectors nor secrets of it can be found, and need not be."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(PIPELINE)
    return path


@pytest.fixture
def folder(file: Path) -> Path:
    return file.parent / ".rivven-state"


class Invoke:
    """Runs `state` in this process."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self.err = ""

    def __call__(self, *args: str | Path, code: int = 0) -> str:
        found = run_group(GROUP, ["state", *map(str, args)])
        out, self.err = self._capfd.readouterr()
        assert found == code, self.err
        assert "Traceback" not in self.err
        return out


@pytest.fixture
def state(capfd: pytest.CaptureFixture[str]) -> Invoke:
    return Invoke(capfd)


def term(folder: Path) -> int:
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        return store.term


@pytest.mark.parametrize("name", ["show", "export", "import", "reset"])
def test_each_command_explains_itself_with_an_example(name: str, state: Invoke) -> None:
    out = state(name, "--help")
    assert "Example:" in out
    assert f"state {name} pipeline.yaml" in out


def test_show_prints_states_counters_and_the_last_commit(
    file: Path, folder: Path, state: Invoke
) -> None:
    assert "no saved state yet" in state("show", file)
    assert json.loads(state("show", file, "--json"))["exists"] is False
    assert not folder.exists(), "looking makes nothing"
    fill(folder)
    out = state("show", file)
    assert 'source a  s  {"last": 2}' in out
    assert 'source a  p/0  {"x": [1]}' in out
    assert "3 commits" in out
    assert "source a  read 5" in out
    found = json.loads(state("show", file, "--json"))
    assert found["commits"] == 3
    assert found["committed_at"].endswith("+00:00")
    assert {"source": "a", "stream": "p", "partition": "0", "value": {"x": [1]}} in found["states"]
    assert found["counters"] == [{"connector": "source:a", "name": "read", "value": 5}]


def test_show_reads_an_older_version_and_leaves_it_as_it_is(
    file: Path, folder: Path, state: Invoke
) -> None:
    path = restore_fixture(folder, "v1")
    before = path.read_bytes()
    assert '{"last": 2}' in state("show", file)
    assert path.read_bytes() == before


def test_show_while_the_pipeline_runs(file: Path, folder: Path, state: Invoke) -> None:
    fill(folder)
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        store.commit("a", {("s", ""): {"last": 3}}, {})
        assert '{"last": 3}' in state("show", file)
        state("reset", file, "--yes", code=5)
        assert str(os.getpid()) in state.err


def test_show_after_a_kill_inside_a_commit_undoes_it(
    file: Path, folder: Path, state: Invoke
) -> None:
    fill(folder)
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from rivven_connect import _failpoints\n"
        "from rivven_connect.pipeline.store import StateStore\n"
        "store = StateStore.open(Path(sys.argv[1]), 'shop')\n"
        "store._connection.execute('PRAGMA cache_size = 1')\n"
        "store._connection.execute('PRAGMA cache_spill = 1')\n"
        "_failpoints.arm({'inside_commit': lambda hit: os.kill(os.getpid(), signal.SIGKILL)})\n"
        "many = {(str(n), ''): {'pad': 'x' * 9000} for n in range(100)}\n"
        "store.commit('a', {('s', ''): {'last': 4}, **many}, {})\n"
    )
    found = subprocess.run([sys.executable, "-c", script, str(folder)], check=False)
    assert found.returncode == -9
    journals = [*folder.glob("shop.db-journal"), *folder.glob("shop.db-wal")]
    assert journals
    assert journals[0].stat().st_size > 0
    out = state("show", file)
    assert '{"last": 2}' in out
    assert "3 commits" in out


@pytest.mark.parametrize("command", ["show", "export"])
def test_a_damaged_state_is_never_shown_as_none(
    file: Path, folder: Path, state: Invoke, command: str
) -> None:
    path = fill(folder)
    path.write_bytes(b"")
    state(command, file, code=4)
    assert "was emptied" in state.err
    path.unlink()
    state(command, file, code=4)
    assert "rivven state reset" in state.err
    assert not path.exists()


def test_what_is_exported_is_imported_elsewhere(file: Path, folder: Path, state: Invoke) -> None:
    fill(folder)
    saved = file.parent / "state.json"
    state("export", file, "--output", saved)
    assert saved.stat().st_mode & 0o777 == 0o600
    assert json.loads(saved.read_text()) == json.loads(state("export", file))
    before = saved.read_bytes()
    saved.write_bytes(b"mine")
    state("export", file, "--output", saved, code=2)
    assert "RVN734" in state.err
    assert saved.read_bytes() == b"mine"
    state("export", file, "--output", saved, "--force")
    assert saved.read_bytes() == before
    elsewhere = file.parent / "elsewhere"
    elsewhere.mkdir()
    other = elsewhere / "shop.yaml"
    other.write_text(PIPELINE)
    state("import", other, saved)
    assert load(elsewhere / ".rivven-state") == FILLED
    assert load(elsewhere / ".rivven-state", "b") == {"_state": {"page": 1}}
    with contextlib.closing(StateStore.open(elsewhere / ".rivven-state", "shop")) as store:
        assert store.counters() == {("source:a", "read"): 5, ("source:a", "edited"): 1}


def test_an_import_replaces_all_and_keeps_what_was_there(
    file: Path, folder: Path, state: Invoke
) -> None:
    fill(folder)
    saved = file.parent / "state.json"
    state("export", file, "--output", saved)
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        store.commit("a", {("s", ""): {"last": 8}, ("t", ""): {"last": 8}}, {})
    before = term(folder)
    done = json.loads(state("import", file, saved, "--json"))
    assert load(folder) == FILLED
    assert term(folder) > before + 1, "the fence never goes back"
    kept = Path(done["copy"])
    assert kept.name == "shop.db.before-import-1"
    assert kept.stat().st_mode & 0o777 == 0o600
    state("import", file, kept)
    assert load(folder)["t"] == {"last": 8}
    assert (folder / "shop.db.before-import-2").exists()


def edited(saved: Path, change: Any) -> None:
    document = json.loads(saved.read_text())
    change(document)
    saved.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["states"][0]["value"].update(x=[2]), "checksum of a state"),
        (lambda d: d["states"].pop(), "its checksum does not fit"),
        (lambda d: d["counters"][0].update(value=6), "its checksum does not fit"),
        (lambda d: d.update(format="x"), "no exported state"),
        (lambda d: d.update(version=2), "its format has version 2"),
        (lambda d: d.update(extra=1), "no exported state"),
        (lambda d: d["states"][0].update(value=[1]), "no exported state"),
        (lambda d: d["states"].append(d["states"][0]), "two states called"),
        (lambda d: d.pop("states"), "no exported state"),
    ],
)
def test_what_does_not_check_out_is_not_imported(
    file: Path, folder: Path, state: Invoke, change: Any, message: str
) -> None:
    path = fill(folder)
    saved = file.parent / "state.json"
    state("export", file, "--output", saved)
    edited(saved, change)
    before = path.read_bytes()
    state("import", file, saved, code=2)
    assert "RVN731" in state.err
    assert message in state.err
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff\xfe", b"SQLite format 3\0rubbish"])
def test_what_is_no_state_at_all_is_not_imported(
    file: Path, folder: Path, state: Invoke, content: bytes
) -> None:
    fill(folder)
    saved = file.parent / "saved"
    saved.write_bytes(content)
    state("import", file, saved, code=2)
    assert "RVN731" in state.err
    state("import", file, file.parent / "nowhere", code=2)
    assert load(folder) == FILLED


def test_an_edit_on_purpose_and_a_renamed_pipeline_are_imported_if_told_so(
    file: Path, folder: Path, state: Invoke
) -> None:
    fill(folder)
    saved = file.parent / "state.json"
    state("export", file, "--output", saved)
    edited(saved, lambda d: d["states"][1]["value"].update(last=1))
    state("import", file, saved, "--accept-edits")
    assert load(folder)["s"] == {"last": 1}
    renamed = file.parent / "orders.yaml"
    renamed.write_text(PIPELINE)
    state("import", renamed, saved, "--accept-edits", code=2)
    assert "RVN732" in state.err
    state("import", renamed, saved, "--accept-edits", "--rename")
    assert load(folder, pipeline="orders")["s"] == {"last": 1}


def test_reset_forgets_a_stream_a_source_or_all(file: Path, folder: Path, state: Invoke) -> None:
    fill(folder)
    with contextlib.closing(StateStore.open(folder, "shop")) as store, store.changing() as changes:
        changes.identify({("source", "a", ""): "x", ("source", "b", ""): "y"})
    before = term(folder)
    state("reset", file, "--source", "a", "--stream", "p", "--yes")
    assert load(folder) == {"s": {"last": 2}}
    done = json.loads(state("reset", file, "--source", "a", "--yes", "--json"))
    assert done["removed"] == [{"source": "a", "stream": "s"}]
    assert load(folder) == {}
    assert load(folder, "b") == {"_state": {"page": 1}}
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        assert set(store.identities()) == {("source", "b", "")}
        counters = {("source:a", "read"): 5, ("source:a", "edited"): 1}
        assert store.counters() == counters | {("source:a", "edited:p/0"): 1}
    state("reset", file, "--yes")
    assert load(folder, "b") == {}
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        assert store.identities() == {}
        assert store.counters() == {("source:a", "edited"): 1}
    assert term(folder) > before
    kept = [folder / f"shop.db.before-reset-{number}" for number in (1, 2, 3)]
    assert all(one.exists() for one in kept)
    state("import", file, kept[0])
    assert load(folder) == FILLED, "what was forgotten is kept"


def test_reset_asks_and_needs_an_answer(
    file: Path, folder: Path, state: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder)
    state("reset", file, code=2)
    assert "--yes" in state.err
    monkeypatch.setattr("rivven_connect.cli.state.sys.stdin.isatty", lambda: True, raising=False)
    asked: list[str] = []

    def confirm(question: str, **_options: object) -> None:
        asked.append(question)
        raise click.Abort

    monkeypatch.setattr(click, "confirm", confirm)
    state("reset", file, "--source", "a", code=130)
    assert asked == ["Forget 2 states of source a?"]
    assert load(folder) == FILLED


def test_reset_of_what_is_not_there_names_what_is(file: Path, folder: Path, state: Invoke) -> None:
    state("reset", file, "--yes")
    assert "nothing to reset" in state.err
    state("reset", file, "--source", "a", "--yes", code=2)
    assert "RVN733" in state.err
    assert not folder.exists()
    fill(folder)
    state("reset", file, "--source", "c", "--yes", code=2)
    assert "there is saved state of: a, b" in state.err
    state("reset", file, "--source", "a", "--stream", "ss", "--yes", code=2)
    assert "did you mean 's'?" in state.err
    state("reset", file, "--stream", "s", "--yes", code=2)
    assert load(folder) == FILLED


def damage(path: Path, how: str) -> None:
    marker = path.with_suffix(".marker")
    if how == "emptied":
        path.write_bytes(b"")
    elif how == "deleted":
        path.unlink()
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif how == "foreign":
        fill(path.parent / "elsewhere", "orders").rename(path)
    elif how == "no marker":
        marker.unlink()
    elif how == "bad marker":
        marker.write_bytes(b"rubbish")
    else:
        path.unlink()
        path.with_name(f"{path.name}-journal").write_bytes(b"of a commit of the old file")


@pytest.mark.parametrize(
    "how", ["emptied", "deleted", "cut", "foreign", "no marker", "bad marker", "only a journal"]
)
@pytest.mark.parametrize("out", ["reset", "import"])
def test_both_ways_out_of_a_refused_state_delete_nothing(
    file: Path, folder: Path, state: Invoke, how: str, out: str
) -> None:
    path = fill(folder)
    before = term(folder)
    damage(path, how)
    bad = path.read_bytes() if path.exists() else None
    with pytest.raises(StateStoreError):
        StateStore.open(folder, "shop")
    state("reset", file, "--source", "a", "--yes", code=4)
    if out == "reset":
        state("reset", file, "--yes")
        assert load(folder) == {}
    else:
        state("import", file, folder / "shop.db.bak")
        assert load(folder) == FILLED
    if bad is not None:
        assert (folder / "shop.db.refused-1").read_bytes() == bad
    assert (folder / "shop.db.refused-1-journal").exists() is (how == "only a journal")
    assert term(folder) > before, "the fence never goes back"
    assert path.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(StateStore.open(folder, "shop")) as store:
        store.commit("a", {("s", ""): {"last": 7}}, {})
    assert load(folder)["s"] == {"last": 7}


def _killed(*_args: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["_build", "move_aside", "MarkerFile", "sync_folder"])
def test_a_refused_state_whose_replacement_is_killed_is_never_empty(
    file: Path, folder: Path, state: Invoke, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    fill(folder).with_suffix(".marker").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(state_edit, step, _killed)
        state("import", file, folder / "shop.db.bak", code=130)
    if step != "sync_folder":
        with pytest.raises(StateStoreError):
            StateStore.open(folder, "shop")
        state("import", file, folder / "shop.db.bak")
    assert load(folder) == FILLED


def test_a_replacement_killed_between_two_renames_is_refused(
    file: Path, folder: Path, state: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder).with_suffix(".marker").unlink()
    real = Path.replace

    def replace(path: Path, target: Path) -> Path:
        if path.name == "shop.db.new":
            raise KeyboardInterrupt
        return real(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        state("import", file, folder / "shop.db.bak", code=130)
    assert not (folder / "shop.db").exists()
    with pytest.raises(StateStoreError, match="emptied or deleted"):
        StateStore.open(folder, "shop")


def test_a_run_after_a_reset_reads_everything_again(tmp_path: Path) -> None:
    write_projects(tmp_path)
    file = write_pipeline(tmp_path, {"total": 40, "page": 10})
    assert run_cli("run", file, cwd=tmp_path).returncode == 0
    assert "source numbers" in run_cli("state", "show", file, cwd=tmp_path).stdout
    (tmp_path / "out.jsonl").unlink()
    assert run_cli("state", "reset", file, "--source", "numbers", cwd=tmp_path).returncode == 2
    done = run_cli("state", "reset", file, "--source", "numbers", "--yes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert run_cli("run", file, cwd=tmp_path).returncode == 0
    assert out_ids(tmp_path) == list(range(40))


def test_a_changed_path_is_refused_by_run_until_it_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    (tmp_path / "one.jsonl").write_text('{"id": 1}\n')
    (tmp_path / "two.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    text = (
        'version: "1.0"\nsources:\n  a:\n    connector: jsonl\n    config: {path: one.jsonl}\n'
        "sinks:\n  z: {connector: jsonl, topics: [a], config: {path: out.jsonl}}\n"
    )
    file.write_text(text)
    assert run_cli("run", file, cwd=tmp_path).returncode == 0
    file.write_text(text.replace("one.jsonl", "two.jsonl"))
    refused = run_cli("run", file, cwd=tmp_path)
    assert refused.returncode == 2
    assert "pipeline.yaml:5:20: RVN730" in refused.stderr
    assert "Traceback" not in refused.stderr
    accepted = run_cli("run", file, "--accept-config-change", cwd=tmp_path)
    assert accepted.returncode == 0, accepted.stderr
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert lines == [{"id": 1}, {"id": 2}]
    assert run_cli("run", file, cwd=tmp_path).returncode == 0


def test_reset_of_a_running_pipeline_exits_5_and_show_works(tmp_path: Path) -> None:
    write_projects(tmp_path)
    file = write_pipeline(tmp_path, {"total": 100_000, "delay_ms": 5})
    process = start_cli("run", file, cwd=tmp_path)
    wait_until(lambda: out_ids(tmp_path))
    shown = run_cli("state", "show", file, "--json", cwd=tmp_path)
    refused = run_cli("state", "reset", file, "--yes", cwd=tmp_path)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=15)
    assert shown.returncode == 0, shown.stderr
    assert refused.returncode == 5
    assert str(process.pid) in refused.stderr
