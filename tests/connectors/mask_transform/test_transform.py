from __future__ import annotations

import copy
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rivven_connect import EventMetadata, Json, SourceEvent
from rivven_connect.connectors.mask_transform import MaskTransform
from rivven_connect.connectors.mask_transform._generated import MaskTransformConfig
from rivven_connect.connectors.mask_transform.masking import make_mask

SALT = "not-a-real-salt-0"
MODES: list[dict[str, Json]] = [
    {"mode": "redact"},
    {"mode": "hash", "salt": SALT},
    {"mode": "partial"},
    {"mode": "set_null"},
]


async def mask(event: SourceEvent | Json, **values: Any) -> SourceEvent:
    """Return the masked event; the given one must stay as it was."""
    if not isinstance(event, SourceEvent):
        event = SourceEvent.record("s", event)
    before = copy.deepcopy(event)
    config = MaskTransformConfig.parse(values)
    transform = MaskTransform()
    await transform.open(config)
    out = transform.transform(config, event)
    assert isinstance(out, SourceEvent)
    assert event == before
    return out


def mask_of(**values: Json) -> Any:
    return make_mask(MaskTransformConfig.parse({"fields": ["x"], **values}))


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: str(mode["mode"]))
async def test_nothing_of_a_masked_field_is_left_in_the_event(mode: dict[str, Json]) -> None:
    clear = "ann.lovelace@example.com"
    image = {
        "email": clear,
        "nested": {"email": {"address": clear}},
        "nested.email": clear,
        "list": [{"email": clear}, [{"email": [clear]}]],
    }
    fields = ["email", "nested.email", "list.email"]
    metadata = EventMetadata(extra=copy.deepcopy(image))
    for event in (
        SourceEvent.record("s", image),
        SourceEvent.insert("s", image),
        SourceEvent.update("s", image, copy.deepcopy(image)),
        SourceEvent.delete("s", image),
        SourceEvent.record("s", None),
    ):
        event.metadata = metadata
        assert clear not in repr(await mask(event, fields=fields, **mode))


async def test_what_is_not_named_stays() -> None:
    out = await mask({"a": 1, "b": {"c": 2, "d": [3]}, "e": [{"c": 4}]}, fields=["b.c"])
    assert out.data == {"a": 1, "b": {"c": "***", "d": [3]}, "e": [{"c": 4}]}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_value_is_refused(value: Json) -> None:
    for mode in MODES:
        masked = mask_of(**mode)(value)
        assert masked is None or isinstance(masked, str)
        assert (masked is None) is (value is None or mode["mode"] == "set_null")


def test_values_without_json_are_hidden_as_well() -> None:
    for mode in MODES:
        assert mask_of(**mode)(object()) in {"***", None}
    assert mask_of(mode="hash", salt=SALT)("\ud800") == "***"


def test_a_hash_is_the_hmac_of_the_text_or_the_sorted_json() -> None:
    mask = mask_of(mode="hash", salt=SALT)
    for value, raw in (
        (" é ", " é ".encode()),
        (12, b"12"),
        ({"b": 1, "a": [None]}, b'{"a":[null],"b":1}'),
    ):
        assert mask(value) == hmac.new(SALT.encode(), raw, hashlib.sha256).hexdigest()
    assert mask_of(mode="hash", salt=SALT + "1")("a") != mask("a")


@pytest.mark.parametrize(
    ("value", "first", "last", "shown"),
    [
        ("12345678", 2, 2, "12***78"),
        ("1234", 1, 1, "1***4"),
        ("123", 1, 1, "***"),
        ("1234", 0, 2, "***34"),
        ("1234", 2, 0, "12***"),
        ("1234", 0, 0, "***"),
        ("", 0, 4, "***"),
        (12345678, 0, 4, "***5678"),
        (True, 0, 1, "***"),
        (["1234"], 0, 1, "***"),
    ],
)
def test_at_least_as_much_stays_hidden_as_is_shown(
    value: Json, first: int, last: int, shown: str
) -> None:
    assert mask_of(mode="partial", keep_first=first, keep_last=last)(value) == shown


def test_the_salt_does_not_show() -> None:
    config = MaskTransformConfig.parse({"fields": ["x"], "mode": "hash", "salt": SALT})
    assert SALT not in repr(config) + str(config.dump())
