"""Code as authors write it; type checkers must accept it as it stands, and infer these types.

Nothing here runs: `make types` checks it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, Any, ClassVar, TypedDict, assert_type

from rivven_connect import (
    BatchConfig,
    BatchSink,
    CheckResult,
    ConfiguredCatalog,
    ConnectorError,
    EventBatch,
    Page,
    Poison,
    Records,
    RetryConfig,
    Secret,
    Sink,
    Source,
    SourceEvent,
    State,
    StreamSet,
    StreamSpec,
    Transform,
    TransformOutput,
    WriteResult,
    retry,
)
from rivven_connect.config import Field, Integer, SinkConfig, SourceConfig, Text, TransformConfig


class Order(TypedDict):
    id: int
    total: float


class ShopConfig(SourceConfig):
    url: Text
    token: Secret
    page_size: Annotated[Integer, Field(ge=1)] = 100


class ShopStreams(StreamSet):
    orders = StreamSpec[Order](name="orders", hook="read_orders")


class ShopBase(Source[ShopConfig]):
    config_type = ShopConfig
    streams: ClassVar[ShopStreams] = ShopStreams()

    def read_orders(self, config: ShopConfig, cursor: str | None) -> Records[Order]:
        raise NotImplementedError


class AsyncHooks(ShopBase):
    """An async generator, which is how most hooks look."""

    async def read_orders(self, config: ShopConfig, cursor: str | None) -> AsyncIterator[Order]:
        assert_type(config.page_size, int)
        assert_type(config.token.reveal(), str)
        yield {"id": 1, "total": 2.5}


class PlainHooks(ShopBase):
    """A plain generator of pages, lists, records and unreadable ones."""

    def read_orders(
        self, config: ShopConfig, cursor: str | None
    ) -> Iterator[Order | list[Order] | Page[Order] | Poison]:
        rows = self.streams.orders.rows([{"id": 1}])
        assert_type(rows, list[Order])
        yield rows
        yield Page(rows, cursor="next")
        yield Poison("orders", b"{", "not JSON")
        yield from self.streams.orders.decode(b"[]")


class OwnRead(ShopBase):
    """The guide's form: the source reads by itself; the return type is narrower."""

    async def read(
        self, config: ShopConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[SourceEvent | EventBatch]:
        saved = state.get_stream_state("orders") if state else None
        cursor = saved.get("cursor", str, "") if saved else ""
        assert_type(cursor, str)
        yield SourceEvent.builder().stream("orders").data({"id": 1}).state("cursor", "1").build()
        yield EventBatch("orders", [{"id": 2}], state={"cursor": "2"})

    async def check(self, config: ShopConfig) -> CheckResult:
        return CheckResult.builder().check_if("reachable", lambda: None).build()


class LakeConfig(SinkConfig):
    bucket: Text


class Lake(BatchSink[LakeConfig]):
    config_type = LakeConfig

    def batch_config(self, config: LakeConfig) -> BatchConfig:
        return BatchConfig(max_records=1_000)

    async def write_batch(self, config: LakeConfig, events: Sequence[SourceEvent]) -> WriteResult:
        result = WriteResult()
        for event in events:
            result.add_failed_event(event, "no", retryable=True)
        return result


class Printer(Sink[LakeConfig]):
    config_type = LakeConfig

    async def write(self, config: LakeConfig, events: AsyncIterator[SourceEvent]) -> WriteResult:
        result = WriteResult()
        async for event in events:
            result.add_success(1, len(event.data_bytes()))
        return result


class KeepConfig(TransformConfig):
    field: Text


class PlainTransform(Transform[KeepConfig]):
    config_type = KeepConfig

    def transform(self, config: KeepConfig, event: SourceEvent) -> SourceEvent | None:
        return event if config.field in event.data else None


class AsyncTransform(Transform[KeepConfig]):
    config_type = KeepConfig

    async def transform(self, config: KeepConfig, event: SourceEvent) -> TransformOutput:
        return TransformOutput.single(event)


async def fetch() -> int:
    return 1


async def uses_retry() -> None:
    found = await retry(RetryConfig(max_retries=3, initial_backoff_ms=100), fetch)
    assert_type(found, int)
    error = ConnectorError.rate_limited("slow down", retry_after=3)
    assert_type(error.retryable, bool)
    assert_type(error.fatal, bool)


def parses(values: dict[str, Any]) -> ShopConfig:
    return ShopConfig.parse(values)
