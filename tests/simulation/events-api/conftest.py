"""How tests reach an endpoint: the simulator stands in for it."""

from __future__ import annotations

import pytest
from events_api import EventsApi
from events_api._generated import EventsApiConfig

from rivven_connect.testing import Simulator


@pytest.fixture
def config(simulator: Simulator) -> EventsApiConfig:
    """A config for a simulated endpoint."""
    return simulator.stand_in(EventsApi)
