"""Values in the schema, judged by the schema itself."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from rivven_connect.documents import Problem, escape_text, split_pointer
from rivven_generator.lint.subject import Path, Subject
from rivven_generator.schema.compiler import compile_schema
from rivven_generator.schema.defaults import MISSING, complete, default_of
from rivven_generator.schema.tree import definition_name, resolve, walk
from rivven_generator.schema.verdict import ConfigVerdict
from rivven_generator.structure import suggestion

_NAMES = frozenset({"type", "format"})
"""Keywords whose value is one of our words; other texts may be anything and are not shown."""


def enums_are_sets(config: Subject) -> Iterator[Problem]:
    """An enum has values, and each only once (`1` and `1.0` are one, `1` and `true` two)."""
    for path, node in walk(config.root):
        values = node.get("enum")
        if values is None:
            continue
        if not values:
            yield config.problem("RVN309", "`enum` is empty", (*path, "enum"))
        seen: dict[Hashable, int] = {}
        for index, value in enumerate(values):
            first = seen.setdefault(value_identity(value), index)
            if first != index:
                where = config.place((*path, "enum", first))
                yield config.problem(
                    "RVN309", f"this value stands at {where} as well", (*path, "enum", index)
                )


def value_identity(value: Any) -> Hashable:
    """Return what two JSON values have in common exactly if they are equal."""
    if isinstance(value, list):
        return ("array", *map(value_identity, value))
    if isinstance(value, dict):
        return ("object", frozenset((key, value_identity(item)) for key, item in value.items()))
    return ("boolean" if isinstance(value, bool) else "other", value)


def required_is_declared(config: Subject) -> Iterator[Problem]:
    """What is required is declared."""
    for path, node in walk(config.root):
        declared = node.get("properties", {})
        for index, name in enumerate(node.get("required", ())):
            if name not in declared:
                yield config.problem(
                    "RVN307",
                    f"the required property `{escape_text(name, limit=60)}` is not declared",
                    (*path, "required", index),
                    hint=suggestion(name, declared),
                )


def no_default_on_required(config: Subject) -> Iterator[Problem]:
    """A property is required or has a default, not both."""
    for path, node in walk(config.root):
        declared = node.get("properties", {})
        for name in node.get("required", ()):
            if name in declared and default_of(config.root, declared[name]) is not MISSING:
                own = "default" in declared[name]
                yield config.problem(
                    "RVN306",
                    f"`{escape_text(name, limit=60)}` is required and has a default",
                    (*path, "properties", name, *(["default"] if own else [])),
                    key=True,
                    hint="remove the default, or take the name out of `required`",
                )


def defaults(config: Subject) -> Iterator[Problem]:
    """A default, completed by the defaults inside it, is accepted by its own schema."""
    judge = _Judge(config.root)
    for path, node in walk(config.root):
        if "default" not in node or resolve(config.root, node).get("secret"):
            continue
        value = complete(config.root, node, node["default"])
        for place, rule in judge.failures(path, value):
            yield config.problem(
                "RVN305",
                f"the default breaks `{_limit(config.root, node, place, rule)}`",
                (*path, "default", *place),
            )


def _limit(root: Mapping[str, Any], node: Mapping[str, Any], place: Path, rule: str) -> str:
    """Return a broken keyword, with its value where that is a number, type or format of the node itself."""
    value = resolve(root, node).get(rule) if not place else None
    shown = isinstance(value, int | float) or (isinstance(value, str) and rule in _NAMES)
    return f"{rule}: {value}" if shown else rule


def constants(config: Subject) -> Iterator[Problem]:
    """Each `enum` and `const` value is accepted by the keywords beside it."""
    judge = _Judge(config.root)
    for path, node in walk(config.root):
        values: list[tuple[Path, Any]] = [
            (("enum", index), value) for index, value in enumerate(node.get("enum", ()))
        ]
        values += [(("const",), node["const"])] if "const" in node else []
        for at, value in values:
            for _, rule in judge.failures(path, value, without=str(at[0])):
                yield config.problem("RVN310", f"this value breaks `{rule}`", (*path, *at))


def examples(config: Subject) -> Iterator[Problem]:
    """Each example is accepted by its own schema."""
    judge = _Judge(config.root)
    for path, node in walk(config.root):
        if resolve(config.root, node).get("secret"):
            continue
        for index, value in enumerate(node.get("examples", ())):
            for place, rule in judge.failures(path, value):
                at = (*path, "examples", index, *place)
                yield config.problem("RVN326", f"the example breaks `{rule}`", at)


class _Judge:
    """Judges values by one schema of the config, compiled with just the definitions it needs."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._compiled = compile_schema(root)

    def failures(self, path: Path, value: Any, *, without: str = "") -> Iterator[tuple[Path, str]]:
        """Yield where in `value` the schema at `path` is broken, and by which keyword."""
        node: Any = self._compiled
        for step in path:
            node = node[step]
        node = {word: inner for word, inner in node.items() if word not in {without, "$defs"}}
        verdict = ConfigVerdict({**node, "$defs": self._needed(node)})
        for failure in verdict.failures(value):
            yield tuple(split_pointer(failure.places[0])), failure.rules[0]

    def _needed(self, node: Mapping[str, Any]) -> dict[str, Any]:
        definitions = self._compiled.get("$defs", {})
        needed: dict[str, Any] = {}
        waiting = [node]
        while waiting:
            for _, inner in walk(waiting.pop()):
                name = definition_name(inner.get("$ref", ""))
                if name and name in definitions and name not in needed:
                    needed[name] = definitions[name]
                    waiting.append(definitions[name])
        return needed
