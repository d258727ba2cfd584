"""Everything that a connector's author needs, under one name.

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rivven_connect._adapters import AnySink, AnySource, AnyTransform
    from rivven_connect._batch import (
        ArrowBatch,
        Batch,
        BatchConfig,
        Checkpoint,
        EventBatch,
        Item,
        Page,
        Poison,
        UnfinishedSync,
    )
    from rivven_connect._batcher import (
        AsyncBatcher,
        Batcher,
        BatcherConfig,
        Chunk,
        chunk_events,
        partition_events,
    )
    from rivven_connect._catalog import (
        Catalog,
        ConfiguredCatalog,
        ConfiguredStream,
        DestinationSyncMode,
        Stream,
        SyncMode,
    )
    from rivven_connect._checks import CheckDetail, CheckResult, CheckResultBuilder
    from rivven_connect._circuit import CircuitBreaker, CircuitBreakerConfig, CircuitOpen
    from rivven_connect._errors import (
        Action,
        AlreadyRunning,
        ConnectorError,
        ErrorKind,
        ExitCode,
        FatalError,
        HookMissing,
        InputError,
        PipelineError,
        RecordError,
        RetryableError,
        RivvenError,
        StateStoreError,
    )
    from rivven_connect._events import (
        EventBuilder,
        EventMetadata,
        EventType,
        LogLevel,
        SourceEvent,
        log_event,
        record,
        state,
    )
    from rivven_connect._hooks import CheckHook
    from rivven_connect._json import Json, JsonObject
    from rivven_connect._metrics import Metrics
    from rivven_connect._offload import finish_in_thread
    from rivven_connect._problems import Problem
    from rivven_connect._rate_limit import RateLimitConfig, RateLimiter, RateLimitStats
    from rivven_connect._registry import SinkRegistry, SourceRegistry, TransformRegistry
    from rivven_connect._retry import RetryConfig, RetryGuard, RetryResult, retry, retry_detailed
    from rivven_connect._secret import Secret
    from rivven_connect._sink import (
        BatchSink,
        FailedEvent,
        FailedRecord,
        Sink,
        TransactionalSink,
        WriteResult,
    )
    from rivven_connect._source import Source
    from rivven_connect._spec import (
        ConnectorKind,
        ConnectorSpec,
        GeneratedBatchSpec,
        GeneratedSpec,
        SyncModeSpec,
        config_schema,
    )
    from rivven_connect._state import State, StreamState
    from rivven_connect._streams import Records, Rows, StreamSet, StreamSpec
    from rivven_connect._transform import Transform, Transformed, TransformOutput

_PLACES = {
    "_adapters": "AnySink AnySource AnyTransform",
    "_batch": "ArrowBatch Batch BatchConfig Checkpoint EventBatch Item Page Poison UnfinishedSync",
    "_batcher": "AsyncBatcher Batcher BatcherConfig Chunk chunk_events partition_events",
    "_catalog": "Catalog ConfiguredCatalog ConfiguredStream DestinationSyncMode Stream SyncMode",
    "_checks": "CheckDetail CheckResult CheckResultBuilder",
    "_circuit": "CircuitBreaker CircuitBreakerConfig CircuitOpen",
    "_errors": (
        "Action AlreadyRunning ConnectorError ErrorKind ExitCode FatalError HookMissing "
        "InputError PipelineError RecordError RetryableError RivvenError StateStoreError"
    ),
    "_events": ("EventBuilder EventMetadata EventType LogLevel SourceEvent log_event record state"),
    "_hooks": "CheckHook",
    "_json": "Json JsonObject",
    "_metrics": "Metrics",
    "_offload": "finish_in_thread",
    "_problems": "Problem",
    "_registry": "SinkRegistry SourceRegistry TransformRegistry",
    "_rate_limit": "RateLimitConfig RateLimiter RateLimitStats",
    "_retry": "RetryConfig RetryGuard RetryResult retry retry_detailed",
    "_secret": "Secret",
    "_sink": "BatchSink FailedEvent FailedRecord Sink TransactionalSink WriteResult",
    "_source": "Source",
    "_spec": (
        "ConnectorKind ConnectorSpec GeneratedBatchSpec GeneratedSpec SyncModeSpec config_schema"
    ),
    "_state": "State StreamState",
    "_streams": "Records Rows StreamSet StreamSpec",
    "_transform": "Transform TransformOutput Transformed",
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names.split()}

__all__ = [
    "Action",
    "AlreadyRunning",
    "AnySink",
    "AnySource",
    "AnyTransform",
    "ArrowBatch",
    "AsyncBatcher",
    "Batch",
    "BatchConfig",
    "BatchSink",
    "Batcher",
    "BatcherConfig",
    "Catalog",
    "CheckDetail",
    "CheckHook",
    "CheckResult",
    "CheckResultBuilder",
    "Checkpoint",
    "Chunk",
    "CircuitBreaker",
    "CircuitBreakerConfig",
    "CircuitOpen",
    "ConfiguredCatalog",
    "ConfiguredStream",
    "ConnectorError",
    "ConnectorKind",
    "ConnectorSpec",
    "DestinationSyncMode",
    "ErrorKind",
    "EventBatch",
    "EventBuilder",
    "EventMetadata",
    "EventType",
    "ExitCode",
    "FailedEvent",
    "FailedRecord",
    "FatalError",
    "GeneratedBatchSpec",
    "GeneratedSpec",
    "HookMissing",
    "InputError",
    "Item",
    "Json",
    "JsonObject",
    "LogLevel",
    "Metrics",
    "Page",
    "PipelineError",
    "Poison",
    "Problem",
    "RateLimitConfig",
    "RateLimitStats",
    "RateLimiter",
    "RecordError",
    "Records",
    "RetryConfig",
    "RetryGuard",
    "RetryResult",
    "RetryableError",
    "RivvenError",
    "Rows",
    "Secret",
    "Sink",
    "SinkRegistry",
    "Source",
    "SourceEvent",
    "SourceRegistry",
    "State",
    "StateStoreError",
    "Stream",
    "StreamSet",
    "StreamSpec",
    "StreamState",
    "SyncMode",
    "SyncModeSpec",
    "TransactionalSink",
    "Transform",
    "TransformOutput",
    "TransformRegistry",
    "Transformed",
    "UnfinishedSync",
    "WriteResult",
    "chunk_events",
    "config_schema",
    "finish_in_thread",
    "log_event",
    "partition_events",
    "record",
    "retry",
    "retry_detailed",
    "state",
]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
