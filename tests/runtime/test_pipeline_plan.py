"""From a file to a plan: connectors, configs, topics, precedence, guarantees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from block_kit import make_taker
from engine_kit import make_sink, make_source, make_transform, plan_of, registries, rows

from rivven_connect._errors import InputError
from rivven_connect._problems import Problem
from rivven_connect._registry import Registries
from rivven_connect._sink import Sink
from rivven_connect.pipeline import PipelinePlan, explain

TEXT = """version: "1.0"
sources:
  a: {connector: src}
sinks:
  z: {connector: dst, topics: [a]}
"""


def known(source: dict[str, Any] | None = None, sink: dict[str, Any] | None = None) -> Registries:
    src, _ = make_source(rows([]), **(source or {}))
    dst, _ = make_sink(**(sink or {}))
    same = make_transform(lambda one: one)
    dice = make_transform(lambda one: one, deterministic=False)
    return registries({"src": src}, {"dst": dst}, {"same": same, "dice": dice})


def plan(folder: Path, text: str = TEXT, found: Registries | None = None) -> PipelinePlan:
    return plan_of(folder, found or known(), text)


def problems(folder: Path, text: str, found: Registries | None = None) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        plan(folder, text, found)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("connector: src", "connector: scr", "RVN701", 3),
        ("connector: dst", "connector: ./gone", "RVN705", 5),
        ("connector: src", "connector: src, transforms: [{transform: none}]", "RVN701", 3),
        ("connector: src", "connector: src, config: {extra: 1}", "RVN603", 3),
        ("connector: src", 'connector: src, config: {extra: "${env:RIVVEN_UNSET}"}', "RVN610", 3),
        ("topics: [a]", "topics: [a, b]", "RVN716", 5),
        ("connector: src", "connector: src, topic: b", "RVN717", 3),
        ("connector: src", "connector: src, enabled: false", "RVN714", 2),
        ("topics: [a]", "topics: [a], on_error: dead_letter", "RVN718", 5),
        ("topics: [a]", "topics: [a], delivery: upsert", "RVN719", 5),
        ("topics: [a]", "topics: [a], mode: upsert", "RVN719", 5),
        ("topics: [a]", "topics: [a], mode: overwrite", "RVN719", 5),
    ],
)
def test_mistakes_are_named_at_their_place(
    tmp_path: Path, old: str, new: str, code: str, line: int
) -> None:
    found = problems(tmp_path, TEXT.replace(old, new))
    assert (code, line) in {(one.code, one.line) for one in found}, [p.render() for p in found]


def test_a_mode_that_is_not_offered_names_those_that_are(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, TEXT.replace("topics: [a]", "topics: [a], mode: overwrite"))
    assert problem.message == "dst does not offer mode: overwrite"
    assert problem.hint == "it offers append"


def test_an_unknown_config_key_is_marked_at_the_key(tmp_path: Path) -> None:
    text = TEXT.replace(
        "{connector: src}", "\n    connector: src\n    config:\n      extra: value-x"
    )
    (problem,) = problems(tmp_path, text)
    assert (problem.code, problem.line, problem.column) == ("RVN603", 6, 7)
    assert "value-x" not in problem.render()


def test_disabled_connectors_are_not_loaded(tmp_path: Path) -> None:
    text = TEXT + "  gone: {connector: not-installed, topics: [a], enabled: false}\n"
    assert [one.name for one in plan(tmp_path, text).sinks] == ["z"]


def test_retry_is_merged_key_by_key(tmp_path: Path) -> None:
    found = known(sink={"runtime": {"retry": {"max_retries": 7, "initial_backoff_ms": 70}}})
    text = TEXT.replace("topics: [a]", "topics: [a], retry: {max_retries: 1}")
    text += "settings: {retry: {max_retries: 5, initial_backoff_ms: 50, max_backoff_ms: 500}}\n"
    made = plan(tmp_path, text, found)
    sink, source = made.sinks[0].retry, made.sources[0].retry
    assert (sink.max_retries, sink.initial_backoff_ms, sink.max_backoff_ms) == (1, 70, 500)
    assert (source.max_retries, source.initial_backoff_ms) == (5, 50)
    assert plan(tmp_path).sources[0].retry.max_retries == 10


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    text = TEXT.replace("topics: [a]", "topics: [a], dead_letter: {path: dlq/z.jsonl}")
    made = plan(tmp_path, text)
    assert made.sinks[0].dead_letter is not None
    assert made.sinks[0].dead_letter.path == tmp_path / "dlq" / "z.jsonl"
    assert made.state_dir == tmp_path / ".rivven-state"
    assert made.sinks[0].on_error == "dead_letter"
    assert made.sources[0].on_error == "stop"


UPSERT = {"delivery": ("at_least_once", "upsert")}
STABLE = {"position": "stable"}


@pytest.mark.parametrize(
    ("source", "sink", "change", "level", "reason"),
    [
        ({}, {}, ("", ""), "L1", "appends"),
        (STABLE, UPSERT, ("", ""), "L2", "upserts by key"),
        ({}, UPSERT, ("", ""), "L1", "stable positions"),
        (STABLE, UPSERT, ("topics: [a]", "topics: [a], mode: append"), "L1", "appends"),
        (
            STABLE,
            UPSERT,
            ("topics: [a]", "topics: [a], transforms: [{transform: dice}]"),
            "L1",
            "not deterministic",
        ),
        (STABLE, UPSERT, ("topics: [a]", "topics: [a], transforms: [{transform: same}]"), "L2", ""),
        ({"replayable": False}, {}, ("", ""), "L0", "cannot read"),
        (STABLE, UPSERT, ("topics: [a]", "topics: [a], on_error: drop"), "L0", "on_error: drop"),
    ],
)
def test_the_level_of_a_path_is_that_of_its_weakest_part(
    tmp_path: Path,
    *,
    source: dict[str, Any],
    sink: dict[str, Any],
    change: tuple[str, str],
    level: str,
    reason: str,
) -> None:
    made = plan(tmp_path, TEXT.replace(*change), known(source, sink))
    (path,) = explain(made)
    assert (path.source, path.sink, path.level) == ("a", "z", level)
    assert reason in path.render()


def test_the_strongest_delivery_that_this_engine_has_is_the_default(tmp_path: Path) -> None:
    found = known(sink={"delivery": ("at_least_once", "upsert", "transactional")})
    made = plan(tmp_path, TEXT, found)
    assert (made.sinks[0].delivery, made.sinks[0].mode) == ("upsert", "upsert")


ARROW = make_taker("arrow")[0]
JSON = make_taker("json")[0]
ROWS = make_sink()[0]


@pytest.mark.parametrize(
    ("sinks", "change", "said"),
    [
        ((ARROW,), ("", ""), ["z takes Arrow; columns pass through untouched"]),
        ((ROWS,), ("", ""), ["z takes rows; columns become rows when they are read"]),
        ((JSON,), ("", ""), ["z takes JSON, which is made once"]),
        (
            (ARROW, JSON),
            ("", ""),
            ["z takes Arrow; columns pass", "for all sinks; columns become rows for y"],
        ),
        (
            (ARROW, ROWS),
            ("topics: [a]", "topics: [a], transforms: [{transform: same}]"),
            ["columns become rows for transform same of z", "when they are read"],
        ),
        (
            (ARROW,),
            ("connector: src", "connector: src, streams: [{name: s, fields: [id], validate: true}]"),
            ["rows for validate of stream s, fields of stream s, and columns again"],
        ),
        (
            (ARROW,),
            ("connector: src", "connector: src, transforms: [{transform: same}]"),
            ["rows for transform same of a"],
        ),
    ],
)  # fmt: skip
def test_a_path_says_where_columns_become_rows(
    tmp_path: Path, sinks: Sequence[type[Sink[Any]]], change: tuple[str, str], said: Sequence[str]
) -> None:
    blocks = {"z": "z: {connector: z, topics: [a]}", "y": "y: {connector: y, topics: [a]}"}
    names = list(blocks)[: len(sinks)]
    text = f"""version: "1.0"
sources: {{a: {{connector: src}}}}
sinks: {{{", ".join(blocks[name] for name in names)}}}
"""
    made = registries(
        {"src": make_source(rows(()))[0]},
        dict(zip(names, sinks, strict=True)),
        {"same": make_transform(lambda one: one)},
    )
    paths = explain(plan_of(tmp_path, made, text.replace(*change, 1) if change[0] else text))
    for path, part in zip(paths, said, strict=True):
        assert part in path.records
        assert path.to_dict()["records"] == path.records
