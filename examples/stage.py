"""Plays an example: every command that is printed is a command that is run."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import click

ROOT = Path(__file__).resolve().parents[1]
_RIVVEN = str(Path(sys.executable).with_name("rivven"))


class Stage:
    """One play in a folder of its own, made afresh, which git ignores."""

    def __init__(self, folder: str, title: str) -> None:
        self.folder = ROOT / folder
        self._steps = 0
        self._environment: dict[str, str] = {}
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        click.echo(title)

    def step(self, text: str) -> None:
        """Say what comes next."""
        self._steps += 1
        click.secho(f"\n{self._steps}. {text}", bold=True)

    def say(self, text: str) -> None:
        """Print some lines."""
        for line in text.rstrip().splitlines():
            click.echo(f"   {line}")

    def end(self, text: str) -> None:
        """Print what may be done next."""
        click.secho("\nWhat next", bold=True)
        self.say(text)

    def give(self, **variables: str) -> None:
        """Set environment variables of the commands, as a shell would export them."""
        for name, value in variables.items():
            self._show(f"export {name}={shlex.quote(value)}")
        self._environment |= variables

    def copy(self, file: Path, folder: Path) -> None:
        """Copy a file of the repository; both paths are relative to its root."""
        self._show(f"cp {file} {folder}/")
        shutil.copy(ROOT / file, ROOT / folder)

    def rivven(
        self, *arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None
    ) -> str:
        """Run the real command line of this environment; return what it printed, or end in failure."""
        settings = [f"{name}={value}" for name, value in (env or {}).items()]
        words = shlex.join([*settings, "rivven", *arguments])
        self._show(words if cwd == ROOT else f"cd {cwd.relative_to(ROOT)} && {words}")
        done = subprocess.run(
            [_RIVVEN, *arguments],
            cwd=cwd,
            env={**os.environ, **self._environment, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            self.say(done.stdout)
            self.fail(f"`{words}` ended with exit code {done.returncode}; its output is above")
        return done.stdout

    @contextlib.contextmanager
    def running(self, *arguments: str) -> Iterator[None]:
        """Run a command while the block runs, then stop it as Ctrl-C does; it has to end well."""
        words = shlex.join(["rivven", *arguments])
        self._show(f"cd {self.folder.relative_to(ROOT)} && {words} &")
        with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
            process = subprocess.Popen(
                [_RIVVEN, *arguments],
                cwd=self.folder,
                env={**os.environ, **self._environment},
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
            try:
                yield
            finally:
                self._show("kill -INT %1")
                process.send_signal(signal.SIGINT)
                status = process.wait()
                printed.seek(0)
                self.say(printed.read())
        if status:
            self.fail(f"`{words}` ended with exit code {status}; its output is above")

    def prove(self, claim: str, holds: bool) -> None:
        """Say what is so; end in failure if it is not."""
        if not holds:
            self.fail(f"this does not hold: {claim}")
        self.say(f"proved: {claim}")

    def fail(self, reason: str) -> NoReturn:
        """End the play with a reason."""
        click.secho(f"\nThe play stopped: {reason}", fg="red", err=True)
        raise SystemExit(1)

    def _show(self, command: str) -> None:
        click.secho(f"   $ {command}", fg="cyan")


def count(summary: str, kind: str = "source") -> int:
    """Return how many records the first source, or sink, of a run has moved, by its summary."""
    line = next(line for line in summary.splitlines() if line.split()[:1] == [kind])
    return int(line.split()[2].replace(",", ""))
