"""The cases of generated config tests: complete, true of the generated class, and sharp."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from rivven_connect.config import ConfigModel
from rivven_connect.testing import ABSENT as RUNTIME_ABSENT
from rivven_connect.testing import Accept, Canary, ConfigContract, Reject
from rivven_connect.testing import Repeat as RuntimeRepeat
from rivven_generator import views
from rivven_generator.cases import ABSENT, CasesView, Repeat, config_cases
from rivven_generator.load import LoadedManifest, load_manifest
from rivven_generator.render import json_text, render
from rivven_generator.schema import compile_config_schema

MANIFESTS = sorted((Path(__file__).parent / "case_manifests").glob("*.yaml"))


def class_text(loaded: LoadedManifest) -> str:
    return render("generated/module.py.jinja", module=views.config_module(loaded))


def load_class(loaded: LoadedManifest, text: str, folder: Path) -> type[ConfigModel]:
    """Execute a generated config module, with validators that accept only the manifest's values."""
    (folder / "config.schema.json").write_text(
        json_text(compile_config_schema(loaded.manifest)), encoding="utf-8"
    )
    package = types.ModuleType("made")
    validators = types.ModuleType("made.validators")
    for name in ("my_check", "my_object", "my_secret"):
        setattr(validators, name, _refuse_bad)
    package.validators = validators  # type: ignore[attr-defined]  # a package made by hand
    package.__path__ = []
    module = types.ModuleType("made._generated.config")
    module.__file__ = str(folder / "config.py")
    module.__package__ = "made._generated"
    inner = types.ModuleType("made._generated")
    inner.__path__ = []
    sys.modules.update(
        {
            "made": package,
            "made.validators": validators,
            "made._generated": inner,
            module.__name__: module,
        }
    )
    try:
        exec(compile(text, module.__file__, "exec"), vars(module))
    finally:
        for name in ("made", "made.validators", "made._generated", module.__name__):
            del sys.modules[name]
    found: type[ConfigModel] = vars(module)[loaded.manifest.class_names.config]
    return found


def _refuse_bad(value: Any) -> None:
    if value == "bad":
        raise ValueError(f"{value} is refused")


def contract_of(cases: CasesView, config_class: type[ConfigModel]) -> ConfigContract:
    def value(given: Any) -> Any:
        if isinstance(given, Repeat):
            return RuntimeRepeat(given.unit, given.times, given.start)
        return RUNTIME_ABSENT if given is ABSENT else given

    attributes = {
        "config_class": config_class,
        "bases": cases.bases,
        "accepts": [Accept(c.base, c.pointer, value(c.value)) for c in cases.accepts],
        "rejects": [Reject(c.base, c.pointer, value(c.value), c.rule, c.at) for c in cases.rejects],
        "secrets": [Canary(c.base, c.pointer, c.value) for c in cases.secrets],
    }
    made: ConfigContract = type("TestConfig", (ConfigContract,), attributes)()
    return made


def failures(contract: ConfigContract) -> list[str]:
    found = []
    for test, attribute in contract._TESTS.items():
        for case in getattr(contract, attribute):
            try:
                getattr(contract, test)(case)
            except AssertionError as error:
                found.append(f"{case}: {str(error)[:200]}")
    return found


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_every_case_holds_for_the_generated_class(path: Path, tmp_path: Path) -> None:
    loaded = load_manifest(path)
    config_class = load_class(loaded, class_text(loaded), tmp_path)
    assert failures(contract_of(config_cases(loaded), config_class)) == []
