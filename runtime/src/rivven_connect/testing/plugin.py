"""The pytest plugin: `async def` tests just run, and the fixture `simulator` is an HTTP service.

It is loaded in every pytest run of an environment that has rivven-connect, so it imports nothing
but what pytest has loaded already. Tests that carry the marker of another async plugin are left
to that one; async fixtures need such a plugin as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rivven_connect.testing.simulator import Simulator

_OTHERS = ("anyio", "asyncio", "trio", "twisted")


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine function in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    if any(pyfuncitem.get_closest_marker(name) for name in _OTHERS):
        return None
    import asyncio  # noqa: PLC0415  # only for those who have async tests

    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in wanted if name in pyfuncitem.funcargs}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """An HTTP service of this process; override it to say what the real one looks like."""
    from rivven_connect.testing.simulator import simulating  # noqa: PLC0415  # only for who asks

    with simulating() as running:
        yield running
