"""The option table: one row for each config property, nested ones under their dotted path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from rivven_connect.forms import arrange
from rivven_generator.schema.tree import resolve
from rivven_generator.shapes import values_of
from rivven_generator.wording import json_text, limits, text_of, type_text

Schema = Mapping[str, Any]


class Option(msgspec.Struct, frozen=True):
    """One row of the option table."""

    path: str
    type_text: str
    required: bool | None
    """None for a branch of a union."""
    description: str
    default: str = ""
    example: str = ""
    limits: tuple[str, ...] = ()
    pattern: str = ""
    is_secret: bool = False
    deprecated: bool = False


class OptionGroup(msgspec.Struct, frozen=True):
    """Rows that stand in one table; those without a group have the title ``""``."""

    title: str
    rows: tuple[Option, ...]


def options(schema: Schema) -> list[OptionGroup]:
    """Return the rows of a compiled config schema, arranged by `order` and `group`."""
    extra = tuple(_extra(schema, schema, ""))
    tables = {"": extra} if extra else {}
    for group in arrange(schema, schema):
        rows = (row for name in group.names for row in _property(schema, schema, name, ""))
        tables[group.title] = (*rows, *tables.get(group.title, ()))
    return [OptionGroup(title, rows) for title, rows in tables.items()]


def all_rows(groups: list[OptionGroup]) -> list[Option]:
    """Return the rows of all groups."""
    return [row for group in groups for row in group.rows]


def _object(root: Schema, schema: Schema, prefix: str, tag: str = "") -> Iterator[Option]:
    for group in arrange(root, schema):
        for name in group.names:
            if name != tag:
                yield from _property(root, schema, name, prefix)
    yield from _extra(root, schema, prefix)


def _property(root: Schema, schema: Schema, name: str, prefix: str) -> Iterator[Option]:
    found = resolve(root, schema["properties"][name])
    path = f"{prefix}{step_text(name)}"
    yield _option(root, found, path, required=name in schema.get("required", ()))
    yield from _inside(root, found, path)


def _extra(root: Schema, schema: Schema, prefix: str) -> Iterator[Option]:
    if values_of(schema):
        found = resolve(root, values_of(schema))
        yield _option(root, found, f"{prefix}*", required=False)
        yield from _inside(root, found, f"{prefix}*")


def _inside(root: Schema, found: Schema, path: str) -> Iterator[Option]:
    for branch in found.get("oneOf", ()):
        yield from _branch(root, resolve(root, branch), path, found["discriminator"])
    if "items" in found:
        items = resolve(root, found["items"])
        if items.get("writeOnly"):
            yield _option(root, items, f"{path}[]", required=False)
        yield from _inside(root, items, f"{path}[]")
    else:
        yield from _object(root, found, f"{path}.")


def step_text(name: str) -> str:
    """Return a property name as part of a path; one that would look like several is quoted."""
    return json_text(name) if set(name) & set('.[]*"') else name


def _branch(
    root: Schema, branch: Schema, path: str, discriminator: Mapping[str, str]
) -> Iterator[Option]:
    tag = discriminator["propertyName"]
    value = branch["properties"][tag]["const"]
    yield Option(
        path=f"{path}[{value}]",
        type_text=f"object with `{tag}` {json_text(value)}",
        required=None,
        description=text_of(branch),
        deprecated=bool(branch.get("deprecated")),
    )
    yield from _object(root, branch, f"{path}[{value}].", tag)


def _option(root: Schema, found: Schema, path: str, *, required: bool) -> Option:
    examples = found.get("examples", ())
    return Option(
        path=path,
        type_text=type_text(root, found),
        required=required,
        description=text_of(found),
        default=json_text(found["default"]) if "default" in found else "",
        example=json_text(examples[0]) if examples else "",
        limits=tuple(limits(found)),
        pattern=str(found.get("pattern", "")),
        is_secret=bool(found.get("writeOnly")),
        deprecated=bool(found.get("deprecated")),
    )
