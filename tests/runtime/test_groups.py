"""Which sources and sinks share a process, and how workers divide the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_kit import make_sink, make_source, plan_of, registries, rows

from rivven_connect.config import SinkConfig, Text
from rivven_connect.pipeline import PipelinePlan
from rivven_connect.pipeline.groups import groups_of, render_shares, shares_of


class PlaceConfig(SinkConfig):
    path: Text = ""


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"path": {"type": "string", "x-rivven-identity": True}},
}


def plan(folder: Path, sources: str, sinks: str, workers: int = 2) -> PipelinePlan:
    source, _ = make_source(rows([]))
    place, _ = make_sink()
    place.config_type = PlaceConfig
    real = place.spec()
    place.spec = classmethod(  # type: ignore[assignment]  # a spec with an identity field
        lambda _: type(real)(
            connector_type="dst", version="1", kind=real.kind, config_schema=SCHEMA
        )
    )
    mute, _ = make_sink()
    known = registries({"src": source}, {"dst": place, "mute": mute})
    text = (
        f'version: "1.0"\nsources: {{{sources}}}\nsinks: {{{sinks}}}\n'
        f"settings: {{workers: {workers}}}\n"
    )
    return plan_of(folder, known, text)


def sinks_at(*places: str, topics: str = "abcdefgh") -> str:
    return ", ".join(
        f"s{number}: {{connector: dst, topics: [{topics[number]}], config: {{path: {place}}}}}"
        for number, place in enumerate(places)
    )


ABC = "a: {connector: src}, b: {connector: src}, c: {connector: src}"


def members(found: PipelinePlan) -> list[tuple[str, str]]:
    return [(" ".join(one.sources), " ".join(one.sinks)) for one in groups_of(found)]


def test_a_source_with_a_sink_of_its_own_is_a_group(tmp_path: Path) -> None:
    found = plan(tmp_path, ABC, sinks_at("x", "y", "z"), workers=3)
    assert members(found) == [("a", "s0"), ("b", "s1"), ("c", "s2")]
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("sources", "sinks", "expected", "reason"),
    [
        (
            ABC,
            sinks_at("x", "y") + ", t: {connector: dst, topics: [a, c], config: {path: z}}",
            [("a c", "s0 t"), ("b", "s1")],
            "t receives from a and c",
        ),
        (
            "a: {connector: src, topic: one}, b: {connector: src}, c: {connector: src, topic: one}",
            (
                "s0: {connector: dst, topics: [one], config: {path: x}}, "
                "s1: {connector: dst, topics: [b], config: {path: y}}"
            ),
            [("a c", "s0"), ("b", "s1")],
            "s0 receives from a and c",
        ),
        (
            ABC,
            sinks_at("x", "y", "x"),
            [("a c", "s0 s2"), ("b", "s1")],
            "s0 and s2 write to the same place",
        ),
        (
            ABC,
            (
                "s0: {connector: mute, topics: [a]}, s1: {connector: dst, topics: [b], config: {path: y}}, "
                "s2: {connector: mute, topics: [c]}"
            ),
            [("a c", "s0 s2"), ("b", "s1")],
            "no field of scripted is marked",
        ),
        (
            (
                "a: {connector: src, dead_letter: {path: d/one.jsonl}}, b: {connector: src}, "
                "c: {connector: src, dead_letter: {path: d/../d/one.jsonl}}"
            ),
            sinks_at("x", "y", "z"),
            [("a c", "s0 s2"), ("b", "s1")],
            "a and c keep dead letters in one file, one.jsonl",
        ),
        (
            (
                "a: {connector: src}, b: {connector: src}, "
                "c: {connector: src, dead_letter: {path: one.jsonl}}"
            ),
            sinks_at("x", "y", "z").replace("path: x}", "path: x}, dead_letter: {path: one.jsonl}"),
            [("a c", "s0 s2"), ("b", "s1")],
            "c and s0 keep dead letters in one file",
        ),
    ],
    ids=["fan-in", "topic", "place", "unknown place", "letters", "letters of both kinds"],
)
def test_what_is_shared_is_never_divided_and_the_warning_says_what_it_is(
    tmp_path: Path, sources: str, sinks: str, expected: list[tuple[str, str]], reason: str
) -> None:
    found = plan(tmp_path, sources, sinks, workers=3)
    assert members(found) == expected
    (warning,) = found.warnings
    assert (warning.code, warning.severity, warning.line) == ("RVN715", "warning", 4)
    assert reason in warning.message
    assert "of 3 workers 2 will be used" in warning.message
    assert "a sink of its own" in warning.hint
    assert any(reason in line for line in render_shares(found))


def test_a_chain_of_ties_is_one_group(tmp_path: Path) -> None:
    sinks = (
        "p: {connector: dst, topics: [a, b], config: {path: x}}, "
        "q: {connector: dst, topics: [c, b], config: {path: y}}"
    )
    found = plan(tmp_path, ABC, sinks)
    assert members(found) == [("a b c", "p q")]
    assert len(shares_of(found)) == 1
    assert list(render_shares(found)) == ["one process runs all sources"]


def test_nothing_to_divide_is_no_fault_of_a_sink(tmp_path: Path) -> None:
    (warning,) = plan(tmp_path, "a: {connector: src}", sinks_at("x")).warnings
    assert "set workers: 1" in warning.hint


def test_a_sink_whose_sources_are_disabled_runs_somewhere(tmp_path: Path) -> None:
    sources = ABC.replace("c: {connector: src}", "c: {connector: src, enabled: false}")
    found = plan(tmp_path, sources, sinks_at("x", "y", "z"))
    assert members(found) == [("a", "s0 s2"), ("b", "s1")]


def test_workers_get_about_as_many_sources_each_and_always_the_same(tmp_path: Path) -> None:
    sources = ", ".join(f"{name}: {{connector: src}}" for name in "abcdefgh")
    sinks = (
        "p: {connector: dst, topics: [c, d, e], config: {path: p}}, "
        "q: {connector: dst, topics: [g, h], config: {path: q}}, "
        + ", ".join(
            f"s{name}: {{connector: dst, topics: [{name}], config: {{path: {name}}}}}"
            for name in "abf"
        )
    )
    found = plan(tmp_path, sources, sinks, workers=2)
    shares = [[" ".join(group.sources) for group in share] for share in shares_of(found)]
    assert shares == [["c d e", "b"], ["g h", "a", "f"]]
    assert found.warnings == ()


def test_a_part_has_its_part_of_the_memory(tmp_path: Path) -> None:
    whole = plan(tmp_path, ABC, sinks_at("x", "y", "z"))
    part = whole.part({"a", "c"}, {"s0", "s2"})
    assert [one.name for one in part.sources] == ["a", "c"]
    assert [one.name for one in part.sinks] == ["s0", "s2"]
    each = whole.settings.queue_bytes // 3
    assert part.settings.queue_bytes == 2 * each
    assert part.summary().sources.keys() == {"a", "c"}


def test_one_worker_is_not_looked_at(tmp_path: Path) -> None:
    assert plan(tmp_path, ABC, sinks_at("x", "x", "x"), workers=1).warnings == ()
