"""Test cases for a config class, derived from the manifest: the edges of every constraint."""

from __future__ import annotations

from rivven_generator.cases.derive import derive_cases
from rivven_generator.cases.views import (
    ABSENT,
    AcceptView,
    CasesView,
    RejectView,
    Repeat,
    SecretView,
)
from rivven_generator.load import LoadedManifest
from rivven_generator.schema import compile_config_schema, minimal_config

__all__ = [
    "ABSENT",
    "AcceptView",
    "CasesView",
    "RejectView",
    "Repeat",
    "SecretView",
    "config_cases",
    "derive_cases",
]


def config_cases(loaded: LoadedManifest) -> CasesView:
    """Return the cases of a manifest: its own ones, and the edges of every constraint.

    Pure and deterministic. Every case was verified against the compiled schema; where the schema
    does not say it, as with a named validator, the case is the manifest's own.
    """
    manifest = loaded.manifest
    valid = dict(manifest.tests.valid)
    if not valid:
        minimal = minimal_config(manifest)
        valid = {} if minimal is None else {"minimal": minimal}
    invalid = [(case.config, case.at, case.rule) for case in manifest.tests.invalid.values()]
    return derive_cases(compile_config_schema(manifest), manifest.rules, valid, invalid)
