"""An HTTP service in the test's own process, with pages, faults and refusals by order.

Generated tests drive it by `tests.simulate` of the manifest; the fixture `simulator` is where a
project says what its real service looks like.
"""

from rivven_connect.testing.simulator._faults import FAULTS
from rivven_connect.testing.simulator._messages import (
    CannotSimulate,
    SimulatedReply,
    SimulatedRequest,
)
from rivven_connect.testing.simulator._paging import SimulatedPage
from rivven_connect.testing.simulator._simulator import Simulator, simulating

__all__ = [
    "FAULTS",
    "CannotSimulate",
    "SimulatedPage",
    "SimulatedReply",
    "SimulatedRequest",
    "Simulator",
    "simulating",
]
