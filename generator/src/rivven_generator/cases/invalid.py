"""The manifest's `tests.invalid` as cases."""

from __future__ import annotations

from collections.abc import Iterable

from rivven_connect.documents import split_pointer, to_pointer
from rivven_generator.cases.judge import Failure, Judge
from rivven_generator.cases.views import Json, RejectView

_TAG_RULES = frozenset({"oneOf", "discriminator", "required", "enum", "const", "type"})
_VALUE_RULES = ("enum", "const")


def invalid_cases(
    invalid: Iterable[tuple[Json, str, str]], judge: Judge, base: str
) -> tuple[list[RejectView], list[Failure]]:
    """Return a case for each config, and which ones the schema refuses for no such reason."""
    found: list[RejectView] = []
    unread: list[Failure] = []
    for config, at, rule in invalid:
        failure = _as_reported(config, (at, rule), judge)
        if failure is None:
            unread.append((at, rule))
        else:
            found.append(RejectView(base, "", config, failure[1], failure[0]))
    return found, unread


def _as_reported(config: Json, claimed: Failure, judge: Judge) -> Failure | None:
    """Return the failure that the author means, in the class's words."""
    at, rule = claimed
    found = judge.failures(config)
    if rule == "validator":
        return claimed if not found else None
    parent = to_pointer(split_pointer(at)[:-1])
    readings = [
        claimed,
        *((at, other) for other in _VALUE_RULES if rule in _VALUE_RULES),
        *((place, "oneOf") for place in (at, parent) if rule in _TAG_RULES),
        *((place, "when") for place in (at, parent) if rule in {"require", "when"}),
        *([(parent, rule)] if rule.startswith("require_") else []),
    ]
    return next((reading for reading in readings if reading in found), None)
