"""Patterns of configs mean what JSON Schema means by them, whatever engine matches them."""

from __future__ import annotations

from typing import Annotated

import jsonschema_rs
import pytest
from pydantic import ValidationError
from pydantic_core import SchemaError

from rivven_connect import InputError
from rivven_connect.config import Pattern, Secret, SecretText, SourceConfig, Text

CHARACTERS = [
    chr(code)
    for low, high in ((0, 0x180), (0x300, 0x310), (0x660, 0x66A), (0x2000, 0x2070))
    for code in range(low, high)
] + list("\u0130\u017f\u1680\u180e\u212a\u3000\ufeff\u540d\U0001f600\U0001d7d8\ue000")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d$", r"^\D$", r"^\w$", r"^\W$", r"^\s$", r"^\S$", r"^[\d]$", r"^[^\d]$", r"^[\w-]$",
        r"^[^\W\d_]$", r"^[\s\S]$", r"^[\w.\-+]$", r"^.$", r"^[^a]$", r"^[a&&b]$", r"^[a~~b]$",
        r"^[[]$", r"^[^[\]]$", r"^[+--]$", r"^[a-]$", r"^[-a]$", r"^[!-~]$", r"^[*-/]$", r"^[&]$",
        r"^\p{L}$", r"^\P{L}$", r"^[\p{L}\d]$", r"^\p{Lu}$", r"(?i)^\w$", r"(?i)^[k-s]$",
        r"^[\u0041-\u0043]$", r"^[\x41-\x43]$", r"^[\^a]$", r"^\\d$", "^[\\\\]$", r"^\d{1,2}$",
    ],
)  # fmt: skip
def test_every_character_is_matched_as_a_schema_validator_does(pattern: str) -> None:
    class Config(SourceConfig):
        text: Annotated[Text, Pattern(pattern)]

    validator = jsonschema_rs.Draft202012Validator({"pattern": pattern})
    wanted = {character for character in CHARACTERS if validator.is_valid(character)}
    assert {character for character in CHARACTERS if _accepts(Config, character)} == wanted


def _accepts(config: type[SourceConfig], text: str) -> bool:
    try:
        config.parse({"text": text})
    except InputError:
        return False
    return True


def test_a_refusal_shows_the_pattern_as_it_was_written() -> None:
    class Config(SourceConfig):
        text: Annotated[Text, Pattern(r"^\s\d$")]

    with pytest.raises(InputError) as raised:
        Config.parse({"text": "hunter2"})
    [problem] = raised.value.problems
    assert (problem.pointer, problem.rule) == ("/text", "pattern")
    assert r"^\s\d$" in problem.message
    assert "hunter2" not in problem.message


def test_the_text_of_a_secret_is_matched_alike() -> None:
    class Config(SourceConfig):
        text: Annotated[Secret, SecretText(pattern=r"^\d{6}$")]

    assert _accepts(Config, "123456")
    assert not _accepts(Config, "\u0661" * 6)


def test_a_pattern_that_is_none_is_refused_with_the_class() -> None:
    with pytest.raises(SchemaError):

        class Config(SourceConfig):
            text: Annotated[Text, Pattern("(")]


def test_length_comes_before_pattern() -> None:
    class Config(SourceConfig):
        text: Annotated[Secret, SecretText(max_length=3, pattern="^a+$")]

    with pytest.raises(ValidationError, match="at most 3"):
        Config.model_validate({"text": "bbbb"})


def test_the_schema_of_a_handwritten_class_has_the_pattern() -> None:
    class Config(SourceConfig):
        text: Annotated[Text, Pattern("^a$")]

    assert Config.config_schema()["properties"] == {
        "text": {"title": "Text", "type": "string", "pattern": "^a$"}
    }
