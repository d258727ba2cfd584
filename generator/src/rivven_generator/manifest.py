"""The pydantic model of `connector.yaml`, format version 1, with its defaults resolved."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema, model_validator

from rivven_generator import naming
from rivven_generator.manifest_sections import Runtime, Tests
from rivven_generator.manifest_types import (
    SEMVER,
    Category,
    Deliveries,
    Delivery,
    FieldPaths,
    JsonObject,
    Kind,
    Name,
    Part,
    Positive,
    SyncMode,
    Text,
)

__all__ = ["KEYS_OF_KIND", "Check", "JsonObject", "Kind", "Manifest", "Rule", "Stream"]


def _at_least_once() -> list[Delivery]:
    return ["at_least_once"]


class Stream(Part):
    """One stream of a source."""

    name: Annotated[str, Field(pattern=naming.STREAM_NAME, max_length=128)]
    """Name as pipelines and events carry it."""
    namespace: Text | None = None
    """Group of streams, such as a database schema."""
    schema_: Annotated[
        JsonObject,
        Field(alias="schema"),
        WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "string"}]}),
    ]
    """JSON Schema of a record, inline or as a file below the manifest's folder."""
    primary_key: FieldPaths = Field(default_factory=list)
    """Fields, or paths of fields, that identify a record."""
    cursor: Text | None = None
    """Field whose value grows with each change; makes the stream incremental."""
    cursor_order: Literal["ascending", "unordered"] = "unordered"
    """Whether records come in the cursor's order."""
    sync_modes: list[SyncMode] = Field(default_factory=list)
    """Default: full_refresh, plus incremental with a cursor."""

    @model_validator(mode="after")
    def _resolve(self) -> Stream:
        if not self.sync_modes:
            self.sync_modes = ["full_refresh", "incremental"] if self.cursor else ["full_refresh"]
        return self

    @property
    def python_name(self) -> str:
        """The attribute of the stream in generated code."""
        return naming.stream_attribute(self.name)

    @property
    def hook(self) -> str:
        """The method that reads the stream."""
        return naming.read_hook(self.name)

    @property
    def record_class(self) -> str:
        """The record type of the stream."""
        return naming.record_class(self.name)


class Check(Part):
    """One named step of the connection check."""

    name: Name
    """What is checked; its hook is `check_<name>`."""
    requires: Name | None = None
    """Check that must have passed before."""
    timeout_ms: Positive | None = None
    """Longest duration, in milliseconds."""

    @property
    def hook(self) -> str:
        """The method that runs the check."""
        return naming.check_hook(self.name)


class Rule(Part):
    """One rule across properties; exactly one form is used."""

    require_any: Annotated[list[str], Field(min_length=1)] | None = None
    """One or more of these must be present."""
    require_one: Annotated[list[str], Field(min_length=1)] | None = None
    """Exactly one of these must be present."""
    require_together: Annotated[list[str], Field(min_length=1)] | None = None
    """All of these or none."""
    when: Annotated[JsonObject, Field(min_length=1)] | None = None
    """Values, after defaults, under which `require` applies."""
    require: Annotated[list[str], Field(min_length=1)] | None = None
    """Must be present when `when` holds."""
    at: Annotated[str, Field(pattern="^(/.*)?$")] = ""
    """JSON pointer of the object in the config that the names belong to."""

    @property
    def form(self) -> str:
        """The rule's name: require_any, require_one, require_together or when."""
        forms = ("require_any", "require_one", "require_together", "when")
        return next((form for form in forms if getattr(self, form) is not None), "")

    @property
    def names(self) -> list[str]:
        """The properties whose presence the rule looks at."""
        return self.require_any or self.require_one or self.require_together or self.require or []


class Manifest(Part):
    """The whole of `connector.yaml`; attributes are named as the keys."""

    manifest: Literal["1"]
    """Version of this format."""
    kind: Kind
    """What the connector is."""
    name: Annotated[str, Field(pattern=naming.CONNECTOR_NAME, max_length=64)]
    """Connector type, as pipelines name it."""
    package: Annotated[str, Field(pattern=naming.PACKAGE_NAME, max_length=200)] = ""
    """Import package; default: the name with `_`."""
    version: Annotated[str, Field(pattern=SEMVER, max_length=100)] = "0.0.1"
    """Version of the connector (semantic versioning)."""
    title: Text | None = None
    """Name for people."""
    description: Text | None = None
    """What the connector does, in a sentence."""
    author: Text | None = None
    """Who wrote it."""
    license: Text | None = None
    """SPDX licence expression."""
    documentation_url: Text | None = None
    """Where its documentation is."""
    category: Category | None = None
    """Where it is listed."""
    tags: list[Text] = Field(default_factory=list)
    """Words it is found by."""
    aliases: list[Annotated[str, Field(pattern=naming.ALIAS, max_length=64)]] = Field(
        default_factory=list
    )
    """Other names of the connector."""
    incremental: bool | None = None
    """Source: supports incremental sync; default: whether a stream has a cursor."""
    batching: bool = False
    """Sink: takes batches."""
    batch_size: Positive = 10_000
    """Sink: most records of a batch."""
    batch_max_bytes: Positive = 10 * 1024 * 1024
    """Sink: most bytes of a batch."""
    batch_max_wait_ms: Positive = 5_000
    """Sink: longest time that a record waits for its batch."""
    batch_size_from: Text | None = None
    """Sink: config property that holds `batch_size`."""
    batch_max_bytes_from: Text | None = None
    """Sink: config property that holds `batch_max_bytes`."""
    batch_max_wait_ms_from: Text | None = None
    """Sink: config property that holds `batch_max_wait_ms`."""
    delivery: Deliveries = Field(default_factory=_at_least_once)
    """Sink: what it can promise."""
    order_safe: bool = False
    """Sink: failed records may be retried alone, behind later ones."""
    replayable: bool = True
    """Source: the same position can be read again."""
    position: Literal["stable", "unstable"] | None = None
    """Source: whether a record read again has the same position."""
    partitioned: bool = False
    """Source: can read ranges of a stream independently."""
    deterministic: bool = True
    """Transform: same input, same output."""
    config: JsonObject
    """Schema of the connector's config."""
    rules: list[Rule] = Field(default_factory=list)
    """Rules across properties."""
    streams: list[Stream] = Field(default_factory=list)
    """Source: what it reads."""
    checks: list[Check] = Field(default_factory=list)
    """Source, sink: named steps of the connection check."""
    runtime: Runtime = Runtime()
    """Defaults at run time."""
    dependencies: list[Text] = Field(default_factory=list)
    """Python distributions that the connector needs."""
    tests: Tests = Tests()
    """What feeds the generated tests."""

    @model_validator(mode="after")
    def _resolve(self) -> Manifest:
        self.config = self.config or {"type": "object"}
        self.package = self.package or naming.default_package(self.name, self.kind)
        if self.incremental is None:
            self.incremental = any(stream.cursor for stream in self.streams)
        if self.position is None:
            keyed = bool(self.streams) and all(stream.primary_key for stream in self.streams)
            self.position = "stable" if keyed else "unstable"
        return self

    @property
    def class_names(self) -> naming.ClassNames:
        """The classes that the connector is made of."""
        return naming.class_names(self.package)


KEYS_OF_KIND = {
    "incremental": {"source"},
    "replayable": {"source"},
    "position": {"source"},
    "partitioned": {"source"},
    "streams": {"source"},
    "checks": {"source", "sink"},
    "batching": {"sink"},
    "batch_size": {"sink"},
    "batch_max_bytes": {"sink"},
    "batch_max_wait_ms": {"sink"},
    "batch_size_from": {"sink"},
    "batch_max_bytes_from": {"sink"},
    "batch_max_wait_ms_from": {"sink"},
    "delivery": {"sink"},
    "order_safe": {"sink"},
    "deterministic": {"transform"},
}
"""Keys that only some kinds of connectors have."""
