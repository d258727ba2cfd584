"""The git command on one repository: started without a shell, read as a stream, always ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple

from rivven_connect import ConnectorError

from git_commits._generated import GitCommitsConfig

_WALK: Final = (
    *("rev-list", "--reverse", "--topo-order", "--parents", "--encoding=UTF-8", "--stdin"),
    "--format=%x00%ae%x00",
)


class Commit(NamedTuple):
    """One commit of a walk: its id, the commits it follows, and its author's address."""

    id: str
    parents: Sequence[str]
    author: str


class Git:
    """The git command on one repository, without a shell.

    Nothing that the repository's own configuration says makes it run another program: no hook,
    pager, file system monitor, diff driver or transport. The user's configuration is read, for
    `safe.directory`; what it could change of the output is set by options.
    """

    def __init__(self, *where: str) -> None:
        self._command = (
            *("git", "--no-pager", "--no-replace-objects", "--literal-pathspecs"),
            *("-c", "core.fsmonitor=false", *where),
        )
        kept = {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"}
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in kept},
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }

    @classmethod
    async def at(cls, config: GitCommitsConfig) -> Git:
        """Return the command for the configured repository, which is looked at first."""
        here = cls("-C", config.repository)
        folder = (await here.text("rev-parse", "--absolute-git-dir"))[:-1]
        shallow, prefix = (
            await here.text("rev-parse", "--is-shallow-repository", "--show-prefix")
        ).split("\n", 1)
        if prefix.strip("\n"):
            raise ConnectorError.configuration(
                f"{config.repository!r} is a folder inside of a repository: name the one that "
                "holds .git, and choose the folder with `paths`"
            )
        if shallow == "true" and config.shallow == "refuse":
            raise ConnectorError.configuration(
                f"{config.repository!r} is a shallow clone, its history is cut off: run "
                "`git fetch --unshallow` there, or set `shallow: accept` to read what there is"
            )
        return cls(f"--git-dir={folder}", "--bare")  # `--bare`: only what is committed counts

    async def tip(self, branch: str) -> str | None:
        """Return the commit that the branch is at, or None where there is no commit yet."""
        names = [branch]
        if branch != "HEAD" and not branch.startswith("refs/"):
            names = [f"refs/heads/{branch}", f"refs/remotes/{branch}"]
        for answer in await self._objects([f"{name}^{{commit}}" for name in names]):
            if answer.endswith(" commit"):
                return answer.split()[0]
        if branch == "HEAD" or not await self.text("for-each-ref", "--count=1"):
            return None
        raise ConnectorError.not_found(f"the repository has no branch {branch!r}")

    async def reaches(self, tip: str, heads: Iterable[str]) -> bool:
        """Whether all heads exist and are part of the history of `tip`."""
        known = await self._objects(heads)
        if not all(answer.endswith(" commit") for answer in known):
            return False
        feed = [*heads, f"^{tip}"]
        return not await self.text("rev-list", "--max-count=1", "--stdin", feed=feed)

    def walk(
        self, tip: str, heads: Iterable[str]
    ) -> AbstractAsyncContextManager[asyncio.StreamReader]:
        """List what `tip` reaches and `heads` do not, parents first; for `next_commits`."""
        return self.run(*_WALK, feed=[tip, *(f"^{head}" for head in heads)])

    async def _objects(self, names: Iterable[str]) -> list[str]:
        form = "--batch-check=%(objectname) %(objecttype)"
        return (await self.text("cat-file", form, feed=names)).splitlines()

    async def text(self, *arguments: str, feed: Iterable[str] = ()) -> str:
        """Run git and return what it printed; only for answers that are short."""
        async with self.run(*arguments, feed=feed) as output:
            return os.fsdecode(await output.read())

    @contextlib.asynccontextmanager
    async def run(
        self, *arguments: str, feed: Iterable[str] = ()
    ) -> AsyncIterator[asyncio.StreamReader]:
        """Run git on the lines of `feed` and give its output; it has ended when the block ends.

        Raises:
            ConnectorError: git is missing, or it failed although its output was read to the end.
        """
        with tempfile.TemporaryFile() as errors:  # a pipe that nobody empties could stop git
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    *arguments,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=errors,
                    env=self._environment,
                )
            except FileNotFoundError:
                raise ConnectorError.configuration(
                    "the command `git` was not found: install git, and put it on the PATH"
                ) from None
            if process.stdin is None or process.stdout is None:
                raise ConnectorError.internal("git was started without pipes")
            complete = False
            try:
                process.stdin.write("".join(f"{line}\n" for line in feed).encode())
                process.stdin.close()
                yield process.stdout
                complete = process.stdout.at_eof()
            finally:
                if not complete:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                await process.communicate()
            if complete and process.returncode:
                errors.seek(0)
                raise ConnectorError.io(
                    f"git {arguments[0]} failed: {_reason(os.fsdecode(errors.read(10_000)))}"
                )


def _reason(complaint: str) -> str:
    lines = [line for line in complaint.splitlines() if line]
    fatal = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    return (fatal or lines or ["it gave no reason"])[0]


async def next_commits(walk: asyncio.StreamReader, count: int) -> list[Commit]:
    """Return the next commits of a walk, at most `count`; none at the end."""
    commits: list[Commit] = []
    # git writes "commit ID PARENT..." above what the format asks for.
    while len(commits) < count and (head := (await next_token(walk)).decode().split()):
        author = (await next_token(walk)).decode(errors="replace")
        commits.append(Commit(head[1], head[2:], author))
    return commits


async def next_token(output: asyncio.StreamReader) -> bytes:
    """Return the bytes before the next NUL, however many; nothing at the end."""
    parts: list[bytes] = []
    while True:
        try:
            parts.append(await output.readuntil(b"\0"))
        except asyncio.LimitOverrunError as more:
            parts.append(await output.readexactly(more.consumed))
        except asyncio.IncompleteReadError as end:
            return b"".join([*parts, end.partial])
        else:
            return b"".join(parts)[:-1]
