"""The rows H30 to H37: a disk that lies, refuses, is full, is shared or was edited; as commands meet it.

`test_write.py` and `test_crash.py` ask the same of the modules, at each operation.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile_kit import HEAD, refused, rivven, tree

from rivven_generator.disk import Disk
from rivven_generator.generate import generate_project
from rivven_generator.lockfile import LOCK_FILE
from rivven_generator.ownership import check_paths
from rivven_generator.project_errors import InputError, ProjectBusy

MANIFEST = HEAD + "config: {type: object, properties: {size: {type: integer, default: 1}}}\n"
CHANGED = MANIFEST.replace("default: 1", "default: 2")
CONFIG = "src/demo/_generated/config.py"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine")
    (folder / "demo.yaml").write_text(MANIFEST)
    outcome = new(folder / "demo", folder / "demo.yaml")
    assert outcome.exit_code == 0, outcome.stderr
    return folder / "demo"


@pytest.fixture
def project(pristine: Path, tmp_path: Path) -> Path:
    """A project whose manifest has changed since."""
    shutil.copytree(pristine, tmp_path / "demo")
    (tmp_path / "demo" / "connector.yaml").write_text(CHANGED)
    return tmp_path / "demo"


def new(target: Path, manifest: Path) -> Any:
    return rivven(
        "new", "source", "demo", "--manifest", str(manifest), "--directory", str(target), "--no-input"
    )  # fmt: skip


def test_h30_the_folder_may_be_a_link_and_nothing_below_it(project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("demo")
    assert rivven("generate", str(tmp_path / "link")).exit_code == 0
    assert "default=2" in (project / CONFIG).read_text() or "= 2" in (project / CONFIG).read_text()
    (project / "connector.yaml").write_text(MANIFEST)
    outside = tmp_path / "outside"
    (project / "src/demo/_generated").rename(outside)
    (project / "src/demo/_generated").symlink_to(outside)
    before = tree(outside)
    outcome = rivven("generate", str(project))
    assert (outcome.exit_code, "RVN504" in outcome.stderr) == (2, True)
    assert tree(outside) == before


@pytest.mark.parametrize("target", ["file", "missing/demo", "file/demo", "full"])
def test_h31_a_place_that_cannot_hold_a_project(tmp_path: Path, target: str) -> None:
    (tmp_path / "demo.yaml").write_text(MANIFEST)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").write_text("mine")
    before = tree(tmp_path)
    assert new(tmp_path / target, tmp_path / "demo.yaml").exit_code == 2
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(errno.EACCES, 2), (errno.EROFS, 2), (errno.ENOSPC, 4), (errno.EDQUOT, 4), (errno.EIO, 4)],
)
def test_h31_a_read_only_or_full_disk_leaves_the_tree_unchanged(
    project: Path, monkeypatch: pytest.MonkeyPatch, number: int, exit_code: int
) -> None:
    before = tree(project)

    def fail(*_arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Disk, "_do_create", fail)
    outcome = rivven("generate", str(project))
    assert (outcome.exit_code, "RVN507" in outcome.stderr) == (exit_code, True)
    assert tree(project) == before


def test_h32_an_edit_is_kept_and_an_edited_generated_file_is_refused_with_its_diff(
    project: Path,
) -> None:
    (project / "src/demo/source.py").write_text("mine = 1\n")
    config = project / CONFIG
    edited = config.read_text() + "# mine\n"
    config.write_text(edited)
    before = tree(project)
    outcome = rivven("generate", str(project))
    assert (outcome.exit_code, "RVN501" in outcome.stderr) == (7, True)
    assert "+# mine" in outcome.stdout + outcome.stderr
    assert tree(project) == before
    assert rivven("generate", str(project), "--force").exit_code == 0
    assert (project / "src/demo/source.py").read_text() == "mine = 1\n"
    backup = project / ".rivven/backup" / f"{CONFIG}.rivven-backup"
    assert backup.read_text() == edited


def test_h33_a_deleted_generated_file_comes_back_and_a_deleted_own_one_does_not(
    project: Path,
) -> None:
    for path in (CONFIG, "src/demo/source.py", "tests/conftest.py"):
        (project / path).unlink()
    assert rivven("generate", str(project)).exit_code == 0
    assert (project / CONFIG).exists()
    assert not (project / "src/demo/source.py").exists()
    assert not (project / "tests/conftest.py").exists()


KILLED = """
import os, signal, sys
from rivven_generator.disk import Disk
from rivven_generator.generate import generate_project

class Suicidal(Disk):
    left = int(sys.argv[2])
    def _do_replace(self, *arguments):
        Suicidal.left -= 1
        if Suicidal.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._do_replace(*arguments)

generate_project(sys.argv[1], disk_type=Suicidal)
"""


@pytest.mark.parametrize("left", [0, 2])
def test_h34_after_sigkill_the_tree_is_before_or_after(project: Path, left: int) -> None:
    before = tree(project)
    whole = project.with_name("whole")
    shutil.copytree(project, whole)
    assert rivven("generate", str(whole)).exit_code == 0
    done = subprocess.run([sys.executable, "-c", KILLED, str(project), str(left)], check=False)
    assert done.returncode == -signal.SIGKILL
    check = rivven("generate", str(project), "--check")
    assert check.exit_code == 7
    with Disk(str(project)) as disk, disk.exclusive():
        from rivven_generator.journal import recover

        recover(disk)
    assert tree(project) == (before if left == 0 else tree(whole))
    assert rivven("generate", str(project)).exit_code == 0
    assert tree(project) == tree(whole)


def test_h35_a_second_generator_is_told_to_wait(project: Path) -> None:
    before = tree(project)
    with Disk(str(project)) as disk, disk.exclusive():
        outcome = rivven("generate", str(project))
        with pytest.raises(ProjectBusy):
            generate_project(str(project))
    assert (outcome.exit_code, "RVN506" in outcome.stderr) == (5, True)
    assert tree(project) == before
    assert rivven("generate", str(project)).exit_code == 0


def test_h36_the_same_version_makes_no_diff_and_an_older_one_refuses(project: Path) -> None:
    assert rivven("generate", str(project)).exit_code == 0
    after = tree(project)
    assert rivven("generate", str(project)).exit_code == 0
    assert tree(project) == after
    lock = json.loads((project / LOCK_FILE).read_text())
    lock["tools"]["rivven-toolkit"] = "999.0.0"
    (project / LOCK_FILE).write_text(json.dumps(lock))
    later = tree(project)
    outcome = rivven("generate", str(project))
    assert (outcome.exit_code, "RVN509" in outcome.stderr) == (7, True)
    assert tree(project) == later
    lock["tools"]["rivven-toolkit"] = "0.0.1"
    (project / LOCK_FILE).write_text(json.dumps(lock))
    assert rivven("generate", str(project)).exit_code == 0
    assert tree(project) == after


@pytest.mark.parametrize(
    "paths",
    [["src/A.py", "src/a.py"], ["caf\u00e9.py", "cafe\u0301.py"], ["x" * 300], ["a/" * 200 + "b"]],
    ids=["case", "form", "name", "path"],
)
def test_h37_paths_that_some_file_system_cannot_hold_or_tell_apart(paths: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        check_paths(paths)
    assert caught.value.problems[0].code == "RVN514"


def test_h37_no_manifest_can_ask_for_such_paths(tmp_path: Path) -> None:
    long = "a" * 63
    package = ".".join([long] * 4)
    assert refused(tmp_path, MANIFEST + f"package: {package}\n") == {"RVN205"}
