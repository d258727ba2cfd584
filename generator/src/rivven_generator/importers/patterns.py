"""Patterns in the dialects of other languages, as one that every engine reads alike."""

from __future__ import annotations

import re
from typing import Final

from rivven_generator.lint.patterns import reason_against

_REWRITES: Final = (
    (re.compile(r"(\\[dswDSW])-(?=[^\]])"), r"\1\\-"),  # [\w-.] means a dash
    (re.compile(r"^\\A"), "^"),
    (re.compile(r"\\[Zz]$"), "$"),
    (re.compile(r"\{,(?=[0-9]+\})"), "{0,"),
)
"""Form of another dialect -> ours."""


def portable(pattern: str) -> str:
    """Return the pattern, rewritten where that makes it one that we accept."""
    if not reason_against(pattern):
        return pattern
    changed = pattern
    for form, ours in _REWRITES:
        changed = form.sub(ours, changed)
    return pattern if reason_against(changed) else changed
