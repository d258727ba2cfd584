"""What templates print: every decision about generated Python is made here."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from rivven_generator import layout, models
from rivven_generator.annotations import Annotator, field_texts
from rivven_generator.docstrings import docstring
from rivven_generator.imports import import_block
from rivven_generator.layout import literal
from rivven_generator.load import LoadedManifest
from rivven_generator.manifest import Manifest, Rule
from rivven_generator.records import RecordClass, record_classes
from rivven_generator.reserved import CONFIG_NAMES, TYPING_NAMES
from rivven_generator.schema import minimal_config
from rivven_generator.shapes import ConfigShapes, ObjectClass, Schema, values_of


class Statement(msgspec.Struct, frozen=True):
    """One statement in a class body, and the docstring under it."""

    text: str
    doc: str = ""


class ClassView(msgspec.Struct, frozen=True):
    """One class as a template prints it."""

    name: str
    base: str
    doc: str
    statements: tuple[Statement, ...]


class ModuleView(msgspec.Struct, frozen=True):
    """One module as a template prints it; `items` are classes or plain statements.

    Where classes refer to others that stand behind them, annotations are read late. They are read at
    once elsewhere: pydantic does that for each class anyway, and takes longer over text.
    """

    doc: str
    imports: str
    classes: tuple[ClassView, ...] = ()
    assignments: tuple[str, ...] = ()
    refers_ahead: bool = False


def example_config(loaded: LoadedManifest) -> dict[str, Any]:
    """Return the example config: the first of `tests.valid`, or a derived minimal one."""
    valid = loaded.manifest.tests.valid
    return next(iter(valid.values())) if valid else minimal_config(loaded.manifest) or {}


def title_of(manifest: Manifest) -> str:
    """Return how texts call the connector: `the github-issues source`."""
    return f"the {manifest.name} {manifest.kind}"


def config_module(loaded: LoadedManifest) -> ModuleView:
    """Return the config classes."""
    manifest = loaded.manifest
    shapes = ConfigShapes(manifest.class_names.config, manifest.config)
    ordered = models.class_shapes(shapes.root, shapes.shapes())
    annotator = Annotator(shapes)
    classes = [
        _config_class(loaded, annotator, shapes.classes[name], fields, is_root=name == shapes.root)
        for name, fields in ordered.items()
    ]
    used = _names_in(
        [f"class {c.name}({c.base}): pass" for c in classes]
        + [statement.text for c in classes for statement in c.statements]
    )
    return ModuleView(
        doc=f"Config of {title_of(manifest)}.",
        imports=import_block(
            manifest.package,
            {
                "pathlib": {"Path"},
                "typing": used & TYPING_NAMES,
                "rivven_connect.config": used & CONFIG_NAMES,
                "..": used & {"validators"},
            },
        ),
        classes=tuple(classes),
    )


def _config_class(
    loaded: LoadedManifest,
    annotator: Annotator,
    found: ObjectClass,
    shapes: Mapping[str, ast.expr],
    *,
    is_root: bool,
) -> ClassView:
    manifest = loaded.manifest
    statements = _open_object(annotator, found.schema, shapes.get("extra"))
    rules = _count_rules(found.schema)
    if is_root:
        path = 'Path(__file__).with_name("config.schema.json")'
        statements.append(Statement(f"_schema_file = {path}"))
        example = literal(example_config(loaded))
        statements.append(Statement(layout.field("_example", "ClassVar[JsonObject]", example)))
        rules += [_rule_text(rule) for rule in manifest.rules]
    if rules:
        text = f"({', '.join(rules)}{',' * (len(rules) == 1)})"
        statements.append(Statement(layout.assignment("_rules", text)))
    for index, declared in enumerate(found.properties):
        annotation, default = field_texts(annotator, declared, shapes[f"p{index}"])
        schema = annotator.resolve(declared.schema)
        doc = str(schema.get("description") or schema.get("title") or "")
        statements.append(Statement(layout.field(declared.name, annotation, default), doc))
    base = f"{manifest.kind.title()}Config" if is_root else "ConfigModel"
    default_doc = f"Config of {title_of(manifest)}." if is_root else "Part of the config."
    doc = str(found.schema.get("description") or found.schema.get("title") or default_doc)
    return ClassView(found.name, base, doc, tuple(statements))


def _open_object(annotator: Annotator, schema: Schema, shape: ast.expr | None) -> list[Statement]:
    if schema.get("additionalProperties", False) is False:
        return []
    statements = [Statement('model_config = ConfigDict(extra="allow")')]
    if shape is not None:
        text = f"dict[str, {annotator.annotate(values_of(schema), shape).text()}]"
        factory = "Field(default_factory=dict, init=False)"
        statements.append(Statement(layout.field("__pydantic_extra__", text, factory)))
    return statements


def _count_rules(schema: Schema) -> list[str]:
    names = {"minProperties": "min_properties", "maxProperties": "max_properties"}
    return [f"{name}({int(schema[key])})" for key, name in names.items() if key in schema]


def _rule_text(rule: Rule) -> str:
    path = tuple(p.replace("~1", "/").replace("~0", "~") for p in rule.at.split("/")[1:])
    at = [f"at={literal(path)}"] if path else []
    if rule.form == "when":
        parts = [literal(rule.when), f"require={literal(tuple(rule.names))}", *at]
    else:
        parts = [*map(literal, rule.names), *at]
    return f"{rule.form}({', '.join(parts)})"


def records_module(loaded: LoadedManifest) -> ModuleView:
    """Return the record types of the streams."""
    manifest = loaded.manifest
    found = record_classes(
        [
            (
                s.record_class,
                str(s.schema_.get("description") or f"A record of `{s.name}`."),
                s.schema_,
            )
            for s in manifest.streams
        ]
    )
    named = [record for record in found if not record.is_open]
    classes = tuple(_record_class(record) for record in named if record.has_class_syntax)
    assignments = (
        *(_record_call(record) for record in named if not record.has_class_syntax),
        *(_open_record(record) for record in found if record.is_open),
    )
    used = _names_in(
        _key_type(f.type_text, required=f.required) for record in found for f in record.fields
    )
    return ModuleView(
        doc=f"Record types of {title_of(manifest)}.",
        imports=import_block(
            manifest.package,
            {
                "typing": (used & TYPING_NAMES)
                | ({"TypedDict"} if named else set())
                | ({"TypeAlias"} if named != found else set()),
                "rivven_connect": (used & {"Json"}) | ({"JsonObject"} if named != found else set()),
            },
        ),
        classes=classes,
        assignments=assignments,
        refers_ahead=True,
    )


def _record_class(record: RecordClass) -> ClassView:
    statements = tuple(
        Statement(layout.field(f.key, _key_type(f.type_text, required=f.required)), f.description)
        for f in record.fields
    )
    return ClassView(
        record.name, "TypedDict", record.description or "Part of a record.", statements
    )


def _record_call(record: RecordClass) -> str:
    """Return the call form of a TypedDict, for keys that are no identifiers."""
    pairs = ", ".join(
        f"{literal(f.key)}: {_key_type(literal(f.type_text), required=f.required)}"
        for f in record.fields
    )
    call = f"TypedDict({literal(record.name)}, {{{pairs}}})"
    text = layout.assignment(record.name, call, indent=0)
    if not record.looks_like_class:
        return text
    head, *rest = text.split("\n")
    return "\n".join([f"{head}  # noqa: UP013", *rest])


def _open_record(record: RecordClass) -> str:
    """Return the type of records that the manifest says nothing about."""
    text = layout.field(record.name, "TypeAlias", "JsonObject", indent=0)
    return f"{text}\n{docstring(record.description, 0)}"


def _key_type(text: str, *, required: bool) -> str:
    return text if required else f"NotRequired[{text}]"


def _names_in(sources: Iterable[str]) -> set[str]:
    """Return every name that the source texts, each a statement, use."""
    return {
        node.id
        for node in ast.walk(ast.parse("\n".join(sources)))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
