from __future__ import annotations

import copy
from typing import Any

import pytest

from rivven_connect import InputError, Json, RecordError, SourceEvent
from rivven_connect.connectors.route_transform import RouteTransform
from rivven_connect.connectors.route_transform._generated import RouteTransformConfig


async def route(
    event: SourceEvent, *routes: dict[str, Json], **more: Any
) -> tuple[str | None, str]:
    """Return namespace and stream of the routed event; everything else must stay."""
    before = copy.deepcopy(event)
    config = RouteTransformConfig.parse({"routes": list(routes), **more})
    transform = RouteTransform()
    await transform.open(config)
    out = transform.transform(config, event)
    assert isinstance(out, SourceEvent)
    assert event == before
    found = (out.namespace, out.stream)
    rest = copy.deepcopy(out)
    rest.namespace, rest.stream = event.namespace, event.stream
    assert rest == event
    return found


def of(stream: str, namespace: str | None = None, **data: Json) -> SourceEvent:
    return SourceEvent(
        stream=stream, namespace=namespace, data=data, position=5, state={"last": 5}, sub_index=2
    )


async def test_names_match_alone_and_behind_the_namespace() -> None:
    event = of("orders", "public")
    for pattern in ("^orders$", r"^public\.orders$", "c.o"):
        assert await route(event, {"pattern": pattern, "stream": "x"}) == ("public", "x")
    for pattern in ("^public$", "^Orders$", "z"):
        assert await route(event, {"pattern": pattern, "stream": "x"}) == ("public", "orders")


async def test_placeholders_are_filled_once() -> None:
    event = of("{namespace}", "{stream}")
    rule = {"pattern": "", "stream": "{namespace}-{stream}", "namespace": "{stream}"}
    assert await route(event, rule) == ("{namespace}", "{stream}-{namespace}")


@pytest.mark.parametrize(("value", "taken"), [(1, True), (1.0, True), (True, False), ("1", False)])
async def test_values_are_equal_as_json(value: Json, taken: bool) -> None:
    found = await route(of("s", a=value), {"field": "a", "value": 1, "stream": "x"})
    assert found == (None, "x" if taken else "s")


async def test_null_is_a_value_and_missing_is_none() -> None:
    rule = {"field": "a", "value": None, "stream": "x"}
    assert await route(of("s", a=None), rule) == (None, "x")
    assert await route(of("s"), rule, default_stream="rest") == (None, "rest")


async def test_a_pattern_on_a_field_takes_texts_alone() -> None:
    rule = {"field": "a.b", "pattern": "1", "stream": "x"}
    assert await route(of("s", a={"b": "010"}), rule) == (None, "x")
    values: list[Json] = [1, None, ["1"], {}]
    for value in values:
        assert await route(of("s1", a={"b": value}), rule) == (None, "s1")


async def test_a_name_that_cannot_be_is_the_records_fault() -> None:
    rule = {"pattern": "", "stream": "{namespace}_{stream}"}
    with pytest.raises(RecordError, match="needs a namespace"):
        await route(of("s"), rule)
    with pytest.raises(RecordError, match="name of 256 characters"):
        await route(of("s" * 254, "n"), rule)
    assert await route(of("s" * 253, "n"), rule) == ("n", "n_" + "s" * 253)


@pytest.mark.parametrize("name", ["", ".a", "..", "a/b", "a b", "{table}", "{stream", "é", "a\n"])
async def test_names_that_are_none_are_refused_at_the_start(name: str) -> None:
    for problem in (
        {"routes": [{"pattern": "a", "stream": name}]},
        {"routes": [{"pattern": "a", "stream": "b", "namespace": name}]},
        {"routes": [{"pattern": "a", "stream": "b"}], "default_stream": name},
    ):
        with pytest.raises(InputError):
            RouteTransformConfig.parse(problem)


async def test_no_pattern_is_catastrophic() -> None:
    """A matcher that tries one way after the other would not end."""
    rule = {"field": "a", "pattern": "^(a+)+$b", "stream": "x"}
    assert await route(of("s", a="a" * 50_000), rule) == (None, "s")


async def test_control_events_stay() -> None:
    log = SourceEvent.log("info", "half way")
    assert await route(log, {"pattern": "", "stream": "x"}) == (None, "_log")
