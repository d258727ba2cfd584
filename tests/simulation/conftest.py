"""Makes the helper modules of this folder importable, and scaffolds each project once a session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import simulation_kit  # a module of this folder, which was not importable before

collect_ignore_glob = ["*-api"]


@pytest.fixture(scope="session")
def orders_project(tmp_path_factory: pytest.TempPathFactory) -> simulation_kit.Project:
    return simulation_kit.scaffold("source", "orders-api", tmp_path_factory.mktemp("projects"))


@pytest.fixture(scope="session")
def events_project(tmp_path_factory: pytest.TempPathFactory) -> simulation_kit.Project:
    return simulation_kit.scaffold("sink", "events-api", tmp_path_factory.mktemp("projects"))
