"""What the errors of a config propose: the name or the choice that was meant, at any depth."""

from __future__ import annotations

from typing import Any

import pytest

from rivven_connect import InputError
from rivven_connect.connectors.http_source._generated import HttpSourceConfig
from rivven_connect.connectors.postgres_source._generated import PostgresSourceConfig
from rivven_connect.connectors.s3_sink._generated import S3SinkConfig

URL = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("model", "config", "pointer", "hint"),
    [
        (S3SinkConfig, {"fromat": "csv"}, "/fromat", "did you mean format?"),
        (S3SinkConfig, {"format": "parqet"}, "/format", "did you mean parquet?"),
        (S3SinkConfig, {"format": "sekret"}, "/format", ""),
        (S3SinkConfig, {"s3": {"endpont": URL}}, "/s3/endpont", "did you mean endpoint?"),
        (S3SinkConfig, {"s3": {"xyz": 1}}, "/s3/xyz", ""),
        (
            HttpSourceConfig,
            {"url": URL, "streams": [{"name": "a", "metod": "GET"}]},
            "/streams/0/metod",
            "did you mean method?",
        ),
        (
            HttpSourceConfig,
            {"url": URL, "auth": {"type": "basic", "username": "u", "passwrd": "p"}},
            "/auth/passwrd",
            "did you mean password?",
        ),
        (
            PostgresSourceConfig,
            {"host": "a", "streams": {"public.a": {"qery": "SELECT 1"}}},
            "/streams/public.a/qery",
            "did you mean query?",
        ),
    ],
)
def test_a_typing_error_gets_the_nearest_name(
    model: Any, config: dict[str, Any], pointer: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        model.parse({"bucket": "b", **config} if model is S3SinkConfig else config)
    assert {one.pointer: one.hint for one in caught.value.problems}[pointer] == hint
    assert "sekret" not in str(caught.value)


def test_what_is_missing_of_a_group_is_named() -> None:
    with pytest.raises(InputError, match=r"password; missing: user, password"):
        PostgresSourceConfig.parse({"host": "a", "database": "b"})
