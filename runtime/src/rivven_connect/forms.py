"""What a form builder needs of a config: its JSON Schema, and a uiSchema beside it.

The pair is that of react-jsonschema-form, which other form libraries read as well. Its own words are
in https://rjsf-team.github.io/react-jsonschema-form/docs/api-reference/uiSchema. Nothing of it judges
a value: the schema alone does that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from rivven_connect._schema_walk import resolve_reference

__all__ = ["FieldGroup", "arrange", "form_of"]

Schema: TypeAlias = Mapping[str, Any]

_LAST: Final = float("inf")
_LONG_TEXT: Final = 255
_WIDGETS: Final = {"boolean": "checkbox", "integer": "updown", "number": "updown"}
_FORMAT_WIDGETS: Final = {"uri": "uri", "email": "email", "date": "date", "date-time": "date-time"}
"""Widgets whose values keep the format; that of `time` would drop the offset."""
_HELP_OF_VALIDATORS: Final = {
    "cron": "A cron expression: five fields, or a macro such as @daily.",
    "host": "A host name or an IP address.",
    "port": "A port number, 1 to 65535.",
}
_SECRET: Final = "Secret. ${env:NAME} and ${file:/path} are replaced when the connector starts."  # noqa: S105  # says how to keep one
_IDENTITY: Final = "Names what is read or written; changing it between runs is refused."


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields that stand together in forms and docs; those without a group have the title ``""``."""

    title: str
    names: tuple[str, ...]


def arrange(root: Schema, schema: Schema) -> list[FieldGroup]:
    """Return the properties of an object by `order` and `group`, each in exactly one group.

    Properties with an `order` come first, by it; the others follow as they were declared. Fields
    without a group come before all groups; a group stands where its first field would.

    Args:
        root: the whole config schema, which holds the definitions.
        schema: the object in it.
    """
    declared = {
        name: resolve_reference(root, child)
        for name, child in schema.get("properties", {}).items()
        if isinstance(child, Mapping)
    }
    groups: dict[str, list[str]] = {"": []}
    for name in sorted(declared, key=lambda name: declared[name].get("x-rivven-order", _LAST)):
        groups.setdefault(str(declared[name].get("x-rivven-group", "")), []).append(name)
    return [FieldGroup(title, tuple(names)) for title, names in groups.items() if names]


def form_of(schema: Schema, *, title: str = "") -> dict[str, Any]:
    """Return `{"schema": ..., "uiSchema": ...}`: the schema as it is, and how to show each field.

    Args:
        schema: JSON Schema 2020-12 of a config.
        title: heading of the form, where the schema has none of its own.
    """
    heading = {"ui:title": title} if title and "title" not in schema else {}
    ui = {**heading, **_Form(schema).node(schema, frozenset())}
    for rule in schema.get("allOf", ()):
        _hide_choice(ui, rule)
    return {"schema": dict(schema), "uiSchema": ui}


def _hide_choice(ui: dict[str, Any], rule: Schema) -> None:
    """Show the object that a rule is about as one form, not as a choice of the rule's branches."""
    while set(rule) == {"properties"}:
        ((name, rule),) = rule["properties"].items()
        ui = ui.get(name, {})
    ui |= {"ui:field": "ObjectField", "ui:fieldReplacesAnyOrOneOf": True}


class _Form:
    def __init__(self, root: Schema) -> None:
        self._root = root

    def node(self, schema: Schema, above: frozenset[str]) -> dict[str, Any]:
        """Return the uiSchema of one schema; a definition inside itself ends there."""
        reference = str(schema.get("$ref", ""))
        found = resolve_reference(self._root, schema)
        ui = _help(found)
        if reference in above:
            return ui
        above |= {reference} - {""}
        for keyword in ("oneOf", "anyOf"):
            if isinstance(found.get(keyword), Sequence):
                return {**ui, **self._union(found, keyword, above)}
        return {**ui, **self._plain(found, above)}

    def _plain(self, found: Schema, above: frozenset[str]) -> dict[str, Any]:
        kinds = _types_of(found)
        if "properties" in found or "object" in kinds:
            return self._object(found, above)
        if "array" in kinds:
            items = found.get("items")
            return {"items": self.node(items, above)} if isinstance(items, Mapping) else {}
        return _leaf(found, kinds)

    def _object(self, found: Schema, above: frozenset[str]) -> dict[str, Any]:
        groups = arrange(self._root, found)
        names = [name for group in groups for name in group.names]
        extra = found.get("additionalProperties", True)
        ui: dict[str, Any] = {}
        if names:
            ui["ui:order"] = names if extra is False else [*names, "*"]
        if any(group.title for group in groups):
            ui["ui:groups"] = [{"title": one.title, "fields": list(one.names)} for one in groups]
        if isinstance(extra, Mapping):
            ui["additionalProperties"] = self.node(extra, above)
        required = found.get("required", ())
        for name in names:
            if not name.startswith("ui:"):  # there, the key would mean something else
                child = found["properties"][name]
                ui[name] = {
                    **self._title(name, child),
                    **_constant(resolve_reference(self._root, child), required=name in required),
                    **self.node(child, above),
                }
        return ui

    def _union(self, found: Schema, keyword: str, above: frozenset[str]) -> dict[str, Any]:
        tag = found.get("discriminator", {}).get("propertyName")
        branches = [self._branch(branch, tag, above) for branch in found[keyword]]
        if tag is None:
            return {keyword: branches}
        # The library itself offers the branches in a select; `display` says that tabs suit as well.
        return {"ui:options": {"display": "tabs", "tag": tag}, keyword: branches}

    def _branch(self, branch: Schema, tag: str | None, above: frozenset[str]) -> dict[str, Any]:
        found = resolve_reference(self._root, branch)
        value = found.get("properties", {}).get(tag, {}).get("const")
        title = {} if value is None or "title" in found else {"ui:title": _label(str(value))}
        return {**title, **self.node(branch, above)}

    def _title(self, name: str, child: Schema) -> dict[str, Any]:
        named = "title" in resolve_reference(self._root, child)
        return {} if named else {"ui:title": _label(name)}


def _types_of(schema: Schema) -> list[str]:
    named = schema.get("type", ())
    return [one for one in ([named] if isinstance(named, str) else named) if one != "null"]


def _label(name: str) -> str:
    """Return a property name as a person writes it: `base_url` is `Base url`."""
    words = " ".join(re.split(r"[_\-.\s]+", name)).strip() or name
    return words[:1].upper() + words[1:]


def _help(found: Schema) -> dict[str, Any]:
    """Return what to know beside the description and the limits, which are in the schema."""
    text = " ".join(_notes(found))
    return {"ui:help": text} if text else {}


def _notes(found: Schema) -> Iterator[str]:
    if found.get("deprecated"):
        yield "Deprecated."
    name = found.get("x-rivven-validator")
    if name is not None:
        yield _HELP_OF_VALIDATORS.get(name, f"Checked by the connector ({name}).")
    if found.get("x-rivven-identity"):
        yield _IDENTITY
    if found.get("writeOnly"):
        yield _SECRET


def _constant(found: Schema, *, required: bool) -> dict[str, Any]:
    """Return how to show what has one value: nobody needs to type it."""
    if "const" not in found:
        return {}
    return {"ui:widget": "hidden"} if required else {"ui:readonly": True}


def _leaf(found: Schema, kinds: Sequence[str]) -> dict[str, Any]:
    if not kinds and not {"const", "enum"} & set(found):
        return {"ui:options": {"display": "json"}}  # any value; the library has no field for it
    ui: dict[str, Any] = {}
    widget = _widget(found, kinds)
    if widget:
        ui["ui:widget"] = widget
    example = next(iter(found.get("examples", ())), None)
    if isinstance(example, str | int | float) and not isinstance(example, bool):
        ui["ui:placeholder"] = str(example)
    return ui


def _widget(found: Schema, kinds: Sequence[str]) -> str:
    if "const" in found:
        return ""
    if "enum" in found:
        return "select"
    if found.get("writeOnly"):
        return "password"
    for kind in kinds:
        if kind in _WIDGETS:
            return _WIDGETS[kind]
    if "string" in kinds:
        return _FORMAT_WIDGETS.get(found.get("format", ""), _text_widget(found))
    return ""


def _text_widget(found: Schema) -> str:
    shown = [found.get("default", ""), *found.get("examples", ())]
    lines = any("\n" in text for text in shown if isinstance(text, str))
    return "textarea" if lines or found.get("maxLength", 0) > _LONG_TEXT else "text"
