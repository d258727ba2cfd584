"""Makes a project of an example, and runs it with the real command line and engine."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rivven_connect import ConfiguredCatalog, ConfiguredStream, EventBatch, State
from rivven_connect.testing.assertions import assert_matches_schema

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_NOT_PACKAGED = {"conftest.py", "quickstart.py", "seed.py"}


def rivven(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `rivven` in an environment that holds next to nothing."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("rivven")), *arguments],
        cwd=cwd,
        env={"PATH": os.environ.get("PATH", os.defpath), **(env or {})},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def scaffold(example: str, folder: Path) -> Path:
    """Return the project that the example's manifest and handwritten part make."""
    source, project = EXAMPLES / example, folder / example
    manifest = str(source / "connector.yaml")
    done = rivven(
        *("new", "source", example, "--manifest", manifest),
        *("--directory", str(project), "--no-input"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    package = project / "src" / example.replace("-", "_")
    for file in source.glob("*.py"):
        if file.name not in _NOT_PACKAGED:
            shutil.copy(file, package)
    shutil.copy(source / "conftest.py", project / "tests")
    return project


def assert_clean(project: Path) -> None:
    """Its tests pass, its generated files are in step, and linter and type checker are content."""
    done = [
        rivven("test", ".", cwd=project),
        rivven("generate", "--check", cwd=project),
        _python("ruff", "check", "--no-cache", ".", cwd=project),
        _python("ruff", "format", "--no-cache", "--check", ".", cwd=project),
        _python("mypy", "--strict", ".", cwd=project),
    ]
    failures = [f"{one.args}\n{one.stdout}{one.stderr}" for one in done if one.returncode]
    assert not failures, "\n".join(failures)


def _python(module: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


class Pipeline:
    """One pipeline from a project to JSON Lines, and what each run of it adds."""

    def __init__(
        self, folder: Path, project: Path, config: Mapping[str, Any], streams: Any = None
    ) -> None:
        folder.mkdir()
        self._folder = folder
        self._taken: dict[str, int] = {}
        source = {"connector": str(project), "config": dict(config)}
        if streams is not None:
            source["streams"] = streams
        sink = {"connector": "jsonl", "topics": ["it"], "config": {"path": "out/{stream}.jsonl"}}
        values = {"version": "1.0", "sources": {"it": source}, "sinks": {"out": sink}}
        (folder / "pipeline.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")

    def run(
        self, *, exit_code: int = 0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, which has to be this exit code."""
        done = rivven("run", "pipeline.yaml", "--json", cwd=self._folder, env=env)
        assert done.returncode == exit_code, f"exit {done.returncode}\n{done.stderr}{done.stdout}"
        return done

    def new(self, stream: str) -> list[dict[str, Any]]:
        """Run it, and return what that added to the stream's file."""
        self.run()
        return self.added(stream)

    def added(self, stream: str) -> list[dict[str, Any]]:
        """Return the records that were added since they were asked for last."""
        path = self._folder / "out" / f"{stream}.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        taken, self._taken[stream] = self._taken.get(stream, 0), len(lines)
        return [json.loads(line) for line in lines[taken:]]


class InProcess:
    """The connector of a project, read in this process: for what takes hundreds of readings."""

    def __init__(self, project: Path, class_name: str) -> None:
        root = str(project / "src")
        if root not in sys.path:
            sys.path.insert(0, root)
        module = importlib.import_module(project.name.replace("-", "_"))
        self._class: Any = getattr(module, class_name)

    def read(
        self,
        config: Mapping[str, Any],
        stream: str,
        state: Mapping[str, Any] | None = None,
        *,
        mode: str | None = None,
    ) -> list[EventBatch]:
        """Return everything that a new instance yields; its records fit their schema."""
        return asyncio.run(self._read(self._class.config_type.parse(config), stream, state, mode))

    def check(self, config: Mapping[str, Any]) -> Any:
        """Return the result of the connection check."""
        return asyncio.run(self._class().check(self._class.config_type.parse(config)))

    async def _read(
        self, config: Any, stream: str, state: Mapping[str, Any] | None, mode: str | None
    ) -> list[EventBatch]:
        source = self._class()
        found = (await source.discover(config)).find_stream(stream)
        chosen = ConfiguredCatalog([ConfiguredStream.from_stream(found, mode=mode)])
        items = source.read(config, chosen, State({stream: state}) if state else None)
        batches = [batch async for batch in items]
        for batch in batches:
            assert_matches_schema(batch.records, found.json_schema)
        return batches
