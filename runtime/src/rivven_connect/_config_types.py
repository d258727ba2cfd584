"""The types and markers that annotations of config classes are made of."""

from __future__ import annotations

import fractions
import json
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias, get_args

import msgspec
import msgspec.structs
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    Strict,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from rivven_connect._config_patterns import compiled
from rivven_connect._formats import FORMATS
from rivven_connect._json import Json, JsonObject
from rivven_connect._rules import json_key
from rivven_connect._secret import MASK, SECRET_JSON_SCHEMA, Secret


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


def Default(factory: Callable[[], object]) -> Any:  # noqa: N802  # reads like pydantic's Field
    """Return the default of a field: a container, made afresh for each config, or null.

    A field that is `= None` has no default: it may be absent, and is not dumped then.
    """
    return Field(default_factory=factory)


def _checked(schema: CoreSchema, check: Callable[[Any], Any]) -> CoreSchema:
    return core_schema.no_info_after_validator_function(check, schema)


class Format(msgspec.Struct, frozen=True):
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


class Pattern(msgspec.Struct, frozen=True):
    """Asserts that a pattern matches somewhere in the text, as JSON Schema reads patterns."""

    regex: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        compiled(self.regex)
        return _checked(handler(source), self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonObject:
        return {**handler(schema), "pattern": self.regex}

    def check(self, value: Any) -> Any:
        """Return the value, or raise the validation error `pattern`."""
        if isinstance(value, str) and not compiled(self.regex).isinstance_python(value):
            raise PydanticCustomError(
                "pattern", "Input should match the pattern {regex}", {"regex": self.regex}
            )
        return value


class MultipleOf(msgspec.Struct, frozen=True):
    """Asserts `multipleOf` of numbers as they are written, so that 0.3 is a multiple of 0.1."""

    step: float

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _checked(handler(source), self._check)

    def _check(self, value: Any) -> Any:
        if value is not None and _written(value) % _written(self.step):
            raise PydanticCustomError(
                "multipleOf", "Input should be a multiple of {step}", {"step": self.step}
            )
        return value


def _written(number: float) -> fractions.Fraction:
    """Return exactly the number that is written; an integer may have any size."""
    return fractions.Fraction(number if isinstance(number, int) else repr(number))


class UniqueItems(msgspec.Struct, frozen=True):
    """Asserts that no two items of a list are equal as JSON."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def _check(self, value: Any) -> Any:
        if isinstance(value, list) and len({json_key(item) for item in value}) < len(value):
            raise PydanticCustomError("uniqueItems", "Items should be different from each other")
        return value


class NotNull(msgspec.Struct, frozen=True):
    """Marks an optional field: it may be left out, and an explicit `null` is an error."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


class OneOf:
    """Asserts `enum` for values that are not all texts: equality is that of JSON."""

    __slots__ = ("_by_key", "values")

    def __init__(self, *values: Json) -> None:
        self.values = values
        self._by_key = {json_key(value): value for value in values}

    def __repr__(self) -> str:
        return f"OneOf({', '.join(map(repr, self.values))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OneOf) and self.values == other.values

    def __hash__(self) -> int:
        return hash(json_key(list(self.values)))

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: Any) -> Any:
        try:
            allowed = self._by_key[json_key(value)]
        except (KeyError, TypeError):  # what JSON does not have, such as a set, has no key
            shown = ", ".join(json.dumps(allowed) for allowed in self.values)
            raise PydanticCustomError(
                "enum", "Input should be one of: {shown}", {"shown": shown}
            ) from None
        return allowed if isinstance(allowed, bool | int | str) else value


class Validator(msgspec.Struct, frozen=True):
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


class SecretText(msgspec.Struct, frozen=True, kw_only=True):
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
        )
        if self.pattern is not None:
            text = _checked(text, Pattern(self.pattern).check)
        if self.format is not None:
            text = _checked(text, self.format.check)
        if self.validator is not None:
            hidden = msgspec.structs.replace(self.validator, hide_reason=True)
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


class Tagged(msgspec.Struct, frozen=True):
    """Picks the branch of a union by the constant of one property: `oneOf` + `discriminator`."""

    name: str
    """The tag property, as the wire names it."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        branches: dict[Any, CoreSchema] = {}
        for model in get_args(source) or (source,):
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
            # One that may be left out is None then, which has no tag to find its serializer by.
            serialization=core_schema.wrap_serializer_function_ser_schema(
                lambda value, serialize: None if value is None else serialize(value)
            ),
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
