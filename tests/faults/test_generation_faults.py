"""M15: generation killed at each operation, on a disk that refuses or is full, and several at once.

The tree is afterwards as it was before or as it is after a whole run, byte for byte.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dying_disk import Dying, Killed, Quick, arrange, finish, tree
from figures import Record
from sizes import FULL, size

from rivven_connect import InputError
from rivven_generator.disk import Disk
from rivven_generator.generate import Planned, plan_project
from rivven_generator.new_folder import create_project
from rivven_generator.scaffold import Request, new_project
from rivven_generator.write import write_generated

BEFORE = """manifest: "1"
kind: source
name: demo
config: {type: object, properties: {size: {type: integer, default: 1}}}
streams: [{name: a, schema: {type: object, properties: {id: {type: integer}}}}]
"""
AFTER = BEFORE.replace("default: 1", "default: 2").partition("streams:")[0]
"""Changes files, and takes two away."""

Tree = dict[str, bytes | None]


@pytest.fixture(autouse=True)
def _alive() -> None:
    arrange(0)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planned, Tree, Tree]:
    """A project whose manifest has changed, what is planned, and the trees before and after."""
    folder = tmp_path_factory.mktemp("m15")
    (folder / "demo.yaml").write_text(BEFORE)
    request = Request(
        kind="source", name="demo", folder=str(folder / "demo"), manifest=str(folder / "demo.yaml")
    )
    new_project(request, Quick)
    (folder / "demo" / "connector.yaml").write_text(AFTER)
    with Quick(str(folder / "demo")) as disk:
        planned = plan_project(disk)
    shutil.copytree(folder / "demo", folder / "done")
    generate(folder / "done", planned, Quick)
    return folder / "demo", planned, tree(folder / "demo"), tree(folder / "done")


def generate(folder: Path, planned: Planned, disk_type: type[Disk]) -> None:
    """Do what `rivven generate` does once it knows what to write."""
    with disk_type(str(folder)) as disk, disk.exclusive():
        write_generated(disk, planned.plan, planned.lock)


def chosen(total: int) -> list[int]:
    """Return all operations, or with `make test` some of them, always the first and the last."""
    some = random.Random(15).sample(range(1, total + 1), size(total))
    return list(range(1, total + 1)) if FULL else sorted({1, total, *some})


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_operation_the_tree_is_before_or_after(
    start: Any, tmp_path: Path, figures: Record, after: bool
) -> None:
    project, planned, old, new = start
    shutil.copytree(project, tmp_path / "counted")
    generate(tmp_path / "counted", planned, Dying)
    seen = set()
    for at in chosen(total := Dying.count):
        copy = tmp_path / str(at)
        shutil.copytree(project, copy)
        arrange(at, after=after)
        with pytest.raises(Killed):
            generate(copy, planned, Dying)
        finish(copy)
        found = tree(copy)
        assert found in (old, new), f"operation {at} of {total}"
        seen.add(found == new)
        figures("M15", kills=1, most_operations=total)
    assert seen == {False, True}


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(errno.ENOSPC, 4), (errno.EIO, 4), (errno.EROFS, 2), (errno.EACCES, 2)],
)
def test_refused_at_any_operation_the_tree_is_as_it_was(
    start: Any, tmp_path: Path, figures: Record, number: int, exit_code: int
) -> None:
    project, planned, old, new = start
    shutil.copytree(project, tmp_path / "counted")
    generate(tmp_path / "counted", planned, Dying)
    for at in chosen(Dying.count):
        copy = tmp_path / str(at)
        shutil.copytree(project, copy)
        arrange(at, failure=lambda: OSError(number, os.strerror(number)), once=True)
        try:
            generate(copy, planned, Dying)
        except InputError as error:
            assert error.exit_code == exit_code  # noqa: PT017  # the last operations only tidy up
        if tree(copy) not in (old, new):
            finish(copy)
        assert tree(copy) in (old, new), f"operation {at}"
        figures("M15", refusals=1)


def test_a_new_project_that_is_killed_is_there_whole_or_not_at_all(
    start: Any, tmp_path: Path, figures: Record
) -> None:
    _, planned, _, _ = start
    create_project(str(tmp_path / "whole"), planned.plan, Quick)
    whole = tree(tmp_path / "whole")
    arrange(0)
    create_project(str(tmp_path / "counted"), planned.plan, Dying)
    for at in chosen(Dying.count):
        target = tmp_path / f"new-{at}" / "project"
        target.parent.mkdir()
        arrange(at)
        with pytest.raises(Killed):
            create_project(str(target), planned.plan, Dying)
        assert not target.exists() or tree(target) == whole
        if not target.exists():
            create_project(str(target), planned.plan, Quick)
        assert tree(target) == whole
        assert [path.name for path in target.parent.iterdir()] == ["project"]
        figures("M15", kills=1)


def test_several_at_once_leave_the_tree_of_one(start: Any, tmp_path: Path, figures: Record) -> None:
    """Processes, as people and editors start them; some are told to wait."""
    project, _, _, new = start
    shutil.copytree(project, tmp_path / "demo")
    command = [str(Path(sys.executable).parent / "rivven"), "generate", str(tmp_path / "demo")]
    count = 8 if FULL else 3
    running = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(count)
    ]
    codes = [process.wait() for process in running]
    assert set(codes) <= {0, 5}
    assert 0 in codes
    assert tree(tmp_path / "demo") == new
    figures("M15", at_once=count)
