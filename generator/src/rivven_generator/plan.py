"""`plan_generated(manifest) -> {path: text}`: pure, and what tests call."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import msgspec

from rivven_generator import base_views, documents, views
from rivven_generator.cases import config_cases
from rivven_generator.environment import secret_variables
from rivven_generator.hooks import declared_hooks
from rivven_generator.imports import import_block
from rivven_generator.load import LoadedManifest
from rivven_generator.manifest import Manifest
from rivven_generator.options import all_rows, options
from rivven_generator.render import json_text, render
from rivven_generator.sample_config import config_example
from rivven_generator.schema import compile_config_schema, manifest_schema_text
from rivven_generator.testing_views import config_test, contract_test
from rivven_generator.wording import rule_texts


class Layout(msgspec.Struct, frozen=True):
    """Where generated files go: POSIX paths from the folder of `connector.yaml`."""

    package_dir: str
    tests_dir: str
    embedded: bool

    def in_package(self, name: str) -> str:
        """Return the path of a file of the generated package."""
        head = "" if self.package_dir == "." else f"{self.package_dir}/"
        return f"{head}_generated/{name}"


def standalone_layout(manifest: Manifest) -> Layout:
    """Return the layout of a project with one connector."""
    package = manifest.package.replace(".", "/")
    return Layout(f"src/{package}", "tests/generated", embedded=False)


def embedded_layout(tests_dir: str) -> Layout:
    """Return the layout of a connector inside of a larger distribution."""
    return Layout(".", tests_dir, embedded=True)


def plan_generated(loaded: LoadedManifest, layout: Layout) -> dict[str, str]:
    """Return every generated file: path from the connector's folder -> text."""
    files = _package_files(loaded, layout) | _test_files(loaded, layout)
    files |= _documentation(loaded, layout)
    for path, text in files.items():
        if path.endswith(".py"):
            ast.parse(text, filename=path)
    return dict(sorted(files.items()))


def _package_files(loaded: LoadedManifest, layout: Layout) -> dict[str, str]:
    manifest = loaded.manifest
    common = _common(loaded)
    schema = compile_config_schema(manifest)
    files = {
        "config.py": render("generated/module.py.jinja", module=views.config_module(loaded)),
        "base.py": render("generated/base.py.jinja", base=base_views.base_view(loaded), **common),
        "__init__.py": render(
            "generated/init.py.jinja",
            imports=base_views.init_imports(manifest),
            all_text=base_views.all_text(manifest),
            late_import=base_views.late_import(manifest),
            register_call=base_views.register_call(manifest),
            **common,
        ),
        "config.schema.json": json_text(schema),
        "spec.json": json_text(documents.spec_values(manifest, schema)),
    }
    if manifest.streams:
        module = views.records_module(loaded)
        files["records.py"] = render("generated/module.py.jinja", module=module)
        files["catalog.json"] = json_text(documents.catalog_values(manifest))
    return {layout.in_package(name): text for name, text in files.items()}


def _test_files(loaded: LoadedManifest, layout: Layout) -> dict[str, str]:
    common = _common(loaded)
    cases = config_cases(loaded)
    return {
        f"{layout.tests_dir}/test_config.py": render(
            "generated/test_config.py.jinja", test=config_test(loaded, cases), **common
        ),
        f"{layout.tests_dir}/test_contract.py": render(
            "generated/test_contract.py.jinja", test=contract_test(loaded), **common
        ),
    }


def _documentation(loaded: LoadedManifest, layout: Layout) -> dict[str, str]:
    manifest = loaded.manifest
    schema = compile_config_schema(manifest)
    groups = options(schema)
    secrets = secret_variables(manifest, all_rows(groups))
    common = _common(loaded)
    page = render(
        "generated/options.md.jinja",
        groups=groups,
        rules=list(rule_texts(manifest.rules)),
        **common,
    )
    sample = render(
        "generated/config.example.yaml.jinja",
        connector=f"{manifest.kind}:{manifest.name}" if layout.embedded else ".",
        example=config_example(loaded, schema, {one.path: one.variable for one in secrets}),
        **common,
    )
    if layout.embedded:
        return {
            layout.in_package("options.md"): page,
            layout.in_package("config.example.yaml"): sample,
        }
    return {
        "docs/options.md": page,
        "docs/config.example.yaml": sample,
        ".env.example": render("generated/env.example.jinja", secrets=secrets, **common),
        ".rivven/manifest.schema.json": manifest_schema_text(),
    }


def _common(loaded: LoadedManifest) -> Mapping[str, object]:
    manifest = loaded.manifest
    return {
        "manifest": manifest,
        "names": manifest.class_names,
        "title": views.title_of(manifest),
        "hooks": declared_hooks(loaded),
        "import_block": import_block,
    }
