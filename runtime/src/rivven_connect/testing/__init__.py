"""What connector authors test with; every name is loaded when it is first used.

`TestHarness` runs a source into a sink, `events` and the mocks stand in for systems, `Simulator` for
an HTTP service, `assertions` compare sets of records, and the `...Contract` classes are the tests that generated projects
inherit. Async test functions just run: the package brings a pytest plugin.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rivven_connect.testing import assertions, events
    from rivven_connect.testing.assertions import (
        all_have_field,
        all_records,
        assert_all_have_field,
        assert_all_records,
        assert_matches_schema,
        assert_ordered_by,
        assert_same_records,
        ordered_by,
    )
    from rivven_connect.testing.config_contract import (
        ABSENT,
        Accept,
        Canary,
        ConfigContract,
        Reject,
        Repeat,
    )
    from rivven_connect.testing.configs import (
        assert_config_accepts,
        assert_config_rejects,
        assert_no_leak,
    )
    from rivven_connect.testing.contracts import SinkContract, SourceContract, TransformContract
    from rivven_connect.testing.harness import TestHarness, TestResult
    from rivven_connect.testing.mocks import MockConfig, MockSink, MockSource, MockTransform
    from rivven_connect.testing.simulator import (
        SimulatedPage,
        SimulatedReply,
        SimulatedRequest,
        Simulator,
    )

__all__ = [
    "ABSENT",
    "Accept",
    "Canary",
    "ConfigContract",
    "MockConfig",
    "MockSink",
    "MockSource",
    "MockTransform",
    "Reject",
    "Repeat",
    "SimulatedPage",
    "SimulatedReply",
    "SimulatedRequest",
    "Simulator",
    "SinkContract",
    "SourceContract",
    "TestHarness",
    "TestResult",
    "TransformContract",
    "all_have_field",
    "all_records",
    "assert_all_have_field",
    "assert_all_records",
    "assert_config_accepts",
    "assert_config_rejects",
    "assert_matches_schema",
    "assert_no_leak",
    "assert_ordered_by",
    "assert_same_records",
    "assertions",
    "events",
    "ordered_by",
]

_NAMES_OF = {
    "config_contract": ("ABSENT", "Accept", "Canary", "ConfigContract", "Reject", "Repeat"),
    "configs": ("assert_config_accepts", "assert_config_rejects", "assert_no_leak"),
    "contracts": ("SinkContract", "SourceContract", "TransformContract"),
    "harness": ("TestHarness", "TestResult"),
    "mocks": ("MockConfig", "MockSink", "MockSource", "MockTransform"),
    "simulator": ("SimulatedPage", "SimulatedReply", "SimulatedRequest", "Simulator"),
}
_MODULE_OF = {name: module for module, names in _NAMES_OF.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ("assertions", "events"):
        return importlib.import_module(f"{__name__}.{name}")
    module = importlib.import_module(f"{__name__}.{_MODULE_OF.get(name, 'assertions')}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
