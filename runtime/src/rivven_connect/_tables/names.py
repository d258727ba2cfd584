"""Names from outside as names of tables and columns, and the names that are ours.

Stream and field names are hostile: they may hold quotes, differ only in case, be empty, or mean
something to the database or to us. Different names stay different, always.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterable

import msgspec

OWN_PREFIX = "_rivven"
"""How the tables and columns of a sink itself begin."""

KEY = f"{OWN_PREFIX}_key"
"""Our key: position and ordinal of the event, where the stream has no primary key."""

ORDINAL = f"{OWN_PREFIX}_sub"
"""The ordinal of a record among those that a transform made of one; 0 for nearly all."""

TYPE = f"{OWN_PREFIX}_type"
"""insert, update or delete, where a row is an event and not a record."""

SYNC = f"{OWN_PREFIX}_sync"
"""The unfinished sync that a row was written by."""

KEY_PART = f"{OWN_PREFIX}_id_"
"""Before a number: a part of a primary key that stands inside of another field."""

INDEX = f"{OWN_PREFIX}_index~"
"""How the indexes that are ours begin."""

_MARKED = re.compile(r"~[0-9a-f]{12}\Z")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def quoted(name: str) -> str:
    """Return a name as SQL; the only way in which a name enters a statement."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def folded(name: str) -> str:
    """Return a name without the case of its ASCII letters."""
    return name.translate(_LOWER)


def digest(*parts: str) -> str:
    """Return 12 hexadecimal digits that stand for some names."""
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).hexdigest()[:12]


class Naming(msgspec.Struct, frozen=True):
    """Which names a dialect takes as they are."""

    longest: int
    """Bytes of UTF-8."""
    refused_prefix: str = OWN_PREFIX
    """How names begin that belong to the database."""
    refused: frozenset[str] = frozenset()
    """Names that belong to the database, in lower case."""
    ignores_case: bool = False
    """Whether two names are the same that differ in the case of ASCII letters alone."""

    def free_name(self, wanted: str, taken: Iterable[str]) -> str:
        """Return the name as it is, or marked with its hash where it cannot be taken so.

        `taken` are the names that exist: where case is ignored, `Id` is marked where `id` exists, and
        where `Id` exists already it is that one. So the answer is the same in every later run.
        """
        if not self._is_plain(wanted):
            return self._marked(wanted)
        if not self.ignores_case:
            return wanted
        same, marked = folded(wanted), self._marked(wanted)
        found = {name for name in taken if name == marked or folded(name) == same}
        return wanted if not found or wanted in found else marked

    def _is_plain(self, name: str) -> bool:
        return (
            name.isprintable()
            and 0 < len(name.encode()) <= self.longest
            and not folded(name).startswith((OWN_PREFIX, self.refused_prefix))
            and folded(name) not in self.refused
            and not _MARKED.search(name)
        )

    def _marked(self, name: str) -> str:
        """Return a name that says what it was and that no other name becomes."""
        visible = "".join(letter if letter.isprintable() else "_" for letter in name[:60])
        room = self.longest - 14  # the mark, and the letter below
        visible = visible.encode()[:room].decode(errors="ignore")
        if folded(visible).startswith(self.refused_prefix):
            visible = f"_{visible}"
        return f"{visible}~{digest(name)}"
