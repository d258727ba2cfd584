"""Located problems: what a person reads when an input file is wrong."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Sequence
from pathlib import Path

_LONGEST_TEXT = 400


def escape_text(text: str, *, limit: int = _LONGEST_TEXT) -> str:
    """Return `text` on one line, at most `limit` characters, without control or invisible characters.

    Text from an input file reaches terminals and logs; escapes, bidi controls and line breaks
    are written as escapes so that they cannot act there.
    """
    shown = text[: limit + 1]
    escaped = "".join(
        char
        if char == " " or unicodedata.category(char)[0] not in "CZ"
        else char.encode("unicode_escape").decode("ascii")
        for char in shown
    )
    return escaped if len(text) <= limit else escaped[:limit] + "..."


def escape_lines(text: str) -> str:
    """Return text whose line breaks are ours, each line at most 2,000 characters and escaped."""
    return "\n".join(escape_text(line, limit=2000) for line in text.split("\n"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in one place, with its reason and, where there is one, its fix.

    `line` and `column` start at 1; 0 means that the place is the whole file. `pointer` is a JSON
    pointer (RFC 6901) into the document. `rule` is the JSON Schema keyword, or the name of the rule,
    that a config value breaks. `severity` is `error` or `warning`.
    """

    code: str
    message: str
    hint: str = ""
    path: Path | str = ""
    line: int = 0
    column: int = 0
    pointer: str = ""
    rule: str = ""
    severity: str = "error"

    def place(self) -> str:
        """Return `file:line:col`, as editors and terminals make it clickable."""
        name = escape_text(str(self.path)) or "<input>"
        return f"{name}:{self.line}:{self.column}" if self.line else name

    def render(self) -> str:
        """Return the message for a person: place, code, reason, and the fix on a second line."""
        at = f" (at {escape_text(self.pointer)})" if self.pointer else ""
        label = "warning " if self.severity == "warning" else ""
        text = f"{self.place()}: {label}{self.code} {escape_text(self.message)}{at}"
        return f"{text}\n  fix: {escape_text(self.hint)}" if self.hint else text

    def to_dict(self) -> dict[str, object]:
        """Return the problem as plain JSON, for `--json`."""
        fields = dataclasses.asdict(self)
        fields["path"] = str(self.path)
        return fields


def render_problems(problems: Sequence[Problem]) -> str:
    """Return all problems, one under the other, errors and warnings in document order."""
    return "\n".join(problem.render() for problem in problems)
