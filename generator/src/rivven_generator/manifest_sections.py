"""The `runtime` and `tests` sections of a manifest."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from rivven_generator.manifest_types import (
    Factor,
    Fault,
    JsonObject,
    Name,
    Natural,
    Part,
    Positive,
    Text,
    whole,
)


class Retry(Part):
    """How failed calls are tried again."""

    max_retries: Natural | None = None
    """Tries after the first one."""
    initial_backoff_ms: Natural | None = None
    """First pause."""
    max_backoff_ms: Natural | None = None
    """Longest pause."""
    backoff_multiplier: Factor | None = None
    """Growth from pause to pause."""


class RateLimit(Part):
    """How fast the connector may go."""

    events_per_second: Annotated[float, Field(gt=0)] | None = None
    """Sustained rate."""
    burst: Positive | None = None
    """Events that may go at once."""


class CircuitBreaker(Part):
    """When calls are suspended."""

    failure_threshold: Positive | None = None
    """Failures in a row that open the circuit."""
    reset_timeout_ms: Natural | None = None
    """How long it stays open."""
    success_threshold: Positive | None = None
    """Successes in a row that close it."""


class Runtime(Part):
    """Defaults of the connector at run time; a pipeline can override them. None means ours."""

    retry: Retry = Retry()
    """How failed calls are tried again."""
    rate_limit: RateLimit | None = None
    """How fast the connector may go."""
    circuit_breaker: CircuitBreaker | None = None
    """When calls are suspended."""
    concurrency: Positive | None = None
    """Calls at a time."""


class InvalidCase(Part):
    """A config that must be refused, where, and by which rule."""

    config: Any
    """The config."""
    at: Annotated[str, Field(pattern="^(/.*)?$")]
    """JSON pointer of the offending value."""
    rule: Text
    """Schema keyword, `validator`, or the rule's name."""


class TransformCase(Part):
    """What a transform makes of one event."""

    name: Name
    """Name of the test."""
    config: JsonObject = Field(default_factory=dict)
    """Config of the transform."""
    input: JsonObject
    """The event."""
    output: list[JsonObject]
    """The events that come out."""


class SourceSimulation(Part):
    """The offline system that a source is tested against."""

    pages: Natural | None = None
    """Pages per stream."""
    page_size: Positive | None = None
    """Records per page."""
    faults: list[Fault] = Field(default_factory=list)
    """What goes wrong on the way."""


class SinkReply(Part):
    """What the offline system answers to a sink."""

    status: Annotated[int, BeforeValidator(whole), Field(ge=100, le=599)]
    """HTTP status."""
    retry_after_s: Annotated[float, Field(ge=0)] | None = None
    """Pause that the system asks for, in seconds."""


class SinkSimulation(Part):
    """One reply, and what must become of the records."""

    when: SinkReply
    """The reply."""
    expect: Literal["retried", "dead_letter", "failed"]
    """What must become of the records."""


class Tests(Part):
    """What feeds the generated tests; secrets may stand here as literals."""

    __test__ = False

    valid: dict[Name, JsonObject] = Field(default_factory=dict)
    """Configs that must be accepted; the first is the example."""
    invalid: dict[Name, InvalidCase] = Field(default_factory=dict)
    """Configs that must be refused."""
    cases: list[TransformCase] = Field(default_factory=list)
    """Events in and out of a transform."""
    simulate: SourceSimulation | list[SinkSimulation] | None = None
    """The offline system that sources and sinks are tested against."""
