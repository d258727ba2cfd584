"""Patterns of a foreign schema: in a dialect that every engine reads alike, and affordable together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from rivven_generator.importers.notes import Notes, Path
from rivven_generator.lint.patterns import MOST_REPEATS, reason_against, repeats_of
from rivven_generator.schema import validator_of, walk
from rivven_generator.schema.pattern_samples import samples

_REWRITES: Final = (
    (re.compile(r"(\\[dswDSW])-(?=[^\]])"), r"\1\\-"),  # [\w-.] means a dash
    (re.compile(r"^\\A"), "^"),
    (re.compile(r"\\[Zz]$"), "$"),
    (re.compile(r"\{,(?=[0-9]+\})"), "{0,"),
)
"""Form of another dialect -> ours."""
_FIXED_FORMS: Final = frozenset({"date", "time", "date-time", "uuid", "ipv4", "ipv6", "duration"})
"""Formats whose texts look alike: a few that match a pattern show what all that do are."""
_MOST_CHARACTERS: Final = 100_000
"""Of all patterns, their repeats written out: what compiling them takes is in proportion to it."""
_TOKEN: Final = re.compile(
    r"""
    (?P<repeat> \{[0-9]{1,9} (?:,[0-9]{0,9})? \} )
    | (?P<large> \\[pP] )
    | \\ .
    | \[ (?: \\. | [^\]\\] )* (?: \] | $ )
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_LARGE: Final = 100
"""A class of Unicode has hundreds of ranges."""


def settle_patterns(config: dict[str, Any], notes: Notes, origins: Mapping[int, Path]) -> None:
    """Write each pattern in our dialect, and take away those too many for all to be compiled.

    A format is taken away as well where the pattern beside it shows that it was only a hint.
    """
    characters = repeats = 0
    for _, found in walk(config):
        node: Any = found
        pattern, at = node.get("pattern"), origins.get(id(node), ())
        if not isinstance(pattern, str):
            continue
        more, again = written_out(pattern), repeats_of(pattern)
        if characters + more > _MOST_CHARACTERS or repeats + again > MOST_REPEATS:
            del node["pattern"]
            message = "with those before it, the pattern takes too long; it was left out"
            notes.add("RVN835", message, (*at, "pattern"))
            continue
        characters, repeats = characters + more, repeats + again
        if (changed := _portable(pattern)) != pattern:
            node["pattern"] = changed
            notes.add("RVN826", "the pattern was written in another dialect", (*at, "pattern"))
        _format_beside_pattern(node, at, notes)


def written_out(pattern: str) -> int:
    """Return about how many characters `pattern` has when its repeats are written out."""
    totals, last = [0], 0
    for token in _TOKEN.finditer(pattern):
        text = token.group()
        if text == "(":
            totals.append(0)
            last = 0
        elif text == ")" and len(totals) > 1:
            last = totals.pop()
            totals[-1] += last
        elif token["repeat"]:
            times = max(int(number) for number in re.findall("[0-9]+", text))
            totals[-1] += last * (times - 1)
            last *= times
        else:
            last = _LARGE * text.count("\\p") + _LARGE * text.count("\\P") or 1
            totals[-1] += last
    return sum(totals)


def _portable(pattern: str) -> str:
    """Return the pattern, rewritten where that makes it one that we accept."""
    if not reason_against(pattern):
        return pattern
    changed = pattern
    for form, ours in _REWRITES:
        changed = form.sub(ours, changed)
    return pattern if changed == pattern or reason_against(changed) else changed


def _format_beside_pattern(node: dict[str, Any], at: Path, notes: Notes) -> None:
    """A pattern for whole texts of another form than the format is meant; the format was a hint."""
    pattern, name = node["pattern"], node.get("format")
    if name not in _FIXED_FORMS or not _is_anchored(pattern) or reason_against(pattern):
        return
    matches, of_format = validator_of({"pattern": pattern}), validator_of({"format": name})
    texts = [text for text in samples(pattern) if matches.is_valid(text)]
    if texts and not any(of_format.is_valid(text) for text in texts):
        del node["format"]
        message = f"texts that match the pattern are no {name}; the format was left out"
        notes.add("RVN821", message, (*at, "format"))


def _is_anchored(pattern: str) -> bool:
    return pattern.startswith("^") and pattern.endswith("$") and not pattern.endswith("\\$")
