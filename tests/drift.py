"""Fails if anything that is generated and committed is not what would be generated now.

Run by `make drift`. Writes nothing into the checkout, so it also tells the truth in a dirty one.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "golden"))

import golden_trees

from rivven_connect import InputError
from rivven_generator.generate import check_project, generate_project
from rivven_generator.project_errors import ProjectConflict

ROOT = Path(__file__).resolve().parents[1]
CONNECTORS = ROOT / "runtime/src/rivven_connect/connectors"
IGNORED = shutil.ignore_patterns(
    "__pycache__", "*.pyc", ".venv", ".git", ".uv", ".*_cache", ".hypothesis", ".quickstart", "dist"
)


def main() -> int:
    """Print what is checked and what drifted; return the exit code."""
    found = 0
    for title, problems in (
        ("built-in connectors are in step with their manifests", built_ins()),
        ("`rivven generate` on them changes no byte", regenerated()),
        ("examples are in step with their manifests", examples()),
        ("golden trees are what `rivven new` makes", trees()),
        ("reference pages are what the code says", reference()),
    ):
        shown = list(problems)
        print(f"{'drift' if shown else 'ok   '} {title}")
        for text in shown:
            print("      " + text.rstrip("\n").replace("\n", "\n      "))
        found += len(shown)
    return 1 if found else 0


def built_ins() -> Iterator[str]:
    """Yield what `rivven generate --check --full` says of each built-in."""
    for manifest in sorted(CONNECTORS.glob("*/connector.yaml")):
        yield from _checked(manifest.parent)


def regenerated() -> Iterator[str]:
    """Yield the difference that generating every built-in makes, in a copy of the repository."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("runtime", "tests/connectors"):
            shutil.copytree(ROOT / part, copy / part, ignore=IGNORED)
        shutil.copy(ROOT / "pyproject.toml", copy)
        before = _files(copy)
        for manifest in sorted(copy.glob("runtime/src/rivven_connect/connectors/*/connector.yaml")):
            try:
                generate_project(str(manifest.parent), force=True)
            except InputError as error:
                yield str(error)
        after = {path: text for path, text in _files(copy).items() if ".rivven/" not in path}
        if after != before:
            yield golden_trees.describe_difference(before, after)


def examples() -> Iterator[str]:
    """Yield the same of every example that commits what is generated."""
    for lock in sorted(ROOT.glob("examples/*/rivven.lock")):
        yield from _checked(lock.parent)


def trees() -> Iterator[str]:
    """Yield the difference between each golden tree and what is generated now."""
    for case in golden_trees.CASES:
        known = golden_trees.files_below(golden_trees.tree_of(case))
        difference = golden_trees.describe_difference(known, golden_trees.fresh_files(case))
        if difference:
            yield f"{case}: python tests/golden/update.py\n{difference}"


def reference() -> Iterator[str]:
    """Yield the difference between the reference pages and what their builder makes."""
    path = ROOT / "docs" / "build_reference.py"
    if not path.is_file():
        return
    spec = importlib.util.spec_from_file_location("build_reference", path)
    assert spec is not None
    assert spec.loader is not None
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    try:
        made = {name: text.encode() for name, text in builder.pages().items()}
    except LookupError as error:  # a public name that no page mentions
        yield f"docs/build_reference.py: {error}"
        return
    known = {path.name: path.read_bytes() for path in (ROOT / "docs/reference").glob("*.md")}
    known = {name: content for name, content in known.items() if name in made}
    packaged = {builder.PACKAGED.name: builder.PACKAGED.read_bytes()}
    known, made = known | packaged, made | {builder.PACKAGED.name: builder.error_pages().encode()}
    if known != made:
        yield f"make docs\n{golden_trees.describe_difference(known, made)}"


def _checked(folder: Path) -> Iterator[str]:
    try:
        check_project(str(folder))
    except ProjectConflict as conflict:
        yield f"{conflict}\n{conflict.diff}"
    except InputError as error:
        yield str(error)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    sys.exit(main())
