"""How tests reach a shop: the simulator stands in for it."""

from __future__ import annotations

import pytest
from orders_api import OrdersApi
from orders_api._generated import OrdersApiConfig

from rivven_connect.testing import Simulator


@pytest.fixture
def config(simulator: Simulator) -> OrdersApiConfig:
    """A config for a simulated shop."""
    return simulator.stand_in(OrdersApi)
