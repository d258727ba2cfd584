"""The worked example on real repositories, through the real command line: sets, never counts."""

from __future__ import annotations

import base64
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from example_kit import InProcess, Pipeline, assert_clean
from git_kit import Repository

from rivven_connect import ErrorKind, FatalError


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def pipeline(tmp_path: Path, git_commits_project: Path, repository: Repository) -> Pipeline:
    config = {"repository": str(repository.path), "limits": {"batch_size": 3}}
    return Pipeline(tmp_path / "pipeline", git_commits_project, config)


@pytest.fixture
def source(git_commits_project: Path) -> InProcess:
    return InProcess(git_commits_project, "GitCommits")


def _ids(records: list[dict[str, Any]]) -> list[str]:
    return sorted(record["id"] for record in records)


def _all(source: InProcess, config: dict[str, Any], stream: str) -> list[Any]:
    return [record for batch in source.read(config, stream) for record in batch.records]


def _tangled(repository: Repository, commits: int) -> None:
    """Make a history of branches, merges and dates that go back and forth; always the same."""
    chance = random.Random(11)
    repository.write("0")
    repository.commit("root")
    branches = ["main"]
    for number in range(commits):
        branch = chance.choice(branches)
        repository.checkout(branch)
        others = [b for b in branches if b != branch]
        if others and chance.random() < 0.4:
            repository.merge(chance.choice(others))
            continue
        if chance.random() < 0.3:
            branches.append(f"b{number}")
            repository.checkout("-b", branches[-1])
        repository.write(str(number))
        repository.commit(f"change {number}", at=chance.randrange(1_000))
    repository.checkout("main")
    repository.merge(branches[-1])


def test_each_run_delivers_exactly_what_is_new(pipeline: Pipeline, repository: Repository) -> None:
    old = [repository.commit(f"commit {number}") for number in range(8)]
    assert _ids(pipeline.new("commits")) == sorted(old)

    assert pipeline.new("commits") == []

    newest = repository.commit("one more")
    assert _ids(pipeline.new("commits")) == [newest]


def test_merging_an_old_branch_delivers_the_branch_and_the_merge(
    pipeline: Pipeline, repository: Repository
) -> None:
    repository.write("base")
    repository.commit("base", at=500)
    repository.checkout("-b", "old")
    repository.write("late")
    late = [repository.commit(f"long ago {number}", at=number) for number in range(3)]
    repository.checkout("main")
    repository.write("main")
    repository.commit("main goes on", at=600)
    pipeline.run()
    pipeline.added("commits"), pipeline.added("files")

    merge = repository.merge("old")
    assert _ids(pipeline.new("commits")) == sorted([*late, merge])
    assert [(f["commit"], f["path"]) for f in pipeline.added("files")] == [(late[0], "late")]
    assert pipeline.new("commits") == []


def test_runs_with_a_limit_go_on_where_the_last_one_stopped(
    tmp_path: Path, git_commits_project: Path, repository: Repository
) -> None:
    _tangled(repository, 12)
    config = {"repository": str(repository.path), "limits": {"max_commits": 6, "batch_size": 4}}
    pipeline = Pipeline(tmp_path / "pipeline", git_commits_project, config, ["commits"])
    found: list[str] = []
    while records := pipeline.new("commits"):
        assert len(records) <= 6
        found += _ids(records)
    assert sorted(found) == sorted(repository.history())


@pytest.mark.parametrize("stream", ["commits", "files"])
def test_resuming_from_every_state_gives_exactly_the_rest(
    source: InProcess, repository: Repository, stream: str
) -> None:
    _tangled(repository, 30)
    assert len(repository.history("HEAD", "--merges")) > 5
    config = {"repository": str(repository.path)}
    batches = source.read({**config, "limits": {"batch_size": 1}}, stream)
    records = [record for batch in batches for record in batch.records]
    if stream == "commits":
        assert sorted(r["id"] for r in records) == sorted(repository.history())
    for index, batch in enumerate(batches):
        rest = [r for later in batches[index + 1 :] for r in later.records]
        resumed = [r for one in source.read(config, stream, batch.state) for r in one.records]
        assert sorted(map(str, resumed)) == sorted(map(str, rest))


def test_a_crash_in_the_middle_of_a_first_read_survives_new_commits(
    source: InProcess, repository: Repository
) -> None:
    _tangled(repository, 15)
    config = {"repository": str(repository.path), "limits": {"batch_size": 2}}
    batches = source.read(config, "commits")
    middle = len(batches) // 2
    before = {r["id"] for batch in batches[: middle + 1] for r in batch.records}
    repository.checkout("-b", "late", "HEAD~2")
    repository.commit("late", at=0)
    repository.checkout("main")
    repository.merge("late")
    resumed = [
        r["id"] for b in source.read(config, "commits", batches[middle].state) for r in b.records
    ]
    assert sorted([*before, *resumed]) == sorted(repository.history())


def test_rewritten_history_stops_and_names_the_way_out(
    pipeline: Pipeline, repository: Repository
) -> None:
    repository.commit("kept")
    repository.commit("rewritten")
    pipeline.run()
    repository.git("commit", "--quiet", "--amend", "--allow-empty", "--message=other")
    for _ in range(2):
        done = pipeline.run(exit_code=3)
        assert "rewritten" in done.stderr
        assert "reset the state" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_head_that_is_gone_for_good_is_rewritten_history_too(
    pipeline: Pipeline, repository: Repository
) -> None:
    repository.commit("kept")
    repository.commit("lost")
    pipeline.run()
    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "--quiet", "--prune=now")
    assert "rewritten" in pipeline.run(exit_code=3).stderr


@pytest.mark.parametrize("state", [{"cursor": 1}, {"heads": 5}, {"heads": ["--output=x"]}])
def test_a_foreign_state_is_refused(
    source: InProcess, repository: Repository, state: dict[str, Any]
) -> None:
    repository.commit()
    with pytest.raises(FatalError) as refused:
        source.read({"repository": str(repository.path)}, "commits", state)
    assert refused.value.kind is ErrorKind.STATE
    assert "reset" in str(refused.value)


def test_an_empty_repository_has_nothing_yet(pipeline: Pipeline, repository: Repository) -> None:
    assert pipeline.new("commits") == []
    root = repository.commit("at last")
    assert _ids(pipeline.new("commits")) == [root]


def test_a_named_branch_is_read_whatever_is_checked_out(
    source: InProcess, repository: Repository
) -> None:
    repository.commit("base")
    repository.checkout("-b", "release/2.x")
    repository.commit("release")
    wanted = repository.history()
    repository.checkout("main")
    repository.commit("elsewhere")
    for name in ("release/2.x", "refs/heads/release/2.x"):
        config = {"repository": str(repository.path), "branch": name}
        assert {r["id"] for r in _all(source, config, "commits")} == wanted
    missing = source.check({"repository": str(repository.path), "branch": "release/3.x"})
    assert not missing.passed
    assert "release/3.x" in missing.message


def test_odd_file_names_arrive_as_they_are(pipeline: Pipeline, repository: Repository) -> None:
    plain = [
        "new\nline",
        "quo\"te's",
        " spaces ",
        "tab\tname",
        "ünïcödé",
        "back\\slash",
        ":(glob)*",
    ]
    raw = b"caf\xe9"
    for name in plain:
        repository.write(name)
    repository.write(raw)
    commit = repository.commit("odd names")
    files = {file["path"]: file for file in pipeline.new("files")}
    assert set(files) == {*plain, "caf\\xe9"}
    assert base64.b64decode(files["caf\\xe9"]["path_base64"]) == raw
    assert all(files[name]["path_base64"] is None for name in plain)
    assert {file["commit"] for file in files.values()} == {commit}


def test_files_tell_what_happened_to_them(source: InProcess, repository: Repository) -> None:
    repository.write("moved", "line\n" * 10)
    repository.write("edited", "one\ntwo\n")
    repository.write("gone")
    repository.write("becomes a link")
    repository.commit("root")
    repository.git("mv", "moved", "to here")
    repository.write("to here", "line\n" * 10 + "more\n")
    repository.write("edited", "one\n2\nthree\n")
    (repository.path / "gone").unlink()
    (repository.path / "becomes a link").unlink()
    (repository.path / "becomes a link").symlink_to("edited")
    repository.write("binary", b"\0\1\2")
    repository.write("empty", "")
    commit = repository.commit("everything")
    config = {"repository": str(repository.path)}
    found = {
        f["path"]: (f["status"], f["old_path"], f["insertions"], f["deletions"], f["binary"])
        for f in _all(source, config, "files")
        if f["commit"] == commit
    }
    assert found == {
        "to here": ("renamed", "moved", 1, 0, False),
        "edited": ("modified", None, 2, 1, False),
        "gone": ("deleted", None, 0, 1, False),
        "becomes a link": ("type_changed", None, 1, 1, False),
        "binary": ("added", None, None, None, True),
        "empty": ("added", None, 0, 0, False),
    }
    plain = {"repository": str(repository.path), "renames": {"detect": False}}
    statuses = {f["status"] for f in _all(source, plain, "files") if f["commit"] == commit}
    assert "renamed" not in statuses


def test_a_root_commit_lists_all_its_files(source: InProcess, repository: Repository) -> None:
    repository.write("a")
    repository.write("b/c")
    repository.commit("root")
    files = _all(source, {"repository": str(repository.path)}, "files")
    assert [(f["path"], f["status"]) for f in files] == [("a", "added"), ("b/c", "added")]


def test_people_and_messages_may_be_anything(source: InProcess, repository: Repository) -> None:
    tree = repository.git("write-tree").decode().strip()
    person = 'Zoë "☃" O\'Hara\tJr.\\'.encode() + b" <zoe\xff@example.com>"
    raw = (
        f"tree {tree}\nauthor ".encode() + person + b" 99999999999999 +9999\n"
        b"committer nobody <> 1700000000 -0330\n\nsubject \xff\n\nbody\r\n\n"
    )
    odd = repository.git(
        "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=raw
    ).decode()
    repository.git("update-ref", "HEAD", odd.strip())
    (record,) = _all(source, {"repository": str(repository.path)}, "commits")
    assert record["author"]["name"] == 'Zoë "☃" O\'Hara\tJr.\\'
    assert record["author"]["email"] == "zoe�@example.com"
    assert record["committer"] == {
        "name": "nobody",
        "email": "",
        "time": "2023-11-14T18:43:20-03:30",
    }
    assert record["subject"] == "subject �"
    assert record["message"] == "subject �\n\nbody\r"


def test_a_huge_message_is_cut_and_says_so(source: InProcess, repository: Repository) -> None:
    repository.commit("subject\n\n" + "ä" * 3_000_000)
    repository.commit("small")
    limits = {"message_length": 50}
    huge, small = _all(source, {"repository": str(repository.path), "limits": limits}, "commits")
    assert (len(huge["message"]), huge["message_truncated"]) == (50, True)
    assert (small["message"], small["message_truncated"]) == ("small", False)


def test_selection_by_path_author_and_merge(source: InProcess, repository: Repository) -> None:
    repository.write("src/a")
    in_src = repository.commit("src")
    repository.write("docs/b")
    repository.commit("docs")
    repository.checkout("-b", "side", "HEAD~1")
    repository.git("commit", "--quiet", "--allow-empty", "--author=E <E@x.org>", "--message=e")
    by_other = repository.head()
    repository.checkout("main")
    merge = repository.merge("side")
    path = {"repository": str(repository.path)}

    def ids(**selection: Any) -> set[str]:
        return {r["id"] for r in _all(source, path | selection, "commits")}

    assert ids(paths=["src"]) == {in_src}
    assert ids(paths=["sr*"]) == set()
    assert ids(authors=["e@X.org"]) == {by_other}
    assert ids(include_merges=False) == repository.history() - {merge}
    assert [f["path"] for f in _all(source, path | {"paths": ["src"]}, "files")] == ["src/a"]


def test_a_shallow_clone_is_refused_unless_accepted(
    source: InProcess, repository: Repository, tmp_path: Path
) -> None:
    for number in range(3):
        repository.commit(f"commit {number}")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.path}", str(clone))
    refused = source.check({"repository": str(clone)})
    assert not refused.passed
    assert "--unshallow" in refused.message
    accepted = _all(source, {"repository": str(clone), "shallow": "accept"}, "commits")
    assert [record["id"] for record in accepted] == [repository.head()]


def test_checks_say_what_is_wrong(
    source: InProcess, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("below/a")
    repository.commit()
    assert source.check({"repository": str(repository.path)}).passed
    inside = source.check({"repository": str(repository.path / "below")})
    assert "holds .git" in inside.message
    nowhere = source.check({"repository": str(tmp_path / "nowhere")})
    assert "nowhere" in nowhere.message
    monkeypatch.setenv("PATH", str(tmp_path))
    without_git = source.check({"repository": str(repository.path)})
    assert [(check.name, check.passed) for check in without_git.checks] == [
        ("git_available", False),
        ("repository_readable", False),
    ]
    assert "install git" in without_git.message


def test_a_hostile_repository_runs_no_program(
    pipeline: Pipeline, repository: Repository, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    script = tmp_path / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch '{trap}'\n", encoding="utf-8")
    script.chmod(0o755)
    repository.write(".gitattributes", "* diff=evil filter=evil\n")
    repository.write("file", "one\n")
    repository.commit("root")
    repository.write("file", "two\n")
    repository.commit("change")
    for key in (
        *("core.fsmonitor", "core.pager", "core.sshCommand", "diff.external", "gpg.program"),
        *("diff.evil.command", "diff.evil.textconv", "filter.evil.smudge", "pager.rev-list"),
        *("core.alternateRefsCommand", "credential.helper", "uploadpack.packObjectsHook"),
    ):
        repository.git("config", key, str(script))
    repository.git("config", "log.showSignature", "true")
    repository.git("config", "i18n.logOutputEncoding", "UTF-16")
    hooks = {"GIT_EXTERNAL_DIFF": str(script), "GIT_PAGER": str(script), "PAGER": str(script)}
    shutil.copy(script, repository.path / ".git" / "hooks" / "post-index-change")
    pipeline.run(env={**hooks, "GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere"})
    assert _ids(pipeline.added("commits")) == sorted(repository.history())
    assert [f["insertions"] for f in pipeline.added("files") if f["path"] == "file"] == [1, 1]
    assert not trap.exists()


def test_the_project_is_clean(git_commits_project: Path) -> None:
    assert_clean(git_commits_project)
