"""Config errors never hold a value: every type of field, every way in which a value is wrong (S5)."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pydantic
import pytest

from rivven_connect import InputError, Secret
from rivven_connect.config import (
    Boolean,
    ConfigDict,
    ConfigModel,
    Field,
    Format,
    Integer,
    MultipleOf,
    NotNull,
    Number,
    OneOf,
    SecretText,
    SourceConfig,
    Tagged,
    Text,
    UniqueItems,
    Validator,
    require_one,
    require_together,
)

CANARY = "Zq9@/+%\"\nW7x'kL3 vB8{tY2"


def refuse(value: object) -> None:
    raise ValueError(f"no {value}")


class Inner(ConfigModel):
    token: Annotated[Secret, SecretText(min_length=3)]
    name: Text = ""


class Bearer(ConfigModel):
    type: Literal["bearer"]
    token: Secret


class Basic(ConfigModel):
    type: Literal["basic"]
    password: Secret


class Config(SourceConfig):
    model_config = ConfigDict(regex_engine="rust-regex")
    _rules = (require_together("a", "b"), require_one("c", "d"))

    text: Text = ""
    boolean: Boolean = False
    integer: Annotated[Integer, Field(ge=1, le=9)] = 1
    number: Annotated[Number, MultipleOf(0.5)] = 1
    short: Annotated[Text, Field(min_length=2, max_length=4)] = "ab"
    pattern: Annotated[Text, Field(pattern="^x+$")] = "x"
    formatted: Annotated[Text, Format("uri")] = "http://x"
    choice: Literal["a", "b"] = "a"
    mixed: Annotated[Any, OneOf(1, "a", None)] = None
    several: Annotated[list[Text], UniqueItems(), Field(min_length=1, max_length=2)] = Field(
        default_factory=list
    )
    mapping: Annotated[dict[str, Integer] | None, Field(max_length=2)] = None
    optional: Annotated[Text | None, NotNull()] = None
    inner: Inner | None = None
    auth: Annotated[Bearer | Basic | None, Tagged("type")] = None
    secret: Annotated[Secret | None, SecretText(min_length=30, max_length=40)] = None
    patterned: Annotated[Secret | None, SecretText(pattern="^x+$")] = None
    dsn: Annotated[Secret | None, SecretText(format=Format("uri"))] = None
    checked: Annotated[Secret | None, SecretText(validator=Validator(refuse))] = None
    secrets: dict[str, Secret] | None = None
    a: Text | None = None
    b: Text | None = None
    c: Secret | None = None
    d: Secret | None = None


WRONG: tuple[Any, ...] = (
    CANARY, [CANARY], [CANARY, CANARY], {CANARY[:3]: CANARY}, {"type": CANARY}, {"token": CANARY},
    {"type": "bearer", "password": CANARY}, {"type": "basic", "token": CANARY, "password": [CANARY]},
    "x" * 99 + CANARY, {"token": CANARY, "x": CANARY}, {"token": [CANARY], "name": {"x": CANARY}},
    [[CANARY]], [{"x": CANARY}], {"x": {"y": CANARY}}, {"x": CANARY, "y": CANARY, "z": CANARY},
    CANARY.encode(), [1, CANARY], None,
)  # fmt: skip


def cases() -> Iterator[Any]:
    for name in Config.model_fields:
        for number, value in enumerate(WRONG):
            yield pytest.param({"c": "a secret", name: value}, id=f"{name}-{number}")
    yield pytest.param({"c": CANARY, "several": [CANARY, "a", "b"]}, id="too many items")
    yield pytest.param({"c": CANARY, "mapping": {"a": 1, "b": 2, "d": 3}}, id="too many properties")
    yield pytest.param({"c": CANARY, "number": 0.3}, id="multiple")
    yield pytest.param({"c": CANARY, "d": CANARY}, id="one of")
    yield pytest.param({"c": CANARY, "a": CANARY}, id="together")
    yield pytest.param({"unknown": CANARY, "c": CANARY}, id="unknown")


@pytest.mark.parametrize("values", list(cases()))
def test_no_error_holds_a_value(values: dict[str, Any]) -> None:
    # The key of a mapping is shown: a place is no value.
    try:
        Config.parse(values)
    except InputError as error:
        problems = json.dumps([one.to_dict() for one in error.problems], ensure_ascii=False)
        shown = [str(error), repr(error), problems, "".join(traceback.format_exception(error))]
    else:
        return
    for text in shown:
        for piece in (CANARY, json.dumps(CANARY, ensure_ascii=False)[1:-1], "kL3 vB8", "W7x"):
            assert piece not in text


@pytest.mark.parametrize("values", list(cases()))
def test_nor_does_pydantics_own(values: dict[str, Any]) -> None:
    try:
        Config.model_validate(values)
    except pydantic.ValidationError as error:
        shown = str(error) + repr(error)
    else:
        return
    assert "kL3" not in shown


def test_the_cases_reach_every_rule() -> None:
    rules: set[str] = set()
    for case in cases():
        try:
            Config.parse(case.values[0])
        except InputError as error:
            rules |= {one.rule for one in error.problems}
    assert rules >= {
        "type", "multipleOf", "maxLength", "minLength", "pattern", "format", "enum",
        "uniqueItems", "maxItems", "maxProperties", "oneOf", "required", "additionalProperties",
        "require_one", "require_together", "validator",
    }  # fmt: skip
