"""The scalar types and the base class that the parts of a manifest are made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from rivven_generator import naming

JsonObject: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal["source", "sink", "transform"]
Delivery: TypeAlias = Literal["at_least_once", "upsert", "transactional"]
SyncMode: TypeAlias = Literal["full_refresh", "incremental"]
Category: TypeAlias = Literal[
    "database", "messaging", "storage", "warehouse", "lakehouse", "api", "ai", "file", "stream",
    "utility",
]  # fmt: skip
Fault: TypeAlias = Literal[
    "rate_limited", "server_error", "timeout", "malformed_body", "empty_page", "expired_auth"
]

SEMVER = (
    r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$"
)


def whole(value: object) -> object:
    """Return a whole float as the integer that it is in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_paths(value: object) -> object:
    return [_as_list(item) for item in value] if isinstance(value, list) else value


Natural = Annotated[int, BeforeValidator(whole), Field(ge=0)]
Positive = Annotated[int, BeforeValidator(whole), Field(ge=1)]
Factor = Annotated[float, Field(ge=1)]
Name = Annotated[str, Field(pattern=naming.HOOK_NAME)]
Text = Annotated[str, Field(min_length=1)]
Deliveries = Annotated[
    list[Delivery],
    BeforeValidator(_as_list),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["at_least_once", "upsert", "transactional"]},
                {
                    "type": "array",
                    "minItems": 1,
                    "items": {"enum": ["at_least_once", "upsert", "transactional"]},
                },
            ]
        }
    ),
]
FieldPaths = Annotated[
    list[Annotated[list[Text], Field(min_length=1)]],
    BeforeValidator(_as_paths),
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
                ]
            },
        }
    ),
]


class Part(BaseModel):
    """A mapping of the manifest: only its own keys, no coercion."""

    model_config = ConfigDict(
        defer_build=True,  # the whole is built once, instead of each part as well
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        validate_by_alias=True,
        validate_by_name=True,
    )
