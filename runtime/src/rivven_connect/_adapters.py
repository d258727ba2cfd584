"""Connectors driven with plain JSON: `AnySource`, `AnySink`, `AnyTransform`.

Each call takes the raw config, parses it, and runs one whole life cycle. A config that does not fit
raises `ConnectorError` of kind `config` whose message names pointer and rule, never a value.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec.structs

from rivven_connect._batch import Item
from rivven_connect._catalog import Catalog, ConfiguredCatalog
from rivven_connect._checks import CheckDetail, CheckResult
from rivven_connect._connector import Connector
from rivven_connect._errors import ConnectorError, InputError
from rivven_connect._events import SourceEvent
from rivven_connect._redaction import redact
from rivven_connect._sink import Sink, WriteResult
from rivven_connect._source import Source
from rivven_connect._state import State
from rivven_connect._transform import Transform, apply_transform

C = TypeVar("C", bound=Connector[Any])
Raw = Mapping[str, Any]


@contextlib.asynccontextmanager
async def opened(connector: C, config: Any) -> AsyncIterator[C]:
    """Open a connector and close it once, also when `open` fails half-way."""
    try:
        await connector.open(config)
        yield connector
    finally:
        await connector.close()


async def check_connector(connector: Source[Any] | Sink[Any], config: Any) -> CheckResult:
    """Open, check, close; a failing `open` is a failed check of that name. Known secrets are masked."""
    opening = True
    try:
        async with opened(connector, config):
            opening = False
            return _masked(await connector.check(config))
    except Exception as error:  # noqa: BLE001  # whatever a connector raises is a failed check
        detail = CheckDetail.failed("open" if opening else "check", describe(error))
        return _masked(CheckResult(passed=False, message=detail.message, checks=(detail,)))


def _masked(result: CheckResult) -> CheckResult:
    """Return the result without secrets: an answer of the other side may quote what it refused."""
    checks = tuple(
        one.with_message(redact(one.message)) if one.message else one for one in result.checks
    )
    return msgspec.structs.replace(
        result, message=redact(result.message or "") or None, checks=checks
    )


def describe(error: BaseException) -> str:
    """Return what a person reads about an exception: its message, else its class."""
    return str(error) or type(error).__name__


class _Any(Generic[C]):
    """One connector class with the config class that its raw values are parsed by."""

    def __init__(self, cls: type[C], config_cls: type[Any] | None = None) -> None:
        self._cls = cls
        self._config_cls = config_cls or cls.config_type

    def parse(self, raw: Raw) -> Any:
        """Return the config that `raw` describes.

        Raises:
            ConnectorError: of kind `config`; it does not fit.
        """
        try:
            return self._config_cls.parse(raw)
        except InputError as error:
            raise ConnectorError.configuration(str(error)) from error


class AnySource(_Any[Source[Any]]):
    """Any source, driven with plain JSON."""

    async def check_raw(self, raw: Raw) -> CheckResult:
        """Say whether the source can do its work."""
        return await check_connector(self._cls(), self.parse(raw))

    async def discover_raw(self, raw: Raw) -> Catalog:
        """Return what can be read."""
        config = self.parse(raw)
        async with opened(self._cls(), config) as source:
            return await source.discover(config)

    async def read_raw(
        self, raw: Raw, catalog: ConfiguredCatalog, state: State | None = None
    ) -> AsyncIterator[Item]:
        """Yield what the source reads; close the iterator to stop early."""
        config = self.parse(raw)
        async with opened(self._cls(), config) as source:
            items = source.read(config, catalog, state)
            try:
                async for item in items:
                    yield item
            finally:
                await close_iterator(items)


class AnySink(_Any[Sink[Any]]):
    """Any sink, driven with plain JSON."""

    async def check_raw(self, raw: Raw) -> CheckResult:
        """Say whether the sink can do its work."""
        return await check_connector(self._cls(), self.parse(raw))

    async def write_raw(self, raw: Raw, events: AsyncIterator[SourceEvent]) -> WriteResult:
        """Write the events, make them durable, and say which were written."""
        config = self.parse(raw)
        async with opened(self._cls(), config) as sink:
            result = await sink.write(config, events)
            await sink.flush(config)
            return result


class AnyTransform(_Any[Transform[Any]]):
    """Any transform, driven with plain JSON: `init_raw`, any number of events, `shutdown`."""

    def __init__(self, cls: type[Transform[Any]], config_cls: type[Any] | None = None) -> None:
        super().__init__(cls, config_cls)
        self._transform: Transform[Any] | None = None
        self._config: Any = None

    async def init_raw(self, raw: Raw) -> None:
        """Parse the config and open the transform."""
        self._config = self.parse(raw)
        self._transform = self._cls()
        await self._transform.open(self._config)

    async def transform_raw(self, event: SourceEvent) -> Sequence[SourceEvent]:
        """Return the events that take the place of `event`.

        Raises:
            ConnectorError: `init_raw` has not been called.
        """
        if self._transform is None:
            raise ConnectorError.internal("transform_raw needs init_raw first")
        return await apply_transform(self._transform, self._config, event)

    async def shutdown(self) -> None:
        """Close the transform; a second call does nothing."""
        transform, self._transform = self._transform, None
        if transform is not None:
            await transform.close()


async def close_iterator(items: AsyncIterator[Any]) -> None:
    """Close an async iterator if it can be closed, so that its `finally` blocks run now."""
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()
