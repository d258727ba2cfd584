"""Rules across properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rivven_connect.documents import Problem, escape_text, split_pointer
from rivven_generator.lint.subject import Path, Whole
from rivven_generator.manifest import Rule
from rivven_generator.schema.compiler import compile_rule, compile_schema
from rivven_generator.schema.defaults import MISSING, complete, default_of
from rivven_generator.schema.tree import object_at, resolve
from rivven_generator.schema.verdict import ConfigVerdict
from rivven_generator.structure import suggestion

_FORMS = ("require_any", "require_one", "require_together")


def forms(whole: Whole) -> Iterator[Problem]:
    """A rule has exactly one form, and enough names to mean something."""
    for index, rule in enumerate(whole.manifest.rules):
        used = [form for form in _FORMS if getattr(rule, form) is not None]
        conditional = rule.when is not None or rule.require is not None
        whole_condition = rule.when is not None and rule.require is not None
        at: Path = ("rules", index)
        if len(used) + conditional != 1 or (conditional and not whole_condition):
            yield whole.top.problem(
                "RVN411",
                "a rule is one of require_any, require_one, require_together, or `when` with `require`",
                at,
            )
        elif used and len(set(rule.names)) < 2:
            yield whole.top.problem(
                "RVN411",
                f"`{used[0]}` needs two different names",
                (*at, used[0]),
                hint="for one name, use `required`",
            )


def targets(whole: Whole) -> Iterator[Problem]:
    """A rule looks at an object of the config and names properties that it declares."""
    for index, rule in enumerate(whole.manifest.rules):
        declared = _declared(whole, rule)
        if declared is None:
            yield whole.top.problem(
                "RVN414", "this leads to no object of the config", ("rules", index, "at")
            )
            continue
        for at, name in _names(rule):
            if name not in declared:
                yield whole.top.problem(
                    "RVN412",
                    f"the config has no property `{escape_text(name, limit=60)}` there",
                    ("rules", index, *at),
                    hint=suggestion(name, declared),
                )


def presence(whole: Whole) -> Iterator[Problem]:
    """`require*` looks at presence in the input, so a field with a default cannot be asked for."""
    for index, rule in enumerate(whole.manifest.rules):
        declared = _declared(whole, rule) or {}
        for at, name in _names(rule):
            if at[0] == "when" or name not in declared:
                continue
            if default_of(whole.manifest.config, declared[name]) is not MISSING:
                yield whole.top.problem(
                    "RVN413",
                    f"`{escape_text(name, limit=60)}` has a default and is never absent",
                    ("rules", index, *at),
                    hint="remove the default",
                )


def defaults(whole: Whole) -> Iterator[Problem]:
    """An object that a default makes keeps the rules about it, or its config could not be written back."""
    root = whole.manifest.config
    for index, rule in enumerate(whole.manifest.rules):
        keys = split_pointer(rule.at)
        compiled = compile_rule(root, rule)
        for depth, key in enumerate(keys, 1):
            holder = object_at(root, keys[: depth - 1]) or {}
            declared = holder.get("properties", {}).get(key, {})
            default = default_of(root, declared)
            if default is MISSING:
                continue
            config: object = complete(root, declared, default)
            for name in reversed(keys[:depth]):
                config = {name: config}
            if not ConfigVerdict(compiled).accepts(config):
                shown = escape_text(key, limit=60)
                yield whole.top.problem(
                    "RVN305",
                    f"the default of `{shown}` breaks this rule",
                    ("rules", index),
                    hint="change the default or the rule",
                )


def conditions(whole: Whole) -> Iterator[Problem]:
    """The value in `when` is one that the property can have."""
    if not whole.manifest.rules:
        return
    compiled = compile_schema(whole.manifest.config)
    for index, rule in enumerate(whole.manifest.rules):
        declared = _declared(whole, rule) or {}
        for name, value in (rule.when or {}).items():
            at: Path = ("rules", index, "when", name)
            if name in declared and resolve(whole.manifest.config, declared[name]).get("secret"):
                yield whole.top.problem(
                    "RVN322", "a secret must not have a value under `when`", at, key=True
                )
            elif name in declared and not _accepts(compiled, declared[name], value):
                yield whole.top.problem(
                    "RVN415",
                    f"`{escape_text(name, limit=60)}` never has this value",
                    at,
                )


def _accepts(compiled: Mapping[str, Any], node: Mapping[str, Any], value: object) -> bool:
    schema = compile_schema({**node, "$defs": {}})
    return ConfigVerdict({**schema, "$defs": compiled.get("$defs", {})}).accepts(value)


def _declared(whole: Whole, rule: Rule) -> Mapping[str, Any] | None:
    try:
        keys = split_pointer(rule.at)
    except ValueError:
        return None
    found = object_at(whole.manifest.config, keys)
    if found is None:
        return None if keys else {}
    declared: Mapping[str, Any] = found["properties"]
    return declared


def _names(rule: Rule) -> Iterator[tuple[Path, str]]:
    for form in (*_FORMS, "require"):
        yield from (((form, number), name) for number, name in enumerate(getattr(rule, form) or ()))
    yield from ((("when", name), name) for name in rule.when or ())
