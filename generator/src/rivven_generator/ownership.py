"""What `generate` may do to each file: pure, from the plan, the lock and what is on disk."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping

import msgspec

from rivven_connect.documents import escape_text
from rivven_generator.journal import Change
from rivven_generator.lockfile import Lock, content_digest, text_digest
from rivven_generator.project_errors import Problem, project_error

_LONGEST_PATH = 240
_LONGEST_LINE = 2000


class Conflict(msgspec.Struct, frozen=True):
    """One file that is not what rivven wrote; `diff` shows the edit, `change` would overwrite it."""

    problem: Problem
    diff: str
    change: Change


class Decision(msgspec.Struct, frozen=True):
    """What must change on disk, and what a person has to decide first."""

    changes: list[Change]
    conflicts: list[Conflict]


def decide(plan: Mapping[str, str], lock: Lock, present: Mapping[str, bytes | None]) -> Decision:
    """Compare what should be with what is.

    `present` holds every path of the plan and every generated file of the lock. A checkout with CRLF
    is no edit.
    """
    decision = Decision([], [])
    written = lock.owned("generated")
    for path, text in plan.items():
        new, old = text.encode(), present[path]
        found = None if old is None else content_digest(old)
        if found == text_digest(text):
            continue
        change = Change(path, old, new)
        if found is None or written.get(path) == found:
            decision.changes.append(change)
        else:
            decision.conflicts.append(_conflict(change, known=path in written))
    for path, sha256 in written.items():
        old = present[path]
        if path in plan or old is None:
            continue
        change = Change(path, old, None)
        if content_digest(old) == sha256:
            decision.changes.append(change)
        else:
            decision.conflicts.append(_conflict(change, known=True))
    return decision


def check_paths(paths: Iterable[str]) -> None:
    """Refuse paths that some file system cannot hold or cannot tell apart.

    Raises:
        InputError: two paths are equal but for case or Unicode form, or one is too long.
    """
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(unicodedata.normalize("NFC", path).casefold(), path)
        if other != path:
            raise project_error(
                "RVN514",
                f"differs from {other!r} in case or Unicode form only",
                "rename the stream or package that gives the file its name",
                path=path,
            )
        if len(path) > _LONGEST_PATH:
            raise project_error(
                "RVN514", f"is longer than {_LONGEST_PATH} characters", path=path[:_LONGEST_PATH]
            )


def render_diff(change: Change, *, turned: bool = False) -> str:
    """Return a unified diff, safe for a terminal: how the file differs from what rivven writes.

    `turned` is the other direction: what rivven would do to the file.
    """
    sides = [("generated", change.new), ("on disk", change.old)]
    if turned:
        sides.reverse()
    (before, old), (after, new) = sides
    lines = difflib.unified_diff(
        _lines(old), _lines(new), f"{before}: {change.path}", f"{after}: {change.path}", lineterm=""
    )
    return "".join(f"{escape_text(line, limit=_LONGEST_LINE)}\n" for line in lines)


def belongs(path: str) -> str:
    """Return where a hand edit of a generated file belongs."""
    if path.endswith((".json", "options.md", "config.example.yaml", ".env.example")):
        return "change connector.yaml; this file only repeats what it says"
    if path.rpartition("/")[2].startswith("test_"):
        return "add a test to your own tests, or an example under `tests` in connector.yaml"
    return "change connector.yaml, or override it in your own class, which inherits from the base"


def _conflict(change: Change, *, known: bool) -> Conflict:
    what = "was edited by hand" if known else "exists, and rivven did not write it"
    problem = Problem(
        code="RVN501" if known else "RVN502",
        message=what,
        hint=f"{belongs(change.path)}; `rivven generate --force` overwrites it and keeps a backup",
        path=change.path,
    )
    return Conflict(problem, render_diff(change), change)


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", "replace").splitlines()
