"""Promises about the repository as a whole, that no single test of a part would notice breaking."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = ROOT / "runtime/src/rivven_connect"
GENERATOR = ROOT / "generator/src/rivven_generator"
CONNECTORS = RUNTIME / "connectors"
LONGEST_MODULE = 400
LONGEST_TEST_MODULE = 800
GENERIC = frozenset({"filter", "http", "insert", "rename", "s3", "stdout", "timestamp"})
"""Built-ins that are named after an ordinary word or a protocol, which code may use for other things."""

_SOMEBODY = r"(?<![\w.~$}/-])/(?:home|Users)/(?!me/|you/)[\w.-]+/"
_MACHINE_PATH = re.compile(f"{_SOMEBODY}|{re.escape(str(ROOT))}/")


def tracked() -> list[Path]:
    """Return the files under version control, and those that would be."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("NO GIT CHECKOUT: which files belong to the repository is unknown here")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and value of every string that is no docstring and no help text of a command."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    shown = {id(node) for parent in ast.walk(tree) for node in _prose(parent)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in shown:
            yield node.lineno, node.value


def _prose(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Expr):
        yield node.value
    if isinstance(node, ast.keyword) and node.arg in {"help", "short_help", "epilog"}:
        yield from ast.walk(node.value)


def test_no_code_knows_a_connector_by_name() -> None:
    folders = [path.parent.name for path in CONNECTORS.glob("*/connector.yaml")]
    names = {folder.rpartition("_")[0].replace("_", "-") for folder in folders} - GENERIC
    assert names
    known = names | set(folders) | {f"{kind}:{name}" for kind in ("source", "sink", "transform")
                                    for name in names | GENERIC}  # fmt: skip
    places = [
        f"{path.relative_to(ROOT)}:{line}: {value}"
        for top in (RUNTIME, GENERATOR)
        for path in sorted(top.rglob("*.py"))
        if CONNECTORS not in path.parents
        for line, value in strings(path)
        if value in known or any(f"connectors.{folder}" in value for folder in folders)
    ]
    assert places == []


def test_no_path_of_somebody_s_machine_is_committed() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if _MACHINE_PATH.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []


def test_no_module_is_too_long_to_read() -> None:
    found: dict[str, int] = {}
    for path in tracked():
        if path.suffix == ".py" and "_generated" not in path.parts:
            name, lines = str(path.relative_to(ROOT)), path.read_text("utf-8").count("\n")
            most = LONGEST_TEST_MODULE if name.startswith("tests/") else LONGEST_MODULE
            found |= {name: lines} if lines > most else {}
    assert found == {}


def test_every_folder_is_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    folders = {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT}
    assert {folder for folder in folders if f"{folder}/" not in readme} == set()


def test_each_wheel_has_the_repository_s_licence() -> None:
    licence = (ROOT / "LICENSE").read_bytes()
    for name in ("runtime", "generator", "templates"):
        assert (ROOT / name / "LICENSE").read_bytes() == licence


def test_nothing_generated_is_committed_by_accident() -> None:
    parts = {part for path in tracked() for part in path.relative_to(ROOT).parts}
    assert parts.isdisjoint(
        {"__pycache__", ".venv", ".uv", ".quickstart", ".rivven-state", "dist", ".DS_Store"}
    )
