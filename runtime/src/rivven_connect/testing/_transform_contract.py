"""The contract of transforms, as tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from rivven_connect._adapters import opened
from rivven_connect._errors import ConnectorError, RecordError
from rivven_connect._events import SourceEvent
from rivven_connect._json import Json, JsonObject, decode_json, encode_json
from rivven_connect._spec import ConnectorKind
from rivven_connect._transform import Transform, apply_transform
from rivven_connect.testing._contract import Contract, contract_test, expect
from rivven_connect.testing.assertions import canonical

_COMPARED = ("stream", "event_type", "data")
_ODD: tuple[Json, ...] = (None, [], "text", 1.5)


class TransformContract(Contract):
    """What every transform keeps."""

    kind = ConnectorKind.TRANSFORM
    connector: ClassVar[type[Transform[Any]]]

    cases: ClassVar[Sequence[JsonObject]] = ()
    """The manifest's `tests.cases`: `{name, config, input: event, output: [events]}`.

    An event is JSON: `{stream, data, event_type, ...}`, all optional. Of an output, stream, event
    type and data are compared, and whatever else the case names.
    """

    def sample_events(self) -> list[SourceEvent]:
        """Return events of every form, for the tests that compare no values."""
        row = {"id": 1, "name": "one", "nested": {"x": [1, None]}}
        return [
            SourceEvent.record("contract_sample", dict(row)),
            SourceEvent.insert("contract_sample", dict(row)),
            SourceEvent.update("contract_sample", dict(row), {**row, "name": "two"}),
            SourceEvent.delete("contract_sample", dict(row)),
            *(SourceEvent.record("contract_sample", odd) for odd in _ODD),
        ]

    @contract_test
    async def test_every_case_gives_its_output(self) -> None:
        """Each case of the manifest gives exactly the events that it names, in order."""
        problems = []
        for index, case in enumerate(self.cases):
            config = self.connector.validate_config(case.get("config", {}))
            async with opened(self.connector(), config) as transform:
                found = await apply_transform(transform, config, event_of(case["input"]))
            expected = case["output"]
            difference = _difference(found, expected)
            if difference:
                problems.append(f"case {case.get('name', index)!r}: {difference}")
        expect(not problems, "\n".join(problems))

    @contract_test
    async def test_output_is_events(self, config: Any) -> None:
        """Whatever the record looks like: events come out, or an exception about that record."""
        async with opened(self.connector(), config) as transform:
            for event in self.sample_events():
                found = await _outcome(transform, config, event) or ()
                expect(all(isinstance(out, SourceEvent) for out in found), f"not events: {found!r}")

    @contract_test
    async def test_same_input_gives_same_output(self, config: Any) -> None:
        """A transform that is declared deterministic is."""
        if self.connector.spec().deterministic:
            first, second = [await self._outcomes(config) for _ in range(2)]
            expect(first == second, f"first {first}, then {second}")

    @contract_test
    async def test_batches_give_what_single_events_give(self, config: Any) -> None:
        """`transform_batch` is a faster `transform`, nothing else."""
        single = await self._outcomes(config)
        events = [e for e, out in zip(self.sample_events(), single, strict=True) if out is not None]
        wanted = [text for out in single for text in out or ()]
        async with opened(self.connector(), config) as transform:
            found = [_text(event) for event in await transform.transform_batch(config, events)]
        expect(found == wanted, f"one by one {wanted}, as a batch {found}")

    async def _outcomes(self, config: Any) -> list[list[str] | None]:
        """Return what becomes of each sample event; None where it is a dead letter."""
        async with opened(self.connector(), config) as transform:
            found = [await _outcome(transform, config, event) for event in self.sample_events()]
        return [None if events is None else [_text(event) for event in events] for events in found]


async def _outcome(
    transform: Transform[Any], config: Any, event: SourceEvent
) -> Sequence[SourceEvent] | None:
    """Return what becomes of an event; None if it would be a dead letter."""
    try:
        return await apply_transform(transform, config, event)
    except RecordError:
        return None
    except ConnectorError:
        raise
    except Exception:  # noqa: BLE001  # any other exception is about the record, says the contract
        return None


def event_of(value: Mapping[str, Json]) -> SourceEvent:
    """Return the event that a manifest's case describes; its stream is `default` if it names none.

    Raises:
        msgspec.ValidationError: the value is no event.
    """
    # A copy, because a transform may change its event in place and the case is used again.
    return msgspec.convert(decode_json(encode_json({"stream": "default", **value})), SourceEvent)


def _difference(found: Sequence[SourceEvent], expected: Sequence[Mapping[str, Json]]) -> str:
    if len(found) != len(expected):
        return f"expected {len(expected)} events, got {len(found)}: {[_text(e) for e in found]}"
    for index, (event, wanted) in enumerate(zip(found, expected, strict=True)):
        named = tuple(dict.fromkeys((*_COMPARED, *wanted)))
        got = _fields(event, named)
        should = _fields(event_of(wanted), named)
        if canonical(got) != canonical(should):
            return f"event {index}: expected {canonical(should)}, got {canonical(got)}"
    return ""


def _fields(event: SourceEvent, names: Sequence[str]) -> JsonObject:
    found = msgspec.to_builtins(event)
    return {name: found[name] for name in names}


def _text(event: SourceEvent) -> str:
    return canonical(_fields(event, _COMPARED))
