"""The helpers of `rivven_connect.transforms`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rivven_connect import transforms as t
from rivven_connect._events import SourceEvent, log_event
from rivven_connect._events import state as state_event


def event(**data: Any) -> SourceEvent:
    return SourceEvent.record("s", data)


CHANGES: list[Callable[[SourceEvent], SourceEvent]] = [
    lambda e: t.rename_field(e, "a", "b"),
    lambda e: t.remove_field(e, "a"),
    lambda e: t.remove_fields(e, ["a", "b"]),
    lambda e: t.keep_only_fields(e, ["z"]),
    lambda e: t.map_field(e, "a", str),
    lambda e: t.set_field(e, "a", 2),
    lambda e: t.add_field(e, "b", 2),
    lambda e: t.copy_field(e, "a", "b"),
    lambda e: t.merge_data(e, {"x": 1}),
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_made_in_place_and_returns_the_event(
    change: Callable[[SourceEvent], SourceEvent],
) -> None:
    given = event(a=1)
    record = given.data
    assert change(given) is given
    assert given.data is record
    assert record != {"a": 1}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("data", [None, 1, "text", [{"a": 1}]])
def test_no_change_touches_a_record_that_is_no_object(
    change: Callable[[SourceEvent], SourceEvent], data: Any
) -> None:
    given = SourceEvent.record("s", data)
    assert change(given).data == data


@pytest.mark.parametrize("change", CHANGES)
def test_no_change_touches_a_control_event(change: Callable[[SourceEvent], SourceEvent]) -> None:
    given = state_event({"a": 1})
    assert change(given).data == {"a": 1}
    assert not t.has_field(log_event("info", "text"), "level")


def test_rename_keeps_the_place_and_replaces_a_namesake() -> None:
    assert list(t.rename_field(event(a=1, b=2, c=3), "a", "c").data.items()) == [("c", 1), ("b", 2)]
    assert t.rename_field(event(b=2), "a", "c").data == {"b": 2}
    assert t.rename_field(event(a=1), "a", "a").data == {"a": 1}


def test_remove_and_keep() -> None:
    assert t.remove_field(event(a=1, b=2), "a").data == {"b": 2}
    assert t.remove_fields(event(a=1, b=2, c=3), ["a", "c", "nope"]).data == {"b": 2}
    assert t.keep_only_fields(event(a=1, b=2, c=3), iter(["b", "nope"])).data == {"b": 2}


def test_set_add_copy_merge_map() -> None:
    assert t.set_field(event(a=1), "a", 2).data == {"a": 2}
    assert t.add_field(event(a=1), "b", None).data == {"a": 1, "b": None}
    assert t.copy_field(event(a=1), "a", "b").data == {"a": 1, "b": 1}
    assert t.copy_field(event(a=1), "nope", "b").data == {"a": 1}
    assert t.merge_data(event(a={"x": 1}), {"a": {"y": 2}}).data == {"a": {"y": 2}}
    assert t.map_field(event(a="x"), "a", str.upper).data == {"a": "X"}
    assert t.map_field(event(a="x"), "nope", str.upper).data == {"a": "x"}


def test_what_is_removed_from_an_update_is_gone_from_both_images() -> None:
    update = SourceEvent.update("s", {"id": 1, "ssn": "old"}, {"id": 1, "ssn": "new"})
    t.remove_field(update, "ssn")
    assert update.data == {"before": {"id": 1}, "after": {"id": 1}}


def test_what_is_added_to_an_update_is_added_to_after() -> None:
    update = SourceEvent.update("s", None, {"id": 1})
    t.set_field(update, "seen", True)
    t.rename_field(update, "id", "key")
    assert update.data == {"before": None, "after": {"key": 1, "seen": True}}
    assert t.get_field(update, "key") == 1


def test_a_delete_is_read_by_what_it_holds() -> None:
    assert t.rename_field(SourceEvent.delete("s", {"id": 1}), "id", "key").data == {"key": 1}


def test_questions_about_fields() -> None:
    found = event(a=None, n={"city": {"name": "Bern"}}, l=[{"x": 1}])
    assert t.has_field(found, "a")
    assert not t.has_field(found, "b")
    assert t.get_field(found, "b", "none") == "none"
    assert t.get_field(found, "a", "none") is None
    assert t.get_nested_field(found, "n.city.name") == "Bern"
    assert t.get_nested_field(found, "n.street.name", "none") == "none"
    assert t.get_nested_field(found, "l.0.x") is None
    assert t.get_nested_field(SourceEvent.record("s", 3), "a") is None


@pytest.mark.parametrize(
    ("stored", "asked", "equal"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (True, 1, False),
        (None, None, True),
        ([1], [1], True),
        ("a", 1, False),
    ],
)
def test_equality_is_that_of_json(stored: Any, asked: Any, equal: bool) -> None:
    assert t.field_equals(event(a=stored), "a", asked) is equal


def test_an_absent_field_equals_nothing() -> None:
    assert not t.field_equals(event(), "a", None)


def test_questions_about_texts() -> None:
    found = event(a="hello", n=5)
    assert t.field_contains(found, "a", "ell")
    assert t.field_starts_with(found, "a", "he")
    assert t.field_ends_with(found, "a", "lo")
    for ask in (t.field_contains, t.field_starts_with, t.field_ends_with):
        assert not ask(found, "n", "5")
        assert not ask(found, "nope", "")
        assert not ask(found, "a", "xyz")
