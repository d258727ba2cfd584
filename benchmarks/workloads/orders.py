"""Synthetic orders: the records that both sides of B-W1 make."""

from __future__ import annotations

from typing import Any


def order(number: int) -> dict[str, Any]:
    """Return order `number`: ten fields of seven types."""
    return {
        "id": number,
        "created_at": "2026-01-25T12:30:00.000Z",
        "customer": f"customer-{number % 1000}",
        "status": "shipped",
        "currency": "EUR",
        "total": number * 0.25,
        "tax": number * 0.0475,
        "paid": number % 2 == 0,
        "address": {"city": "Reykjavík", "zip": "101"},
        "items": [number % 7, number % 11, number % 13],
    }
