"""A generated config class and the cases of its generated tests, loaded from text."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rivven_connect import testing
from rivven_connect.config import ConfigModel
from rivven_connect.testing import ConfigContract
from rivven_generator import views
from rivven_generator.cases import CasesView
from rivven_generator.load import LoadedManifest
from rivven_generator.render import json_text, render
from rivven_generator.schema import compile_config_schema
from rivven_generator.validator_stubs import declared_validators


def class_text(loaded: LoadedManifest) -> str:
    return render("generated/module.py.jinja", module=views.config_module(loaded))


def load_class(loaded: LoadedManifest, text: str, folder: Path) -> type[ConfigModel]:
    """Execute a generated config module beside validators that refuse nothing but `bad`."""
    schema = json_text(compile_config_schema(loaded.manifest))
    (folder / "config.schema.json").write_text(schema, encoding="utf-8")
    names = ("made", "made.validators", "made._generated", "made._generated.config")
    made, validators, generated, module = modules = [types.ModuleType(name) for name in names]
    for stub in declared_validators(loaded.manifest):
        setattr(validators, stub.name, _refuse_bad)
    vars(made).update(validators=validators, __path__=[])
    vars(generated).update(__path__=[])
    vars(module).update(__file__=str(folder / "config.py"), __package__="made._generated")
    sys.modules.update(zip(names, modules, strict=True))
    try:
        exec(compile(text, "config.py", "exec"), vars(module))
    finally:
        for name in names:
            del sys.modules[name]
    found: type[ConfigModel] = vars(module)[loaded.manifest.class_names.config]
    return found


def _refuse_bad(value: Any) -> None:
    if value == "bad":
        raise ValueError(f"{value} is refused")


def contract_of(cases: CasesView, config_class: type[ConfigModel]) -> ConfigContract:
    """Return the generated test class, made of the cases as a template prints them."""
    names = {name: getattr(testing, name) for name in cases.names}
    attributes = {
        "config_class": config_class,
        "bases": cases.bases,
        "accepts": [eval(case.source, names) for case in cases.accepts],
        "rejects": [eval(case.source, names) for case in cases.rejects],
        "secrets": [eval(case.source, names) for case in cases.secrets],
    }
    made: ConfigContract = type("TestConfig", (ConfigContract,), attributes)()
    return made


def failures(contract: ConfigContract) -> Iterator[str]:
    for test, attribute in reversed(list(contract._TESTS.items())):
        for case in getattr(contract, attribute):
            try:
                getattr(contract, test)(case)
            except AssertionError as error:
                yield f"{case}: {str(error)[:200]}"
