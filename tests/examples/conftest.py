"""Makes the helper modules of this folder importable, and scaffolds each example once a session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import example_kit  # a module of this folder, which was not importable before


@pytest.fixture(scope="session")
def git_commits_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return example_kit.scaffold("git-commits", tmp_path_factory.mktemp("scaffold"))


@pytest.fixture(scope="session")
def shop_orders_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return example_kit.scaffold("shop-orders", tmp_path_factory.mktemp("scaffold"))
