"""M13: no manifest ends in a traceback, hangs, or writes elsewhere; what is accepted can be imported."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from dying_disk import Quick, tree
from figures import Record
from fuzzed_manifests import corpus, good, manifest
from hostile_kit import WHOLE_FILE
from sizes import size

from rivven_connect.documents import InputError
from rivven_generator.generate import Generated, generate_project
from rivven_generator.load import load_manifest
from rivven_generator.manifest import Manifest

CHUNKS = 10
LONGEST_S = 60
"""Far more than any manifest takes, on any machine: what is not done by then never will be."""


@contextlib.contextmanager
def watchdog(seed: int) -> Iterator[None]:
    """Fail with the place where it hangs."""

    def bark(_number: int, frame: FrameType | None) -> None:
        where = "".join(traceback.format_stack(frame)[-3:])
        raise AssertionError(f"seed {seed} hangs:\n{where}")

    before = signal.signal(signal.SIGALRM, bark)
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def assert_orderly(error: InputError, seed: int) -> None:
    assert error.problems, seed
    for problem in error.problems:
        assert problem.code.startswith("RVN"), (seed, problem)
        assert problem.line or problem.code in WHOLE_FILE, (seed, problem)
        assert problem.hint, (seed, problem)
        shown = problem.render()
        assert all(char.isprintable() or char == "\n" for char in shown), (seed, shown)
        json.dumps(problem.to_dict())


def import_config(project: Path, package: str, seed: int) -> None:
    """Import the config class as its connector would, and forget it."""
    if package.startswith("rivven_connect."):
        return  # a connector of ours is imported from where we are
    for parent in Path(package.replace(".", "/")).parents:
        (project / "src" / parent / "__init__.py").touch()
    (project / "src" / package.replace(".", "/") / "__init__.py").touch()
    known = set(sys.modules)
    sys.path.insert(0, str(project / "src"))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(f"{package}._generated.config")
        (config,) = [
            one for name, one in vars(module).items() if name.endswith("Config") and _is_root(one)
        ]
        config.example()
    finally:
        sys.path.remove(str(project / "src"))
        for name in set(sys.modules) - known:
            if name.partition(".")[0] == package.partition(".")[0]:
                del sys.modules[name]


def _is_root(value: Any) -> bool:
    return isinstance(value, type) and "_schema_file" in vars(value)


def try_out(folder: Path, seed: int) -> str:
    """Give the manifest of a seed to `generate`, and say what came of it."""
    project = folder / "project"
    project.mkdir(parents=True)
    (project / "connector.yaml").write_bytes(manifest(seed))
    (project / "pyproject.toml").write_text('[project]\nname = "x"\n')
    before = tree(folder)
    try:
        loaded: Manifest = load_manifest(project / "connector.yaml").manifest
        done: Generated = generate_project(str(project), disk_type=Quick)
    except InputError as error:
        assert_orderly(error, seed)
        assert tree(folder) == before, seed
        return "refused"
    written = {path for path in tree(folder) if path not in before}
    assert written, seed
    assert all(path.startswith("project/") for path in written), seed
    assert {f"project/{path}" for path in done.files.written} <= written | before.keys()
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    import_config(project, loaded.package, seed)
    return "generated"


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_any_manifest_is_refused_with_a_place_or_its_config_is_imported(
    tmp_path: Path, figures: Record, chunk: int
) -> None:
    outside = set(os.listdir(Path.cwd()))
    for seed in range(chunk, size(2_000), CHUNKS):
        started = time.process_time()
        with watchdog(seed), warnings.catch_warnings():
            try:
                outcome = try_out(tmp_path / str(seed), seed)
            except InputError:
                raise
            except Exception as error:
                raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
        slow = time.process_time() - started > 2
        figures("M13", manifests=1, **{outcome: 1}, over_2_s_of_CPU=int(slow))
    assert set(os.listdir(Path.cwd())) == outside
    figures("M13", tracebacks=0, files_outside=0)


def test_the_corpus_is_there_and_the_fuzz_gets_past_the_first_check() -> None:
    assert len(corpus()) > 40
    assert len(good()) > 20
    texts = {manifest(seed) for seed in range(100)}
    assert len(texts) == 100
    assert manifest(7) == manifest(7)
