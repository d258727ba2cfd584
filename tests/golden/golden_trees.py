"""The golden cases: what `rivven new` makes of each manifest here, and what is committed as that."""

from __future__ import annotations

import difflib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import yaml

from rivven_generator.scaffold import Request, new_project

HERE = Path(__file__).resolve().parent
CASES = tuple(sorted(path.parent.name for path in HERE.glob("*/connector.yaml")))
NOT_COMMITTED = frozenset(
    {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"}
)
LOCK = "rivven.lock"


def kind_of(case: str) -> Literal["source", "sink", "transform"]:
    """Return what the manifest of a case describes."""
    kind = yaml.safe_load((HERE / case / "connector.yaml").read_text(encoding="utf-8"))["kind"]
    assert kind in {"source", "sink", "transform"}
    return kind  # type: ignore[no-any-return]  # YAML is untyped; checked above


def tree_of(case: str) -> Path:
    """Return the folder of the committed project."""
    return HERE / case / "tree"


def make_project(case: str, folder: Path) -> Path:
    """Scaffold the case in the new folder `folder`, as `rivven new KIND NAME --manifest` does."""
    manifest = HERE / case / "connector.yaml"
    new_project(Request(kind=kind_of(case), name=case, folder=str(folder), manifest=str(manifest)))
    return folder


def files_below(folder: Path) -> dict[str, bytes]:
    """Return path -> content of a project; the lock without what changes with every line of ours."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and NOT_COMMITTED.isdisjoint(path.relative_to(folder).parts)
    }
    if LOCK in found:
        found[LOCK] = without_tool_digest(found[LOCK])
    return found


def without_tool_digest(lock: bytes) -> bytes:
    """Return a lock without the digest of the generator's own source.

    It changes with every comment in the generator; what such a change does to a project shows in
    the other files.
    """
    return (
        json.dumps({**json.loads(lock), "digest": ""}, indent=2, sort_keys=True) + "\n"
    ).encode()


def fresh_files(case: str) -> dict[str, bytes]:
    """Return the files of the case as they are generated now."""
    with tempfile.TemporaryDirectory() as folder:
        return files_below(make_project(case, Path(folder, case)))


def update_tree(case: str) -> list[str]:
    """Make the committed tree what is generated now; return the paths that changed."""
    tree, wanted = tree_of(case), fresh_files(case)
    known = files_below(tree) if tree.is_dir() else {}
    changed = sorted(path for path in {*known, *wanted} if known.get(path) != wanted.get(path))
    if changed:
        shutil.rmtree(tree, ignore_errors=True)
        for path, content in wanted.items():
            place = tree / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    return changed


def describe_difference(known: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> str:
    """Return unified diffs from what is known to what is wanted, empty if they are equal."""
    parts: list[str] = []
    for path in sorted({*known, *wanted}):
        if known.get(path) != wanted.get(path):
            old, new = (
                side.get(path, b"").decode("utf-8", "backslashreplace").splitlines(keepends=True)
                for side in (known, wanted)
            )
            names = [f"{path}{'' if path in side else ' (absent)'}" for side in (known, wanted)]
            parts += difflib.unified_diff(
                old, new, f"committed {names[0]}", f"generated {names[1]}"
            )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in parts)
