"""The only union is tagged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rivven_connect.documents import Problem, escape_text
from rivven_generator.lint.subject import Path, Subject
from rivven_generator.schema.tree import resolve, tag_of, walk

_FORM = (
    "write `oneOf` of objects, each with the same `const` property, and name it in `discriminator`"
)


def tagged(config: Subject) -> Iterator[Problem]:
    """Each branch of a union is an object with its own constant under the common tag."""
    for path, node in walk(config.root):
        if "discriminator" in node and "oneOf" not in node:
            yield config.problem(
                "RVN315", "`discriminator` without `oneOf`", (*path, "discriminator"), key=True
            )
        elif "oneOf" in node:
            yield from _union(config, path, node)


def _union(config: Subject, path: Path, node: Mapping[str, Any]) -> Iterator[Problem]:
    if "discriminator" not in node:
        yield config.problem(
            "RVN315", "a union needs a `discriminator`", (*path, "oneOf"), key=True, hint=_FORM
        )
        return
    if node.get("type", "object") != "object":
        yield config.problem("RVN315", "a tagged union is of `type: object`", (*path, "type"))
    tag = node["discriminator"]["propertyName"]
    seen: dict[str, int] = {}
    for index, branch in enumerate(node["oneOf"]):
        at = (*path, "oneOf", index)
        value = tag_of(resolve(config.root, branch), tag)
        if not _is_branch(resolve(config.root, branch)):
            yield config.problem("RVN315", "a branch must be an object", at, hint=_FORM)
        elif not isinstance(value, str):
            shown = escape_text(tag, limit=60)
            yield config.problem(
                "RVN315",
                f"this branch has no text constant as `{shown}`",
                at,
                hint=f"add the property `{shown}: {{const: NAME}}`",
            )
        elif value in seen:
            other = config.place((*path, "oneOf", seen[value]))
            shown = escape_text(value, limit=60)
            yield config.problem("RVN316", f"the tag {shown!r} is that of {other} as well", at)
        else:
            seen[value] = index


def _is_branch(branch: Mapping[str, Any]) -> bool:
    return branch.get("type") == "object" and "oneOf" not in branch
