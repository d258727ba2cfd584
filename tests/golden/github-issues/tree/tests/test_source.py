"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from github_issues import GithubIssues


def test_spec_says_what_it_is() -> None:
    spec = GithubIssues.spec()
    assert spec.kind == "source"
    assert spec.connector_type == "github-issues"
