"""What the generated tests print."""

from __future__ import annotations

from typing import Any

import msgspec

from rivven_generator import layout
from rivven_generator.cases import CasesView
from rivven_generator.imports import import_block
from rivven_generator.layout import literal
from rivven_generator.load import LoadedManifest
from rivven_generator.manifest import Manifest
from rivven_generator.views import example_config


class TestView(msgspec.Struct, frozen=True):
    """A test module: its imports, the contract that it inherits, and the class's attributes."""

    __test__ = False

    imports: str
    contract: str
    lines: tuple[str, ...]


def config_test(loaded: LoadedManifest, cases: CasesView) -> TestView:
    """Return the test of the config class."""
    manifest = loaded.manifest
    groups = (("accepts", cases.accepts), ("rejects", cases.rejects), ("secrets", cases.secrets))
    lines = [layout.field("bases", "ClassVar", literal(dict(cases.bases)))]
    for name, group in groups:
        if group:
            texts = [case.source for case in group]
            text = f"({', '.join(texts)}{',' * (len(texts) == 1)})"
            lines.append(layout.assignment(name, text))
    return TestView(
        imports=import_block(
            manifest.package,
            {
                "typing": {"ClassVar"},
                "rivven_connect.testing": cases.names,
                f"{manifest.package}._generated": {manifest.class_names.config},
            },
        ),
        contract="ConfigContract",
        lines=tuple(lines),
    )


def _simulation(manifest: Manifest) -> dict[str, Any] | list[dict[str, Any]] | None:
    """Return `tests.simulate` as it is written; None where nothing is simulated."""
    given = manifest.tests.simulate
    if isinstance(given, list):
        return [case.model_dump(exclude_none=True) for case in given] or None
    return None if given is None else given.model_dump(exclude_none=True)


def contract_test(loaded: LoadedManifest) -> TestView:
    """Return the test of the connector's contract."""
    manifest = loaded.manifest
    contract = f"{manifest.kind.title()}Contract"
    valid = manifest.tests.valid or {"example": example_config(loaded)}
    lines = [layout.field("examples", "ClassVar", literal(valid))]
    if manifest.tests.cases:
        cases = [case.model_dump() for case in manifest.tests.cases]
        lines.append(layout.field("cases", "ClassVar", literal(cases)))
    simulate = _simulation(manifest)
    if simulate is not None:
        lines.append(layout.field("simulate", "ClassVar", literal(simulate)))
    return TestView(
        imports=import_block(
            manifest.package,
            {
                "typing": {"ClassVar"},
                "rivven_connect.testing": {contract},
                manifest.package: {manifest.class_names.connector},
            },
        ),
        contract=contract,
        lines=tuple(lines),
    )
