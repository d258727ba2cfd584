"""The grammar of a pipeline file: every key of version 1.0, its type and its default.

The models know nothing of files; `loading` turns what they refuse into located problems.
"""

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

_UNITS = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30,
}  # fmt: skip
_SIZE = r"(?i)([0-9]{1,15})\s*([KMG]i?B|B)?\Z"


def _size(value: object) -> object:
    """Read `64 MiB` as a number of bytes."""
    if not isinstance(value, str):
        return value
    match = re.match(_SIZE, value.strip())
    if match is None:
        raise PydanticCustomError("size", "write a size as a number of bytes or as `64 MiB`")
    return int(match[1]) * _UNITS[(match[2] or "").upper()]


def _named(value: object) -> object:
    """Read a bare stream name as `{name: ...}`."""
    return {"name": value} if isinstance(value, str) else value


Name: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}$", strict=True)
]
Word: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=1024, strict=True)]
Flag: TypeAlias = Annotated[bool, Field(strict=True)]
Count: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=2**53)]
Milliseconds: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Size: TypeAlias = Annotated[int, BeforeValidator(_size), Field(strict=True, ge=1, le=2**53)]
OnError: TypeAlias = Literal["stop", "dead_letter", "drop"]


class Block(BaseModel):
    """One mapping of the file; keys that it does not know are refused."""

    # One validator is built, when a file is read, and not one for each block at import.
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )

    def given(self) -> dict[str, Any]:
        """Return what the file sets; `null` sets nothing."""
        # Not `model_dump`, which would build a serializer for a block of a few numbers.
        found = {key: getattr(self, key) for key in self.model_fields_set}
        return {key: value for key, value in found.items() if value is not None}


class RetryBlock(Block):
    """How often to try again; what is left out comes from the connector, then from `settings`."""

    max_retries: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] | None = None
    initial_backoff_ms: Milliseconds | None = None
    max_backoff_ms: Milliseconds | None = None
    backoff_multiplier: Annotated[float, Field(ge=1, le=1000)] | None = None
    max_retry_after_ms: Milliseconds | None = None


class RateLimitBlock(Block):
    """How many events per second; 0 is off."""

    events_per_second: Annotated[float, Field(ge=0)] = 0
    burst: Annotated[int, Field(strict=True, ge=0)] = 0


class CircuitBreakerBlock(Block):
    """When to stop asking a system that fails."""

    failure_threshold: Count = 5
    reset_timeout_ms: Milliseconds = 30_000
    success_threshold: Count = 2


class BatchBlock(Block):
    """When a sink's batch is full; what is left out comes from the sink."""

    max_records: Count | None = None
    max_bytes: Size | None = None
    max_wait_ms: Milliseconds | None = None


class DeadLetterBlock(Block):
    """Where records go that cannot be delivered, and when there are too many of them."""

    path: Word
    max_ratio: Annotated[float, Field(gt=0, le=1)] = 0.1
    window: Count = 1000


class WhenBlock(Block):
    """Which events a transform acts on: all conditions must hold; `negate` turns the answer."""

    streams: list[Word] | None = None
    namespaces: list[Word] | None = None
    operations: list[Literal["record", "insert", "update", "delete"]] | None = None
    field_exists: Word | None = None
    field_equals: dict[str, Any] | None = None
    negate: Flag = False


class TransformBlock(Block):
    """One transform in a chain."""

    transform: Word
    config: dict[str, Any] = {}
    when: WhenBlock | None = None
    on_error: OnError | None = None


class StreamBlock(Block):
    """One stream of a selection."""

    name: Word
    mode: Literal["full_refresh", "incremental"] | None = None
    fields: Annotated[list[Word], Field(min_length=1)] | None = None
    validate_: Flag = Field(default=False, alias="validate")


class ConnectorBlock(Block):
    """What sources and sinks have in common."""

    connector: Word
    enabled: Flag = True
    config: dict[str, Any] = {}
    transforms: list[TransformBlock] = []
    retry: RetryBlock = RetryBlock.model_construct()
    rate_limit: RateLimitBlock | None = None
    circuit_breaker: CircuitBreakerBlock | None = None
    dead_letter: DeadLetterBlock | None = None
    on_error: OnError | None = None


class SourceBlock(ConnectorBlock):
    """One source; it publishes to `topic`, by default its own id."""

    topic: Name | None = None
    streams: (
        Annotated[list[Annotated[StreamBlock, BeforeValidator(_named)]], Field(min_length=1)] | None
    ) = None
    concurrency: Count | None = None
    on_schema_change: Literal["evolve", "fail", "dead_letter"] = "evolve"
    isolate_streams: Flag = False


class SinkBlock(ConnectorBlock):
    """One sink; it receives everything that is published to its topics."""

    topics: Annotated[list[Name], Field(min_length=1)]
    delivery: Literal["at_least_once", "upsert", "transactional"] | None = None
    mode: Literal["append", "overwrite", "upsert"] | None = None
    batch: BatchBlock = BatchBlock.model_construct()


class HealthBlock(Block):
    """The health endpoint."""

    enabled: Flag = False
    host: Word = "127.0.0.1"
    port: Annotated[int, Field(strict=True, ge=0, le=65535)] = 8080


class MetricsBlock(Block):
    """The metrics endpoint."""

    enabled: Flag = False
    host: Word = "127.0.0.1"
    port: Annotated[int, Field(strict=True, ge=0, le=65535)] = 9091


class LogBlock(Block):
    """What is logged, and in which form; `auto` is text on a terminal and JSON elsewhere."""

    level: Literal["trace", "debug", "info", "warn", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"


class SettingsBlock(Block):
    """What holds for the whole pipeline."""

    state_dir: Word = ".rivven-state"
    max_in_flight: Count = 10_000
    queue_bytes: Size = 64 * 2**20
    shutdown_timeout_ms: Milliseconds = 25_000
    retry: RetryBlock = RetryBlock.model_construct()
    stall_timeout_ms: Milliseconds = 0
    workers: Count = 1
    health: HealthBlock = HealthBlock.model_construct()
    metrics: MetricsBlock = MetricsBlock.model_construct()
    network: Literal["any", "public_only"] = "any"
    log: LogBlock = LogBlock.model_construct()


class PipelineFile(Block):
    """A whole pipeline file."""

    version: Literal["1.0"]
    sources: Annotated[dict[Name, SourceBlock], Field(min_length=1)]
    sinks: Annotated[dict[Name, SinkBlock], Field(min_length=1)]
    settings: SettingsBlock = SettingsBlock.model_construct()

    @model_validator(mode="before")
    @classmethod
    def _explain_version(cls, value: Any) -> Any:
        """A version without quotes is a number to YAML; say so rather than `unexpected value`."""
        if isinstance(value, dict) and isinstance(value.get("version"), int | float):
            raise PydanticCustomError("version_number", 'write the version in quotes: "1.0"')
        return value


def pipeline_schema() -> dict[str, Any]:
    """Return the JSON Schema of a pipeline file, for editors."""
    schema = PipelineFile.model_json_schema(by_alias=True)
    stream = schema["$defs"]["StreamBlock"]
    for places in schema["$defs"]["SourceBlock"]["properties"]["streams"]["anyOf"]:
        if "items" in places:
            places["items"] = {"anyOf": [{"type": "string", "minLength": 1}, places["items"]]}
    stream.setdefault("additionalProperties", False)
    settings = schema["$defs"]["SettingsBlock"]["properties"]
    for size in (settings["queue_bytes"],):
        size.pop("type", None)
        size["type"] = ["integer", "string"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rivven pipeline file, version 1.0",
        **{key: value for key, value in schema.items() if key != "title"},
    }
