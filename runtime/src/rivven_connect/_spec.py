"""What a connector is: the description that programs and forms read."""

import enum
import json
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from rivven_connect._batch import BatchConfig
from rivven_connect._json import JsonObject


class ConnectorKind(enum.StrEnum):
    """The three kinds of connectors."""

    SOURCE = "source"
    SINK = "sink"
    TRANSFORM = "transform"


class SyncModeSpec(enum.StrEnum):
    """How a source can be read, as its spec says it."""

    FULL_REFRESH = "full_refresh"
    INCREMENTAL = "incremental"
    CDC = "cdc"


class ConnectorSpec(BaseModel):
    """The description of one connector; frozen, and the same after a trip through JSON.

    `metadata` is free; everything that the runtime itself acts on has a field of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    connector_type: str
    version: str
    kind: ConnectorKind = ConnectorKind.SOURCE
    title: str | None = None
    description: str | None = None
    author: str | None = None
    license: str | None = None
    documentation_url: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    config_schema: JsonObject = Field(default_factory=dict)
    supported_sync_modes: tuple[SyncModeSpec, ...] = (SyncModeSpec.FULL_REFRESH,)
    supports_incremental: bool = False
    supports_discover: bool = True
    replayable: bool = True
    position: str = "unstable"
    partitioned: bool = False
    delivery: tuple[str, ...] = ()
    batching: bool = False
    order_safe: bool = False
    deterministic: bool = True
    runtime: JsonObject = Field(default_factory=dict)
    metadata: JsonObject = Field(default_factory=dict)

    @classmethod
    def new(cls, connector_type: str, version: str) -> Self:
        """Return the smallest spec."""
        return cls(connector_type=connector_type, version=version)

    @classmethod
    def builder(cls, connector_type: str, version: str) -> "SpecBuilder":
        """Start a spec that is put together field by field."""
        return SpecBuilder(connector_type, version)


class SpecBuilder:
    """Puts a spec together; every method returns the builder, `build()` the spec."""

    def __init__(self, connector_type: str, version: str) -> None:
        self._fields: dict[str, Any] = {"connector_type": connector_type, "version": version}

    def _set(self, **fields: object) -> Self:
        self._fields.update(fields)
        return self

    def kind(self, kind: ConnectorKind | str) -> Self:
        """Set whether this is a source, a sink or a transform."""
        return self._set(kind=ConnectorKind(kind))

    def description(self, text: str) -> Self:
        """Set what the connector does, in a sentence."""
        return self._set(description=text)

    def author(self, text: str) -> Self:
        """Set who maintains it."""
        return self._set(author=text)

    def license(self, identifier: str) -> Self:
        """Set the SPDX identifier of its licence."""
        return self._set(license=identifier)

    def documentation_url(self, url: str) -> Self:
        """Set where its documentation lives."""
        return self._set(documentation_url=url)

    def config_schema(self, schema: JsonObject) -> Self:
        """Set the JSON Schema of its config."""
        return self._set(config_schema=schema)

    def incremental(self, value: bool) -> Self:
        """Say whether it supports incremental sync; the mode is added once."""
        others = tuple(mode for mode in self._modes() if mode is not SyncModeSpec.INCREMENTAL)
        added = (SyncModeSpec.INCREMENTAL,) if value else ()
        return self._set(supports_incremental=value, supported_sync_modes=others + added)

    def sync_mode(self, mode: SyncModeSpec | str) -> Self:
        """Add one way of reading it."""
        return self._set(
            supported_sync_modes=tuple(dict.fromkeys([*self._modes(), SyncModeSpec(mode)]))
        )

    def supports_discover(self, value: bool) -> Self:
        """Say whether it can list its streams."""
        return self._set(supports_discover=value)

    def metadata(self, key: str, value: Any) -> Self:
        """Add one entry of free metadata."""
        return self._set(metadata={**self._fields.get("metadata", {}), key: value})

    def build(self) -> ConnectorSpec:
        """Return the spec."""
        return ConnectorSpec(**self._fields)

    def _modes(self) -> tuple[SyncModeSpec, ...]:
        found: tuple[SyncModeSpec, ...] = self._fields.get(
            "supported_sync_modes", (SyncModeSpec.FULL_REFRESH,)
        )
        return found


class GeneratedSpec:
    """What a generated `<Name>ConfigSpec` inherits: it reads the `spec.json` written beside it."""

    folder: ClassVar[Path]
    """The folder that holds `spec.json`."""

    batch: ClassVar[BatchConfig | None] = None
    """The declared batch limits of a sink."""

    batch_from: ClassVar[dict[str, str]] = {}
    """Batch limit -> config attribute that holds it, where the manifest says `..._from`."""

    @classmethod
    def spec(cls) -> ConnectorSpec:
        """Return the connector's spec, config schema included."""
        text = (cls.folder / "spec.json").read_text(encoding="utf-8")
        return ConnectorSpec.model_validate_json(text)

    @classmethod
    def name(cls) -> str:
        """Return the connector type, as pipelines name it."""
        return cls.spec().connector_type

    @classmethod
    def version(cls) -> str:
        """Return the connector's version."""
        return cls.spec().version

    @classmethod
    def catalog_schemas(cls) -> dict[str, JsonObject]:
        """Return the record schema of each declared stream, by full name."""
        found: dict[str, JsonObject] = json.loads(
            (cls.folder / "catalog.json").read_text(encoding="utf-8")
        )
        return found


class GeneratedBatchSpec(GeneratedSpec):
    """The same for a sink that writes in batches."""

    @classmethod
    def batch_config(cls, config: object | None = None) -> BatchConfig:
        """Return the declared batch limits; with a config, those that it sets replace them."""
        limits = cls.batch or BatchConfig()
        if config is None:
            return limits
        found = {limit: getattr(config, field) for limit, field in cls.batch_from.items()}
        return limits.replace(**{k: v for k, v in found.items() if v is not None})


def config_schema(model: type[BaseModel]) -> JsonObject:
    """Return the JSON Schema of a config class.

    A generated class has `config.schema.json`, which is the contract; for any other pydantic model
    this is pydantic's own schema.
    """
    declared = getattr(model, "config_schema", None)
    found: JsonObject = declared() if callable(declared) else model.model_json_schema()
    return found
