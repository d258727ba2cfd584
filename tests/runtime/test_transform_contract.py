"""The contract class of transforms: good ones pass, and each planted bug turns its test red."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from contract_kit import failures, outcomes, spec

from rivven_connect._errors import HookMissing
from rivven_connect._events import SourceEvent
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._transform import Transform, Transformed
from rivven_connect.testing import MockConfig, TransformContract


class Upper(Transform[MockConfig]):
    """A good transform."""

    config_type = MockConfig

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return spec(ConnectorKind.TRANSFORM)

    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        if isinstance(event.data, dict) and "name" in event.data:
            event.data["name"] = event.data["name"].upper()
        return event


CASES = [
    {
        "name": "upper",
        "config": {},
        "input": {"stream": "s", "data": {"name": "a", "n": 1}},
        "output": [{"stream": "s", "data": {"n": 1, "name": "A"}}],
    },
    {
        "name": "a change keeps its type",
        "config": {},
        "input": {"event_type": "delete", "data": {"name": "a"}},
        "output": [{"event_type": "delete", "data": {"name": "A"}}],
    },
]


def transform_contract(transform: type[Transform[Any]]) -> TransformContract:
    values = {"connector": transform, "cases": CASES}
    contract: TransformContract = type("TestContract", (TransformContract,), values)()
    return contract


def test_a_good_transform_passes_everything() -> None:
    found = outcomes(transform_contract(Upper))
    assert {name for name, text in found.items() if text != "passed"} == {
        "test_spec_equals_generated_file"
    }


class Shouts(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        super().transform(config, event)
        if isinstance(event.data, dict):
            event.data["name"] = "A!"
        return event


class Drops(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        return None


class ChangesType(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        super().transform(config, event)
        return SourceEvent.record(event.stream, event.data)


class TrueForOne(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        super().transform(config, event)
        if isinstance(event.data, dict) and event.data.get("n") == 1:
            event.data["n"] = True
        return event


class ReturnsDict(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        wrong: Any = event.data
        return wrong  # type: ignore[no-any-return]  # the planted bug


class Counts(Upper):
    number = itertools.count()

    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        if event.stream == "contract_sample" and isinstance(event.data, dict):
            event.data["number"] = next(self.number)
        return super().transform(config, event)


class ReversesBatches(Upper):
    async def transform_batch(
        self, config: MockConfig, events: Sequence[SourceEvent]
    ) -> list[SourceEvent]:
        return (await super().transform_batch(config, events))[::-1]


BY_CASE = "test_every_case_gives_its_output"


@pytest.mark.parametrize(
    ("transform", "red", "says"),
    [
        (Shouts, {BY_CASE}, "'upper': event 0"),
        (Drops, {BY_CASE}, "expected 1 events, got 0"),
        (ChangesType, {BY_CASE}, "delete"),
        (TrueForOne, {BY_CASE}, "true"),
        (
            Counts,
            {
                "test_same_input_gives_same_output",
                "test_batches_give_what_single_events_give",
            },
            "number",
        ),
        (ReversesBatches, {"test_batches_give_what_single_events_give"}, "as a batch"),
    ],
)
def test_a_planted_bug_in_a_transform_is_found(
    transform: type[Transform[Any]], red: set[str], says: str
) -> None:
    found = failures(transform_contract(transform))
    assert set(found) == red
    assert all(says in text for text in found.values()), found


def test_a_transform_that_returns_no_events_is_found() -> None:
    assert "not dict" in failures(transform_contract(ReturnsDict))["test_output_is_events"]


class UnwrittenTransform(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        raise HookMissing("transform")


def test_an_unwritten_transform_is_an_expected_failure() -> None:
    found = outcomes(transform_contract(UnwrittenTransform))
    assert {text for text in found.values() if text.startswith("xfailed")} == {
        "xfailed: not written yet: transform"
    }
    assert found[BY_CASE].startswith("xfailed")


class Fussy(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        event.data["name"] = event.data["name"].upper()
        return event


def test_a_transform_may_raise_about_a_record_that_it_cannot_take() -> None:
    assert failures(transform_contract(Fussy)) == {}
