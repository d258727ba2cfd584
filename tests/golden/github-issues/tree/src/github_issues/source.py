"""The github-issues source: the part that talks to the outside world."""

from __future__ import annotations

from rivven_connect import HookMissing, Json, Records

from github_issues._generated import (
    CommentsRecord,
    GithubIssuesBase,
    GithubIssuesConfig,
    IssuesRecord,
)


class GithubIssues(GithubIssuesBase):
    """Fill the hooks; `rivven test` lists those that are not written yet."""

    async def check_endpoint_reachable(self, config: GithubIssuesConfig) -> None:
        """Return if `endpoint_reachable` holds; raise ConnectorError with the reason if not."""
        raise HookMissing("check_endpoint_reachable")

    async def check_auth_valid(self, config: GithubIssuesConfig) -> None:
        """Return if `auth_valid` holds; raise ConnectorError with the reason if not."""
        raise HookMissing("check_auth_valid")

    def read_issues(self, config: GithubIssuesConfig, cursor: str | None) -> Records[IssuesRecord]:
        """Yield records of `issues` changed at or after `cursor`, oldest first."""
        raise HookMissing("read_issues")  # write `async def`, and yield records, lists or pages

    def read_comments(self, config: GithubIssuesConfig, cursor: Json) -> Records[CommentsRecord]:
        """Yield all records of `comments`; `cursor` is a page's token, if you gave one."""
        raise HookMissing("read_comments")  # write `async def`, and yield records, lists or pages
