"""Makes real git repositories, with fixed identities and times, whoever runs the tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Repository:
    """A repository in a folder; each commit is a minute later than the one before it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._minute = 0
        path.mkdir(exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str | bytes, stdin: bytes = b"", at: int | None = None) -> bytes:
        """Run git and return what it printed; `at` is the minute that commits state."""
        moment = f"{1_700_000_000 + 60 * (self._minute if at is None else at)} +0100"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_AUTHOR_DATE": moment,
            "GIT_COMMITTER_NAME": "Grace",
            "GIT_COMMITTER_EMAIL": "grace@example.com",
            "GIT_COMMITTER_DATE": moment,
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=environment, input=stdin, capture_output=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def commit(self, message: str | bytes = "change", *, at: int | None = None) -> str:
        """Commit everything in the folder, also if nothing changed; return the commit."""
        self._minute += 1
        self.git("add", "--all")
        text = message if isinstance(message, bytes) else message.encode()
        arguments = ("--quiet", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim")
        self.git("commit", *arguments, "--file=-", stdin=text, at=at)
        return self.head()

    def write(self, name: str | bytes, content: str | bytes = "text\n") -> None:
        """Write a file."""
        path = os.path.join(os.fsencode(self.path), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def checkout(self, *arguments: str) -> None:
        """Check out a branch."""
        self.git("checkout", "--quiet", *arguments)

    def merge(self, branch: str) -> str:
        """Merge a branch with a commit of its own; return that."""
        self._minute += 1
        self.git("merge", "--quiet", "--no-ff", "--no-edit", branch)
        return self.head()

    def head(self) -> str:
        """Return the commit that is checked out."""
        return self.git("rev-parse", "HEAD").decode().strip()

    def history(self, *arguments: str) -> set[str]:
        """Return every commit of the branch, as git itself lists them."""
        return set(self.git("rev-list", *(arguments or ("HEAD",))).decode().split())
