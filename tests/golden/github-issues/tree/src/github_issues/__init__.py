"""The github-issues source."""

from github_issues.source import GithubIssues

__all__ = ["GithubIssues"]
