"""The golden messages: what `rivven validate` prints for each bad manifest of this folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

from click.testing import CliRunner

from rivven_generator.cli.validate import validate

HERE = Path(__file__).resolve().parent
CASES = tuple(sorted(path.stem for path in HERE.glob("*.yaml")))


def printed(case: str) -> str:
    """Return the exit code and all that is printed, as someone in this folder would see it."""
    with contextlib.chdir(HERE):
        result = CliRunner().invoke(validate, [f"{case}.yaml"])
    assert result.stdout == "", "a refusal goes to stderr alone"
    return f"{result.stderr}exit {result.exit_code}\n"


def expected(case: str) -> Path:
    """Return the file that holds what is expected."""
    return HERE / f"{case}.txt"


def update() -> list[str]:
    """Write what is printed now; return the files that changed."""
    changed = []
    for case in CASES:
        text, path = printed(case), expected(case)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path.name)
    return changed
