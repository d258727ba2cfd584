"""What generated config classes are made of.

A config class accepts exactly what its `config.schema.json` accepts: no text becomes a number, no
unknown property is dropped, and no value is rewritten.

    class OrdersApiConfig(SourceConfig):
        endpoint: Annotated[Text, Format("uri")]
        page_size: Annotated[Integer, Field(ge=1, le=1000)] = 100
        token: Annotated[Secret, SecretText(min_length=1)]
"""

from __future__ import annotations

import dataclasses
import decimal
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeAlias, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    Strict,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from rivven_connect._config_errors import config_problems
from rivven_connect._errors import InputError
from rivven_connect._formats import FORMATS, check_cron, check_host, check_port
from rivven_connect._json import Json, JsonObject
from rivven_connect._rules import (
    Rule,
    json_key,
    max_properties,
    min_properties,
    require_any,
    require_one,
    require_together,
    when,
)
from rivven_connect._secret import MASK, SECRET_JSON_SCHEMA, Secret

__all__ = [
    "Boolean",
    "ConfigDict",
    "ConfigModel",
    "Field",
    "Format",
    "Integer",
    "Json",
    "JsonObject",
    "MultipleOf",
    "NotNull",
    "Number",
    "OneOf",
    "Secret",
    "SecretText",
    "SinkConfig",
    "SourceConfig",
    "Tagged",
    "Text",
    "TransformConfig",
    "UniqueItems",
    "Validator",
    "check_cron",
    "check_host",
    "check_port",
    "max_properties",
    "min_properties",
    "require_any",
    "require_one",
    "require_together",
    "when",
]


def _integral(value: object) -> object:
    """In JSON Schema `1.0` is an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(value: object) -> object:
    """Keep a number as it is written; a boolean is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("type", "Input should be a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("type", "Input should be a finite number")
    return value


Text: TypeAlias = Annotated[str, Strict()]
"""A JSON string."""

Boolean: TypeAlias = Annotated[bool, Strict()]
"""A JSON boolean."""

Integer: TypeAlias = Annotated[int, Strict(), BeforeValidator(_integral)]
"""A JSON integer."""

Number: TypeAlias = Annotated[float, PlainValidator(_number)]
"""A JSON number; an integer stays an integer."""


def _checked(schema: CoreSchema, check: Callable[[Any], Any]) -> CoreSchema:
    return core_schema.no_info_after_validator_function(check, schema)


@dataclasses.dataclass(frozen=True, slots=True)
class Format:
    """Asserts a JSON Schema `format`; the text stays as written."""

    name: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _checked(handler(source), self.check)

    def check(self, value: Any) -> Any:
        """Return the value, or raise the validation error `format`."""
        if isinstance(value, str) and not FORMATS[self.name](value):
            raise PydanticCustomError(
                "format", "Input should be a valid {name}", {"name": self.name}
            )
        return value


@dataclasses.dataclass(frozen=True, slots=True)
class MultipleOf:
    """Asserts `multipleOf` in decimal arithmetic, so that 0.3 is a multiple of 0.1."""

    step: float

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _checked(handler(source), self._check)

    def _check(self, value: Any) -> Any:
        if value is not None:
            with decimal.localcontext(prec=800):
                rest = decimal.Decimal(repr(value)) % decimal.Decimal(repr(self.step))
            if rest:
                raise PydanticCustomError(
                    "multipleOf", "Input should be a multiple of {step}", {"step": self.step}
                )
        return value


@dataclasses.dataclass(frozen=True, slots=True)
class UniqueItems:
    """Asserts that no two items of a list are equal as JSON."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def _check(self, value: Any) -> Any:
        if isinstance(value, list) and len({json_key(item) for item in value}) < len(value):
            raise PydanticCustomError("uniqueItems", "Items should be different from each other")
        return value


@dataclasses.dataclass(frozen=True, slots=True)
class NotNull:
    """Marks an optional field: it may be left out, and an explicit `null` is an error."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


@dataclasses.dataclass(frozen=True, slots=True, init=False)
class OneOf:
    """Asserts `enum` for values that are not all texts: equality is that of JSON."""

    values: tuple[Json, ...]

    def __init__(self, *values: Json) -> None:
        object.__setattr__(self, "values", values)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: Any) -> Any:
        for allowed in self.values:
            if json_key(allowed) == json_key(value):
                return allowed if isinstance(allowed, bool | int | str) else value
        shown = ", ".join(json.dumps(allowed) for allowed in self.values)
        raise PydanticCustomError("enum", "Input should be one of: {shown}", {"shown": shown})


@dataclasses.dataclass(frozen=True, slots=True)
class Validator:
    """Runs a named function on the value; it returns nothing, or raises ValueError with a reason.

    With `hide_reason` (secret fields) the reason is not shown: it might hold the value.
    """

    function: Callable[[Any], None]
    hide_reason: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _checked(handler(source), self._check)

    def _check(self, value: Any) -> Any:
        if value is None:
            return value
        try:
            self.function(value)
        except ValueError as error:
            reason = "" if self.hide_reason else str(error)
            raise PydanticCustomError(
                "validator",
                "{reason}",
                {"reason": reason or f"refused by {self.function.__name__}"},
            ) from None
        return value


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SecretText:
    """Constraints of a secret field; checked on the text, which no message repeats."""

    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: Format | None = None
    validator: Validator | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        nullable = handler(source)["type"] == "nullable"
        text: CoreSchema = core_schema.str_schema(
            strict=True,
            min_length=self.min_length,
            max_length=self.max_length,
            pattern=self.pattern,
        )
        if self.format is not None:
            text = _checked(text, self.format.check)
        if self.validator is not None:
            hidden = dataclasses.replace(self.validator, hide_reason=True)
            text = _checked(text, hidden._check)
        schema = secret_schema(text)
        return core_schema.nullable_schema(schema) if nullable else schema

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonObject:
        limits = {"minLength": self.min_length, "maxLength": self.max_length}
        known = {key: value for key, value in limits.items() if value is not None}
        return {**SECRET_JSON_SCHEMA, **known}


def secret_schema(text: CoreSchema) -> CoreSchema:
    """Return the schema of a `Secret` whose text fits `text`."""
    return core_schema.no_info_before_validator_function(
        lambda value: value.reveal() if isinstance(value, Secret) else value,
        core_schema.no_info_after_validator_function(Secret, text),
        serialization=core_schema.plain_serializer_function_ser_schema(lambda _value: MASK),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Tagged:
    """Picks the branch of a union by the constant of one property: `oneOf` + `discriminator`."""

    name: str
    """The tag property, as the wire names it."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        branches: dict[Any, CoreSchema] = {}
        for model in get_args(source):
            if model is type(None):
                continue
            branches[self._mark(self._constant(model))] = handler.generate_schema(model)
        expected = ", ".join(str(tag)[1:] for tag in branches)
        union = core_schema.tagged_union_schema(
            branches,
            discriminator=self._find,
            custom_error_type="oneOf",
            custom_error_message=f"Property {self.name} should be one of: {expected}".replace(
                "{", "{{"
            ).replace("}", "}}"),
        )
        nullable = type(None) in get_args(source)
        return core_schema.nullable_schema(union) if nullable else union

    @staticmethod
    def _mark(tag: object) -> str:
        """Tags appear in error locations; the NUL tells them from property names."""
        return f"\0{tag}"

    def _constant(self, model: type[BaseModel]) -> object:
        for name, field in model.model_fields.items():
            if (field.alias or name) == self.name:
                return get_args(field.annotation)[0]
        raise TypeError(f"{model.__name__} has no property {self.name}")

    def _find(self, value: Any) -> str | None:
        if isinstance(value, BaseModel):
            return self._mark(self._constant(type(value)))
        tag = value.get(self.name) if isinstance(value, Mapping) else None
        return self._mark(tag) if isinstance(tag, str) else None


class ConfigModel(BaseModel):
    """The base of every object in a config: closed, frozen, strict, and silent about its input."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_by_alias=True,
        validate_by_name=True,
        protected_namespaces=(),
        regex_engine="rust-regex",
    )

    _rules: ClassVar[Sequence[Rule]] = ()
    _example: ClassVar[JsonObject | None] = None
    _schema_file: ClassVar[Path | None] = None

    @model_validator(mode="after")
    def _keep_rules(self) -> Self:
        for rule in self._rules:
            reason = rule.broken_by(self)
            if reason:
                raise PydanticCustomError(
                    rule.name,
                    "{reason}",
                    {"reason": reason, "at": list(rule.at)},
                )
        return self

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the config that plain JSON values describe, named as on the wire.

        Raises:
            InputError: the values do not fit; every problem has its JSON pointer and rule.
        """
        try:
            return cls.model_validate(values, by_alias=True, by_name=False)
        except ValidationError as error:
            raise InputError(config_problems(error, cls)) from None

    @classmethod
    def example(cls) -> Self:
        """Return the first config of the manifest's `tests.valid`.

        Raises:
            LookupError: the manifest declares none.
        """
        if cls._example is None:
            raise LookupError(f"the manifest of {cls.__name__} has no tests.valid")
        return cls.parse(cls._example)

    @classmethod
    def config_schema(cls) -> JsonObject:
        """Return the JSON Schema 2020-12 that says what `parse` accepts."""
        if cls._schema_file is None:
            return cls.model_json_schema()
        found: JsonObject = json.loads(cls._schema_file.read_text(encoding="utf-8"))
        return found

    def dump(self, *, reveal: bool = False) -> JsonObject:
        """Return the config as plain JSON, named as on the wire, defaults included.

        Args:
            reveal: write secrets as they are; otherwise each is `***`.
        """
        found = {
            field.alias or name: _plain(getattr(self, name), reveal=reveal)
            for name, field in type(self).model_fields.items()
            if name in self.model_fields_set or getattr(self, name) is not None
        }
        extra = {k: _plain(v, reveal=reveal) for k, v in (self.model_extra or {}).items()}
        return found | extra


def _plain(value: Any, *, reveal: bool) -> Json:
    if isinstance(value, Secret):
        return value.reveal() if reveal else MASK
    if isinstance(value, ConfigModel):
        return value.dump(reveal=reveal)
    if isinstance(value, dict):
        return {key: _plain(item, reveal=reveal) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, reveal=reveal) for item in value]
    return value


class SourceConfig(ConfigModel):
    """The base of a source's config."""


class SinkConfig(ConfigModel):
    """The base of a sink's config."""


class TransformConfig(ConfigModel):
    """The base of a transform's config."""
