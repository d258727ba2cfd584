"""Plants each bug of the table in a copy of the code and sees whether its tests notice (M16).

`make planted` runs all of it, two at a time, and writes the table into docs/reliability.md.
`python tests/faults/planted_bugs.py NAME...` runs some and writes nothing. Exit code 1: one survived.
"""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from planted_table import PLANTED, ROOT, Planted

AT_ONCE = 2
DEADLINE_S = 240.0
"""For the tests of one bug: who never ends has not passed, either."""

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- planted -->", "<!-- /planted -->"
_TREES = ("runtime/src/rivven_connect", "generator/src/rivven_generator")
_TESTS = ("tests/conftest.py", "tests/faults", "tests/runtime", "services", "pyproject.toml")
_FAILED = 1
"""pytest's exit code for tests that failed; every other one but 0 means that they did not run."""


@dataclass(frozen=True)
class Outcome:
    """What the tests of one bug said."""

    planted: Planted
    killed: bool
    by: str


def plant(one: Planted) -> Outcome:
    """Plant a bug in a copy, run its tests there, and say whether one failed.

    Raises:
        ValueError: the bug's place is gone.
        RuntimeError: the tests could not be run.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder, with_tests=one.file.startswith("tests/"))
        target = folder / one.file
        target.write_text(one.mutated(target.read_text(encoding="utf-8")), encoding="utf-8")
        code, output = run_tests(folder, one.tests)
    if code not in {0, _FAILED}:
        raise RuntimeError(f"{one.name}: the tests did not run:\n{output[-3000:]}")
    failed = [
        line for line in output.splitlines() if line.startswith(("FAILED tests/", "ERROR tests/"))
    ]
    if code == _FAILED and output and not failed:
        raise RuntimeError(f"{one.name}: no test failed, and yet:\n{output[-3000:]}")
    by = failed[0].split(" ")[1].split("::")[-1].split("[")[0] if failed else "no end in time"
    return Outcome(one, killed=code == _FAILED, by=by if code else "")


def copy(folder: Path, *, with_tests: bool) -> None:
    """Copy the code, and the tests where the bug is to be in them."""
    skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
    for tree in _TREES:
        shutil.copytree(ROOT / tree, folder / tree, ignore=skipped)
    for path in _TESTS if with_tests else ():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, folder / path, ignore=skipped)
        else:
            shutil.copy(ROOT / path, folder / path)


def run_tests(folder: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Run tests against the code in a folder; return pytest's exit code and what it printed."""
    packages = os.pathsep.join(str(folder / Path(tree).parent) for tree in _TREES)
    where = folder if (folder / "tests").exists() else ROOT
    environment = {**os.environ, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("RIVVEN_FAULTS", None)
    # A place of its own: where several keep theirs, one may clear up what another is clearing up.
    with tempfile.TemporaryDirectory() as own:
        options = ["-x", "-q", "-o", f"cache_dir={own}/cache", f"--basetemp={own}/tests"]
        try:
            found = subprocess.run(
                [sys.executable, "-m", "pytest", *options, *tests],
                cwd=where,
                env=environment,
                capture_output=True,
                text=True,
                timeout=DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _FAILED, ""
    return found.returncode, found.stdout + found.stderr


def rows(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the table, one row per bug."""
    return [
        "| bug | what it does | killed | by |",
        "|---|---|---|---|",
        *(
            f"| {one.planted.name} | {one.planted.meaning} | {'yes' if one.killed else '**no**'} "
            f"| {f'`{one.by}`' if one.by else ''} |"
            for one in outcomes
        ),
    ]


def write(outcomes: Sequence[Outcome], page: Path = PAGE) -> None:
    """Put the table between the page's markers."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page.name} has no place for the planted bugs")
    killed = sum(one.killed for one in outcomes)
    table = "\n".join([f"{killed} of {len(outcomes)} were noticed.", "", *rows(outcomes)])
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def main(names: Sequence[str]) -> int:
    """Run all bugs, or those of these names; return the exit code."""
    chosen = [one for one in PLANTED if not names or one.name in names]
    for one in chosen:
        one.mutated((ROOT / one.file).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        copy(Path(folder), with_tests=False)
        every = sorted({test for one in chosen for test in one.tests})
        code, output = run_tests(Path(folder), every)
    if code != 0:
        print(f"the tests are red without any bug:\n{output[-3000:]}")
        return 1
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(plant, chosen))
    print("\n".join(rows(outcomes)))
    if not names:
        write(outcomes)
    return 0 if all(one.killed for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
