"""Regular expressions: portable, affordable, anchored."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from functools import lru_cache

import jsonschema_rs
from pydantic_core import PydanticCustomError, SchemaError

from rivven_connect.config import Pattern
from rivven_connect.documents import Problem
from rivven_generator.lint.subject import Subject
from rivven_generator.schema.tree import walk
from rivven_generator.schema.verdict import validator_of

_LONGEST = 2_000
MOST_REPEATS = 100_000
_REPEAT = re.compile(r"(?<=[{,])[0-9]{1,9}(?=[,}])")
_DASH_AFTER_CLASS = re.compile(r"\[[^\]]*\\[dswDSW]-(?!\])")
_POSIX_CLASS = re.compile(r"\[:\^?[a-z]+:\]")
_TOO_LONG = f"it is longer than {_LONGEST} characters"
_TOO_LARGE = "compiled, it exceeds the size limit; use smaller repeats"


def portable(config: Subject) -> Iterator[Problem]:
    """Both engines that will match the pattern compile it, in linear time and bounded memory."""
    repeats = 0
    for path, node in walk(config.root):
        pattern = node.get("pattern")
        if pattern is None:
            continue
        repeats += repeats_of(pattern)
        if repeats > MOST_REPEATS:
            reason = f"with those before it, it repeats more than {MOST_REPEATS} times"
            yield config.problem("RVN318", f"pattern refused: {reason}", (*path, "pattern"))
            return
        reason = reason_against(pattern)
        if reason:
            code = "RVN318" if reason in {_TOO_LONG, _TOO_LARGE} else "RVN317"
            yield config.problem(code, f"pattern refused: {reason}", (*path, "pattern"))


def repeats_of(pattern: str) -> int:
    """Return how often the parts of a pattern are repeated by a number, all together."""
    return sum(int(number) for number in _REPEAT.findall(pattern))


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


@lru_cache(maxsize=1024)
def reason_against(pattern: str) -> str:
    """Return why a pattern is not portable or too expensive; nothing where it is fine."""
    if len(pattern) > _LONGEST:
        return _TOO_LONG
    if _POSIX_CLASS.search(pattern):
        return "POSIX classes such as [:alpha:] mean something else to each engine"
    try:
        with contextlib.suppress(PydanticCustomError):  # an empty text need not match
            Pattern(pattern).check("")
    except SchemaError as error:
        return _TOO_LARGE if "size limit" in str(error) else _last_line(str(error))
    try:
        validator_of({"pattern": pattern})
    except ValueError:
        return _other_dialect(pattern)
    return ""


def _other_dialect(pattern: str) -> str:
    """Return why only one of the engines compiles the pattern."""
    if not jsonschema_rs.meta.is_valid({"pattern": pattern}):
        return "it is not a regular expression of JSON Schema"
    if _DASH_AFTER_CLASS.search(pattern):
        return r"a dash after a class such as \w is read differently; write \- for it"
    return _TOO_LARGE


def _last_line(text: str) -> str:
    """Return the engine's reason without its drawing of the pattern."""
    reasons = [line for line in text.splitlines() if line.strip().startswith("error:")]
    return reasons[-1].strip().removeprefix("error: ") if reasons else "it does not compile"
