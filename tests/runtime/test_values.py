"""References in config values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rivven_connect._redaction import redact
from rivven_connect._values import Resolved, resolve_values

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "port": {"type": "integer"},
        "ratio": {"type": ["number", "null"]},
        "on": {"$ref": "#/$defs/Flag"},
        "token": {"type": "string", "writeOnly": True},
        "tokens": {"type": "array", "items": {"$ref": "#/$defs/Secret"}},
        "headers": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Secret"}},
        "auth": {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"type": {"const": "open"}, "value": {"type": "integer"}},
                },
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": "secret"},
                        "value": {"type": "string", "writeOnly": True},
                    },
                },
            ]
        },
    },
    "$defs": {
        "Flag": {"type": "boolean"},
        "Secret": {"type": "string", "writeOnly": True},
    },
}
ENV = {"A": "alpha", "PORT": "80", "EMPTY": "", "NESTED": "${env:A}", "YES": "true", "R": "0.5"}


def resolve(value: Any, **options: Any) -> Resolved:
    return resolve_values(value, SCHEMA, environ=ENV, **options)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${env:A}", "alpha"),
        ("${A}", "alpha"),
        ("x-${env:A}-${A}", "x-alpha-alpha"),
        ("${env:NOT_SET:-other}", "other"),
        ("${env:EMPTY:-other}", "other"),
        ("${env:NOT_SET:-}", ""),
        ("$${env:A}", "${env:A}"),
        ("${env:NESTED}", "${env:A}"),
        ("$A costs 5$", "$A costs 5$"),
        ("", ""),
    ],
)
def test_references_are_replaced_once(written: str, meant: str) -> None:
    found = resolve({"text": written})
    assert (found.value, found.problems) == ({"text": meant}, [])


def test_keys_are_never_resolved() -> None:
    assert resolve({"headers": {"${env:A}": "${env:A}"}}).value == {
        "headers": {"${env:A}": "alpha"}
    }


def test_text_becomes_what_the_schema_wants() -> None:
    found = resolve(
        {"port": "${env:PORT}", "on": "${env:YES}", "ratio": "${env:R}", "text": "${PORT}"}
    )
    assert found.value == {"port": 80, "on": True, "ratio": 0.5, "text": "80"}
    assert resolve({"auth": {"type": "open", "value": "${env:PORT}"}}).value["auth"]["value"] == 80


def test_literals_are_not_converted() -> None:
    assert resolve({"port": "80"}).value == {"port": "80"}


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("${env:NOT_SET}", "RVN610"),
        ("${env:EMPTY}", "RVN610"),
        ("${NOT_SET}", "RVN610"),
        ("${file:/nowhere/at/all}", "RVN611"),
        ("${file:/}", "RVN611"),
        ("${file:relative}", "RVN613"),
        ("${env:A", "RVN613"),
        ("${env:}", "RVN613"),
        ("${}", "RVN613"),
        ("${a b}", "RVN613"),
        ("${vault:x}", "RVN613"),
    ],
)
def test_what_cannot_be_resolved_is_a_problem_at_its_place(written: str, code: str) -> None:
    found = resolve({"tokens": ["${env:A}", written]})
    assert [(one.code, one.path) for one in found.errors()] == [(code, ("tokens", 1))]


def test_text_that_does_not_fit_is_named_without_its_value() -> None:
    (problem,) = resolve({"port": "${env:A}"}).problems
    assert (problem.code, problem.path) == ("RVN614", ("port",))
    assert "alpha" not in problem.message + problem.hint


def test_files_lose_their_last_line_break(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    file.chmod(0o600)
    found = resolve({"token": f"${{file:{file}}}"})
    assert (found.value, found.problems) == ({"token": "from-a-file"}, [])
    file.chmod(0o644)
    warned = resolve({"token": f"${{file:{file}}}"})
    assert [(one.code, one.severity) for one in warned.problems] == [("RVN615", "warning")]
    assert warned.errors() == []
    file.write_text("\n")
    assert [one.code for one in resolve({"token": f"${{file:{file}}}"}).errors()] == ["RVN611"]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"token": "literal"}, ("token",)),
        ({"token": "${env:NOT_SET:-literal}"}, ("token",)),
        ({"tokens": ["${A}", "literal"]}, ("tokens", 1)),
        ({"headers": {"X": "literal"}}, ("headers", "X")),
        ({"auth": {"type": "secret", "value": "literal"}}, ("auth", "value")),
    ],
)
def test_literal_secrets_are_refused_unless_allowed(value: Any, path: tuple[Any, ...]) -> None:
    (problem,) = resolve(value).problems
    assert (problem.code, problem.path) == ("RVN612", path)
    assert "literal" not in str(problem.path)
    assert resolve(value, allow_inline_secrets=True).problems == []


def test_a_tag_of_another_branch_makes_no_secret() -> None:
    assert resolve({"auth": {"type": "open", "value": 5}}).problems == []


def test_resolved_secrets_are_masked_from_then_on() -> None:
    resolve_values({"token": "${T}"}, SCHEMA, environ={"T": 'canary@/+%"42'})
    assert redact('token=canary@/+%"42!') == "token=***!"
    assert "canary" not in redact("url?t=canary%40%2F%2B%25%2242")
