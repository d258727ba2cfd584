"""A wrong config value of a pipeline file is named at its own line and column, however deep it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from engine_kit import make_sink, make_source, plan_of, registries, rows

from rivven_connect import InputError
from rivven_connect._problems import Problem
from rivven_connect.config import (
    ConfigModel,
    Field,
    Integer,
    NotNull,
    Pattern,
    SourceConfig,
    Tagged,
    Text,
    require_one,
)

LowerCase = Annotated[Text, Pattern("^[a-z]+$"), Field(description="Small letters, as in abc.")]


class Token(ConfigModel):
    type: Literal["token"]
    token: Annotated[Text, Field(min_length=3)]


class Login(ConfigModel):
    type: Literal["login"]
    user: Text


class Deep(ConfigModel):
    names: list[LowerCase] | None = None
    limits: dict[str, Annotated[Integer, Field(ge=1)]] | None = None
    one: Annotated[Integer | None, NotNull()] = None
    two: Annotated[Integer | None, NotNull()] = None


class Nested(SourceConfig):
    _rules = (require_one("one", "two", at=("deep",)),)

    auth: Annotated[Token | Login, Tagged("type")]
    deep: Annotated[Deep | None, NotNull()] = None
    logins: list[Annotated[Token | Login, Tagged("type")]] | None = None


TEXT = """\
version: "1.0"
sources:
  a:
    connector: src
    config:
      auth: {type: token, token: abcdef}
      deep:
        one: 1
        names: [abc, def]
        limits:
          "02": 5
          a/b: 6
      logins:
        - {type: login, user: ann}
        - {type: token, token: abcdef}
sinks:
  z: {connector: dst, topics: [a]}
"""


def problems(folder: Path, text: str) -> set[tuple[str, int, int]]:
    return {(one.code, one.line, one.column) for one in found(folder, text)}


def found(folder: Path, text: str) -> list[Problem]:
    source, _ = make_source(rows([]))
    sink, _ = make_sink()
    known = registries({}, {"dst": sink})
    known.sources.register("src", source, Nested)
    try:
        plan_of(folder, known, text)
    except InputError as error:
        return list(error.problems)
    return []


def test_the_file_itself_is_right(tmp_path: Path) -> None:
    assert problems(tmp_path, TEXT) == set()


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("token: abcdef}\n      deep", "token: ab}\n      deep", ("RVN601", 6, 34)),
        ("auth: {type: token,", "auth: {type: tokens,", ("RVN601", 6, 13)),
        ("auth: {type: token, token: abcdef}", "auth: {type: token}", ("RVN602", 6, 13)),
        ("auth: {type: token,", "auth: {type: token, extra: 1,", ("RVN603", 6, 27)),
        ("[abc, def]", "[abc, DEF]", ("RVN601", 9, 22)),
        ('"02": 5', '"02": 0', ("RVN601", 11, 17)),
        ("a/b: 6", "a/b: x", ("RVN601", 12, 16)),
        ("user: ann", "user: 5", ("RVN601", 14, 31)),
        ("{type: login, user: ann}", "{user: ann}", ("RVN601", 14, 11)),
        ("        one: 1\n", "        one: 1\n        two: 2\n", ("RVN604", 8, 9)),
        ("      auth:", "      other: 1\n      auth:", ("RVN603", 6, 7)),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_at_its_place(
    tmp_path: Path, old: str, new: str, place: tuple[str, int, int]
) -> None:
    assert TEXT.count(old) == 1
    assert problems(tmp_path, TEXT.replace(old, new)) == {place}


def test_a_pattern_is_explained_by_the_description(tmp_path: Path) -> None:
    """A regular expression tells few people what to write."""
    (problem,) = found(tmp_path, TEXT.replace("[abc, def]", "[abc, DEF]"))
    assert problem.hint == "what it takes: Small letters, as in abc."
