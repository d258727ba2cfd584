"""What is known of each stream's records: which are chosen, which fields, and what fits."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from rivven_connect._batch import EventBatch
from rivven_connect._catalog import ConfiguredCatalog, ConfiguredStream, Stream
from rivven_connect._errors import PipelineError
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import UNENCODABLE, Json, JsonObject, decode_json, encode_json
from rivven_connect.pipeline.plan import SourcePlan

_log = logging.getLogger("rivven_connect.source")


class StreamSchemas:
    """The chosen streams of one source as they are now."""

    def __init__(self, plan: SourcePlan, catalog: ConfiguredCatalog) -> None:
        self._plan = plan
        self._chosen = {one.stream.full_name(): one for one in catalog.streams}
        self._selective = plan.streams is not None
        wanted = {block.name for block in plan.streams or () if block.validate_}
        self._checks: dict[str, RecordCheck] = {
            name: RecordCheck(one.stream.json_schema)
            for name, one in self._chosen.items()
            if wanted & {name, one.stream.name}
        }

    def selects(self, name: str) -> bool:
        """Whether the records of a stream are wanted; without a selection, all are."""
        return not self._selective or name in self._chosen

    def misfit(self, name: str, event: SourceEvent) -> str | None:
        """Return why an event does not fit its stream's schema, where that is to be checked."""
        check = self._checks.get(name)
        if check is None or event.event_type is EventType.DELETE:
            return None
        return check(event.after())

    def looks_at(self, name: str) -> bool:
        """Whether something here needs the records of a stream one by one."""
        chosen = self._chosen.get(name)
        return name in self._checks or (chosen is not None and chosen.fields is not None)

    def fits(self, name: str, batch: EventBatch) -> bool:
        """Whether nothing is wrong with any record of a batch; `misfit` says of one what is."""
        check = self._checks.get(name)
        if check is None:
            return True
        return batch.event_types is None and check.fits_all(batch.records)

    def with_fields(self, name: str, batch: EventBatch) -> Any:
        """Return the records of a batch, with only the fields that the pipeline chose."""
        chosen = self._chosen.get(name)
        if chosen is None or chosen.fields is None:
            return batch.records
        if batch.event_types is not None:
            events = list(batch.events())
            for event in events:
                self.keep_fields(name, event)
            return [event.data for event in events]
        return [_only(record, chosen.fields) for record in batch.records]

    def keep_fields(self, name: str, event: SourceEvent) -> None:
        """Drop the fields that the pipeline did not choose."""
        chosen = self._chosen.get(name)
        if chosen is None or chosen.fields is None:
            return
        if event.event_type is EventType.UPDATE and isinstance(event.data, dict):
            event.data = {side: _only(record, chosen.fields) for side, record in event.data.items()}
        else:
            event.data = _only(event.data, chosen.fields)

    def change(self, event: SourceEvent, schema: JsonObject) -> ConfiguredCatalog | None:
        """Take a stream's new schema, as `on_schema_change` says.

        Return the streams as they are from now on, or None where nothing changes for the sinks.

        Raises:
            PipelineError: the change is not wanted, or does not fit what was written before.
        """
        name = event.full_name()
        known = self._chosen.get(name)
        if known is None:
            if self._selective:
                return None
            found = Stream(name=event.stream, namespace=event.namespace, json_schema=schema)
            self._chosen[name] = ConfiguredStream.from_stream(found)
            return self._now()
        from rivven_connect.pipeline.schema_change import compare  # noqa: PLC0415  # rarely

        changes = compare(known.stream.json_schema, schema)
        if not changes:
            return None
        what = f"source {self._plan.name!r}: the schema of {name!r} changed: " + ", ".join(
            str(one) for one in changes
        )
        if self._plan.on_schema_change == "fail":
            raise PipelineError(what)
        if self._plan.on_schema_change == "dead_letter":
            _log.warning("%s; records that do not fit the known one become dead letters", what)
            self._checks[name] = RecordCheck(known.stream.json_schema)
            return None
        if any(not one.fits for one in changes):
            raise PipelineError(f"{what}; what was written before does not fit the new type")
        _log.warning("%s", what)
        return self._evolve(name, known, schema)

    def _evolve(self, name: str, known: ConfiguredStream, schema: JsonObject) -> ConfiguredCatalog:
        stream = msgspec.structs.replace(known.stream, json_schema=schema)
        self._chosen[name] = msgspec.structs.replace(known, stream=stream)
        if name in self._checks:
            self._checks[name] = RecordCheck(schema)
        return self._now()

    def _now(self) -> ConfiguredCatalog:
        return ConfiguredCatalog(list(self._chosen.values()))


class RecordCheck:
    """Checks records against a JSON Schema (2020-12, formats asserted)."""

    def __init__(self, schema: JsonObject) -> None:
        import jsonschema_rs  # noqa: PLC0415  # the extra `validate`

        make: Any = jsonschema_rs.Draft202012Validator
        self._one = make(schema, validate_formats=True)
        # `$ref: #/...` inside counts from the root, so it has to stay a resource of its own; one that
        # named an older draft would be read by that, unlike the schema on its own.
        one = {name: value for name, value in schema.items() if name != "$schema"}
        whole = {"type": "array", "items": {"$id": "urn:rivven:record", **one}}
        self._all = make(whole, validate_formats=True)

    def __call__(self, record: Json) -> str | None:
        """Return why a record does not fit, or None; its JSON counts, as a sink would write it.

        A record that has no JSON form is no matter of its schema: whoever encodes it refuses it.
        """
        if self._fits(record):
            return None
        try:
            plain = decode_json(encode_json(record))
        except UNENCODABLE:
            return None
        if self._one.is_valid(plain):
            return None
        error = next(iter(self._one.iter_errors(plain)))
        place = "/".join(map(str, error.instance_path))
        rule = str(error.kind.name) if hasattr(error.kind, "name") else "schema"
        return f"/{place} does not fit the schema ({rule})"

    def _fits(self, record: Json) -> bool:
        try:
            return bool(self._one.is_valid(record))
        except (TypeError, ValueError):  # a date, a set: no JSON value, though it may have a form
            return False

    def fits_all(self, records: list[Json]) -> bool:
        """Whether all records fit; one call, because crossing over costs as much as checking.

        A record that is not JSON does not fit.
        """
        try:
            return bool(self._all.is_valid(records))
        except (TypeError, ValueError):
            return False


def _only(record: Json, fields: list[str]) -> Json:
    if not isinstance(record, dict):
        return record
    return {name: record[name] for name in fields if name in record}
