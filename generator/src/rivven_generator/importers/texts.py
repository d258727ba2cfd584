"""Texts for people, as a manifest may hold them."""

from __future__ import annotations

import re
from typing import Final

from rivven_generator.importers.notes import Notes, Path

_REFUSED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_INVISIBLE: Final = re.compile(
    "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)


def clean_text(value: object, at: Path, notes: Notes) -> str:
    """Return a text without control and invisible characters, and without blanks at its ends."""
    if not isinstance(value, str):
        return "" if value is None or isinstance(value, (dict, list)) else str(value)
    text = _INVISIBLE.sub("", _REFUSED.sub(" ", value.replace("\r\n", "\n").replace("\r", "\n")))
    if text != value.replace("\r\n", "\n"):
        notes.add("RVN820", "control or invisible characters were taken out", at)
    return "\n".join(line.rstrip() for line in text.split("\n")).replace("\t", "  ").strip()
