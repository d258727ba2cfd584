"""What the YAML parser's complaints mean for the person who wrote the file."""

from __future__ import annotations

from typing import Any, Final

_ALIGN: Final = (
    "give every key of one mapping the same indentation; put text that goes on in quotes"
)
_CLOSE: Final = "close it, or put text that holds brackets, braces, commas or `: ` in quotes"
_QUOTE: Final = "put the text in quotes"
_COLON: Final = (
    "write `key: value`, with the colon and a space, or put text that holds `: ` in quotes"
)

_MEANINGS: Final = (
    (
        "mapping values are not allowed",
        "a `: ` stands where no key can be",
        "indent the key as the one above it, or put text that holds `: ` in quotes",
    ),
    (
        "did not find expected key, while parsing a block mapping",
        "this does not fit into the mapping that begins in {opened}",
        _ALIGN,
    ),
    (
        "did not find expected '-' indicator",
        "this does not belong to the list that begins in {opened}",
        "begin each item with `- `, all with the same indentation",
    ),
    ("did not find expected ',' or '}'", "the `{{` in {opened} is not closed before this", _CLOSE),
    ("did not find expected ',' or ']'", "the `[` in {opened} is not closed before this", _CLOSE),
    (
        "unexpected end of stream, while scanning a quoted scalar",
        "the quote that opens in {opened} is not closed",
        'close the quote; inside of double quotes write \\" for one',
    ),
    (
        "character that cannot start any token",
        "text without quotes cannot begin with this character",
        _QUOTE,
    ),
    ("could not find expected ':'", "the key in {opened} has no value", _COLON),
    (
        "unknown escape character",
        "there is no such escape in a quoted text",
        "write a backslash as \\\\, or use single quotes, which know no escapes",
    ),
    (
        "block sequence entries are not allowed",
        "a list cannot begin on the line of its key",
        "begin it on the next line, or write `[a, b]`",
    ),
    ("did not find expected node content", "a value is missing here", "write the value"),
    (
        "alphabetic or numeric character, while scanning",
        "text without quotes cannot begin with `*` or `&`",
        _QUOTE,
    ),
)
"""What the parser says, what it means, and what to do about it."""


def explain_syntax(error: Any) -> tuple[str, str]:
    """Return what is wrong and what to do about it; the latter empty where that is all one can say."""
    said = getattr(error, "problem", None) or "the text is not well-formed"
    context = getattr(error, "context", None)
    said += f", {context}" if context else ""
    mark = getattr(error, "context_mark", None)
    opened = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "a line above"
    for fragment, meaning, fix in _MEANINGS:
        if fragment in said:
            return f"not YAML: {meaning.format(opened=opened)}", fix
    return f"not YAML: {said}", ""
