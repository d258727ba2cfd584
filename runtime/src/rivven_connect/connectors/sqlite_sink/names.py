"""Names from outside as names of tables and columns.

Stream and field names are hostile: they may hold quotes, differ only in case (which SQLite ignores),
be empty, or mean something to SQLite or to this sink. Different names stay different, always.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterable

OWN_PREFIX = "_rivven"
"""How the tables and columns of the sink itself begin."""

_REFUSED_PREFIX = "sqlite_"
_LONGEST = 200  # bytes
_MARKED = re.compile(r"~[0-9a-f]{12}\Z")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def folded(name: str) -> str:
    """Return what SQLite compares: case is ignored in ASCII, and only there."""
    return name.translate(_LOWER)


def digest(*parts: str) -> str:
    """Return 12 hexadecimal digits that stand for some names."""
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).hexdigest()[:12]


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """Return the name as it is, or marked with its hash where SQLite or the sink cannot take it so.

    `taken` are the names that exist: `Id` is marked where `id` exists, and where `Id` exists already it
    is that one. So the answer is the same in every later run.
    """
    if not _is_plain(wanted):
        return _marked(wanted)
    same, marked = folded(wanted), _marked(wanted)
    found = {name for name in taken if name == marked or folded(name) == same}
    return wanted if not found or wanted in found else marked


def _is_plain(name: str) -> bool:
    return (
        name.isprintable()
        and 0 < len(name.encode()) <= _LONGEST
        and not folded(name).startswith((OWN_PREFIX, _REFUSED_PREFIX))
        and not _MARKED.search(name)
    )


def _marked(name: str) -> str:
    """Return a name that says what it was and that no other name becomes."""
    visible = "".join(letter if letter.isprintable() else "_" for letter in name[:60])
    if folded(visible).startswith(_REFUSED_PREFIX):
        visible = f"_{visible}"
    return f"{visible}~{digest(name)}"
