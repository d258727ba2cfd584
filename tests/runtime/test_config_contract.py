"""The config contract goes red where a class and its schema, or a class and its secrets, disagree."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import field_validator

from rivven_connect.config import (
    ConfigModel,
    Default,
    Field,
    Format,
    Integer,
    NotNull,
    Secret,
    SecretText,
    SourceConfig,
    Tagged,
    Text,
    Validator,
    max_properties,
    require_any,
    require_one,
)
from rivven_connect.testing import (
    ABSENT,
    Accept,
    Canary,
    ConfigContract,
    Reject,
    Repeat,
    assert_config_accepts,
    assert_config_rejects,
    assert_no_leak,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["auth"],
    "properties": {
        "auth": {
            "oneOf": [
                {
                    "type": "object",
                    "required": ["type", "token"],
                    "properties": {
                        "type": {"const": "token"},
                        "token": {"type": "string", "minLength": 1},
                    },
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "required": ["type"],
                    "properties": {"type": {"const": "none"}},
                    "additionalProperties": False,
                },
            ]
        },
        "page_size": {"type": "integer", "minimum": 1, "default": 5},
        "a/b": {"type": "array", "items": {"type": "string", "maxLength": 50}, "maxItems": 9},
        "day": {"type": "string", "format": "date"},
    },
    "additionalProperties": False,
}
BASES: dict[str, Any] = {
    "minimal": {"auth": {"type": "none"}},
    "token": {"auth": {"type": "token", "token": "not-a-real-token"}, "a/b": ["x"]},
}


ACCEPTS = [
    Accept("minimal", "/page_size", 1),
    Accept("minimal", "/page_size", 1.0),
    Accept("minimal", "/day", "2024-02-29"),
    Accept("token", "/a~1b", ABSENT),
    Accept("token", "/a~1b/1", "appended"),
    Accept("token", "/a~1b/0", Repeat("x", 49, "y")),
    Accept("token", "/a~1b", Repeat(["x"], 9)),
    Accept("token", "/auth/token", "t"),
    Accept("token", "", {"auth": {"type": "none"}, "a/b": []}),
]
REJECTS = [
    Reject("minimal", "/page_size", 0, "minimum"),
    Reject("minimal", "/page_size", "5", "type"),
    Reject("minimal", "/auth", ABSENT, "required"),
    Reject("minimal", "/auth/type", ABSENT, "oneOf", at="/auth"),
    Reject("minimal", "/auth/type", "nobody", "oneOf", at="/auth"),
    Reject("minimal", "/auth/token", "x", "additionalProperties"),
    Reject("token", "/auth/token", "", "minLength"),
    Reject("token", "/a~1b", Repeat(["x"], 10), "maxItems"),
    Reject("token", "/a~1b/0", Repeat("x", 51), "maxLength"),
    Reject("minimal", "/a_b", ["x"], "additionalProperties"),
    Reject("minimal", "/day", "2023-02-29", "format"),
    Reject("minimal", "/day", None, "type"),
    Reject("minimal", "", [], "type"),
]
CANARY = 'canary-1-@/+%"\n'


class TokenAuth(ConfigModel):
    type: Literal["token"]
    token: Annotated[Secret, SecretText(min_length=1)]


class NoAuth(ConfigModel):
    type: Literal["none"]


class SmallConfig(SourceConfig):
    auth: Annotated[TokenAuth | NoAuth, Tagged("type")]
    page_size: Annotated[Integer, Field(ge=1)] = 5
    a_b: Annotated[
        list[Annotated[Text, Field(max_length=50)]] | None,
        NotNull(),
        Field(alias="a/b", max_length=9),
    ] = None
    day: Annotated[Text | None, NotNull(), Format("date")] = None


@pytest.fixture(autouse=True)
def schema_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.schema.json"
    path.write_text(json.dumps(SCHEMA), encoding="utf-8")
    monkeypatch.setattr(SmallConfig, "_schema_file", path)
    return path


class SmallContract(ConfigContract):
    __test__ = False  # driven by the tests below

    config_class = SmallConfig
    bases = BASES
    accepts = ACCEPTS
    rejects = REJECTS
    secrets = (Canary("token", "/auth/token", CANARY),)


@pytest.mark.parametrize("base", BASES)
def test_bases_hold(base: str) -> None:
    SmallContract().test_accepts_base(base)


@pytest.mark.parametrize("case", ACCEPTS)
def test_accepted_changes_hold(case: Accept) -> None:
    SmallContract().test_accepts(case)
    with pytest.raises(AssertionError, match="accepts a config that"):
        SmallContract().test_rejects(Reject(case.base, case.pointer, case.value, "minimum"))


@pytest.mark.parametrize("case", REJECTS)
def test_rejected_changes_hold(case: Reject) -> None:
    SmallContract().test_rejects(case)
    with pytest.raises(AssertionError, match="refuses a valid config"):
        SmallContract().test_accepts(Accept(case.base, case.pointer, case.value))


@pytest.mark.parametrize("case", REJECTS)
def test_another_place_or_rule_is_no_refusal(case: Reject) -> None:
    for wrong in (
        Reject(case.base, case.pointer, case.value, "maximum", case.at),
        Reject(case.base, case.pointer, case.value, case.rule, "/elsewhere"),
    ):
        with pytest.raises(AssertionError, match="expected"):
            SmallContract().test_rejects(wrong)


def test_a_schema_that_is_stricter_or_looser_than_the_class_is_found(schema_file: Path) -> None:
    class Stricter(SmallConfig):
        _schema_file: ClassVar[Path | None] = schema_file.with_name("other.json")

    class Looser(Stricter):
        pass

    schema_file.with_name("other.json").write_text('{"maxProperties": 0}', encoding="utf-8")
    with pytest.raises(AssertionError, match="refuses what the class accepts"):
        assert_config_accepts(Stricter, BASES["minimal"])
    schema_file.with_name("other.json").write_text("{}", encoding="utf-8")
    with pytest.raises(AssertionError, match="accepts what the class refuses"):
        assert_config_rejects(Looser, {}, at="/auth", rule="required")


def test_a_class_that_changes_values_is_found() -> None:
    class Rewriting(SourceConfig):
        url: str

        @field_validator("url")
        @classmethod
        def _slash(cls, url: str) -> str:
            return url.rstrip("/") + "/"

    with pytest.raises(AssertionError, match="does not keep its values"):
        assert_config_accepts(Rewriting, {"url": "https://example.com"})


def test_a_dump_that_cannot_be_parsed_is_found() -> None:
    class Inner(ConfigModel):
        one: Integer | None = None

    class Outer(SourceConfig):
        _rules = (require_any("one", "two", at=("inner",)),)
        inner: Inner = Default(Inner)

    with pytest.raises(AssertionError, match="refuses its own dump"):
        assert_config_accepts(Outer, {})


def test_a_dump_leaves_out_defaults_where_they_would_be_too_many_properties() -> None:
    class Overfull(SourceConfig):
        _rules = (max_properties(1),)
        one: Integer = 1
        two: Integer = 2

    assert assert_config_accepts(Overfull, {"two": 5}).dump() == {"two": 5}


def test_secrets_of_a_right_class_are_kept() -> None:
    SmallContract().test_hides_secret(Canary("token", "/auth/token", CANARY))


def _leaks(config_class: type[ConfigModel], values: Mapping[str, Any]) -> str:
    with pytest.raises(AssertionError) as caught:
        assert_no_leak(config_class, values, CANARY)
    assert CANARY not in str(caught.value)
    return str(caught.value)


def test_a_plain_text_in_place_of_a_secret_is_found() -> None:
    class Plain(SourceConfig):
        token: Text

    found = _leaks(Plain, {"token": CANARY})
    for place in ("repr", "str", "format", "dump", "model_dump_json", "copy", "log line", "fields"):
        assert place in found


def test_a_secret_in_an_error_is_found() -> None:
    def refuse(value: str) -> None:
        if len(value) > 30:
            raise ValueError(f"{value} is too long")

    class Telling(SourceConfig):
        token: Annotated[Secret, Format("password")]

        @field_validator("token", mode="before")
        @classmethod
        def _check(cls, value: Any) -> Any:
            refuse(str(value))
            return value

    class Silent(SourceConfig):
        token: Annotated[Secret, SecretText(validator=Validator(refuse))]

    assert "the error" in _leaks(Telling, {"token": CANARY})
    assert_no_leak(Silent, {"token": CANARY}, CANARY)


class Hidden(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


class Plainly(SourceConfig):
    """Hides its secret from everything but a pickle."""

    token: Any

    @field_validator("token")
    @classmethod
    def _hide(cls, value: Any) -> Any:
        return Hidden(value) if isinstance(value, str) else value

    def dump(self, *, reveal: bool = False) -> dict[str, Any]:
        return {"token": str.__getitem__(self.token, slice(None)) if reveal else "***"}

    def model_dump(self, **_options: Any) -> dict[str, Any]:
        return {"token": "***"}

    def model_dump_json(self, **_options: Any) -> str:
        return "{}"

    def __format__(self, spec: str) -> str:
        return "***"


def test_a_secret_in_a_pickle_is_found() -> None:
    with pytest.raises(AssertionError, match="can be pickled"):
        assert_no_leak(Plainly, {"token": CANARY}, CANARY)


def test_a_secret_that_is_not_there_proves_nothing() -> None:
    with pytest.raises(AssertionError, match="nothing was tested"):
        assert_no_leak(SmallConfig, BASES["token"], "another")


def test_rules_are_reported_at_their_object() -> None:
    class Ruled(SourceConfig):
        _rules = (require_one("a", "b"),)
        a: Annotated[Integer | None, NotNull()] = None
        b: Annotated[Integer | None, NotNull()] = None

    assert_config_accepts(Ruled, {"a": 1})
    assert_config_rejects(Ruled, {}, at="", rule="require_one")
    assert_config_rejects(Ruled, {"a": 1, "b": 2}, at="", rule="require_one")


GENERATED = """
from rivven_connect.config import Integer, SourceConfig, Field
from rivven_connect.testing import Accept, ConfigContract, Reject, Repeat
from typing import Annotated, ClassVar

class C(SourceConfig):
    n: Annotated[Integer, Field(ge=1)] = 1

class TestConfig(ConfigContract):
    config_class = C
    bases: ClassVar = {"minimal": {}}
    accepts = (Accept("minimal", "/n", 1),)
    rejects = (Reject("minimal", "/n", 0, "minimum"), Reject("minimal", "/x", Repeat("x", 99), "additionalProperties"))
"""


def test_each_case_is_a_test_with_a_readable_name(tmp_path: Path) -> None:
    (tmp_path / "test_config.py").write_text(GENERATED, encoding="utf-8")
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-v",
            "-p",
            "no:cacheprovider",
            "-c",
            "/dev/null",
            "--rootdir",
            ".",
            "test_config.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = {
        line.split("::")[-1].split(" PASSED")[0] for line in found.splitlines() if "PASSED" in line
    }
    assert names == {
        "test_accepts_base[minimal]",
        "test_accepts[minimal /n 1]",
        "test_rejects[minimal /n minimum 0]",
        'test_rejects[minimal /x additionalProperties "x" x99]',
    }
    assert "skipped" not in found
