from __future__ import annotations

import asyncio
import datetime
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from rivven_connect import EventMetadata, EventType, SourceEvent, WriteResult
from rivven_connect.connectors.stdout_sink import StdoutSink
from rivven_connect.connectors.stdout_sink._generated import StdoutSinkConfig
from rivven_connect.testing import TestHarness

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
ORDER = SourceEvent(
    stream="orders",
    namespace="shop",
    event_type=EventType.INSERT,
    timestamp=NOON,
    data={"id": 1, "tags": ["é"]},
    position=17,
    metadata=EventMetadata(transaction_id="tx1", extra={"lsn": "0/1"}),
)
CONTROLS = "".join(
    map(
        chr,
        [
            *range(0x20),
            *range(0x7F, 0xA0),
            *(0x061C, 0x200B, 0x200D, 0x200E, 0x200F, 0x2028, 0x2029),
            *range(0x202A, 0x202F),
            *range(0x2060, 0x2070),
            *(0xFEFF, 0xE0001, 0xE0041),
        ],
    )
)
"""What moves the cursor, turns text around, or hides in it."""


async def write(events: Sequence[SourceEvent], **values: Any) -> WriteResult:
    feed = TestHarness().create_events(events)
    return await StdoutSink().write(StdoutSinkConfig.parse(values), feed)


@pytest.fixture
def printed(capfd: pytest.CaptureFixture[str]) -> Any:
    return lambda: capfd.readouterr().out


async def test_pretty_is_a_heading_and_indented_json(printed: Any) -> None:
    await write([ORDER])
    assert printed() == (
        "2026-01-01T12:00:00+00:00 shop.orders insert\n"
        '{\n  "id": 1,\n  "tags": [\n    "é"\n  ]\n}\n'
    )


async def test_text_is_one_line(printed: Any) -> None:
    await write([ORDER, SourceEvent.record("plain", None)], format="text")
    assert printed() == (
        '2026-01-01T12:00:00+00:00 shop.orders insert {"id":1,"tags":["é"]}\nplain record null\n'
    )


async def test_json_is_one_object_a_line(printed: Any) -> None:
    await write([ORDER, SourceEvent.record("plain", "a\nb")], format="json")
    assert [json.loads(line) for line in printed().splitlines()] == [
        {
            "stream": "orders",
            "namespace": "shop",
            "type": "insert",
            "timestamp": "2026-01-01T12:00:00Z",
            "data": {"id": 1, "tags": ["é"]},
        },
        {"stream": "plain", "type": "record", "timestamp": None, "data": "a\nb"},
    ]


async def test_metadata_and_timestamps_are_shown_on_request(printed: Any) -> None:
    await write([ORDER], format="json", include_metadata=True, include_timestamp=False)
    found = json.loads(printed())
    assert "timestamp" not in found
    assert found["metadata"] == {"position": 17, "transaction_id": "tx1", "extra": {"lsn": "0/1"}}
    await write([ORDER], format="text", include_metadata=True, include_timestamp=False)
    assert printed() == (
        'shop.orders insert {"id":1,"tags":["é"]} '
        '{"position":17,"transaction_id":"tx1","extra":{"lsn":"0/1"}}\n'
    )


@pytest.mark.parametrize("output_format", ["pretty", "json", "text"])
async def test_data_cannot_drive_the_terminal(printed: Any, output_format: str) -> None:
    event = SourceEvent(
        stream=f"s{CONTROLS}",
        timestamp=NOON,
        data={CONTROLS: [CONTROLS]},
        metadata=EventMetadata(extra={CONTROLS: CONTROLS}),
    )
    await write([event], format=output_format, include_metadata=True, color="never")
    text = printed()
    assert set(text) & set(CONTROLS) <= {"\n"}
    if output_format == "json":
        found = json.loads(text)
        assert found["data"] == {CONTROLS: [CONTROLS]}
        assert found["stream"] == f"s{CONTROLS}"


async def test_colours_are_for_terminals(printed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    await write([ORDER])
    assert "\x1b" not in printed()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    await write([ORDER])
    assert "\x1b[" in printed()
    await write([ORDER], color="never")
    await write([ORDER], format="json", color="always")
    assert "\x1b" not in printed()
    monkeypatch.setenv("NO_COLOR", "1")
    await write([ORDER])
    assert "\x1b" not in printed()
    await write([ORDER], color="always")
    assert "\x1b[" in printed()


async def test_a_record_that_is_not_json_fails_alone(printed: Any) -> None:
    bad = SourceEvent.record("s", {1, object()})
    result = await write([ORDER, bad, ORDER], format="text")
    assert [failed.event for failed in result.failed_events] == [bad]
    assert result.records_written == 2
    assert result.bytes_written == len(printed().encode())


async def test_output_is_utf8_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    await write([ORDER], format="json")
    assert "é" in raw.getvalue().decode("utf-8")
    monkeypatch.setattr(sys, "stdout", text := io.StringIO())
    await write([ORDER], format="json")
    assert "é" in text.getvalue()


@pytest.mark.parametrize(("rate", "pieces"), [(5, 23), (50, 5), (100_000, 1)])
async def test_the_rate_is_kept(
    monkeypatch: pytest.MonkeyPatch, printed: Any, rate: int, pieces: int
) -> None:
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    result = await write([ORDER] * 23, format="text", rate_limit=rate)
    assert result.records_written == len(printed().splitlines()) == 23
    assert len(sleeps) == pieces
    assert sum(sleeps) == pytest.approx(23 / rate)


PRINTER = """
import asyncio, sys
from rivven_connect import ConnectorError, SourceEvent
from rivven_connect.connectors.stdout_sink import StdoutSink
from rivven_connect.connectors.stdout_sink._generated import StdoutSinkConfig

async def events():
    while True:
        yield SourceEvent.record("s", {"x": "y" * 99})

try:
    asyncio.run(StdoutSink().write(StdoutSinkConfig(format="text", rate_limit=int(sys.argv[1])), events()))
except ConnectorError as error:
    sys.stderr.write(f"{error.kind}: {error}")
"""


@pytest.mark.parametrize("rate_limit", ["0", "300"])
def test_a_reader_that_goes_away_ends_it_in_peace(rate_limit: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PRINTER, rate_limit],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as printer:
        assert printer.stdout is not None
        assert printer.stderr is not None
        assert printer.stdout.readline().startswith("s record")
        printer.stdout.close()
        said = printer.stderr.read()
    assert said == "io: nobody reads the standard output any more"
    assert printer.returncode == 0
