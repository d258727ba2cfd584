"""What the templates of a new project print; every decision about the author's files is made here.

Text of the manifest reaches TOML and Markdown as values that are already escaped.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec.structs

from rivven_generator import naming
from rivven_generator.hook_imports import hook_imports
from rivven_generator.hooks import declared_hooks
from rivven_generator.imports import import_block, import_line
from rivven_generator.layout import LINE_LENGTH
from rivven_generator.load import LoadedManifest
from rivven_generator.manifest import Kind, Manifest
from rivven_generator.pyproject import TOOLKIT_REQUIREMENT, expected_lines
from rivven_generator.render import markdown_text, toml_text

_AMBIGUOUS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_MODELINE = "# yaml-language-server: $schema=./.rivven/manifest.schema.json\n"

DESCRIPTIONS = {
    "source": "Reads items from memory.",
    "sink": "Keeps records in memory.",
    "transform": "Sets one field of each record.",
}
"""What the starter connectors do."""

_STARTER_IMPORTS: dict[str, dict[str, set[str]]] = {
    "source": {"datetime": {"UTC", "datetime", "timedelta"}, "rivven_connect": {"Records"}},
    "sink": {
        "collections.abc": {"Sequence"},
        "rivven_connect": {"Json", "SourceEvent", "WriteResult"},
    },
    "transform": {"rivven_connect": {"SourceEvent", "Transformed"}},
}
_STARTER_TESTS = {
    "source": ("test_reads_every_item_once", {"MockConfig", "MockSink", "TestHarness"}),
    "sink": ("test_keeps_what_it_is_given", {"events"}),
    "transform": ("test_leaves_the_rest_of_a_record_alone", {"events"}),
}


def manifest_view(kind: Kind, name: str, package: str, description: str, *, embedded: bool) -> Any:
    """Return what the starter manifest prints; `package` is empty where the default will do."""
    return {
        "kind": kind,
        "yaml_name": json.dumps(name) if name in _AMBIGUOUS else name,
        "package_line": f"package: {package}\n" if package else "",
        "description": json.dumps(description, ensure_ascii=False) if description else "",
        "modeline": "" if embedded else _MODELINE,
    }


def project_view(loaded: LoadedManifest) -> dict[str, Any]:
    """Return what the author's files print."""
    manifest = loaded.manifest
    names = manifest.class_names
    generated = f"{manifest.package}._generated"
    hooks = declared_hooks(loaded)
    return {
        "kind": manifest.kind,
        "name": manifest.name,
        "license": markdown_text(manifest.license or ""),
        "package": manifest.package,
        "package_path": manifest.package.replace(".", "/"),
        "top_package": manifest.package.split(".")[0],
        "distribution": naming.distribution_name(manifest.kind, manifest.name),
        "names": msgspec.structs.asdict(names),
        "class_line": _fitted(f"class {names.connector}", names.base, ":"),
        "connector_import": import_line(f"{manifest.package}.{manifest.kind}", {names.connector}),
        "package_import": import_line(manifest.package, {names.connector}),
        "config_test_imports": import_block(
            manifest.package, {"pytest": {"fixture"}, generated: {names.config}}
        ).replace("from pytest import fixture", "import pytest"),
        "declarations": {hook.name: hook.declaration for hook in hooks},
        "stubs": [hook.stub.rstrip("\n") for hook in hooks],
        "stub_imports": hook_imports(manifest, hooks, more={names.base}),
        "toml": _toml(manifest),
        "markdown": {
            "title": markdown_text(manifest.title or manifest.name),
            "description": markdown_text(manifest.description or ""),
        },
        **_starter(manifest, generated),
    }


def _starter(manifest: Manifest, generated: str) -> dict[str, str]:
    names = manifest.class_names
    test, used = _STARTER_TESTS[manifest.kind]
    own = {names.base, names.config, *(stream.record_class for stream in manifest.streams)}
    return {
        "starter_imports": import_block(
            manifest.package, {**_STARTER_IMPORTS[manifest.kind], generated: own}
        ),
        "starter_test_imports": import_block(
            manifest.package,
            {
                "rivven_connect.testing": used,
                manifest.package: {names.connector},
                generated: {names.config},
            },
        ),
        # An async generator: mypy takes a plain one with this type for a function without return.
        "read_line": _fitted(
            "    async def read_items",
            f"self, config: {names.config}, cursor: str | None",
            " -> Records[ItemsRecord]:",
        ),
        "test_line": _fitted(f"async def {test}", f"config: {names.config}", " -> None:"),
    }


def _fitted(head: str, arguments: str, tail: str) -> str:
    """Return a definition as the formatter would split it: on one line, or its arguments on theirs.

    One argument gets a comma there, several do not, and a base class never.
    """
    line = f"{head}({arguments}){tail}"
    if len(line) <= LINE_LENGTH:
        return line
    pad = " " * (len(head) - len(head.lstrip()))
    comma = "" if ", " in arguments or head.startswith("class") else ","
    return f"{head}(\n{pad}    {arguments}{comma}\n{pad}){tail}"


def _toml(manifest: Manifest) -> dict[str, Any]:
    expected = expected_lines(manifest)
    return {
        "distribution": toml_text(naming.distribution_name(manifest.kind, manifest.name)),
        # Distribution metadata holds one line.
        "description": toml_text(_line(manifest.description)) if manifest.description else "",
        "license": toml_text(manifest.license) if manifest.license else "",
        "author": toml_text(_line(manifest.author)) if manifest.author else "",
        "dependencies": [toml_text(text) for text in expected.dependencies],
        "toolkit": toml_text(TOOLKIT_REQUIREMENT),
        "group": toml_text(expected.group),
        "name": expected.name,
        "target": toml_text(expected.target),
    }


def _line(text: str) -> str:
    return " ".join(text.split())
