"""The datagen source: makes records up, and needs no outside world.

An event is made from the seed and its sequence number alone (`_timestamp` aside), so a run that
resumes at a sequence number goes on exactly as the interrupted one would have.
"""

from __future__ import annotations

import copy
import datetime
import secrets
from collections.abc import AsyncIterator, Iterator

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    ConfiguredStream,
    ConnectorError,
    EventBatch,
    EventMetadata,
    EventType,
    Item,
    JsonObject,
    SourceEvent,
    State,
    Stream,
    SyncMode,
)
from rivven_connect.connectors.datagen_source._generated import (
    DatagenSourceBase,
    DatagenSourceConfig,
)
from rivven_connect.connectors.datagen_source.pace import Pace
from rivven_connect.connectors.datagen_source.patterns import PATTERNS
from rivven_connect.connectors.datagen_source.records import Change, RecordMaker


class DatagenSource(DatagenSourceBase):
    """One stream of made-up records, or of changes of a made-up table.

    Its state is `{"sequence", "seed"}`: the next event, and what decides its values. Read as
    `full_refresh`, a reading that came to `max_events` also notes `complete`, and the next one
    starts over.
    """

    async def discover(self, config: DatagenSourceConfig) -> Catalog:
        """Return the one stream, under the name that the config gives it."""
        return Catalog.single_stream(
            Stream(
                name=config.stream_name,
                namespace=config.namespace,
                json_schema=_record_schema(config),
                supported_sync_modes=[SyncMode.INCREMENTAL, SyncMode.FULL_REFRESH],
                source_defined_primary_key=_primary_key(config),
            )
        )

    async def read(
        self, config: DatagenSourceConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        """Yield batches at the configured rate, from the event where `state` says."""
        chosen = catalog.find_stream(config.stream_name, config.namespace)
        if chosen is None:
            return
        sequence, seed = _start(config, chosen, state)
        maker = RecordMaker(config, seed)
        changes = maker.changes(sequence)
        pace = Pace(config.events_per_second)
        size = pace.batch_size(config.batch_size)
        while not config.max_events or sequence < config.max_events:
            last = sequence + size
            if config.max_events:
                last = min(last, config.max_events)
            await pace.wait(last - sequence)
            after: JsonObject = {"sequence": last, "seed": seed}
            if chosen.sync_mode is SyncMode.FULL_REFRESH and last == config.max_events:
                after["complete"] = True
            if config.cdc_mode:
                for event in _changes(config, changes, range(sequence, last), after):
                    yield event
            else:
                yield _batch(config, maker, range(sequence, last), after)
            sequence = last


def _start(
    config: DatagenSourceConfig, chosen: ConfiguredStream, state: State | None
) -> tuple[int, int]:
    """Return the first event to make, and the seed."""
    saved = state.get_stream(chosen.stream.full_name()) if state else None
    seed = config.seed
    if seed is None:
        seed = saved.get("seed", int) if saved else None
    if seed is None:
        seed = secrets.randbits(53)
    if saved is None or (
        chosen.sync_mode is SyncMode.FULL_REFRESH and saved.get("complete", bool, False)
    ):
        return 0, seed
    sequence = saved.get("sequence", int)
    if sequence is None or sequence < 0:
        raise ConnectorError.state("the saved state names no event to go on at; reset it")
    return sequence, seed


def _batch(
    config: DatagenSourceConfig, maker: RecordMaker, sequences: range, after: JsonObject
) -> EventBatch:
    now = datetime.datetime.now(datetime.UTC)
    records = [maker.record(sequence) for sequence in sequences]
    if config.include_timestamp:
        made_at = now.isoformat()
        for record in records:
            record.setdefault("_timestamp", made_at)
    return EventBatch(
        stream=config.stream_name,
        namespace=config.namespace,
        records=records,
        positions=sequences,
        timestamp=now,
        state=after,
    )


def _changes(
    config: DatagenSourceConfig, changes: Iterator[Change], sequences: range, after: JsonObject
) -> Iterator[SourceEvent]:
    """Yield the next changes; the last one carries the state.

    They are single events because a batch has no column for metadata. Only what comes to be has a
    `_timestamp`: images of the past are made from the seed alone.
    """
    now = datetime.datetime.now(datetime.UTC)
    made_at = now.isoformat() if config.include_timestamp else None
    for sequence, change in zip(sequences, changes, strict=False):
        yield SourceEvent(
            stream=config.stream_name,
            namespace=config.namespace,
            event_type=change.event_type,
            data=_images(change, made_at),
            timestamp=now,
            position=sequence,
            metadata=_metadata(change),
            state=after if sequence == sequences[-1] else None,
        )


def _images(change: Change, made_at: str | None) -> JsonObject | None:
    if change.after is None:
        return change.before
    after = copy.deepcopy(change.after)  # the row stays ours; the event is its receiver's to change
    if made_at is not None:
        after.setdefault("_timestamp", made_at)
    is_update = change.event_type is EventType.UPDATE
    return {"before": change.before, "after": after} if is_update else after


def _metadata(change: Change) -> EventMetadata:
    cdc = {
        "operation": change.event_type.value,
        "sequence": change.sequence,
        "source": "datagen",
        "simulated": True,
    }
    return EventMetadata(sequence=change.sequence, extra={"cdc": cdc})


def _record_schema(config: DatagenSourceConfig) -> JsonObject:
    fields: JsonObject = dict(PATTERNS[config.pattern].fields)
    required = list(fields)
    if config.include_sequence:
        fields["_sequence"] = {"type": "integer"}
    if config.include_timestamp:
        fields["_timestamp"] = {"type": "string", "format": "date-time"}
    for name in config.custom_fields:
        fields[name] = {}
    return {"type": "object", "required": required, "properties": fields}


def _primary_key(config: DatagenSourceConfig) -> list[list[str]]:
    """Return the pattern's key, unless a custom field takes its place in every record."""
    key = PATTERNS[config.pattern].key
    return [] if key in config.custom_fields else [[key]]
