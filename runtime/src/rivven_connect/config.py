"""What generated config classes are made of.

A config class accepts exactly what its `config.schema.json` accepts: no text becomes a number, no
unknown property is dropped, and no value is rewritten.

    class OrdersApiConfig(SourceConfig):
        endpoint: Annotated[Text, Format("uri")]
        page_size: Annotated[Integer, Field(ge=1, le=1000)] = 100
        token: Annotated[Secret, SecretText(min_length=1)]
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from rivven_connect._config_types import (
    Boolean,
    Default,
    Format,
    Integer,
    MultipleOf,
    NotNull,
    Number,
    OneOf,
    Pattern,
    SecretText,
    Tagged,
    Text,
    UniqueItems,
    Validator,
)
from rivven_connect._errors import InputError
from rivven_connect._formats import check_cron, check_host, check_port
from rivven_connect._json import Json, JsonObject
from rivven_connect._rules import (
    Rule,
    given_names,
    has_value,
    max_properties,
    min_properties,
    require_any,
    require_one,
    require_together,
    when,
)
from rivven_connect._secret import MASK, Secret

__all__ = [
    "Boolean",
    "ConfigDict",
    "ConfigModel",
    "Default",
    "Field",
    "Format",
    "Integer",
    "Json",
    "JsonObject",
    "MultipleOf",
    "NotNull",
    "Number",
    "OneOf",
    "Pattern",
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


class ConfigModel(BaseModel):
    """The base of every object in a config: closed, frozen, strict, and silent about its input."""

    # A whole config builds its validator when it is defined; what is inside it needs none of its own.
    model_config = ConfigDict(
        defer_build=True,
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

    @model_validator(mode="wrap")
    @classmethod
    def _keep_rules(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        model = handler(values)
        if model.model_extra and isinstance(values, Mapping):
            _forget_namesakes(model, values)
        for rule in cls._rules:
            reason = rule.broken_by(model)
            if reason:
                raise PydanticCustomError(
                    rule.name,
                    "{reason}",
                    {"reason": reason, "at": list(rule.at)},
                )
        return model

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the config that plain JSON values describe, named as on the wire.

        Raises:
            InputError: the values do not fit; every problem has its JSON pointer and rule.
        """
        try:
            return cls.model_validate(values, by_alias=True, by_name=False)
        except ValidationError as error:
            from rivven_connect._config_errors import config_problems  # noqa: PLC0415  # only here

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
            if has_value(self, name)
        }
        found |= {k: _plain(v, reveal=reveal) for k, v in (self.model_extra or {}).items()}
        most = next((rule.most for rule in self._rules if rule.most is not None), len(found))
        if len(found) > most:  # with its defaults, the object would be refused
            given = given_names(self)
            return {name: value for name, value in found.items() if name in given}
        return found


def _forget_namesakes(model: BaseModel, values: Mapping[str, Any]) -> None:
    """Take back that a field was given, where the input had a property of its Python name only.

    An open object may have any property, and pydantic notes both kinds under one name.
    """
    for name, field in type(model).model_fields.items():
        if name in (model.model_extra or {}) and field.alias not in values:
            model.model_fields_set.discard(name)


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


_WHOLE: Final = ConfigDict(defer_build=False)


class SourceConfig(ConfigModel):
    """The base of a source's config."""

    model_config = _WHOLE


class SinkConfig(ConfigModel):
    """The base of a sink's config."""

    model_config = _WHOLE


class TransformConfig(ConfigModel):
    """The base of a transform's config."""

    model_config = _WHOLE
