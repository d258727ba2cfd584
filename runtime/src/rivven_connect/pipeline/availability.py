"""What the grammar allows and this engine does not do yet; it is refused, never ignored."""

from __future__ import annotations

from collections.abc import Iterator

from rivven_connect.pipeline.file import ConnectorBlock, PipelineFile, SinkBlock, SourceBlock

Missing = tuple[tuple[str | int, ...], str, str]


def unavailable(file: PipelineFile) -> Iterator[Missing]:
    """Yield place, thing and way out of everything that is asked for and not there."""
    for name, source in file.sources.items():
        yield from _connector(("sources", name), source)
        yield from _source(("sources", name), source)
    for name, sink in file.sinks.items():
        yield from _connector(("sinks", name), sink)
        yield from _sink(("sinks", name), sink)
    yield from _settings(file)


def _connector(at: tuple[str, str], block: ConnectorBlock) -> Iterator[Missing]:
    if block.rate_limit is not None and block.rate_limit.events_per_second:
        yield (*at, "rate_limit"), "rate_limit", "remove it"
    if block.circuit_breaker is not None:
        yield (*at, "circuit_breaker"), "circuit_breaker", "remove it; `retry` still applies"


def _source(at: tuple[str, str], block: SourceBlock) -> Iterator[Missing]:
    if block.on_schema_change != "evolve":
        yield (*at, "on_schema_change"), f"on_schema_change: {block.on_schema_change}", "remove it"
    if block.isolate_streams:
        yield (*at, "isolate_streams"), "isolate_streams", "give each stream a source of its own"
    if block.concurrency not in (None, 1):
        yield (*at, "concurrency"), "concurrency above 1", "remove it"
    for index, stream in enumerate(block.streams or ()):
        if stream.validate_:
            yield (*at, "streams", index, "validate"), "validate: true", "remove it"


def _sink(at: tuple[str, str], block: SinkBlock) -> Iterator[Missing]:
    if block.delivery == "transactional":
        yield (*at, "delivery"), "delivery: transactional", "use upsert or at_least_once"
    if block.mode == "overwrite":
        yield (*at, "mode"), "mode: overwrite", "use append or upsert"


def _settings(file: PipelineFile) -> Iterator[Missing]:
    settings = file.settings
    checks = (
        (settings.workers > 1, "workers", "workers above 1", "remove it"),
        (settings.stall_timeout_ms > 0, "stall_timeout_ms", "stall_timeout_ms", "remove it"),
        (settings.health.enabled, "health", "the health endpoint", "remove it"),
        (settings.metrics.enabled, "metrics", "the metrics endpoint", "remove it"),
        (settings.network != "any", "network", "network: public_only", "restrict it outside"),
    )
    for asked, key, what, hint in checks:
        if asked:
            yield ("settings", key), what, hint
