"""Choices of any JSON values in a config class."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from rivven_connect._rules import json_key
from rivven_connect.config import OneOf


def test_a_choice_looks_values_up(monkeypatch: pytest.MonkeyPatch) -> None:
    choices = [1, True, "1", {"x": [1]}, None]
    field = TypeAdapter(Annotated[Any, OneOf(*choices)])
    counted: list[object] = []

    def key_of(value: object) -> object:
        counted.append(value)
        return json_key(value)

    monkeypatch.setattr("rivven_connect._config_types.json_key", key_of)
    assert [field.validate_python(value) for value in choices] == choices
    assert field.validate_python(1.0) == 1
    assert len(counted) == len(choices) + 1, "one key for each value, none for the choices"
    for value in (2, False, "x", {"x": [2]}, [{1}]):
        with pytest.raises(ValidationError):
            field.validate_python(value)
