"""Builds our wheels and installs them into environments of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import urllib.request
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = {
    "rivven_connect": ROOT / "runtime",
    "rivven_toolkit": ROOT / "generator",
    "rivven_templates": ROOT / "templates",
}
"""Wheel name -> folder of its project."""

_INDEX = "https://pypi.org/simple/packaging/"


def build_wheels(out: Path) -> dict[str, Path]:
    """Build the three wheels with the locked hatchling: no network, nothing left in the checkout."""
    for folder in DISTRIBUTIONS.values():
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=folder)
    return {name: next(out.glob(f"{name}-*.whl")) for name in DISTRIBUTIONS}


class Environment:
    """A virtual environment outside the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        venv.create(folder, with_pip=_uv() is None)

    def install(self, wheels: Sequence[Path], *, extra: str = "") -> None:
        """Install wheels of ours, the first one with an extra, and from the index what they need.

        What they need has the versions of our lock file where uv can tell them; the cache is asked
        first. Skips the test where there is no index.
        """
        wanted = [f"{path}{extra if path is wheels[0] else ''}" for path in wheels]
        uv = _uv()
        if uv is None:
            tries = [[str(self.bin / "pip"), "install", "--quiet", *wanted]]
        else:
            constraints = self.folder / "constraints.txt"
            flags = ("--frozen", "--no-emit-workspace", "--no-hashes", "--all-extras", "--quiet")
            run(uv, "export", *flags, "-o", constraints, cwd=ROOT)
            command = [uv, "pip", "install", "--quiet", "--python", str(self.bin / "python")]
            command += ["--constraint", str(constraints), *wanted]
            tries = [[*command, "--offline"], command]
        for command in tries:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
            if done.returncode == 0:
                return
        if _has_index():
            pytest.fail(f"the wheels do not install:\n{done.stdout}{done.stderr}")
        pytest.skip(f"NO PACKAGE INDEX: nothing was proven about installing\n{done.stderr}")

    def run(self, *command: str | Path, cwd: Path, exit_code: int = 0) -> str:
        """Run a command of the environment and return what it printed to stdout."""
        return run(self.bin / command[0], *command[1:], cwd=cwd, exit_code=exit_code)

    def distributions(self) -> set[str]:
        """Return the normalised names of everything that is installed."""
        listed = "from importlib.metadata import distributions as d; print(*(x.name for x in d()))"
        names = self.run("python", "-c", listed, cwd=self.folder).split()
        return {name.lower().replace("_", "-") for name in names}


def run(*command: str | Path, cwd: Path, exit_code: int = 0) -> str:
    """Run a command with nothing of ours in its environment; return what it printed to stdout."""
    kept = {"PATH", "HOME", "UV_CACHE_DIR", "UV_SYSTEM_CERTS", "SSL_CERT_FILE", "TMPDIR"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name in kept},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    shown = f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    assert done.returncode == exit_code, f"exit {done.returncode}: {shown}"
    return done.stdout


def entry_points(project: Path) -> dict[str, dict[str, str]]:
    """Return the entry points that a project of ours declares."""
    declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, dict[str, str]] = declared["project"].get("entry-points", {})
    return found


def _uv() -> str | None:
    own = ROOT / ".uv" / "bin" / "uv"
    return shutil.which("uv") or (str(own) if own.is_file() else None)


def _has_index() -> bool:
    try:
        with urllib.request.urlopen(_INDEX, timeout=10):
            return True
    except OSError:
        return False
