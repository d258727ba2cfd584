"""Regular expressions of configs, searched in linear time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, core_schema

from rivven_connect._errors import ConnectorError


def pattern_search(pattern: str) -> Callable[[Any], bool]:
    """Return whether the pattern is found anywhere in a text; anything but a text has none.

    The engine is pydantic's (Rust's `regex`), which never backtracks.

    Raises:
        ConnectorError: the pattern is none, or needs look-around or back-references.
    """
    try:
        validator = SchemaValidator(
            core_schema.str_schema(pattern=pattern, strict=True, regex_engine="rust-regex")
        )
    except SchemaError as error:
        raise ConnectorError.configuration("`pattern` is no regular expression") from error
    return validator.isinstance_python
