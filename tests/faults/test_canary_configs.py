"""What completes configs with secrets finds every place that a schema can have one."""

from __future__ import annotations

import urllib.parse
from typing import Any

from canary_configs import address_with, aimed, option_of, secret_options, secret_paths
from canary_kit import canary

SECRET = {"type": "string", "writeOnly": True}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "url": {"type": "string"},
        "keys": {"type": "array", "items": SECRET},
        "headers": {"type": "object", "additionalProperties": SECRET},
        "auth": {"oneOf": [{"$ref": "#/$defs/Token"}, {"$ref": "#/$defs/Basic"}]},
        "store": {
            "type": "object",
            "properties": {"endpoint": {"type": "string"}, "key": SECRET},
        },
        "host": {"type": "string"},
        "port": {"type": "integer"},
        "follow": {"type": "boolean"},
        "timeout_ms": {"type": "integer"},
    },
    "$defs": {
        "Token": {"properties": {"type": {"const": "token"}, "token": SECRET}},
        "Basic": {"properties": {"type": {"const": "basic"}, "password": SECRET}},
    },
}


def test_every_place_of_a_secret_is_an_option() -> None:
    assert secret_options(SCHEMA) == [
        ("keys", "[]"),
        ("headers", "canary"),
        ("auth", "type=token", "token"),
        ("auth", "type=basic", "password"),
        ("store", "key"),
    ]
    config = {
        "keys": ["a", "b"],
        "headers": {"x": "c"},
        "auth": {"type": "basic", "password": "d"},
        "store": {"key": "e"},
    }
    found = {path: option_of(SCHEMA, config, path) for path in secret_paths(SCHEMA, config)}
    assert found == {
        ("keys", 0): ("keys", "[]"),
        ("keys", 1): ("keys", "[]"),
        ("headers", "x"): ("headers", "canary"),
        ("auth", "password"): ("auth", "type=basic", "password"),
        ("store", "key"): ("store", "key"),
    }


def test_a_config_is_aimed_at_the_loopback_interface_and_ends() -> None:
    config = {
        "url": "https://api.example.com/x",
        "host": "db.example.com",
        "store": {"key": "e"},
        "follow": True,
    }
    assert aimed(SCHEMA, config, "http://127.0.0.1:9/") == {
        "url": "http://127.0.0.1:9/",
        "host": "127.0.0.1",
        "port": 9,
        "store": {"key": "e", "endpoint": "http://127.0.0.1:9/"},
        "timeout_ms": 300,
    }


def test_a_password_stands_in_an_address_as_it_must() -> None:
    secret = canary("x")
    found = urllib.parse.urlsplit(address_with(secret, "http://127.0.0.1:9/"))
    assert urllib.parse.unquote(found.password or "") == secret
    assert (found.hostname, found.port) == ("127.0.0.1", 9)
