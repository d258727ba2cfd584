"""The pytest plugin, and a contract class as pytest runs it."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

_INSTALLED = any(
    point.value == "rivven_connect.testing.plugin"
    for point in importlib.metadata.entry_points(group="pytest11")
)
_LOAD = () if _INSTALLED else ("-p", "rivven_connect.testing.plugin")


def test_async_tests_just_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        @pytest.fixture
        def number():
            return 1

        @pytest.mark.parametrize("other", [1, 2])
        async def test_numbers(number, other):
            await asyncio.sleep(0)
            assert number == other

        class TestInClass:
            async def test_method(self, number):
                assert number == 1

        def test_plain():
            pass
        """
    )
    result = pytester.runpytest(*_LOAD, "-p", "no:cacheprovider", "-p", "no:randomly")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*"])


def test_tests_of_another_async_plugin_are_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmarkers = asyncio: run by another plugin, which is absent here")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.asyncio
        async def test_marked():
            pass
        """
    )
    result = pytester.runpytest(*_LOAD)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*not natively supported*"])


def test_a_generated_contract_runs_with_the_projects_config(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        from rivven_connect.testing import MockConfig

        @pytest.fixture
        def config():
            return MockConfig()
        """
    )
    pytester.makepyfile(
        """
        from rivven_connect._errors import HookMissing
        from rivven_connect.testing import MockSource, SourceContract

        class Unwritten(MockSource):
            async def read(self, config, catalog, state):
                raise HookMissing("read_issues")
                yield

        class TestContract(SourceContract):
            connector = Unwritten
            examples = {"minimal": {}}
        """
    )
    result = pytester.runpytest(*_LOAD, "-rx", "-W", "error")
    result.assert_outcomes(passed=5, xfailed=8, skipped=1)
    result.stdout.fnmatch_lines(["*not written yet: read_issues*"])


def test_a_project_says_in_its_conftest_what_the_service_looks_like(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def simulator(simulator):
            simulator.answer("/here", lambda request: {"told": True})
            return simulator
        """
    )
    pytester.makepyfile(
        """
        import json
        import urllib.request

        def test_it_answers(simulator):
            with urllib.request.urlopen(simulator.url + "/here", timeout=5) as answer:
                assert json.loads(answer.read()) == {"told": True}
        """
    )
    pytester.runpytest(*_LOAD, "-W", "error").assert_outcomes(passed=1)


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import rivven_connect.testing.plugin; "
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['rivven_connect']"
