"""The http-webhook sink: many requests at once, and no doubt counted as success.

At least once: where the answer stays out, the receiver may have the records, and gets them again.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from rivven_connect import (
    BatchConfig,
    ConfiguredCatalog,
    ConnectorError,
    EventBatch,
    RecordError,
    SourceEvent,
    WriteResult,
)
from rivven_connect._sink import BatchForm, JsonForm
from rivven_connect.connectors.http_webhook_sink._generated import (
    HttpWebhookSinkBase,
    HttpWebhookSinkConfig,
)
from rivven_connect.connectors.http_webhook_sink.delivery import Delivery, Load
from rivven_connect.connectors.http_webhook_sink.keys import KeyReader, are_distinct
from rivven_connect.connectors.http_webhook_sink.outcomes import Outcomes
from rivven_connect.connectors.http_webhook_sink.payload import (
    UNENCODABLE,
    Arrays,
    Records,
    encode_record,
)
from rivven_connect.connectors.http_webhook_sink.sending import Sender
from rivven_connect.connectors.http_webhook_sink.urls import UrlTemplate

_ENOUGH_REQUESTS: Final = 64
"""Of a write: behind each there is a checkpoint, which costs as much as several of them."""
_MOST_ROUNDS: Final = 20
"""Of requests one behind the other: until the last is answered, none of a write counts as progress."""


class HttpWebhookSink(HttpWebhookSinkBase):
    """Posts batches to one URL, or to one for each stream, namespace or type of event."""

    takes: BatchForm = "json"
    _sender: Sender | None = None
    _template = UrlTemplate("")
    _keys: KeyReader | None = None

    async def open(self, config: HttpWebhookSinkConfig) -> None:
        """Make the client, and say what is wanted: records as JSON, or events."""
        self._template = UrlTemplate(config.url)
        self._sender = Sender(config, self._template)
        if (
            config.include_metadata
            or config.idempotency_header
            or "event_type" in self._template.names
        ):
            self.takes = "rows"

    async def close(self) -> None:
        """Close the connections."""
        sender, self._sender = self._sender, None
        if sender is not None:
            await sender.close()

    def batch_config(self, config: HttpWebhookSinkConfig) -> BatchConfig:
        """Return limits of a write: one full request is enough, and more may be there."""
        limits = super().batch_config(config)
        at_once = config.max_concurrency
        requests = max(at_once, min(_MOST_ROUNDS * at_once, _ENOUGH_REQUESTS))
        if config.rate_limit_rps:
            # No write is to take much longer than a second.
            requests = max(1, min(requests, round(config.rate_limit_rps)))
        return limits.replace(
            enough_records=config.batch_size, max_records=config.batch_size * requests
        )

    async def check_endpoint_reachable(self, config: HttpWebhookSinkConfig) -> None:
        """Return if the URL answers a HEAD request, or says that it takes none."""
        await self._require_sender().check()

    async def prepare(self, config: HttpWebhookSinkConfig, catalog: ConfiguredCatalog) -> None:
        """Learn the primary keys, where records that share one could overtake each other."""
        if config.max_concurrency > 1 or self._template.names:
            self._keys = KeyReader.of(catalog)
        self.json_form = JsonForm(
            group=config.batch_size if config.batch_size > 1 and not self._template.names else 0,
            fields=self._keys.fields if self._keys is not None else {},
        )

    async def write_batch(
        self, config: HttpWebhookSinkConfig, events: Sequence[SourceEvent]
    ) -> WriteResult:
        """Post the events, at most `batch_size` in one request, and say what became of each.

        Raises:
            RetryableError: of none it is known that the receiver has it.
            FatalError: the receiver refuses every request.
        """
        outcomes = Outcomes()
        load = self._load_of_events(config, events, outcomes)
        await Delivery(config, self._require_sender(), load, outcomes).run()
        return outcomes.result(events)

    async def write_batches(
        self, config: HttpWebhookSinkConfig, batches: Sequence[EventBatch]
    ) -> WriteResult:
        """Do what `write_batch` does, of records that the engine has encoded where that is enough."""
        outcomes = Outcomes()
        load = self._load_of_lines(config, batches) if self.takes == "json" else None
        if load is None:
            events = [event for batch in batches for event in batch.events()]
            load = self._load_of_events(config, events, outcomes)
        await Delivery(config, self._require_sender(), load, outcomes).run()
        return outcomes.result(None)

    def _load_of_events(
        self, config: HttpWebhookSinkConfig, events: Sequence[SourceEvent], outcomes: Outcomes
    ) -> Load:
        """Encode the events; those that cannot be sent are refused."""
        template = self._template
        places: list[int] = []
        records: list[bytes] = []
        urls: list[str] = []
        for place, event in enumerate(events):
            try:
                record = encode_record(event, envelope=config.include_metadata)
                url = template.url(event.stream, event.event_type, event.namespace)
            except UNENCODABLE as error:
                outcomes.refused(place, f"the record cannot be written as JSON: {error}")
            except RecordError as error:
                outcomes.refused(place, error.message)
            else:
                places.append(place)
                records.append(record)
                urls.append(url)
        reader = self._reader(config, len(places))
        sent = events if len(places) == len(events) else [events[place] for place in places]
        return Load(
            places=places,
            records=Records(records, alone=config.batch_size == 1),
            urls=urls if template.names else None,
            keys=None if reader is None else reader.of_events(sent),
            events=sent,
        )

    def _load_of_lines(
        self, config: HttpWebhookSinkConfig, batches: Sequence[EventBatch]
    ) -> Load | None:
        """Take the records as they are encoded; None where their events have to be looked at."""
        count, size = sum(map(len, batches)), config.batch_size
        reader = self._reader(config, count)
        keys: Sequence[Hashable] | None = None
        if reader is not None:
            keys = reader.of_batches(batches)
            if keys is None:
                return None
            if are_distinct(keys):
                keys = None
        urls = self._urls(batches) if self._template.names else None
        if self._template.names and urls is None:
            return None
        records: Arrays | Records
        if urls is None and size > 1 and all(len(batch) % size == 0 for batch in batches[:-1]):
            arrays = [array for batch in batches for array in batch.arrays(size)]
            records = Arrays(arrays, count, size)
        else:
            texts = [text for batch in batches for text in batch.texts()]
            records = Records(texts, alone=size == 1)
        return Load(places=range(count), records=records, urls=urls, keys=keys)

    def _urls(self, batches: Sequence[EventBatch]) -> list[str] | None:
        """Return where each record goes; None where a name cannot be a part of a URL."""
        urls: list[str] = []
        for batch in batches:
            try:
                url = self._template.url(batch.stream, "", batch.namespace)
            except RecordError:
                return None
            urls += [url] * len(batch)
        return urls

    def _reader(self, config: HttpWebhookSinkConfig, count: int) -> KeyReader | None:
        """Return what reads keys, if so many records are more than one request."""
        is_one = count <= config.batch_size and not self._template.names
        return None if is_one else self._keys

    def _require_sender(self) -> Sender:
        if self._sender is None:
            raise ConnectorError.internal("the sink is not open")
        return self._sender
