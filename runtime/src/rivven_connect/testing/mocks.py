"""Connectors that do as a test tells them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Self

from rivven_connect._catalog import Catalog, ConfiguredCatalog, Stream
from rivven_connect._checks import CheckResult
from rivven_connect._errors import ConnectorError
from rivven_connect._events import SourceEvent
from rivven_connect._sink import Sink, WriteResult
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._state import State
from rivven_connect._transform import Transform, TransformOutput
from rivven_connect.config import ConfigModel


class MockConfig(ConfigModel):
    """A config without fields."""


class _Told:
    """What a test said about check and failure."""

    def __init__(self) -> None:
        self._check = CheckResult.success()
        self._failure: ConnectorError | None = None

    def with_check_result(self, result: CheckResult) -> Self:
        """Let `check` return `result`."""
        self._check = result
        return self

    def fail_with(self, error: ConnectorError | str) -> Self:
        """Let `check` return a failure and all work raise; a text becomes a connection error."""
        self._failure = ConnectorError.connection(error) if isinstance(error, str) else error
        self._check = CheckResult.failure(self._failure.message)
        return self

    def _raise_if_told(self) -> None:
        if self._failure is not None:
            raise self._failure


class MockSource(_Told, Source[MockConfig]):
    """Yields the events it was given, of the streams that are asked for."""

    config_type = MockConfig

    def __init__(self) -> None:
        super().__init__()
        self._events: list[SourceEvent] = []
        self._catalog: Catalog | None = None

    @classmethod
    def spec(cls) -> ConnectorSpec:
        """Return what this is."""
        return ConnectorSpec(connector_type="mock-source", version="0.0.1")

    def with_events(self, events: Iterable[SourceEvent]) -> Self:
        """Replace the events."""
        self._events = list(events)
        return self

    def add_event(self, event: SourceEvent) -> Self:
        """Add one event."""
        self._events.append(event)
        return self

    def with_catalog(self, catalog: Catalog) -> Self:
        """Let `discover` return `catalog` instead of the streams of the events."""
        self._catalog = catalog
        return self

    async def check(self, config: MockConfig) -> CheckResult:
        """Return what the test said."""
        return self._check

    async def discover(self, config: MockConfig) -> Catalog:
        """Return what the test said, or the streams of the events."""
        self._raise_if_told()
        if self._catalog is not None:
            return self._catalog
        names = dict.fromkeys((e.stream, e.namespace) for e in self._events if e.is_data)
        return Catalog([Stream(name=name, namespace=space) for name, space in names])

    async def read(
        self, config: MockConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[SourceEvent]:
        """Yield the events in order; the state is not looked at."""
        self._raise_if_told()
        for event in self._events:
            if event.is_control or catalog.find_stream(event.stream, event.namespace):
                yield event


class MockSink(_Told, Sink[MockConfig]):
    """Keeps what is written to it."""

    config_type = MockConfig

    def __init__(self) -> None:
        super().__init__()
        self._written: list[SourceEvent] = []
        self._capacity: int | None = None
        self._refusal = ""

    @classmethod
    def spec(cls) -> ConnectorSpec:
        """Return what this is."""
        return ConnectorSpec(connector_type="mock-sink", version="0.0.1", kind=ConnectorKind.SINK)

    def fail_after(self, count: int, message: str) -> Self:
        """Write the first `count` events, and name every later one as failed."""
        self._capacity, self._refusal = count, message
        return self

    @property
    def written_events(self) -> list[SourceEvent]:
        """What was written, in order."""
        return list(self._written)

    @property
    def written_count(self) -> int:
        """How many events were written."""
        return len(self._written)

    def clear(self) -> None:
        """Forget what was written."""
        self._written.clear()

    async def check(self, config: MockConfig) -> CheckResult:
        """Return what the test said."""
        return self._check

    async def write(self, config: MockConfig, events: AsyncIterator[SourceEvent]) -> WriteResult:
        """Keep the events, as far as the test lets it."""
        self._raise_if_told()
        result = WriteResult()
        async for event in events:
            if self._capacity is not None and len(self._written) >= self._capacity:
                result.add_failed_event(event, self._refusal)
            else:
                self._written.append(event)
                result.add_success(1, event.estimated_size())
        return result


class MockTransform(Transform[MockConfig]):
    """Applies a function that returns a list of events."""

    config_type = MockConfig

    def __init__(self, name: str, function: Callable[[SourceEvent], list[SourceEvent]]) -> None:
        self.name = name
        self._function = function

    @classmethod
    def spec(cls) -> ConnectorSpec:
        """Return what this is."""
        return ConnectorSpec(
            connector_type="mock-transform", version="0.0.1", kind=ConnectorKind.TRANSFORM
        )

    def apply(self, event: SourceEvent) -> list[SourceEvent]:
        """Return what the function makes of the event."""
        return self._function(event)

    def transform(self, config: MockConfig, event: SourceEvent) -> TransformOutput:
        """Return what the function makes of the event."""
        return TransformOutput.multiple(self.apply(event))
