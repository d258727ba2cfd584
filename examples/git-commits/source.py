"""The git-commits source: the part that talks to the outside world.

A run reads what `git rev-list --reverse --topo-order TIP --not HEADS` lists, parents before their
children, and its state is those heads. They are kept minimal: a commit that is read takes the place
of its parents. So at any moment everything that the heads reach has been read, and nothing else;
each state is a place to resume from, in the middle of a first read as after a merge of old commits.
"""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final, Literal, TypeAlias

from rivven_connect import (
    ConfiguredCatalog,
    ConnectorError,
    EventBatch,
    Json,
    State,
    StreamState,
)

from git_commits._generated import CommitsRecord, FilesRecord, GitCommitsBase, GitCommitsConfig
from git_commits.git import Commit, Git, next_commits, next_token

_SHOW: Final = (
    *("rev-list", "--no-walk=unsorted", "--encoding=UTF-8", "--stdin"),
    "--format=%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00",
)
_DIFF: Final = ("diff-tree", "--stdin", "--root", "-r", "-z", "--no-ext-diff", "--no-textconv")
_NUMBERS: Final = ("--always", "--raw", "--numstat", "--diff-algorithm=myers", "-l1000")
_Status: TypeAlias = Literal["added", "modified", "deleted", "renamed", "type_changed"]
_STATUS: Final[dict[str, _Status]] = {
    "A": "added",
    "M": "modified",
    "D": "deleted",
    "R": "renamed",
    "T": "type_changed",
}


class GitCommits(GitCommitsBase):
    """Reads the commits of a branch, and the files that each of them changed."""

    async def check_git_available(self, config: GitCommitsConfig) -> None:
        """Return if there is a git command."""
        await Git().text("--version")

    async def check_repository_readable(self, config: GitCommitsConfig) -> None:
        """Return if the repository can be read and has the branch, or no commit yet."""
        await (await Git.at(config)).tip(config.branch)

    async def read(
        self, config: GitCommitsConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[EventBatch]:
        """Yield what is new in each chosen stream; every batch has a state to resume from."""
        git = await Git.at(config)
        for chosen in catalog.streams:
            name = chosen.stream.name
            reader = _Reader(git, config, name, state.get_stream(name) if state else None)
            async with aclosing(reader.read()) as batches:
                async for batch in batches:
                    yield batch


class _Reader:
    """Reads one stream from the heads that its state names."""

    def __init__(
        self, git: Git, config: GitCommitsConfig, stream: str, state: StreamState | None
    ) -> None:
        self._git = git
        self._config = config
        self._stream = stream
        heads = state.get("heads", list[str]) if state else []
        if heads is None or not all(re.fullmatch("[0-9a-f]{40,64}", head) for head in heads):
            raise ConnectorError.state(f"stream {stream!r}: its state names no commits; reset it")
        self._heads = set(heads)

    async def read(self) -> AsyncGenerator[EventBatch, None]:
        """Yield the records behind the heads, oldest first, and move the heads along."""
        tip = await self._git.tip(self._config.branch)
        await self._refuse_rewritten_history(tip)
        if tip is None or tip in self._heads:
            return
        limits = self._config.limits
        left = limits.max_commits
        async with self._git.walk(tip, self._heads) as walk:
            count = limits.batch_size
            while commits := await next_commits(walk, count if left is None else min(left, count)):
                left = None if left is None else left - len(commits)
                async with aclosing(self._batches(commits)) as batches:
                    async for batch in batches:
                        yield batch

    async def _batches(self, commits: Sequence[Commit]) -> AsyncGenerator[EventBatch, None]:
        records: list[Json] = []
        behind = iter(commits)
        async with aclosing(self._records(commits)) as found:
            async for commit_id, rows in found:
                # The commits before it were not selected: they are done as well.
                for commit in behind:
                    self._move_heads(commit)
                    if commit.id == commit_id:
                        break
                records += rows
                if len(records) >= self._config.limits.batch_size:
                    yield self._batch(records)
                    records = []
        rest = list(behind)
        for commit in rest:
            self._move_heads(commit)
        if records or rest:
            yield self._batch(records)

    def _records(
        self, commits: Sequence[Commit]
    ) -> AsyncGenerator[tuple[str, Sequence[Json]], None]:
        """Yield the records of the commits that the config selects, commit by commit."""
        config = self._config
        authors = {author.casefold() for author in config.authors}
        merges = config.include_merges and self._stream == "commits"
        ids = [
            commit.id
            for commit in commits
            if (merges or len(commit.parents) < 2)
            and (not authors or commit.author.casefold() in authors)
        ]
        read = _commits if self._stream == "commits" else _files
        return read(self._git, config, ids)

    def _move_heads(self, commit: Commit) -> None:
        self._heads.difference_update(commit.parents)
        self._heads.add(commit.id)

    def _batch(self, records: list[Json]) -> EventBatch:
        return EventBatch(self._stream, records, state={"heads": sorted(self._heads)})

    async def _refuse_rewritten_history(self, tip: str | None) -> None:
        if not self._heads or (tip and await self._git.reaches(tip, self._heads)):
            return
        raise ConnectorError.state(
            f"stream {self._stream!r}: commits that were read before are no longer part of "
            f"{self._config.branch!r}: its history was rewritten, or another branch is checked "
            "out. Bring the old history back, or reset the state of this source to read from the "
            "start: `rivven state reset PIPELINE.yaml --source NAME`"
        )


async def _commits(
    git: Git, config: GitCommitsConfig, ids: Sequence[str]
) -> AsyncGenerator[tuple[str, list[CommitsRecord]], None]:
    if config.paths:
        touching = await git.text(*_DIFF, "-s", "--", *config.paths, feed=ids)
        ids = touching.split("\0")[:-1]
    limit = config.limits.message_length
    async with git.run(*_SHOW, feed=ids) as output:
        # git writes "commit ID" above what the format asks for.
        while head := _text(await next_token(output)).split():
            fields = [_text(await next_token(output)) for _ in range(8)]
            parents, name, email, time, *committer, message = fields
            message = message.rstrip("\n")
            record: CommitsRecord = {
                "id": head[1],
                "parents": parents.split(),
                "author": {"name": name, "email": email, "time": _time(time)},
                "committer": {
                    "name": committer[0],
                    "email": committer[1],
                    "time": _time(committer[2]),
                },
                "subject": message.partition("\n")[0][:limit],
                "message": message[:limit],
                "message_truncated": len(message) > limit,
            }
            yield head[1], [record]


async def _files(
    git: Git, config: GitCommitsConfig, ids: Sequence[str]
) -> AsyncGenerator[tuple[str, list[FilesRecord]], None]:
    """Read, per commit: its id, `:MODES IDS STATUS` with paths, and `INSERTIONS DELETIONS PATH`."""
    renames = f"-M{config.renames.similarity}%" if config.renames.detect else "--no-renames"
    commit_id = ""
    files: dict[bytes, FilesRecord] = {}
    async with git.run(*_DIFF, *_NUMBERS, renames, "--", *config.paths, feed=ids) as output:
        while token := await next_token(output):
            if token.startswith(b":"):
                status = _STATUS[token.rsplit(b" ", 1)[1].decode()[0]]
                old = await next_token(output) if status == "renamed" else None
                path = await next_token(output)
                files[path] = _file(commit_id, path, old, status)
            elif b"\t" in token:
                insertions, deletions, path = token.split(b"\t", 2)
                if not path:  # renamed: the old path, then the new one
                    await next_token(output)
                    path = await next_token(output)
                binary = insertions == b"-"
                files[path]["binary"] = binary
                files[path]["insertions"] = None if binary else int(insertions)
                files[path]["deletions"] = None if binary else int(deletions)
            else:
                if commit_id:
                    yield commit_id, list(files.values())
                commit_id, files = token.decode(), {}
    if commit_id:
        yield commit_id, list(files.values())


def _file(commit_id: str, path: bytes, old: bytes | None, status: _Status) -> FilesRecord:
    text = path.decode(errors="backslashreplace")
    return {
        "commit": commit_id,
        "path": text,
        "path_base64": None if text.encode() == path else base64.b64encode(path).decode(),
        "old_path": None if old is None else old.decode(errors="backslashreplace"),
        "status": status,
        "insertions": 0,
        "deletions": 0,
        "binary": False,
    }


def _text(token: bytes) -> str:
    return token.decode(errors="replace")


def _time(text: str) -> str | None:
    """Return the time as git wrote it, or None: a commit may state any number and offset."""
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return text
