"""From a manifest to a running connector: `make quickstart`.

Every command that is printed is a command that is run. All of it happens in the folder
`.quickstart` of this checkout, which is made afresh and which git ignores.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

_EXAMPLE = Path(__file__).resolve().parent
_ROOT = _EXAMPLE.parents[1]
_FOLDER = _ROOT / ".quickstart"
_PROJECT = Path(".quickstart/git-commits")
_WIDTH = 88


def main() -> None:
    """Tell the story, step by step; stop at the first step that fails."""
    environment = _environment()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir()
    click.echo("A connector that reads the history of this very repository, in five steps.")
    example = _EXAMPLE.relative_to(_ROOT)

    _step(1, "The manifest says what the connector is: its config, its streams, its checks.")
    output = _rivven(
        *("new", "source", "git-commits", "--manifest", f"{example}/connector.yaml"),
        *("--directory", str(_PROJECT), "--no-input"),
    )
    files = [line.strip() for line in output.splitlines() if line.startswith("  ")]
    _say(f"created {len(files)} files, among them")
    for name in ("config.py", "records.py", "config.schema.json", "test_contract.py", "options.md"):
        _say("  " + next(file for file in files if file.endswith(f"/{name}")))

    _step(2, "The part that only you can write: how to talk to the outside world.")
    package = _PROJECT / "src" / "git_commits"
    _copy(example / "source.py", package)
    _copy(example / "git.py", package)
    _copy(example / "conftest.py", _PROJECT / "tests")
    _say(_rivven("generate", str(_PROJECT)))

    _step(3, "Its tests were generated too, from the limits and examples in the manifest.")
    _say(_rivven("test", str(_PROJECT)).splitlines()[-1].strip("= "))

    _step(4, "A pipeline: all commits of this repository, and the files they changed.")
    _copy(example / "pipeline.yaml", _FOLDER.relative_to(_ROOT))
    first = _rivven("run", "pipeline.yaml", cwd=_FOLDER, env=environment)
    _say(first)
    commits = _read_lines("commits")
    _say(
        f"{len(commits):,} commits, {len(_read_lines('files')):,} changes of files; the newest commit:"
    )
    _say(json.dumps(_shortened(commits[-1]), indent=2, ensure_ascii=False))

    _step(5, "Once more: the state knows which commits were delivered, so nothing is read twice.")
    second = _rivven("run", "pipeline.yaml", cwd=_FOLDER, env=environment)
    _say(second)
    if _count(first) == 0 or _count(second) != 0:
        _fail("the first run should deliver everything, and the second one nothing")

    click.secho("\nWhat next", bold=True)
    _say(
        "commit something, then:    (cd .quickstart && ../.venv/bin/rivven run pipeline.yaml)\n"
        f"how it is made:            {example}/connector.yaml and source.py\n"
        "streams with a cursor:     examples/shop-orders\n"
        "a connector of your own:   .venv/bin/rivven new source my-source"
    )


def _environment() -> dict[str, str]:
    """Return what the pipeline needs to be told of this checkout, if it has a history to read."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--is-shallow-repository"],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        _fail("it reads a git history, and the command `git` was not found: install git first")
    if found.returncode or not (_ROOT / ".git").exists():
        _fail(
            "it reads the history of this checkout, which git cannot read here; "
            f"use a clone of the repository\n{found.stderr}"
        )
    return {"GIT_SHALLOW": "accept"} if found.stdout.strip() == "true" else {}


def _step(number: int, text: str) -> None:
    click.secho(f"\n{number}. {text}", bold=True)


def _say(text: str) -> None:
    for line in text.rstrip().splitlines():
        click.echo(f"   {line}")


def _show(command: str) -> None:
    click.secho(f"   $ {command}", fg="cyan")


def _copy(file: Path, folder: Path) -> None:
    _show(f"cp {file} {folder}/")
    shutil.copy(_ROOT / file, _ROOT / folder)


def _rivven(*arguments: str, cwd: Path = _ROOT, env: dict[str, str] | None = None) -> str:
    """Run the real command line of this environment; return what it printed, or end in failure."""
    settings = [f"{name}={value}" for name, value in (env or {}).items()]
    words = shlex.join([*settings, "rivven", *arguments])
    _show(words if cwd == _ROOT else f"cd {cwd.relative_to(_ROOT)} && {words}")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("rivven")), *arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        _say(done.stdout)
        _fail(f"`{words}` ended with exit code {done.returncode}; its output is above")
    return done.stdout


def _read_lines(stream: str) -> list[Any]:
    with (_FOLDER / "history" / f"{stream}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _count(summary: str) -> int:
    """Return how many records the source of a run has read, by the run's summary."""
    line = next(line for line in summary.splitlines() if line.split()[:1] == ["source"])
    return int(line.split()[2].replace(",", ""))


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, str) and len(value) > _WIDTH - 20:
        return value[: _WIDTH - 20] + "..."
    return value


def _fail(reason: str) -> None:
    click.secho(f"\nThe quickstart stopped: {reason}", fg="red", err=True)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
