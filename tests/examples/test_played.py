"""`make example-...`: every play ends well, and what it proves is true."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from example_kit import EXAMPLES

PLAYS = sorted(EXAMPLES.glob("*/play.py"))


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: str(play.parent.name))
def test_the_play_ends_well(play: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(play)],
        cwd="/",
        env={"PATH": os.environ.get("PATH", os.defpath)},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    assert "proved: " in done.stdout


def test_each_play_has_a_page_that_names_its_target() -> None:
    for play in PLAYS:
        page = (play.parent / "README.md").read_text(encoding="utf-8")
        assert f"make example-{play.parent.name}" in page
