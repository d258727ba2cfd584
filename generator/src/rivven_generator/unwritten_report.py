"""The pytest plugin that ends a run of `rivven test` with the hooks that are not written yet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

KNOWN = "RIVVEN_UNWRITTEN_HOOKS"
"""Environment variable: hooks, separated by commas, that `rivven test` knows to be unwritten.

One missing hook ends the tests that would have met the next one, so tests alone know too few.
"""

_MARK = "not written yet: "


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List each hook once; its tests are expected failures, not passes."""
    known = [name for name in os.environ.get(KNOWN, "").split(",") if name]
    met = sorted({name for report in _xfailed(terminalreporter) if (name := _hook(report))})
    names = dict.fromkeys([*known, *met])
    if names:
        terminalreporter.section("hooks", sep="-")
    for name in names:
        terminalreporter.write_line(f"{_MARK}{name}")


def _xfailed(reporter: pytest.TerminalReporter) -> list[Any]:
    found: list[Any] = reporter.stats.get("xfailed", [])
    return found


def _hook(report: Any) -> str:
    _, mark, name = str(getattr(report, "wasxfail", "")).partition(_MARK)
    return name.strip() if mark else ""
