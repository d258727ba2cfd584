"""A sink whose pace a test sets: slow, or blocked from a certain write on."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rivven_connect._batch import BatchConfig
from rivven_connect._events import SourceEvent
from rivven_connect._sink import BatchSink, WriteResult
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect.config import Integer, SinkConfig, Text


class PacedConfig(SinkConfig):
    """Where to, and how fast."""

    path: Text
    delay_ms: Integer = 0
    """For each record, until the file `<path>.go` exists."""
    hang_from: Integer = 0
    """From this write on, wait for ever and make the file `<path>.hangs`; 0 is never."""
    max_records: Integer = 20


class Paced(BatchSink[PacedConfig]):
    """Appends `{"stream", "k", "id"}` to a file, durably at `flush`; never the padding."""

    config_type = PacedConfig

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(connector_type="paced", version="1.0.0", kind=ConnectorKind.SINK)

    def batch_config(self, config: PacedConfig) -> BatchConfig:
        return BatchConfig(max_records=config.max_records, max_wait_ms=20)

    async def open(self, config: PacedConfig) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(config.path, flags, 0o600)
        self._writes = 0

    async def close(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)
            del self._file

    async def write_batch(self, config: PacedConfig, events: Sequence[SourceEvent]) -> WriteResult:
        self._writes += 1
        if config.hang_from and self._writes >= config.hang_from:
            self._marker(config, "hangs").touch()
            await asyncio.Event().wait()
        for event in events:
            if config.delay_ms and not self._marker(config, "go").exists():
                await self._pause(config)
            os.write(self._file, _line(event))
        result = WriteResult()
        result.add_success(len(events))
        return result

    async def flush(self, config: PacedConfig) -> None:
        os.fsync(self._file)

    @staticmethod
    def _marker(config: PacedConfig, name: str) -> Path:
        return Path(f"{config.path}.{name}")

    async def _pause(self, config: PacedConfig) -> None:
        """Wait, in steps: a test that says `go` does not wait for a long one."""
        left = config.delay_ms
        while left > 0 and not self._marker(config, "go").exists():
            await asyncio.sleep(min(left, 20) / 1000)
            left -= 20


def _line(event: SourceEvent) -> bytes:
    data: Any = event.data
    found = {"stream": event.stream, "k": data["k"], "id": data["id"]}
    return json.dumps(found).encode() + b"\n"
