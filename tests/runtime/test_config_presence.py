"""What was given, what a default made and what is absent stay apart: in rules, in counts, in dumps."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from rivven_connect import InputError
from rivven_connect.config import (
    ConfigDict,
    Default,
    Field,
    Integer,
    Json,
    NotNull,
    SourceConfig,
    Text,
    max_properties,
    require_any,
    when,
)


class Open(SourceConfig):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Json] = Field(init=False)

    class_: Annotated[Text | None, NotNull(), Field(alias="class")] = None
    maybe_: Annotated[Integer | None, Field(alias="maybe")] = None


@pytest.mark.parametrize(
    "values",
    [
        {"class_": "x"}, {"class": "a", "class_": "x"}, {"maybe_": 1}, {"maybe": None, "maybe_": 1},
        {"maybe": 2, "class_": None}, {"model_extra": 1, "__class__": [], "": {}},
    ],
)  # fmt: skip
def test_an_undeclared_property_may_be_called_like_a_python_name(values: dict[str, Any]) -> None:
    config = Open.parse(values)
    assert config.dump(reveal=True) == values
    assert Open.parse(config.dump(reveal=True)) == config


def test_a_namesake_does_not_count_as_the_field() -> None:
    class Asking(Open):
        _rules = (require_any("class"), max_properties(2))

    with pytest.raises(InputError):
        Asking.parse({"class_": "x"})
    Asking.parse({"class": "a", "class_": "x"})
    with pytest.raises(InputError):
        Asking.parse({"class": "a", "class_": "x", "maybe_": 1})


def test_a_config_made_in_python_takes_python_names() -> None:
    assert Open(class_="a").dump() == {"class": "a"}


class Nullable(SourceConfig):
    _rules = (when({"note": None}, require=("reason",)), when({"kind": None}, require=("reason",)))

    note: Integer | None = None
    kind: Integer | None = Default(lambda: None)
    reason: Annotated[Text | None, NotNull()] = None


def test_null_as_a_default_is_a_value_and_an_absent_property_is_none() -> None:
    assert Nullable.parse({"kind": 1}).dump() == {"kind": 1}
    assert Nullable.parse({"reason": "r"}).dump() == {"reason": "r", "kind": None}
    with pytest.raises(InputError):
        Nullable.parse({})
    with pytest.raises(InputError):
        Nullable.parse({"kind": 1, "note": None})


def test_a_default_is_made_afresh() -> None:
    class Listed(SourceConfig):
        names: list[Text] = Default(lambda: ["a"])

    Listed.parse({}).names.append("b")
    assert Listed.parse({}).names == ["a"]
