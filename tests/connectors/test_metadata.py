"""What `rivven connectors` shows of each built-in, which is how somebody finds it."""

from __future__ import annotations

import re

import pytest

from rivven_connect._installed import Located, installed

BUILT_IN = [one for one in installed() if one.distribution == "rivven-connect"]
CATEGORIES = {"source": {"api", "database", "file", "storage", "stream", "utility"}}
CATEGORIES["sink"] = CATEGORIES["source"] | {"messaging", "warehouse", "lakehouse"}
CATEGORIES["transform"] = {"utility"}


@pytest.mark.parametrize("one", BUILT_IN, ids=lambda one: f"{one.kind}-{one.name}")
def test_a_built_in_can_be_found(one: Located) -> None:
    spec = one.spec()
    title, description = spec.get("title") or "", spec.get("description") or ""
    assert title, "no title"
    assert title != one.name, "the title says no more than the name"
    assert 20 <= len(description) <= 140, "a description is one line that says what it does"
    assert description.endswith(".")
    assert spec.get("category") in CATEGORIES[one.kind]
    tags = spec.get("tags") or []
    assert tags, "no tags"
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", tag) for tag in tags)
    assert len(set(tags)) == len(tags)
    assert one.name not in tags, "the search looks at the name anyway"


def test_a_source_and_a_sink_of_one_name_are_of_one_category() -> None:
    by_name: dict[str, set[str]] = {}
    for one in BUILT_IN:
        if one.kind != "transform":
            by_name.setdefault(one.name, set()).add(str(one.spec().get("category")))
    assert {name: found for name, found in by_name.items() if len(found) > 1} == {}


def test_there_are_the_ones_that_people_reach_for_first() -> None:
    found = {(one.kind, one.name) for one in BUILT_IN}
    both = {
        (kind, name)
        for kind in ("source", "sink")
        for name in ("csv", "jsonl", "parquet", "sqlite")
    }
    assert found >= both | {("sink", "stdout"), ("source", "datagen")}
