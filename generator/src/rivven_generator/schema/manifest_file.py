"""The JSON Schema of `connector.yaml`, as it ships: made ahead, because making it takes a while."""

from __future__ import annotations

from pathlib import Path

SCHEMA_FILE = Path(__file__).with_name("manifest.schema.json")
"""What `make regenerate` writes from `editor.manifest_schema`; a test compares the two."""


def manifest_schema_text() -> str:
    """Return the schema as JSON text."""
    return SCHEMA_FILE.read_text(encoding="utf-8")
