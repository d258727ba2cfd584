"""A deterministic source that can be read again, and that logs what it yields and what it is told.

Records of each stream are numbered from 0. The log, one JSON object per line, is written before a
page is yielded and when an acknowledgement comes, so it survives a kill.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from rivven_connect._batch import EventBatch, Item, Poison
from rivven_connect._catalog import Catalog, ConfiguredCatalog, Stream, SyncMode
from rivven_connect._checks import CheckResult
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorSpec
from rivven_connect._state import State
from rivven_connect.config import Boolean, Integer, SourceConfig, Text

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "k": {"type": "string"},
        "id": {"type": "integer"},
        "keep": {"type": "boolean"},
        "pad": {"type": "string"},
    },
}


class NumbersConfig(SourceConfig):
    """What to yield, and how."""

    total: Integer = 60
    """Records per stream."""
    streams: Integer = 2
    page: Integer = 5
    delay_ms: Integer = 0
    """Between pages."""
    pad: Integer = 0
    """Bytes of padding per record."""
    poison_every: Integer = 0
    """Every such record of a stream cannot be parsed; 0 is none."""
    log: Text = "source.log"
    waits: Boolean = False
    """At the end, wait for ever rather than end."""
    acks: Text = ""
    """A file in which acknowledgements are kept: reading starts there, whatever the state says."""
    late: Boolean = False
    """Of the acknowledgements of a session, ignore the first: it only repeats the loaded state."""


class Numbers(Source[NumbersConfig]):
    """Counts in several streams."""

    config_type = NumbersConfig

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(connector_type="numbers", version="1.0.0")

    async def open(self, config: NumbersConfig) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._log = os.open(config.log, flags, 0o600)
        self._told = 0
        self._write({"op": "open"})

    async def close(self) -> None:
        if hasattr(self, "_log"):
            os.close(self._log)
            del self._log

    async def check(self, config: NumbersConfig) -> CheckResult:
        return CheckResult.success()

    async def discover(self, config: NumbersConfig) -> Catalog:
        modes = [SyncMode.INCREMENTAL, SyncMode.FULL_REFRESH]
        return Catalog(
            [
                Stream(
                    name=f"s{number}",
                    json_schema=_SCHEMA,
                    supported_sync_modes=modes,
                    source_defined_primary_key=[["k"]],
                )
                for number in range(config.streams)
            ]
        )

    async def read(
        self, config: NumbersConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        places = {
            one.stream.name: self._start(config, one.stream.name, state) for one in catalog.streams
        }
        while any(place < config.total for place in places.values()):
            for stream, first in places.items():
                if first >= config.total:
                    continue
                last = min(first + config.page, config.total)
                self._write({"op": "read", "stream": stream, "first": first, "last": last})
                for item in _page(config, stream, first, last):
                    yield item
                places[stream] = last
            if config.delay_ms:
                await asyncio.sleep(config.delay_ms / 1000)
        if config.waits:
            self._write({"op": "idle"})
            await asyncio.Event().wait()

    async def acknowledge(self, config: NumbersConfig, state: State) -> None:
        self._told += 1
        told = {stream: value.get("next") for stream, value in state.to_json().items()}
        if config.acks and not (config.late and self._told == 1):
            path = Path(config.acks)
            new = path.with_suffix(".new")
            new.write_text(json.dumps(told), encoding="utf-8")
            new.replace(path)
        self._write({"op": "ack", "state": told})

    @staticmethod
    def _start(config: NumbersConfig, stream: str, state: State | None) -> int:
        if config.acks:
            path = Path(config.acks)
            known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            return int(known.get(stream, 0))
        found = state.get_stream(stream) if state else None
        return (found.get("next", int) or 0) if found else 0

    def _write(self, entry: dict[str, Any]) -> None:
        os.write(self._log, json.dumps(entry).encode() + b"\n")


def _page(config: NumbersConfig, stream: str, first: int, last: int) -> list[Item]:
    """Return the records of a page; only what comes last carries the state."""
    items: list[Item] = []
    good: list[int] = []

    def batch(state: dict[str, Any] | None) -> None:
        records = [_record(config, stream, number) for number in good]
        items.append(EventBatch(stream, records, state=state, positions=list(good)))
        good.clear()

    for number in range(first, last):
        if config.poison_every and number % config.poison_every == config.poison_every - 1:
            if good:
                batch(None)
            raw = f'{{"k": "{stream}-{number}", '.encode()
            items.append(Poison(stream, raw, "cut off", position=number))
        else:
            good.append(number)
    batch({"next": last})
    return items


def _record(config: NumbersConfig, stream: str, number: int) -> dict[str, Any]:
    record: dict[str, Any] = {"k": f"{stream}-{number}", "id": number, "keep": number % 5 != 2}
    if config.pad:
        record["pad"] = "x" * config.pad
    return record
