"""Codes of configs and pipelines, and their pages, agree; the examples do what the pages say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from engine_kit import make_sink, make_source, make_transform, registries, rows

from rivven_connect._codes import CODES, CONFIG_CODES
from rivven_connect._config_errors import CODES as CONFIG_CLASS_CODES
from rivven_connect._errors import InputError
from rivven_connect._problems import Problem
from rivven_connect._registry import Registries
from rivven_connect.config import (
    Field,
    Integer,
    NotNull,
    Secret,
    SecretText,
    SourceConfig,
    Text,
    Validator,
    check_cron,
    require_together,
)
from rivven_connect.pipeline import load_pipeline, plan_pipeline

PAGES = Path(__file__).parents[2] / "docs" / "errors"
WITHOUT_EXAMPLE = {
    "RVN615",
    "RVN702",
    "RVN703",
    "RVN704",
    "RVN715",
    "RVN720",
    "RVN721",
    "RVN723",
    "RVN724",
    "RVN730",
    "RVN731",
    "RVN732",
    "RVN733",
    "RVN734",
    "RVN735",
    "RVN736",
    "RVN737",
    "RVN740",
    "RVN741",
    "RVN742",
    "RVN743",
}
SCHEMA = {
    "type": "object",
    "properties": {
        "endpoint": {"type": "string"},
        "page_size": {"type": "integer"},
        "password": {"type": "string", "writeOnly": True},
    },
}


class OrdersConfig(SourceConfig):
    endpoint: Text = "https://example.com"
    page_size: Annotated[Integer, Field(ge=1, le=1000)] = 100
    schedule: Annotated[Text, Validator(check_cron)] = "@daily"
    user: Annotated[Text | None, NotNull()] = None
    password: Annotated[Secret | None, SecretText()] = None
    _rules = (require_together("user", "password"),)


class StrictConfig(SourceConfig):
    region: Text


def known() -> Registries:
    orders, _ = make_source(rows([]), config_schema=SCHEMA)
    orders.config_type = OrdersConfig
    strict, _ = make_source(rows([]))
    strict.config_type = StrictConfig
    archive, _ = make_sink()
    sources = {"orders": orders, "strict": strict}
    return registries(sources, {"archive": archive}, {"mask": make_transform(lambda one: one)})


def page(code: str) -> str:
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def example(code: str, kind: str) -> str:
    found = re.findall(rf"^```yaml {kind}\n(.*?)^```$", page(code), re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{code} has {len(found)} `yaml {kind}` blocks"
    return str(found[0])


def problems_of(text: str, folder: Path) -> list[Problem]:
    path = folder / "pipeline.yaml"
    path.write_text(text, encoding="utf-8")
    environ = {"DEMO_PASSWORD": "not-a-real-password"}
    try:
        plan_pipeline(load_pipeline(path), known(), environ=environ)
    except InputError as error:
        return list(error.problems)
    return []


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in PAGES.glob("RVN[67]*.md")} == set(CODES)


def test_the_codes_of_config_classes_are_among_them() -> None:
    assert dict(CONFIG_CLASS_CODES).items() <= CONFIG_CODES.items()


@pytest.mark.parametrize("code", sorted(CODES))
def test_page_and_index_have_the_title_of_the_code(code: str) -> None:
    assert page(code).startswith(f"# {code}: {CODES[code]}\n")
    assert "\n## Fix\n" in page(code)
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert f"| [{code}]({code}.md) | {CODES[code]}" in index


@pytest.mark.parametrize("code", sorted(set(CODES) - WITHOUT_EXAMPLE))
def test_the_bad_example_has_just_this_problem(code: str, tmp_path: Path) -> None:
    found = problems_of(example(code, "bad"), tmp_path)
    assert {one.code for one in found} == {code}, [one.render() for one in found]
    assert all(one.line >= 1 for one in found)


@pytest.mark.parametrize("code", sorted(set(CODES) - WITHOUT_EXAMPLE))
def test_the_good_example_has_no_problem(code: str, tmp_path: Path) -> None:
    found: list[Any] = problems_of(example(code, "good"), tmp_path)
    assert [one.render() for one in found] == []


@pytest.mark.parametrize("code", sorted(WITHOUT_EXAMPLE))
def test_what_a_pipeline_cannot_show_is_shown_as_text(code: str) -> None:
    assert re.search(rf"^```text\n.*{code} .*^```$", page(code), re.MULTILINE | re.DOTALL)
