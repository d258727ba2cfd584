"""The only module that knows datamodel-code-generator.

The library sees shapes, never text: class and field names that we chose, containers, references,
and one opaque leaf type. It decides the order of the classes and how containers and unions are
spelt; descriptions, defaults, patterns and enum values join later, through our own literal filter.
So no manifest text can become code in it (ADR 2).
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LEAF: dict[str, Any] = {"type": "string", "x-python-type": "leaf.Leaf_"}
"""The stand-in for every scalar; no class of ours has a `_` in its name."""


def reference(class_name: str) -> dict[str, Any]:
    """Return the stand-in for a class."""
    return {"$ref": f"#/$defs/{class_name}"}


def class_shapes(
    root: str, classes: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, ast.expr]]:
    """Return each class's field annotations, classes in an order in which they can be defined.

    Args:
        root: the class that refers to all others, directly or not.
        classes: class name -> field key -> shape (`LEAF`, `reference(...)`, an array, a map, a union).
    """
    alike = {name: _first_alike(fields) for name, fields in classes.items()}
    distinct = {
        name: {key: classes[name][key] for key in dict.fromkeys(firsts.values())}
        for name, firsts in alike.items()
    }
    found = _generated(root, distinct)
    return {name: {key: found[name][first] for key, first in alike[name].items()} for name in found}


def _first_alike(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return for each field the first one of the same shape: a shape is spelt alike wherever it is.

    Most fields of a large class are leaves, and the library needs a millisecond for each field.
    """
    firsts: dict[str, str] = {}
    return {key: firsts.setdefault(json.dumps(shape), key) for key, shape in fields.items()}


def _generated(
    root: str, classes: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, ast.expr]]:
    from datamodel_code_generator import generate  # noqa: PLC0415  # costs half a second
    from datamodel_code_generator.enums import DataModelType, InputFileType  # noqa: PLC0415
    from datamodel_code_generator.format import Formatter, PythonVersion  # noqa: PLC0415

    text = generate(
        {
            "title": root,
            **_object(classes[root]),
            "$defs": {name: _object(f) for name, f in classes.items() if name != root},
        },
        input_file_type=InputFileType.JsonSchema,
        output_model_type=DataModelType.PydanticV2BaseModel,
        target_python_version=PythonVersion.PY_311,
        base_class="leaf.Base_",
        disable_timestamp=True,
        formatters=[Formatter.BUILTIN],
        allow_remote_refs=False,
        strict_refs=True,
        settings_path=Path("/"),  # else it reads the pyproject.toml of whatever folder we are in
        use_union_operator=True,
        use_standard_collections=True,
    )
    found = {
        node.name: {
            statement.target.id: statement.annotation
            for statement in node.body
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        }
        for node in ast.parse(str(text)).body
        if isinstance(node, ast.ClassDef)
    }
    if {name: set(fields) for name, fields in found.items()} != {
        name: set(fields) for name, fields in classes.items()
    }:
        raise AssertionError("datamodel-code-generator changed the shapes that it was given")
    return found


def _object(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(fields), "required": list(fields)}
