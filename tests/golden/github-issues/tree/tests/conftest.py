"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from github_issues._generated import GithubIssuesConfig


@pytest.fixture
def config() -> GithubIssuesConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return GithubIssuesConfig.example()
