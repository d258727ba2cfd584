"""From a manifest to a running connector: `make quickstart`.

Every command that is printed is a command that is run. All of it happens in the folder
`.quickstart` of this checkout, which is made afresh and which git ignores.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_EXAMPLE = Path(__file__).resolve().parent
sys.path.insert(0, str(_EXAMPLE.parent))

from stage import ROOT, Stage, count  # noqa: E402  # found by the line above

_FOLDER = ".quickstart"
_PROJECT = Path(_FOLDER, "git-commits")
_WIDTH = 88


def main() -> None:
    """Tell the story, step by step; stop at the first step that fails."""
    stage = Stage(
        _FOLDER, "A connector that reads the history of this very repository, in five steps."
    )
    environment = _environment(stage)
    example = _EXAMPLE.relative_to(ROOT)

    stage.step("The manifest says what the connector is: its config, its streams, its checks.")
    output = stage.rivven(
        *("new", "source", "git-commits", "--manifest", f"{example}/connector.yaml"),
        *("--directory", str(_PROJECT), "--no-input"),
    )
    files = [line.strip() for line in output.splitlines() if line.startswith("  ")]
    stage.say(f"created {len(files)} files, among them")
    for name in ("config.py", "records.py", "config.schema.json", "test_contract.py", "options.md"):
        stage.say("  " + next(file for file in files if file.endswith(f"/{name}")))

    stage.step("The part that only you can write: how to talk to the outside world.")
    package = _PROJECT / "src" / "git_commits"
    stage.copy(example / "source.py", package)
    stage.copy(example / "git.py", package)
    stage.copy(example / "conftest.py", _PROJECT / "tests")
    stage.say(stage.rivven("generate", str(_PROJECT)))

    stage.step("Its tests were generated too, from the limits and examples in the manifest.")
    stage.say(stage.rivven("test", str(_PROJECT)).splitlines()[-1].strip("= "))

    stage.step("A pipeline: all commits of this repository, and the files they changed.")
    stage.copy(example / "pipeline.yaml", Path(_FOLDER))
    first = stage.rivven("run", "pipeline.yaml", cwd=stage.folder, env=environment)
    stage.say(first)
    commits = _read_lines(stage, "commits")
    files_changed = len(_read_lines(stage, "files"))
    stage.say(f"{len(commits):,} commits, {files_changed:,} changes of files; the newest commit:")
    stage.say(json.dumps(_shortened(commits[-1]), indent=2, ensure_ascii=False))

    stage.step("Once more: the state knows which commits were delivered, so nothing is read twice.")
    second = stage.rivven("run", "pipeline.yaml", cwd=stage.folder, env=environment)
    stage.say(second)
    if count(first) == 0 or count(second) != 0:
        stage.fail("the first run should deliver everything, and the second one nothing")

    stage.end(
        "commit something, then:    (cd .quickstart && ../.venv/bin/rivven run pipeline.yaml)\n"
        f"how it is made:            {example}/connector.yaml and source.py\n"
        "streams with a cursor:     examples/shop-orders\n"
        "a connector of your own:   .venv/bin/rivven new source my-source"
    )


def _environment(stage: Stage) -> dict[str, str]:
    """Return what the pipeline needs to be told of this checkout, if it has a history to read."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--is-shallow-repository"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        stage.fail("it reads a git history, and the command `git` was not found: install git first")
    if found.returncode or not (ROOT / ".git").exists():
        stage.fail(
            "it reads the history of this checkout, which git cannot read here; "
            f"use a clone of the repository\n{found.stderr}"
        )
    return {"GIT_SHALLOW": "accept"} if found.stdout.strip() == "true" else {}


def _read_lines(stage: Stage, stream: str) -> list[Any]:
    with (stage.folder / "history" / f"{stream}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, str) and len(value) > _WIDTH - 20:
        return value[: _WIDTH - 20] + "..."
    return value


if __name__ == "__main__":
    main()
