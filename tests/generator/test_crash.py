"""A run that is killed, or that the disk fails, at each of its operations: before or after, nothing else."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from dying_disk import Dying, Killed, Quick, arrange, finish, tree

from rivven_connect import ExitCode, InputError
from rivven_generator.disk import Disk
from rivven_generator.journal import recover
from rivven_generator.lockfile import Lock, load_lock
from rivven_generator.new_folder import create_project
from rivven_generator.project_errors import ProjectConflict
from rivven_generator.write import write_generated

BEFORE = {"a.json": "{}\n", "src/demo/b.py": "b = 1\n", "old/c.py": "c = 1\n", "same.md": "same\n"}
AFTER = {
    "a.json": "[]\n",
    "src/demo/b.py": "b = 2\n",
    "new/deep/d.py": "d = 1\n",
    "same.md": "same\n",
}
EMPTY = Lock(embedded=False, tests_dir="tests/generated")


@pytest.fixture(autouse=True)
def _alive() -> None:
    arrange(0)


def write(folder: Path, plan: Mapping[str, str], disk_type: type[Disk] = Quick) -> None:
    with disk_type(str(folder)) as disk, disk.exclusive():
        recover(disk)
        write_generated(disk, plan, load_lock(disk) or EMPTY, force=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a hand edit, so that a backup is part of the transaction."""
    folder = tmp_path / "project"
    folder.mkdir()
    write(folder, BEFORE)
    (folder / "a.json").write_text("edited")
    (folder / "src/demo/mine.py").write_text("mine\n")
    return folder


@pytest.fixture
def outcomes(project: Path, tmp_path: Path) -> tuple[dict[str, bytes | None], ...]:
    """The tree before, and after an undisturbed run."""
    done = tmp_path / "done"
    shutil.copytree(project, done)
    write(done, AFTER)
    return tree(project), tree(done)


def operations(project: Path, tmp_path: Path) -> int:
    copy = tmp_path / "counted"
    shutil.copytree(project, copy)
    arrange(0)
    write(copy, AFTER, Dying)
    return Dying.count


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_operation_the_next_run_finds_before_or_after(
    project: Path, outcomes: tuple[Any, ...], tmp_path: Path, after: bool
) -> None:
    seen = set()
    total = operations(project, tmp_path)
    assert total > 40
    for at in range(1, total + 1):
        copy = tmp_path / f"killed-{at}"
        shutil.copytree(project, copy)
        arrange(at, after=after)
        with pytest.raises(Killed):
            write(copy, AFTER, Dying)
        finish(copy)
        found = tree(copy)
        assert found in outcomes, f"operation {at}"
        seen.add(outcomes.index(found))
        write(copy, AFTER)
        assert tree(copy) == outcomes[1], f"operation {at}, then a whole run"
    assert seen == {0, 1}


def test_killed_while_recovering_the_run_after_that_still_finds_before_or_after(
    project: Path, outcomes: tuple[Any, ...], tmp_path: Path
) -> None:
    total = operations(project, tmp_path)
    for first in range(1, total, 5):
        for second in range(1, 30, 4):
            copy = tmp_path / f"killed-{first}-{second}"
            shutil.copytree(project, copy)
            arrange(first)
            with pytest.raises(Killed):
                write(copy, AFTER, Dying)
            arrange(second)
            try:
                with Dying(str(copy)) as disk, disk.exclusive():
                    recover(disk)
            except Killed:
                pass
            finish(copy)
            assert tree(copy) in outcomes, f"operations {first} and {second}"


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [
        (errno.ENOSPC, ExitCode.STATE_STORE),
        (errno.EDQUOT, ExitCode.STATE_STORE),
        (errno.EACCES, ExitCode.BAD_INPUT),
        (errno.EROFS, ExitCode.BAD_INPUT),
    ],
)
def test_a_failed_operation_leaves_the_tree_as_it_was_and_no_journal(
    project: Path, outcomes: tuple[Any, ...], tmp_path: Path, number: int, exit_code: ExitCode
) -> None:
    for at in range(1, operations(project, tmp_path) + 1):
        copy = tmp_path / f"failed-{at}"
        shutil.copytree(project, copy)
        arrange(at, failure=lambda: OSError(number, os.strerror(number)), once=True)
        try:
            write(copy, AFTER, Dying)
        except InputError as error:
            found = (error.exit_code, error.problems[0].code)
            assert found == (exit_code, "RVN507")  # the last steps only tidy up
        if tree(copy) not in outcomes:
            finish(copy)
        assert tree(copy) in outcomes, f"operation {at}"


def test_a_full_disk_still_has_room_to_go_back(
    project: Path, outcomes: tuple[Any, ...], tmp_path: Path
) -> None:
    class Full(Quick):
        left: ClassVar[int] = 0

        def _do_create(self, folder: int, name: str) -> int:
            return int(self._spent(super()._do_create, folder, name))

        def _do_make_folder(self, folder: int, name: str) -> None:
            self._spent(super()._do_make_folder, folder, name)

        def _spent(self, action: Callable[..., Any], *arguments: Any) -> Any:
            Full.left -= 1
            if Full.left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return action(*arguments)

    for room in range(12):
        copy = tmp_path / f"full-{room}"
        shutil.copytree(project, copy)
        Full.left = room
        with pytest.raises(InputError) as caught:
            write(copy, AFTER, Full)
        assert caught.value.exit_code == ExitCode.STATE_STORE
        assert tree(copy) == outcomes[0], f"room for {room}"


def test_what_a_person_wrote_after_the_crash_is_theirs(project: Path, tmp_path: Path) -> None:
    total = operations(project, tmp_path)
    for at in range(1, total + 1, 3):
        copy = tmp_path / f"edited-{at}"
        shutil.copytree(project, copy)
        arrange(at)
        with pytest.raises(Killed):
            write(copy, AFTER, Dying)
        (copy / "src/demo/b.py").write_text("precious = 1\n")
        finish(copy)
        assert (copy / "src/demo/b.py").read_text() == "precious = 1\n"
        with pytest.raises(ProjectConflict), Disk(str(copy)) as disk:
            write_generated(disk, AFTER, load_lock(disk) or EMPTY)


def test_a_new_project_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    create_project(str(tmp_path / "whole"), AFTER, Quick)
    whole = tree(tmp_path / "whole")
    arrange(0)
    create_project(str(tmp_path / "counted"), AFTER, Dying)
    for at in range(1, Dying.count + 1):
        target = tmp_path / f"new-{at}" / "project"
        target.parent.mkdir()
        arrange(at)
        with pytest.raises(Killed):
            create_project(str(target), AFTER, Dying)
        assert not target.exists() or tree(target) == whole
        if not target.exists():
            create_project(str(target), AFTER, Quick)
        assert tree(target) == whole
        assert [path.name for path in target.parent.iterdir()] == ["project"]


def test_an_empty_folder_is_filled_whole_or_stays_empty(tmp_path: Path) -> None:
    create_project(str(tmp_path / "whole"), AFTER, Quick)
    whole = tree(tmp_path / "whole")
    (tmp_path / "counted").mkdir()
    arrange(0)
    create_project(str(tmp_path / "counted"), AFTER, Dying)
    for at in range(1, Dying.count + 1):
        target = tmp_path / f"filled-{at}"
        target.mkdir()
        arrange(at)
        with pytest.raises(Killed):
            create_project(str(target), AFTER, Dying)
        finish(target)
        assert tree(target) in ({}, whole), f"operation {at}"


def test_a_failed_new_project_leaves_nothing(tmp_path: Path) -> None:
    arrange(0)
    create_project(str(tmp_path / "counted"), AFTER, Dying)
    for at in range(1, Dying.count):
        target = tmp_path / f"new-{at}" / "project"
        target.parent.mkdir()
        arrange(at, failure=lambda: OSError(errno.ENOSPC, "No space left on device"), once=True)
        with pytest.raises(InputError) as caught:
            create_project(str(target), AFTER, Dying)
        assert caught.value.exit_code == ExitCode.STATE_STORE
        assert list(target.parent.iterdir()) == []


SCRIPT = """
import os, signal, sys
from rivven_generator.disk import Disk
from rivven_generator.lockfile import Lock, load_lock
from rivven_generator.write import write_generated

class Suicidal(Disk):
    left = int(sys.argv[2])
    def _do_replace(self, *arguments):
        Suicidal.left -= 1
        if Suicidal.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._do_replace(*arguments)

plan = {plan!r}
with Suicidal(sys.argv[1]) as disk, disk.exclusive():
    write_generated(disk, plan, load_lock(disk) or Lock(embedded=False, tests_dir=""), force=True)
"""


@pytest.mark.parametrize("left", [0, 1, 3])
def test_a_real_kill_releases_the_lock_and_can_be_recovered(
    project: Path, outcomes: tuple[Any, ...], left: int
) -> None:
    script = SCRIPT.replace("{plan!r}", repr(AFTER))
    done = subprocess.run([sys.executable, "-c", script, str(project), str(left)], check=False)
    assert done.returncode == -signal.SIGKILL
    finish(project)
    found = tree(project)
    lock_aside = [{k: v for k, v in t.items() if k != "rivven.lock"} for t in (found, *outcomes)]
    assert lock_aside[0] == lock_aside[1 if left == 0 else 2]
