"""Gives one hostile manifest to everything that reads manifests, and says what came of it."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rivven_connect.cli.edge import run_group
from rivven_generator.cli import GROUP
from rivven_generator.load import load_manifest
from rivven_generator.plan import standalone_layout
from rivven_generator.scaffold import project_texts

HEAD = 'manifest: "1"\nkind: source\nname: demo\n'
WHOLE_FILE = frozenset({"RVN100", "RVN101", "RVN102", "RVN105", "RVN106"})
"""What is wrong with a file as a whole has no line."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command did."""

    exit_code: int
    stdout: str
    stderr: str


def rivven(*arguments: str) -> Outcome:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_group(GROUP, arguments)
    return Outcome(code, out.getvalue(), err.getvalue())


def _validate(manifest: Path) -> Outcome:
    return rivven("validate", str(manifest), "--json")


def _new(manifest: Path) -> Outcome:
    target = str(manifest.parent / "target")
    given = ["--manifest", str(manifest), "--directory", target, "--no-input", "--json"]
    return rivven("new", "source", "demo", *given)


def _generate(manifest: Path) -> Outcome:
    return rivven("generate", str(manifest.parent), "--json")


READERS: Mapping[str, Callable[[Path], Outcome]] = {
    "validate": _validate,
    "new": _new,
    "generate": _generate,
}
"""Each reads the file `connector.yaml`; what reads manifests or other specs belongs here."""


def tree(folder: Path) -> dict[str, bytes]:
    """Return path -> content of every file."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def given(folder: Path, text: str | bytes) -> Path:
    """Write a manifest into a folder that is a project, and return it."""
    folder.mkdir(exist_ok=True)
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    (folder / "connector.yaml").write_bytes(content)
    (folder / "pyproject.toml").write_text('[project]\nname = "demo"\n')
    return folder / "connector.yaml"


def refused(folder: Path, text: str | bytes) -> set[str]:
    """Return the codes; fail unless every reader refuses orderly and writes nothing."""
    return refused_file(given(folder, text))


def refused_file(manifest: Path) -> set[str]:
    """Return the codes; fail unless every reader refuses the file orderly and writes nothing."""
    before = tree(manifest.parent)
    found: dict[str, set[str]] = {}
    for name, read in READERS.items():
        outcome = read(manifest)
        assert outcome.exit_code == 2, (name, outcome)
        assert "Traceback" not in outcome.stderr + outcome.stdout
        found[name] = {problem["code"] for problem in problems_of(outcome)}
    assert tree(manifest.parent) == before
    assert all(codes == found["validate"] for codes in found.values()), found
    return found["validate"]


def problems_of(outcome: Outcome) -> list[dict[str, Any]]:
    """Return what was printed as JSON; fail where a problem has no code, place or printable text."""
    printed = json.loads(outcome.stdout or outcome.stderr)
    problems: list[dict[str, Any]] = printed.get("problems") or printed["error"]["problems"]
    assert problems
    for problem in problems:
        assert problem["code"].startswith("RVN")
        assert problem["line"] or problem["code"] in WHOLE_FILE, problem
        assert problem["hint"], problem
    return problems


def project_of(folder: Path, text: str | bytes) -> dict[str, str]:
    """Return every file of the project that an accepted manifest makes."""
    loaded = load_manifest(given(folder, text))
    return dict(project_texts(loaded, standalone_layout(loaded.manifest)))


def generated(folder: Path, text: str | bytes, ending: str) -> str:
    """Return the one file of the project whose path ends so."""
    files = project_of(folder, text)
    (path,) = [path for path in files if path.endswith(ending)]
    return files[path]
