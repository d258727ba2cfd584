"""`rivven schema`: the runtime's command, which here knows the manifest as well."""

from __future__ import annotations

import json
from typing import Any, Final

from rivven_connect.cli.schema import FILES, schema_command


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema of a manifest."""
    from rivven_generator.schema import manifest_schema_text  # noqa: PLC0415  # loads the schema code

    found: dict[str, Any] = json.loads(manifest_schema_text())
    return found


schema: Final = schema_command({"manifest": manifest_schema, **FILES})
