"""What a run loads before it does anything: that is most of what a short one costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_UNUSED = {
    "aiohttp", "difflib", "email", "html", "importlib.metadata", "jinja2", "pyarrow", "rich",
    "zipfile",
    "rivven_connect._config_errors", "rivven_connect._json_text", "rivven_connect._syntax",
    "rivven_connect._yaml_text", "rivven_connect.cli.supervising", "rivven_connect.cli.worker",
    "rivven_connect.http", "rivven_connect.pipeline.checking", "rivven_connect.pipeline.endpoints",
    "rivven_connect.pipeline.gathering", "rivven_connect.pipeline.groups",
    "rivven_connect.pipeline.health", "rivven_connect.pipeline.metrics_page",
    "rivven_connect.pipeline.migrations", "rivven_connect.pipeline.replay",
    "rivven_connect.pipeline.schema_change", "rivven_connect.testing",
}  # fmt: skip
"""What serves errors, old states, endpoints, workers, replays and other commands."""

_DATACLASSES = {"EventBatch", "Located", "Problem"}
"""Making one costs as much as fifty structs. Two of these are imported by commands that do without
msgspec, and subclasses of `EventBatch` have their own slots."""

_SCRIPT = """
import gc, json, os, sys
from rivven_connect.cli import GROUP

os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # as `exit_from` does
GROUP.main(["run", "pipeline.yaml"], standalone_mode=False)
ours = [module for name, module in sys.modules.items() if name.startswith("rivven_connect")]
made = {one for module in ours for one in vars(module).values() if isinstance(one, type)}
modules = list(sys.modules)
import importlib.metadata

print(json.dumps({
    "modules": modules,
    "version": importlib.metadata.version("rivven-connect"),
    "collects": gc.isenabled(),
    "dataclasses": sorted(
        one.__name__
        for one in made
        if one.__module__.startswith("rivven_connect") and "__dataclass_fields__" in vars(one)
    ),
}))
"""


def _write_pipeline(folder: Path) -> None:
    (folder / "in.jsonl").write_text('{"id": 1}\n', encoding="utf-8")
    pipeline = {
        "version": "1.0",
        "sources": {"a": {"connector": "jsonl", "config": {"path": "in.jsonl", "stream": "a"}}},
        "sinks": {"b": {"connector": "jsonl", "topics": ["a"], "config": {"path": "out.jsonl"}}},
    }
    (folder / "pipeline.yaml").write_text(json.dumps(pipeline), encoding="utf-8")


def test_a_run_loads_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    _write_pipeline(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout)
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == '{"id":1}\n'
    assert _UNUSED & set(loaded["modules"]) == set()
    assert set(loaded["dataclasses"]) == _DATACLASSES
    assert loaded["collects"], "only imports go without the collector"
    assert loaded["version"], "and who asks for metadata has them"


@pytest.mark.parametrize("allowed", [False, True])
def test_plugins_of_pydantic_see_configs_only_where_somebody_says_so(
    allowed: bool, tmp_path: Path
) -> None:
    _write_pipeline(tmp_path)
    (tmp_path / "spy.py").write_text("open('seen', 'w').close()\n", encoding="utf-8")
    installed = tmp_path / "spy-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: spy\nVersion: 1.0\n", encoding="utf-8")
    (installed / "entry_points.txt").write_text("[pydantic]\nspy = spy:missing\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    environment.pop("PYDANTIC_DISABLE_PLUGINS", None)
    if allowed:
        environment["PYDANTIC_DISABLE_PLUGINS"] = ""
    script = "from rivven_connect.cli import main; main()"
    argv = [sys.executable, "-c", script, "run", "--explain", "pipeline.yaml"]
    subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert (tmp_path / "seen").exists() == allowed
