"""From the manifest's `config` to JSON Schema, and what follows from that schema."""

from __future__ import annotations

from rivven_generator.schema.compiler import compile_config_schema, compile_schema
from rivven_generator.schema.defaults import complete
from rivven_generator.schema.manifest_file import manifest_schema_text
from rivven_generator.schema.minimal import blocking_property, can_derive, minimal_config
from rivven_generator.schema.tree import resolve, walk
from rivven_generator.schema.verdict import ConfigVerdict, Failure, validator_of

__all__ = [
    "ConfigVerdict",
    "Failure",
    "blocking_property",
    "can_derive",
    "compile_config_schema",
    "compile_schema",
    "complete",
    "manifest_schema_text",
    "minimal_config",
    "resolve",
    "validator_of",
    "walk",
]
