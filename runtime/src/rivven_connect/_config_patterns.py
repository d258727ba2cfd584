r"""JSON Schema's regular expressions in the words of the Rust engine, which matches in linear time.

JSON Schema means ECMA-262: `\d`, `\w` and `\s` are ASCII digits, ASCII words and its own list of
white space, and a class has no operators. The engine reads them by Unicode, and knows `&&`, `--`,
`~~` and classes inside of classes.
"""

from __future__ import annotations

import functools
from typing import Final

from pydantic_core import SchemaValidator, core_schema

_SPACES: Final = r"\t\n\x0b\x0c\r\x20\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}"
_SHORTHANDS: Final = {
    "d": "[0-9]", "D": "[^0-9]",
    "w": "[0-9A-Za-z_]", "W": "[^0-9A-Za-z_]",
    "s": f"[{_SPACES}]", "S": f"[^{_SPACES}]",
}  # fmt: skip
_LITERAL_IN_CLASS: Final = frozenset("[&~-")
"""Characters that are operators inside of the engine's classes only."""


@functools.lru_cache(maxsize=1024)
def compiled(pattern: str) -> SchemaValidator:
    """Return a validator of the texts in which `pattern` matches.

    Raises:
        SchemaError: the engine does not take the pattern.
    """
    return SchemaValidator(
        core_schema.str_schema(pattern=rust_pattern(pattern), regex_engine="rust-regex")
    )


def rust_pattern(pattern: str) -> str:
    """Return the pattern as the Rust engine has to read it; what is wrong with it stays wrong."""
    written: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "[":
            text, at = _class(pattern, at)
        else:
            text, at = _item(pattern, at)
        written.append(text)
    return "".join(written)


def _class(pattern: str, at: int) -> tuple[str, int]:
    """Return a class that begins at `at`, and where it ends; ranges keep their dash."""
    start = at + 2 if pattern.startswith("[^", at) else at + 1
    written, at = [pattern[at:start]], start
    while at < len(pattern) and (pattern[at] != "]" or at == start):
        item, at = _class_item(pattern, at)
        written.append(item)
        if pattern.startswith("-", at) and at + 1 < len(pattern) and pattern[at + 1] != "]":
            end, at = _class_item(pattern, at + 1)
            written.append(f"-{end}")
    return "".join(written) + pattern[at : at + 1], at + 1


def _class_item(pattern: str, at: int) -> tuple[str, int]:
    item, end = _item(pattern, at)
    return (f"\\{item}" if item in _LITERAL_IN_CLASS else item), end


def _item(pattern: str, at: int) -> tuple[str, int]:
    """Return one character or escape, and where it ends."""
    if pattern[at] != "\\" or at + 1 == len(pattern):
        return pattern[at], at + 1
    letter = pattern[at + 1]
    if letter in "pPux" and pattern.startswith("{", at + 2):
        end = pattern.find("}", at) + 1
        return (pattern[at:end], end) if end else (pattern[at:], len(pattern))
    return _SHORTHANDS.get(letter, f"\\{letter}"), at + 2
