"""Who may write which file, and what is refused; the plan is a plain dictionary here."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rivven_connect import ExitCode, InputError
from rivven_generator.disk import Disk
from rivven_generator.journal import recover
from rivven_generator.lockfile import LOCK_FILE, Lock, load_lock
from rivven_generator.new_folder import create_project
from rivven_generator.ownership import check_paths
from rivven_generator.project_errors import ProjectBusy, ProjectConflict
from rivven_generator.write import Written, write_generated

PLAN = {
    "src/demo/_generated/base.py": "x = 1\n",
    "docs/options.md": "# Options\n",
    "a.json": "{}\n",
}
EMPTY = Lock(embedded=False, tests_dir="tests/generated")


def write(
    folder: Path,
    plan: Mapping[str, str] = PLAN,
    *,
    once: Mapping[str, str] | None = None,
    force: bool = False,
    disk_type: type[Disk] = Disk,
) -> Written:
    with disk_type(str(folder)) as disk, disk.exclusive():
        recover(disk)
        return write_generated(disk, plan, load_lock(disk) or EMPTY, once=once, force=force)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(action: Callable[[], object]) -> InputError:
    with pytest.raises(InputError) as caught:
        action()
    return caught.value


def test_everything_planned_is_written_and_locked(tmp_path: Path) -> None:
    assert write(tmp_path).written == sorted(PLAN)
    assert {path: tree(tmp_path)[path].decode() for path in PLAN} == PLAN
    assert set(tree(tmp_path)) == {*PLAN, LOCK_FILE}
    with Disk(str(tmp_path)) as disk:
        lock = load_lock(disk)
    assert lock is not None
    assert set(lock.owned("generated")) == set(PLAN)


def test_what_is_right_already_is_not_touched(tmp_path: Path) -> None:
    write(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert write(tmp_path) == Written([], [], [])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_new_plan_replaces_what_rivven_wrote(tmp_path: Path) -> None:
    write(tmp_path)
    assert write(tmp_path, {**PLAN, "a.json": "[]\n"}).written == ["a.json"]
    assert tree(tmp_path)["a.json"] == b"[]\n"


def test_a_stale_file_goes_and_its_empty_folder_with_it(tmp_path: Path) -> None:
    write(tmp_path, {**PLAN, "tests/generated/old/test_a.py": ""})
    assert write(tmp_path).removed == ["tests/generated/old/test_a.py"]
    assert not (tmp_path / "tests").exists()


def test_a_folder_with_files_of_others_stays(tmp_path: Path) -> None:
    write(tmp_path, {**PLAN, "tests/generated/test_a.py": ""})
    (tmp_path / "tests" / "mine.py").write_text("")
    write(tmp_path)
    assert [p.name for p in (tmp_path / "tests").iterdir()] == ["mine.py"]


def test_a_deleted_generated_file_is_written_again(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "a.json").unlink()
    assert write(tmp_path).written == ["a.json"]


def test_an_author_s_file_is_written_once_and_never_again(tmp_path: Path) -> None:
    once = {"src/demo/validators.py": "first\n"}
    write(tmp_path, once=once)
    (tmp_path / "src/demo/validators.py").write_text("mine\n")
    write(tmp_path, once={"src/demo/validators.py": "second\n"})
    assert (tmp_path / "src/demo/validators.py").read_text() == "mine\n"
    (tmp_path / "src/demo/validators.py").unlink()
    write(tmp_path, once=once)
    assert not (tmp_path / "src/demo/validators.py").exists()


def test_a_hand_edit_is_refused_with_its_diff_and_its_proper_place(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "src/demo/_generated/base.py").write_text("x = 1\ny = 2\x1b[31m\n")
    before = tree(tmp_path)
    error = refused(lambda: write(tmp_path, {**PLAN, "a.json": "[]\n"}))
    assert isinstance(error, ProjectConflict)
    assert error.exit_code == ExitCode.DRIFT
    assert [p.code for p in error.problems] == ["RVN501"]
    assert "+y = 2\\x1b[31m\n" in error.diff
    assert "your own class" in error.problems[0].hint
    assert tree(tmp_path) == before


def test_force_overwrites_a_hand_edit_and_keeps_every_backup(tmp_path: Path) -> None:
    write(tmp_path)
    for text in ("first", "second"):
        (tmp_path / "a.json").write_text(text)
        write(tmp_path, force=True)
    assert tree(tmp_path)["a.json"] == b"{}\n"
    assert tree(tmp_path)[".rivven/backup/a.json.rivven-backup"] == b"first"
    assert tree(tmp_path)[".rivven/backup/a.json.rivven-backup.1"] == b"second"


def test_a_stale_file_with_a_hand_edit_is_refused_as_well(tmp_path: Path) -> None:
    write(tmp_path, {**PLAN, "old.py": ""})
    (tmp_path / "old.py").write_text("mine")
    assert refused(lambda: write(tmp_path)).problems[0].code == "RVN501"
    assert write(tmp_path, force=True).removed == ["old.py"]
    assert tree(tmp_path)[".rivven/backup/old.py.rivven-backup"] == b"mine"


def test_a_file_that_rivven_did_not_write_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("mine")
    before = tree(tmp_path)
    assert refused(lambda: write(tmp_path)).problems[0].code == "RVN502"
    assert tree(tmp_path) == before


def test_a_file_that_is_as_planned_is_adopted(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / LOCK_FILE).unlink()
    write(tmp_path)
    (tmp_path / "a.json").write_text("mine")
    assert refused(lambda: write(tmp_path)).problems[0].code == "RVN501"


def test_text_that_does_not_parse_is_our_bug_and_is_not_written(tmp_path: Path) -> None:
    for path in ("a.py", "a.json"):
        with pytest.raises(RuntimeError, match=path):
            write(tmp_path, {path: "{"})
    assert tree(tmp_path) == {}


def test_paths_that_a_file_system_cannot_tell_apart_are_refused() -> None:
    for paths in (["src/A.py", "src/a.py"], ["caf\u00e9.py", "cafe\u0301.py"], ["x" * 300]):
        assert refused(lambda paths=paths: check_paths(paths)).problems[0].code == "RVN514"  # type: ignore[misc]  # binds the loop's value


@pytest.mark.parametrize("path", ["../x.py", "/tmp/x.py", "a/../../x.py", "a\0b"])
def test_a_planned_path_out_of_the_project_is_refused(tmp_path: Path, path: str) -> None:
    assert refused(lambda: write(tmp_path, {path: ""})).problems[0].code == "RVN505"


def test_the_project_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link")
    assert set(tree(tmp_path / "real")) == {*PLAN, LOCK_FILE}


@pytest.mark.parametrize("place", ["src", "src/demo", "src/demo/_generated", "a.json", LOCK_FILE])
def test_a_link_below_the_project_is_refused(tmp_path: Path, place: str) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    write(project)
    outside.mkdir()
    victim = project / place
    victim.rename(outside / victim.name)
    victim.symlink_to(outside / victim.name)
    before = tree(outside)
    plan = {path: text.replace("\n", " \n") for path, text in PLAN.items()}
    assert refused(lambda: write(project, plan)).problems[0].code == "RVN504"
    assert tree(outside) == before


@pytest.mark.parametrize("moment", range(1, 16))
def test_a_link_that_is_planted_while_we_write_is_refused(tmp_path: Path, moment: int) -> None:
    """The attacker swaps a folder for a link before the n-th operation that changes the disk."""
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    write(project)
    outside.mkdir()
    (outside / "base.py").write_text("precious")
    folder = project / "src/demo/_generated"

    class Attacked(Disk):
        operations = 0

        def plant(self) -> None:
            Attacked.operations += 1
            if Attacked.operations == moment:
                folder.rename(project / "moved")
                folder.symlink_to(outside)

        def _do_create(self, folder: int, name: str) -> int:
            self.plant()
            return super()._do_create(folder, name)

        def _do_replace(self, old: int, source: str, new: int, target: str) -> None:
            self.plant()
            super()._do_replace(old, source, new, target)

    plan = {path: text.replace("\n", " \n") for path, text in PLAN.items()}
    try:
        write(project, plan, disk_type=Attacked)
    except InputError as error:
        assert error.problems[0].code == "RVN504"  # noqa: PT017  # late moments succeed
    assert (outside / "base.py").read_text() == "precious"
    assert [path.name for path in outside.iterdir()] == ["base.py"]


def test_a_fifo_in_the_way_neither_hangs_nor_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    signal.alarm(10)
    try:
        assert refused(lambda: write(tmp_path)).problems[0].code == "RVN507"
    finally:
        signal.alarm(0)


def test_a_file_where_a_folder_belongs_leaves_the_tree_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "src").write_text("a file")
    before = tree(tmp_path)
    assert refused(lambda: write(tmp_path)).problems[0].code == "RVN507"
    assert tree(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_bad_input(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        error = refused(lambda: write(tmp_path))
    finally:
        tmp_path.chmod(stat.S_IRWXU)
    assert (error.problems[0].code, error.exit_code) == ("RVN507", ExitCode.BAD_INPUT)
    assert tree(tmp_path) == {}


def test_a_second_generator_is_told_to_wait(tmp_path: Path) -> None:
    with Disk(str(tmp_path)) as disk, disk.exclusive():
        error = refused(lambda: write(tmp_path))
    assert isinstance(error, ProjectBusy)
    assert error.exit_code == ExitCode.ALREADY_RUNNING
    write(tmp_path)


def _attempt(folder: Path, number: int) -> int:
    try:
        write(folder, {f"{n}.txt": str(number) for n in range(20)})
    except ProjectBusy:
        return -1
    return number


def test_eight_generators_at_once_leave_the_tree_of_one(tmp_path: Path) -> None:
    # The lock belongs to an open file, so threads meet it as processes do.
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(_attempt, [tmp_path] * 8, range(8)))
    contents = {content for path, content in tree(tmp_path).items() if path.endswith(".txt")}
    assert len(contents) == 1
    assert int(contents.pop()) in {number for number in results if number >= 0}
    assert not (tmp_path / ".rivven").exists()


def _create(folder: Path, number: int) -> int:
    try:
        create_project(str(folder), {f"{n}.txt": str(number) for n in range(20)})
    except InputError as error:
        assert error.problems[0].code in {"RVN506", "RVN511"}  # noqa: PT017  # they lost the race
        return -1
    return number


def test_eight_new_projects_in_one_place_become_one(tmp_path: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(_create, [tmp_path / "new"] * 8, range(8)))
    (winner,) = [number for number in results if number >= 0]
    assert set(tree(tmp_path / "new").values()) == {str(winner).encode()}
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_checkout_with_crlf_is_no_hand_edit(tmp_path: Path) -> None:
    write(tmp_path)
    for path in (*PLAN, LOCK_FILE):
        file = tmp_path / path
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert write(tmp_path) == Written([], [], [])
    assert write(tmp_path, {**PLAN, "a.json": "[]\n"}).written == ["a.json"]
    del (changed := dict(PLAN))["docs/options.md"]
    assert write(tmp_path, changed).removed == ["docs/options.md"]


@pytest.mark.parametrize(
    "journal",
    [
        '{"entries": [{"path": 5, "old": null, "new": null, "number": 0}]}',
        '{"entries": [{"path": "a", "old": 1, "new": null, "number": 0}]}',
        '{"entries": [{"path": "a", "old": null, "new": null, "number": "x"}]}',
        "[" * 100_000,
    ],
)
def test_a_damaged_journal_is_bad_input(tmp_path: Path, journal: str) -> None:
    folder = tmp_path / ".rivven/journal"
    folder.mkdir(parents=True)
    (folder / "journal.json").write_text(journal)
    error = refused(lambda: write(tmp_path))
    assert [problem.code for problem in error.problems] == ["RVN508"]
