"""Makes the helper modules importable, and gathers the figures that `make faults` publishes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).parent
sys.path[:0] = [str(_FOLDER.parent / name) for name in ("faults", "runtime", "corpus", "generator")]

import databases  # noqa: E402  # found by the line above
import figures as published  # noqa: E402  # found by the line above
from sizes import FULL  # noqa: E402  # found by the line above

_GATHERED = published.Figures()


@pytest.fixture(scope="session", autouse=True)
def server_of_experiments() -> Iterator[None]:
    """Stop the server that an experiment may have started."""
    yield
    databases.stop()


@pytest.fixture
def figures(record_property: Any) -> published.Record:
    """Take figures of an experiment: `figures("M1", kills=1, lost=0)`; they are added up."""

    def record(experiment: str, **values: int) -> None:
        published.require_known(experiment)
        record_property(published.PROPERTY, (experiment, values))

    return record


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        for name, value in report.user_properties:
            if name == published.PROPERTY and isinstance(value, tuple | list):
                _GATHERED.add(*value)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    whole = not hasattr(session.config, "workerinput") and _is_whole(session.config)
    if FULL and whole and exitstatus == 0:
        published.write(_GATHERED)


def _is_whole(config: pytest.Config) -> bool:
    """Whether all experiments ran: part of them would publish part of the figures."""
    option = config.option
    left_out = option.ignore or option.ignore_glob or option.deselect or option.lf
    chosen = option.keyword or option.markexpr or left_out
    return not chosen and all("::" not in one and not one.endswith(".py") for one in config.args)
