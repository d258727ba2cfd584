"""Groups of settings, one of which must be complete, as rules.

"All of A and B, or all of C" holds exactly when each choice of one name per group has a name that
is present: A or C, and B or C. So every group validation can be said with `require_any`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

_MOST_GROUPS: Final = 64
_MOST_CHOICES: Final = 512
_MOST_CLAUSES: Final = 12

Clauses = list[tuple[str, ...]]


def clauses_of(groups: Sequence[Iterable[str]], always: Collection[str]) -> Clauses | None:
    """Return sets of names of which at least one must be present; None if there are too many.

    Args:
        groups: at least one of them must be complete.
        always: names that have a default and are never absent.
    """
    if len(groups) > _MOST_GROUPS:
        return None
    clauses: set[frozenset[str]] = {frozenset()}
    for group in groups:
        names = [name for name in dict.fromkeys(group) if name not in always]
        if len(clauses) * max(1, len(names)) > _MOST_CHOICES:
            return None
        clauses = _smallest({clause | {name} for clause in clauses for name in names})
        if not names:
            return []
    found = sorted((tuple(sorted(clause)) for clause in clauses), key=lambda c: (len(c), c))
    return found if len(found) <= _MOST_CLAUSES or all(len(c) == 1 for c in found) else None


def _smallest(clauses: set[frozenset[str]]) -> set[frozenset[str]]:
    """Drop each clause that another one implies."""
    kept: list[frozenset[str]] = []
    for clause in sorted(clauses, key=len):
        if not any(other <= clause for other in kept):
            kept.append(clause)
    return set(kept)
