"""Makes the helper module of this folder importable; builds and installs once a session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import wheel_kit  # a module of this folder, which was not importable before


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return wheel_kit.build_wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="session")
def toolkit(
    wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> wheel_kit.Environment:
    """An environment with everything that an author installs."""
    environment = wheel_kit.Environment(tmp_path_factory.mktemp("toolkit"))
    names = ("rivven_toolkit", "rivven_connect", "rivven_templates")
    environment.install([wheels[name] for name in names], extra="[dev]")
    return environment


@pytest.fixture(scope="session")
def runtime(
    wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> wheel_kit.Environment:
    """An environment with what a machine needs that only runs connectors."""
    environment = wheel_kit.Environment(tmp_path_factory.mktemp("runtime"))
    environment.install([wheels["rivven_connect"]])
    return environment
