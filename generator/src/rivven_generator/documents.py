"""The data files of a project: spec and catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rivven_generator.manifest import Manifest

Schema = Mapping[str, Any]


def spec_values(manifest: Manifest, config_schema: Schema) -> dict[str, Any]:
    """Return the connector's spec as plain JSON, every field named as in `ConnectorSpec`."""
    modes = ["full_refresh", *(["incremental"] if manifest.incremental else [])]
    values: dict[str, Any] = {
        "connector_type": manifest.name,
        "version": manifest.version,
        "kind": manifest.kind,
    }
    for key in ("title", "description", "author", "license", "documentation_url", "category"):
        if getattr(manifest, key) is not None:
            values[key] = getattr(manifest, key)
    if manifest.tags:
        values["tags"] = list(manifest.tags)
    if manifest.aliases:
        values["aliases"] = list(manifest.aliases)
    if manifest.kind == "source":
        values |= {
            "supported_sync_modes": modes,
            "supports_incremental": bool(manifest.incremental),
            "replayable": manifest.replayable,
            "position": manifest.position,
            "partitioned": manifest.partitioned,
        }
    elif manifest.kind == "sink":
        values |= {
            "delivery": list(manifest.delivery),
            "batching": manifest.batching,
            "order_safe": manifest.order_safe,
        }
    else:
        values["deterministic"] = manifest.deterministic
    runtime = manifest.runtime.model_dump(exclude_none=True, exclude_defaults=True)
    if runtime:
        values["runtime"] = runtime
    values["config_schema"] = config_schema
    return values


def catalog_values(manifest: Manifest) -> dict[str, Any]:
    """Return the record schema of each stream, by full name."""
    return {
        f"{stream.namespace}.{stream.name}" if stream.namespace else stream.name: stream.schema_
        for stream in manifest.streams
    }
