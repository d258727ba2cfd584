"""A JSON API to a SQLite database: `make example-http-to-sqlite`."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent), str(_HERE.parents[1])]

from stage import ROOT, Stage, count  # noqa: E402  # found by the line above

from services.http_api import HttpApi, Record, http_api  # noqa: E402

_ORDERS = 230
_TOKEN = "a-token-of-no-value"


def main() -> None:
    """Play it; stop at the first step that fails."""
    stage = Stage(
        ".examples/http-to-sqlite", "Orders of a shop's JSON API, kept in a SQLite database."
    )
    with http_api() as shop:
        stage.step("The shop's API, with some orders: ten on a page, and a token is needed.")
        shop.allowed = lambda asked: asked.headers.get("authorization") == f"Bearer {_TOKEN}"
        shop.streams = {"orders": [_order(number) for number in range(_ORDERS)]}
        stage.give(SHOP_API=f"{shop.url}/cursor", SHOP_TOKEN=_TOKEN)

        stage.step("The pipeline: page after page, each order a row by its id.")
        stage.copy(_HERE.relative_to(ROOT) / "pipeline.yaml", stage.folder.relative_to(ROOT))
        stage.say(stage.rivven("run", "pipeline.yaml", cwd=stage.folder))
        stage.prove(f"the table holds the shop's {_ORDERS} orders", _rows(stage) == _orders(shop))

        stage.step("The shop ships an order and takes three new ones.")
        orders = shop.streams["orders"]
        orders[17] = {**orders[17], "status": "shipped", "updated_at": "2026-01-01T09:00:00Z"}
        orders += [_order(number) for number in range(_ORDERS, _ORDERS + 3)]
        again = stage.rivven("run", "pipeline.yaml", cwd=stage.folder)
        stage.say(again)
        stage.prove("the table holds what the shop has now", _rows(stage) == _orders(shop))
        stage.prove("only what had changed was read", count(again) == 4)


def _order(number: int) -> Record:
    """Return an order; two of each minute share their time."""
    minute = number // 2
    return {
        "id": number,
        "customer": f"customer-{number % 7}",
        "status": "placed",
        "items": [{"sku": f"sku-{number % 11}", "quantity": 1 + number % 3}],
        "updated_at": f"2026-01-01T{minute // 60:02}:{minute % 60:02}:00Z",
    }


def _orders(shop: HttpApi) -> set[tuple[object, ...]]:
    return {(one["id"], one["status"], one["updated_at"]) for one in shop.streams["orders"]}


def _rows(stage: Stage) -> set[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(stage.folder / "shop.db")) as database:
        return set(database.execute("SELECT id, status, updated_at FROM orders"))


if __name__ == "__main__":
    main()
