"""What the records of each pattern look like: how one is made, its key, its schema."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping

import msgspec

from rivven_connect import JsonObject
from rivven_connect.connectors.datagen_source.draws import Draws

_START = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
"""Made-up times count from here: real ones would differ from run to run."""

_THREE_YEARS, _ONE_WEEK_S = 3 * 365, 7 * 24 * 3600
_LONGEST_S = 10**10  # some 300 years, so that no sequence number leaves the calendar

_FIRST_NAMES = ("Ada", "Bruno", "Chloe", "Dmitri", "Elif", "Femi", "Grace", "Hiro", "Ines", "Jonas")
_LAST_NAMES = ("Abebe", "Berg", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Hopper", "Ito")
_DOMAINS = ("example.com", "example.net", "example.org")
_COUNTRIES = ("AU", "BR", "CA", "DE", "FR", "GB", "IN", "JP", "MX", "US")
_PRODUCTS = ("anvil", "backpack", "compass", "desk lamp", "espresso cup", "fountain pen", "globe")
_CURRENCIES = ("AUD", "EUR", "GBP", "JPY", "USD")
_STATUSES = ("pending", "confirmed", "processing", "shipped", "delivered", "cancelled")
_CHANNELS = ("web", "mobile_ios", "mobile_android", "api", "webhook")
_HOSTS = ("web-01", "web-02", "api-01", "api-02", "db-01", "cache-01")
_METRICS = {
    "cpu_usage": ("percent", 100),
    "memory_used": ("percent", 100),
    "error_rate": ("percent", 100),
    "latency_ms": ("milliseconds", 500),
    "requests_per_sec": ("requests/s", 10_000),
    "disk_io": ("bytes/s", 1_000_000),
    "network_rx": ("bytes/s", 1_000_000),
    "queue_depth": ("count", 1_000),
}
_PAYLOADS: Mapping[str, Callable[[Draws], JsonObject]] = {
    "page_view": lambda d: {"url": f"/page/{d.below(100)}", "duration_ms": d.below(30_000)},
    "click": lambda d: {"element_id": f"btn_{d.below(50)}", "x": d.below(1920), "y": d.below(1080)},
    "signup": lambda d: {"plan": d.choice(("free", "team", "enterprise"))},
    "purchase": lambda d: {"amount": d.hundredths(500), "items": d.between(1, 9)},
    "logout": lambda d: {"session_s": d.below(7200)},
    "error": lambda d: {"code": d.choice((400, 403, 404, 500, 503)), "fatal": d.flag()},
    "search": lambda d: {"query": d.choice(_PRODUCTS), "results": d.below(200)},
    "add_to_cart": lambda d: {"product": d.choice(_PRODUCTS), "quantity": d.between(1, 9)},
    "remove_from_cart": lambda d: {"product": d.choice(_PRODUCTS)},
    "checkout": lambda d: {"amount": d.hundredths(500), "currency": d.choice(_CURRENCIES)},
}
_EVENT_TYPES = tuple(_PAYLOADS)
_METRIC_NAMES = tuple(_METRICS)

_TEXT, _INTEGER, _NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
_FLAG, _OBJECT = {"type": "boolean"}, {"type": "object"}
_TIME, _DATE = {"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}


class Pattern(msgspec.Struct, frozen=True):
    """One kind of records; `key` is the field that no two rows share."""

    key: str
    make: Callable[[Draws, int], JsonObject]
    fields: Mapping[str, JsonObject]


def _sequence(_draws: Draws, sequence: int) -> JsonObject:
    return {"value": sequence}


def _random(draws: Draws, _sequence: int) -> JsonObject:
    return {
        "id": f"{draws.below(1 << 64):016x}",
        "value": draws.below(1_000),
        "ratio": draws.hundredths(1),
        "active": draws.flag(),
        "category": draws.choice("ABCD"),
    }


def _user(draws: Draws, sequence: int) -> JsonObject:
    first, last = draws.choice(_FIRST_NAMES), draws.choice(_LAST_NAMES)
    return {
        "user_id": f"user_{sequence:08d}",
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}@{draws.choice(_DOMAINS)}".lower(),
        "age": draws.between(18, 79),
        "country": draws.choice(_COUNTRIES),
        "premium": draws.flag(),
        "signup_date": _day(draws.below(_THREE_YEARS)),
    }


def _order(draws: Draws, sequence: int) -> JsonObject:
    quantity, cents = draws.between(1, 9), draws.between(100, 20_999)
    return {
        "order_id": f"ORD-{sequence:08d}",
        "customer_id": f"user_{draws.below(10_000):08d}",
        "product": draws.choice(_PRODUCTS),
        "quantity": quantity,
        "unit_price": cents / 100,
        "total_amount": quantity * cents / 100,
        "currency": draws.choice(_CURRENCIES),
        "status": draws.choice(_STATUSES),
        "created_at": _moment(draws.below(_ONE_WEEK_S)),
    }


def _event(draws: Draws, sequence: int) -> JsonObject:
    event_type = draws.choice(_EVENT_TYPES)
    return {
        "event_id": f"evt_{draws.below(1 << 64):016x}",
        "event_type": event_type,
        "sequence": sequence,
        "source": draws.choice(_CHANNELS),
        "user_id": f"user_{draws.below(10_000):08d}",
        "session_id": f"sess_{draws.below(1 << 48):012x}",
        "payload": _PAYLOADS[event_type](draws),
    }


def _metric(draws: Draws, sequence: int) -> JsonObject:
    name = draws.choice(_METRIC_NAMES)
    unit, limit = _METRICS[name]
    return {
        "metric_id": sequence,
        "name": name,
        "value": draws.hundredths(limit),
        "unit": unit,
        "host": draws.choice(_HOSTS),
        "tags": {
            "env": draws.choice(("prod", "staging", "dev")),
            "region": draws.choice(("us-east", "us-west", "eu-west", "ap-south")),
        },
        "timestamp": _moment(sequence % _LONGEST_S),
    }


def _pair(draws: Draws, sequence: int) -> JsonObject:
    return {"key": f"key_{sequence:08d}", "value": f"value_{draws.below(1 << 64):016x}"}


def _moment(seconds: int) -> str:
    return (_START + datetime.timedelta(seconds=seconds)).isoformat()


def _day(days_ago: int) -> str:
    return (_START - datetime.timedelta(days=days_ago)).date().isoformat()


PATTERNS: Mapping[str, Pattern] = {
    "sequence": Pattern("value", _sequence, {"value": _INTEGER}),
    "random": Pattern(
        "id",
        _random,
        {"id": _TEXT, "value": _INTEGER, "ratio": _NUMBER, "active": _FLAG, "category": _TEXT},
    ),
    "users": Pattern(
        "user_id",
        _user,
        dict.fromkeys(("user_id", "first_name", "last_name", "email"), _TEXT)
        | {"age": _INTEGER, "country": _TEXT, "premium": _FLAG, "signup_date": _DATE},
    ),
    "orders": Pattern(
        "order_id",
        _order,
        dict.fromkeys(("order_id", "customer_id", "product", "currency", "status"), _TEXT)
        | {"quantity": _INTEGER, "unit_price": _NUMBER, "total_amount": _NUMBER}
        | {"created_at": _TIME},
    ),
    "events": Pattern(
        "event_id",
        _event,
        dict.fromkeys(("event_id", "event_type", "source", "user_id", "session_id"), _TEXT)
        | {"sequence": _INTEGER, "payload": _OBJECT},
    ),
    "metrics": Pattern(
        "metric_id",
        _metric,
        dict.fromkeys(("name", "unit", "host"), _TEXT)
        | {"metric_id": _INTEGER, "value": _NUMBER, "tags": _OBJECT, "timestamp": _TIME},
    ),
    "key_value": Pattern("key", _pair, {"key": _TEXT, "value": _TEXT}),
}
"""The patterns, as the config names them."""
