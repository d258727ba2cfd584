"""The example with hooks on a real database, through the real command line: sets, never counts."""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from example_kit import EXAMPLES, InProcess, Pipeline, assert_clean

_STREAMS = [{"name": "orders", "mode": "incremental"}, "customers"]
_CHANGE = "UPDATE orders SET status = 'paid', updated_at = ? WHERE id = ?"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    _seed_module().seed(str(path))
    return path


@pytest.fixture
def pipeline(tmp_path: Path, shop: Path, shop_orders_project: Path) -> Pipeline:
    config = {"database": str(shop), "page_size": 3}
    return Pipeline(tmp_path / "pipeline", shop_orders_project, config, _STREAMS)


@pytest.fixture
def source(shop_orders_project: Path) -> InProcess:
    return InProcess(shop_orders_project, "ShopOrders")


def _seed_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("seed", EXAMPLES / "shop-orders" / "seed.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(shop: Path, statement: str, *values: object) -> list[dict[str, Any]]:
    with contextlib.closing(sqlite3.connect(shop)) as database, database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(statement, values)]


def _versions(orders: list[dict[str, Any]]) -> list[tuple[int, str, str]]:
    return sorted((order["id"], order["status"], order["updated_at"]) for order in orders)


def test_a_first_run_delivers_every_order_and_customer(pipeline: Pipeline, shop: Path) -> None:
    assert _versions(pipeline.new("orders")) == _versions(_run(shop, "SELECT * FROM orders"))
    assert pipeline.added("customers") == _run(shop, "SELECT * FROM customers ORDER BY id")


def test_a_second_run_repeats_customers_and_no_order(pipeline: Pipeline, shop: Path) -> None:
    pipeline.run()
    pipeline.added("orders"), pipeline.added("customers")
    assert pipeline.new("orders") == []
    assert pipeline.added("customers") == _run(shop, "SELECT * FROM customers ORDER BY id")


def test_an_order_at_the_very_cursor_is_delivered_once(pipeline: Pipeline, shop: Path) -> None:
    pipeline.run()
    pipeline.added("orders")
    ((highest,),) = (row.values() for row in _run(shop, "SELECT max(updated_at) FROM orders"))
    _run(shop, _CHANGE, highest, 5)
    assert _versions(pipeline.new("orders")) == [(5, "paid", highest)]
    _run(shop, _CHANGE, highest, 2)
    assert _versions(pipeline.new("orders")) == [(2, "paid", highest)]
    assert pipeline.new("orders") == []


def test_what_the_shop_did_meanwhile_is_exactly_what_comes(pipeline: Pipeline, shop: Path) -> None:
    pipeline.run()
    pipeline.added("orders")
    before = set(_versions(_run(shop, "SELECT * FROM orders")))
    _seed_module().seed(str(shop))
    after = set(_versions(_run(shop, "SELECT * FROM orders")))
    assert _versions(pipeline.new("orders")) == sorted(after - before)


def test_many_ties_across_pages_and_runs(pipeline: Pipeline, shop: Path) -> None:
    _run(shop, "UPDATE orders SET updated_at = '2026-05-01T00:00:00Z'")
    everything = _versions(_run(shop, "SELECT * FROM orders"))
    assert _versions(pipeline.new("orders")) == everything
    assert pipeline.new("orders") == []


def test_resuming_from_every_state_gives_exactly_the_rest(source: InProcess, shop: Path) -> None:
    config = {"database": str(shop), "page_size": 3}
    batches = source.read(config, "orders", mode="incremental")
    assert len(batches) > 5
    for index, batch in enumerate(batches):
        rest = [r for later in batches[index + 1 :] for r in later.records]
        resumed = source.read(config, "orders", batch.state, mode="incremental")
        assert [r for one in resumed for r in one.records] == rest


def test_checks_say_what_is_wrong(source: InProcess, shop: Path, tmp_path: Path) -> None:
    assert source.check({"database": str(shop)}).passed
    missing = source.check({"database": str(tmp_path / "missing.db")})
    assert [(check.name, check.passed) for check in missing.checks] == [
        ("database_readable", False),
        ("tables_present", False),
    ]
    _run(shop, "DROP TABLE customers")
    assert "customers" in source.check({"database": str(shop)}).message
    (tmp_path / "text.db").write_text("no database\n" * 100, encoding="utf-8")
    assert "not a database" in source.check({"database": str(tmp_path / "text.db")}).message


def test_a_database_that_is_gone_ends_the_run_with_its_name(pipeline: Pipeline, shop: Path) -> None:
    shop.unlink()
    done = pipeline.run(exit_code=3)
    assert "shop.db" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_project_is_clean(shop_orders_project: Path) -> None:
    assert_clean(shop_orders_project)
