"""A JSON API to a SQLite database: `make example-http-to-sqlite`."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent), str(_HERE.parents[1])]

from stage import ROOT, Stage, count  # noqa: E402  # found by the line above

from services.web import ShopApi, shop_api  # noqa: E402

_ORDERS = 230


def main() -> None:
    """Play it; stop at the first step that fails."""
    stage = Stage(
        ".examples/http-to-sqlite", "Orders of a shop's JSON API, kept in a SQLite database."
    )
    with shop_api() as shop:
        stage.step("The shop's API, with some orders: fifty on a page, and a token is needed.")
        shop.place_orders(_ORDERS)
        stage.give(SHOP_API=shop.url, SHOP_TOKEN=shop.token)

        stage.step("The pipeline: page after page, each order a row by its id.")
        stage.copy(_HERE.relative_to(ROOT) / "pipeline.yaml", stage.folder.relative_to(ROOT))
        stage.say(stage.rivven("run", "pipeline.yaml", cwd=stage.folder))
        stage.prove(f"the table holds the shop's {_ORDERS} orders", _rows(stage) == _orders(shop))

        stage.step("The shop ships an order and takes three new ones.")
        shop.ship(17)
        shop.place_orders(3)
        again = stage.rivven("run", "pipeline.yaml", cwd=stage.folder)
        stage.say(again)
        stage.prove("the table holds what the shop has now", _rows(stage) == _orders(shop))
        stage.prove("only what had changed was read", count(again) <= 6)


def _orders(shop: ShopApi) -> set[tuple[object, ...]]:
    return {(one["id"], one["status"], one["updated_at"]) for one in shop.orders.values()}


def _rows(stage: Stage) -> set[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(stage.folder / "shop.db")) as database:
        return set(database.execute("SELECT id, status, updated_at FROM orders"))


if __name__ == "__main__":
    main()
