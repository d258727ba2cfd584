"""Which connector failed, and with which config: two fields of a dead letter."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from pydantic import BaseModel

from rivven_connect._json import Json
from rivven_connect.pipeline.plan import ConnectorPlan


def config_hash(config: Any) -> str:
    """Return 16 hex digits that change with a connector's config; its secrets count as masked."""
    plain: Json = repr(config)
    if isinstance(config, BaseModel):
        plain = config.model_dump(mode="json", fallback=repr, warnings=False)
    encoded = msgspec.json.encode(plain, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:16]


def connectors_of(owner: ConnectorPlan | None) -> dict[str, tuple[str, str]]:
    """Return connector and config hash by the path of a transform; under "" the owner's own."""
    if owner is None:
        return {}
    found = {one.path: (one.name, config_hash(one.config)) for one in owner.transforms}
    found[""] = (owner.spec.connector_type, config_hash(owner.config))
    return found
