"""State, as a source sees it."""

from __future__ import annotations

import pytest

from rivven_connect._errors import ConnectorError, ErrorKind
from rivven_connect._state import State, StreamState


def test_the_guides_form_of_resuming() -> None:
    state = State({"my_stream": {"cursor": "abc"}})
    stream = state.get_stream_state("my_stream")
    assert stream is not None
    assert stream.get("cursor", str) == "abc"
    assert state.get_stream_state("other") is None


def test_an_absent_key_is_none_or_the_default() -> None:
    stream = StreamState("s")
    assert stream.get("cursor") is None
    assert stream.get("cursor", str) is None
    assert stream.get("cursor", int, 7) == 7


@pytest.mark.parametrize(
    ("value", "type_"), [("5", int), (5, str), (1.5, int), (None, int), (True, int)]
)
def test_a_value_of_another_type_is_an_error_never_no_state(value: object, type_: type) -> None:
    """Regression: the original says None, which silently reads everything again."""
    stream = StreamState("orders", {"cursor": value})
    with pytest.raises(ConnectorError, match="'orders' holds 'cursor'") as caught:
        stream.get("cursor", type_)
    assert caught.value.kind is ErrorKind.STATE


def test_a_default_stands_in_for_a_value_of_another_type() -> None:
    assert StreamState("s", {"cursor": "x"}).get("cursor", int, 3) == 3


def test_typed_getters() -> None:
    stream = StreamState("s", {"cursor": 5, "tags": ["a"]})
    assert stream.cursor_as(int) == 5
    assert stream.get("tags", list[str]) == ["a"]
    assert stream.get_data_as("tags", list) == ["a"]
    with pytest.raises(ConnectorError):
        stream.cursor_as(str)


def test_the_cursor_of_a_stream() -> None:
    stream = StreamState("s")
    assert not stream.has_cursor()
    stream.set_cursor("at", 5)
    assert (stream.cursor(), stream.cursor_field, stream.cursor_value) == (("at", 5), "at", 5)
    assert stream.has_cursor()
    assert not stream.has_data()
    stream.clear_cursor()
    assert (stream.has_cursor(), stream.to_json()) == (False, {})


def test_the_data_of_a_stream() -> None:
    stream = StreamState("s")
    stream.set_data("page", 3)
    assert (stream.get_data("page"), stream.get_data("nope"), stream.has_data()) == (3, None, True)
    assert (stream.remove_data("page"), stream.remove_data("page")) == (3, None)
    stream.data["x"] = 1
    assert stream.to_json() == {"x": 1}


def test_a_state_of_many_streams() -> None:
    state = State()
    assert state.is_empty()
    state.get_or_create_stream("a").set_data("x", 1)
    state.set_stream(StreamState("b", {"y": 2}))
    state.update_cursor("c", "at", 9)
    assert state.stream_names() == ["a", "b", "c"]
    assert {stream.stream_name for stream in state} == {"a", "b", "c"}
    assert state.remove_stream("b") == StreamState("b", {"y": 2})
    assert state.remove_stream("b") is None
    state.clear()
    assert state.is_empty()


def test_the_global_state() -> None:
    state = State()
    state.set_global("a", 1)
    state.set_global_from({"b": "x"})
    assert (state.get_global("a"), state.get_global("nope")) == (1, None)
    assert (state.get_global_as("b", str), state.get_global_as("nope", str)) == ("x", None)
    assert not state.is_empty()
    with pytest.raises(ConnectorError):
        state.get_global_as("b", int)


def test_merging_replaces_whole_streams() -> None:
    state = State({"a": {"x": 1}, "b": {"y": 1}}, {"g": 1, "h": 1})
    state.merge(State({"a": {"z": 2}}, {"g": 2}))
    assert state == State({"a": {"z": 2}, "b": {"y": 1}}, {"g": 2, "h": 1})


def test_a_state_survives_json() -> None:
    state = State({"a": {"cursor": 1}, "b": {}}, {"g": [1]})
    assert State.from_json(state.to_json()) == state
    assert state.to_json() == {"a": {"cursor": 1}, "b": {}, "_state": {"g": [1]}}
    assert State.from_json({}).is_empty()


@pytest.mark.parametrize("value", [[], {"a": 1}, {"a": None}, "text"])
def test_what_is_no_state_is_refused(value: object) -> None:
    with pytest.raises(ConnectorError) as caught:
        State.from_json(value)
    assert caught.value.kind is ErrorKind.STATE


def test_states_do_not_share_their_objects() -> None:
    given = {"a": {"x": 1}}
    state = State(given)
    state.get_or_create_stream("a").set_data("x", 2)
    state.to_json()["a"]["x"] = 3
    assert given == {"a": {"x": 1}}
    assert state.to_json() == {"a": {"x": 2}}


def test_repr_names_keys_and_no_values() -> None:
    assert repr(StreamState("s", {"cursor": "2026-private"})) == "StreamState('s', ['cursor'])"
    assert repr(State({"s": {}})) == "State(['s'])"
