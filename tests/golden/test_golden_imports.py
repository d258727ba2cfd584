"""Importing a generated package does nothing: no file is written, nothing is started or called."""

from __future__ import annotations

import os
import subprocess
import sys

import golden_trees
import pytest

PROGRAM = """
import importlib, os, pkgutil, sys

writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
watched = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.spawn",
           "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.link", "os.symlink",
           "os.putenv", "os.unsetenv", "shutil.", "tempfile.", "urllib.", "sqlite3.", "ctypes.",
           "threading.", "_thread.", "signal.")

def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (flags or 0) & writing
        if writes:
            seen.append(f"open {path!r} {mode!r}")
    elif event.startswith(watched):
        seen.append(f"{event} {arguments!r}")

import rivven_connect.config, rivven_connect._hooks, rivven_connect.testing  # what it stands on

seen = []
sys.addaudithook(watch)
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
    importlib.import_module(module.name)
if sys.argv[2:] == ["--write"]:
    open(os.devnull, "a").close()
print("\\n".join(seen), end="")
"""


def events(case: str, *arguments: str) -> str:
    """Import everything in the package of a case and return what that did besides."""
    source = golden_trees.tree_of(case) / "src"
    (package,) = (path.name for path in source.iterdir() if path.name != "__pycache__")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, package, *arguments],
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("case", golden_trees.CASES)
def test_importing_has_no_side_effect(case: str) -> None:
    assert events(case) == ""


def test_the_watch_notices_a_side_effect() -> None:
    assert events(golden_trees.CASES[0], "--write").startswith("open '/dev/null'")
