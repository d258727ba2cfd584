"""The stdout sink: prints events and keeps nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

from rivven_connect import ConnectorError, SourceEvent, WriteResult
from rivven_connect.connectors.stdout_sink._generated import StdoutSinkBase, StdoutSinkConfig
from rivven_connect.connectors.stdout_sink.rendering import renderer

_MOST_AT_ONCE = 1_000
_PIECES_PER_SECOND = 10


class StdoutSink(StdoutSinkBase):
    """Prints what it is given, at most `rate_limit` events a second."""

    async def write(
        self, config: StdoutSinkConfig, events: AsyncIterator[SourceEvent]
    ) -> WriteResult:
        """Print the events; one that is no JSON is named as failed.

        Raises:
            ConnectorError: nobody reads the standard output any more.
        """
        render = renderer(config, colored=_is_colored(config))
        most = _MOST_AT_ONCE
        if config.rate_limit:
            most = max(1, config.rate_limit // _PIECES_PER_SECOND)
        result = WriteResult()
        texts: list[str] = []
        async for event in events:
            try:
                texts.append(render(event))
            except (TypeError, ValueError, RecursionError) as error:
                result.add_failed_event(event, f"the record cannot be shown as JSON: {error}")
            if len(texts) >= most:
                await _print(config, texts, result)
                texts = []
        await _print(config, texts, result)
        return result


async def _print(config: StdoutSinkConfig, texts: list[str], result: WriteResult) -> None:
    if not texts:
        return
    text = "".join(texts).encode()
    await asyncio.to_thread(_write, text)
    result.add_success(len(texts), len(text))
    if config.rate_limit:
        await asyncio.sleep(len(texts) / config.rate_limit)


def _write(text: bytes) -> None:
    """Write UTF-8, whatever the locale says, to what `sys.stdout` is now."""
    try:
        binary = getattr(sys.stdout, "buffer", None)
        if binary is None:
            sys.stdout.write(text.decode())
        else:
            sys.stdout.flush()
            binary.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        _discard_output()
        raise ConnectorError.io("nobody reads the standard output any more") from error


def _discard_output() -> None:
    """Lead what is still buffered nowhere: the interpreter would complain about it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _is_colored(config: StdoutSinkConfig) -> bool:
    if config.color == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return config.color == "always"
