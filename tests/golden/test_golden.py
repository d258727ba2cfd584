"""What `rivven new` makes of a manifest is committed, and is a good project as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import golden_trees
import pytest

from rivven_generator.generate import check_project

RIVVEN_HOME = Path(sys.executable).parent
UPDATE = "run `python tests/golden/update.py`, and review the difference as code"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a tool of this environment to its end, which must be success; return what it printed."""
    done = subprocess.run(
        [str(RIVVEN_HOME / command[0]), *map(str, command[1:])],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of the committed trees, for tools that leave something behind."""
    folder = tmp_path_factory.mktemp("trees")
    for case in golden_trees.CASES:
        shutil.copytree(
            golden_trees.tree_of(case),
            folder / case,
            ignore=shutil.ignore_patterns(*golden_trees.NOT_COMMITTED),
        )
    return folder


def test_the_guide_s_connectors_are_here() -> None:
    assert {
        *("my-source", "my-sink", "filter-transform", "validated-source"),
        *("postgres-cdc", "s3", "http-webhook"),
    } <= set(golden_trees.CASES)


@pytest.mark.parametrize("case", golden_trees.CASES)
def test_the_tree_is_what_is_generated(case: str) -> None:
    committed = golden_trees.files_below(golden_trees.tree_of(case))
    difference = golden_trees.describe_difference(committed, golden_trees.fresh_files(case))
    assert not difference, f"{UPDATE}\n{difference}"


@pytest.mark.parametrize("case", golden_trees.CASES)
def test_the_tree_is_in_step_with_its_manifest(case: str) -> None:
    check_project(str(golden_trees.tree_of(case)))


def test_the_trees_are_linted_and_formatted_by_their_own_settings(trees: Path) -> None:
    run("ruff", "check", "--no-cache", *golden_trees.CASES, cwd=trees)
    run("ruff", "format", "--check", "--no-cache", *golden_trees.CASES, cwd=trees)


def test_the_trees_are_strictly_typed(trees: Path, tmp_path: Path) -> None:
    for case in golden_trees.CASES:  # one cache: what they import is analysed once
        run("mypy", "--strict", "--cache-dir", tmp_path, ".", cwd=trees / case)


@pytest.mark.parametrize("case", golden_trees.CASES)
def test_its_tests_pass_and_unwritten_hooks_never_count_as_passed(case: str, trees: Path) -> None:
    shown = run("rivven", "test", cwd=trees / case)
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in (trees / case / "src").glob("*/*.py")
        if path.name in {"source.py", "sink.py", "transform.py"}
    )
    hooks = re.findall(r'HookMissing\("(\w+)"\)', source)
    assert hooks
    assert re.findall(r"^not written yet: (\w+)$", shown, flags=re.MULTILINE) == hooks
    assert re.search(r"\d+ passed, \d+ xfailed in", shown)


def test_hash_seed_folder_locale_and_time_zone_change_no_byte(tmp_path: Path) -> None:
    cases = ("github-issues", "http-webhook", "filter-transform")  # one of each kind
    committed = {case: golden_trees.files_below(golden_trees.tree_of(case)) for case in cases}
    for seed, name, locale, zone in (
        ("0", "a", "C", "UTC"),
        ("1", "b", "C.UTF-8", "Asia/Kathmandu"),
        ("2", "a", "C", "America/St_Johns"),
        ("3", "b", "POSIX", "UTC"),
        ("4294967295", "deeper/folder with spaces", "C.UTF-8", "Pacific/Apia"),
    ):
        folder = tmp_path / seed / name
        folder.mkdir(parents=True)
        program = golden_trees.HERE / "update.py"
        settings = {"PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone}
        run("python", program, *cases, "--to", folder, cwd=folder, **settings)
        made = {case: golden_trees.files_below(folder / case) for case in cases}
        assert made == committed
