"""The grammar of pipeline files: every mistake has its code, its place and its fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rivven_connect._errors import InputError
from rivven_connect._problems import Problem
from rivven_connect.pipeline import LoadedPipeline, load_pipeline, pipeline_schema

GOOD = """version: "1.0"
sources:
  shop:
    connector: postgres-cdc
    topic: shop
    streams: [public.orders, {name: public.customers, mode: full_refresh, fields: [id, name]}]
    config: {connection_string: "${env:SHOP_DSN}"}
    transforms: [{transform: mask, config: {fields: [email]}, when: {streams: [public.customers]}}]
sinks:
  lake:
    connector: s3
    topics: [shop]
    config: {bucket: lake, format: parquet}
    dead_letter: {path: dlq/lake.jsonl}
settings:
  queue_bytes: 32 MiB
  retry: {max_retries: 2}
"""


def load(folder: Path, text: str) -> LoadedPipeline:
    path = folder / "pipeline.yaml"
    path.write_text(text, encoding="utf-8")
    return load_pipeline(path)


def problems(folder: Path, text: str) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        load(folder, text)
    return list(caught.value.problems)


def test_the_documented_example_parses(tmp_path: Path) -> None:
    file = load(tmp_path, GOOD).file
    assert [one.name for one in file.sources["shop"].streams or ()] == [
        "public.orders",
        "public.customers",
    ]
    assert file.settings.queue_bytes == 32 * 2**20
    assert file.settings.max_in_flight == 10_000
    assert file.sinks["lake"].dead_letter is not None


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "text"),
    [
        ("topics: [shop]", "topcs: [shop]", "RVN710", 12, "topics"),
        (
            "    topics: [shop]\n",
            "    topics: [shop]\n    path: a\n",
            "RVN710",
            13,
            "below `config`",
        ),
        ("settings:", "setings:", "RVN710", 15, "settings"),
        ("mode: full_refresh", "mod: full_refresh", "RVN710", 6, "mode"),
        ("when: {streams", "when: {strems", "RVN710", 8, "streams"),
        ("{max_retries: 2}", "{max_retrys: 2}", "RVN710", 17, "max_retries"),
        ('"1.0"', "1.0", "RVN713", 1, '"1.0"'),
        ('"1.0"', '"9"', "RVN713", 1, '"1.0"'),
        ("mode: full_refresh", "mode: sometimes", "RVN712", 6, "full_refresh"),
        ("{max_retries: 2}", "{max_retries: two}", "RVN712", 17, "whole number"),
        ("32 MiB", "32 apples", "RVN712", 16, "64 MiB"),
        ("[shop]", "[]", "RVN712", 12, "at least 1 item"),
        ("[shop]", "shop", "RVN712", 12, "a listwrite topics: [NAME], the topics of sources"),
        ("    topics: [shop]\n", "", "RVN711", 11, "write topics: [NAME]"),
        ('version: "1.0"\n', "", "RVN711", 1, 'write version: "1.0"'),
        ("  shop:\n", '  "a b":\n', "RVN712", 3, "letters"),
    ],
)
def test_mistakes_are_named_at_their_place(
    tmp_path: Path, *, old: str, new: str, code: str, line: int, text: str
) -> None:
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    matching = [one for one in found if one.code == code and one.line == line]
    assert matching, [one.render() for one in found]
    assert text in matching[0].message + matching[0].hint
    assert matching[0].column >= 1


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace("    connector: s3\n", ""))
    assert (problem.code, problem.line) == ("RVN711", 11)
    assert "'connector'" in problem.message


def test_all_mistakes_are_reported_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = problems(
        tmp_path, GOOD.replace("topics", "topcs").replace("topic: shop", "topik: shop")
    )
    assert [one.line for one in found] == sorted(one.line for one in found)
    assert {one.code for one in found} == {"RVN710", "RVN711"}


@pytest.mark.parametrize("text", ["sources: {}", "sinks: {}"])
def test_a_pipeline_needs_work(tmp_path: Path, text: str) -> None:
    key = text.partition(":")[0]
    start = GOOD.index(f"{key}:")
    end = GOOD.index("sinks:" if key == "sources" else "settings:")
    found = problems(tmp_path, GOOD[:start] + text + "\n" + GOOD[end:])
    assert [one.code for one in found] == ["RVN714"]


def test_what_changes_nothing_is_accepted(tmp_path: Path) -> None:
    text = GOOD.replace("  retry:", "  workers: 1\n  health: {enabled: false, port: 1}\n  retry:")
    text = text.replace("    topic: shop", "    concurrency: 1\n    isolate_streams: false")
    load(tmp_path, text)


def test_values_are_not_repeated_in_messages(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD.replace("path: dlq/lake.jsonl", "path: [hidden-value]"))
    assert "hidden-value" not in "".join(one.render() for one in found)


def test_the_json_schema_accepts_the_example_and_refuses_unknown_keys() -> None:
    jsonschema_rs: Any = pytest.importorskip("jsonschema_rs")
    import yaml

    validator = jsonschema_rs.validator_for(pipeline_schema())
    value = yaml.safe_load(GOOD)
    assert validator.is_valid(value)
    value["sinks"]["lake"]["topcs"] = []
    assert not validator.is_valid(value)
