"""What is legal in a config schema and seldom meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from rivven_connect.documents import Problem, escape_text
from rivven_generator.lint.subject import Path, Subject
from rivven_generator.schema.tree import walk

_REFERENCE: Final = re.compile(r"\$\{(?:(?:env|file):[^{}]*|[A-Z_][A-Z0-9_]*)\}")
"""What a pipeline file replaces; other words in braces may be a template of the connector's own."""


def mixed_enums(config: Subject) -> Iterator[Problem]:
    """The values of an enum are of one type; null beside them makes it nullable."""
    for path, node in walk(config.root):
        kinds = [_kind(value) for value in node.get("enum", ())]
        first = next((kind for kind in kinds if kind), "")
        other = next((at for at, kind in enumerate(kinds) if kind not in ("", first)), None)
        if other is not None:
            yield config.problem(
                "RVN332",
                f"this value is {kinds[other]}, and the first one is {first}",
                (*path, "enum", other),
                hint="quote the values that are meant as text",
            )


def _kind(value: Any) -> str:
    if value is None:
        return ""
    names = {bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")


def dashed_names(config: Subject) -> Iterator[Problem]:
    """A property's name does not begin as an item of a list does."""
    for path, node in walk(config.root):
        for name in node.get("properties", {}):
            if name.startswith("-"):
                yield config.problem(
                    "RVN333",
                    f"the property is called `{escape_text(name, limit=60)}`, with the dash",
                    (*path, "properties", name),
                    key=True,
                    hint="remove the dash: properties are a mapping, not a list",
                )


def literal_references(config: Subject) -> Iterator[Problem]:
    """A default holds nothing that only a pipeline file replaces."""
    for path, node in walk(config.root):
        for at in _texts(node.get("default")):
            yield config.problem(
                "RVN334",
                "the default stays as it is written; `${...}` is replaced in a pipeline file only",
                (*path, "default", *at),
                hint="leave the default out and set the value in the pipeline file",
            )


def _texts(value: Any) -> Iterator[Path]:
    """Yield where in a default a text holds a reference."""
    waiting: list[tuple[Path, Any]] = [((), value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, str) and _REFERENCE.search(item):
            yield path
        elif isinstance(item, dict):
            waiting += [((*path, key), inner) for key, inner in item.items()]
        elif isinstance(item, list):
            waiting += [((*path, index), inner) for index, inner in enumerate(item)]
