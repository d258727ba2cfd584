"""Regular expressions: portable, affordable, anchored."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import SchemaError, SchemaValidator, core_schema
from rivven_connect.documents import Problem

from rivven_generator.lint.subject import Subject
from rivven_generator.schema.tree import walk
from rivven_generator.schema.verdict import validator_of

_LONGEST = 2_000


def portable(config: Subject) -> Iterator[Problem]:
    """Both engines that will match the pattern compile it, in linear time and bounded memory."""
    for path, node in walk(config.root):
        pattern = node.get("pattern")
        if pattern is None:
            continue
        reason = _reason_against(pattern)
        if reason:
            code = "RVN318" if "size" in reason or "longer" in reason else "RVN317"
            yield config.problem(code, f"pattern refused: {reason}", (*path, "pattern"))


def anchored(config: Subject) -> Iterator[Problem]:
    """A pattern says where it starts and ends."""
    for path, node in walk(config.root):
        pattern = node.get("pattern")
        if pattern is None:
            continue
        starts = pattern.startswith(("^", ".*"))
        ends = pattern.endswith((".*", ".+")) or (
            pattern.endswith("$") and not pattern.endswith("\\$")
        )
        if not (starts and ends):
            yield config.problem(
                "RVN331",
                "the pattern is not anchored and matches anywhere in the text",
                (*path, "pattern"),
                hint="write ^...$, and .* where anything may stand",
            )


def _reason_against(pattern: str) -> str:
    if len(pattern) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError as error:
        return _last_line(str(error))
    try:
        validator_of({"pattern": pattern})
    except ValueError:
        return "it is not a regular expression of JSON Schema"
    return ""


def _last_line(text: str) -> str:
    """Return the engine's reason without its drawing of the pattern."""
    if "size limit" in text:
        return "compiled, it exceeds the size limit; use smaller repeats"
    reasons = [line for line in text.splitlines() if line.strip().startswith("error:")]
    return reasons[-1].strip().removeprefix("error: ") if reasons else "it does not compile"
