"""Registries, entry points, project folders, raw adapters."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from engine_kit import EmptyConfig, event, make_sink, make_source, make_transform, rows
from project_kit import write_projects

from rivven_connect import _installed
from rivven_connect._adapters import AnySink, AnySource, AnyTransform
from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._errors import ConnectorError, ErrorKind
from rivven_connect._events import SourceEvent
from rivven_connect._installed import Located, LookupFailure, find_installed, find_spec_file, locate
from rivven_connect._registry import (
    Registries,
    RunState,
    SinkRegistry,
    SourceRegistry,
    TransformRegistry,
)


def test_register_get_list_contains_len() -> None:
    source, _ = make_source(rows([]))
    registry = SourceRegistry()
    assert (len(registry), registry.contains("x"), registry.get("x")) == (0, False, None)
    registry.register("x", source, EmptyConfig)
    found = registry.get("x")
    assert found is not None
    assert isinstance(found.create(), source)
    assert (registry.len(), "x" in registry) == (1, True)
    assert [(name, spec.connector_type) for name, spec in registry.list()] == [("x", "scripted")]


def test_a_name_means_one_class_of_the_right_kind() -> None:
    one, _ = make_source(rows([]))
    other, _ = make_source(rows([]))
    registry = SourceRegistry()
    registry.register("x", one)
    registry.register("x", one)
    with pytest.raises(ConnectorError, match="already is"):
        registry.register("x", other)
    with pytest.raises(ConnectorError, match="does not inherit Sink"):
        SinkRegistry().register("x", one)  # type: ignore[arg-type]  # what is tested


def test_the_cached_instance_is_forgotten_when_registered_again() -> None:
    sink, _ = make_sink()
    registry = SinkRegistry()
    registry.register("x", sink)
    first = registry.get_or_create("x")
    assert registry.get_or_create("x") is first
    registry.register("x", sink)
    assert registry.get_or_create("x") is not first


def test_run_states_are_kept() -> None:
    sink, _ = make_sink()
    registry = SinkRegistry()
    registry.register("x", sink)
    assert registry.list_with_state() == [("x", RunState.REGISTERED)]
    registry.set_state("x", RunState.FAILED)
    assert registry.list_with_state() == [("x", RunState.FAILED)]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Pretend that a few distributions are installed."""
    write_projects(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "counter" / "src"))
    broken = tmp_path / "broken_kit"
    (broken / "_generated").mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('broken plugin')")
    (broken / "_generated" / "spec.json").write_text(
        '{"connector_type": "broken", "kind": "source", "aliases": ["old-name"]}'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = (
        Located("source", "broken", "broken_kit.source:Broken", "dist-b"),
        Located("source", "both", "counter_kit:Counter", "dist-a"),
        Located("sink", "both", "counter_kit:Counter", "dist-a"),
        Located("source", "clash", "counter_kit:Counter", "dist-a"),
        Located("source", "clash", "counter_kit:Counter", "dist-b"),
        Located("source", "counter", "counter_kit:Counter", "dist-a"),
    )
    monkeypatch.setattr(_installed, "installed", lambda: found)
    monkeypatch.setattr("rivven_connect._registry.installed", lambda: found)
    yield tmp_path
    for name in ("counter_kit", "broken_kit", "lines_kit"):
        sys.modules.pop(name, None)


def test_installed_connectors_are_found_by_name_kind_and_alias(installed: Path) -> None:
    assert find_installed("counter").distribution == "dist-a"
    assert find_installed("source:both").kind == "source"
    assert find_installed("both", "sink").kind == "sink"
    assert find_installed("old-name").name == "broken"


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("both", "RVN702", "source:both"),
        ("clash", "RVN703", "uninstall"),
        ("countr", "RVN701", "'counter'"),
        ("sink:counter", "RVN701", "both"),
        ("pipeline.yaml", "RVN701", "pipelines are for `run` and `check`"),
    ],
)
def test_what_is_ambiguous_or_unknown_says_what_to_write(
    installed: Path, text: str, code: str, hint: str
) -> None:
    with pytest.raises(LookupFailure) as caught:
        find_installed(text)
    assert caught.value.code == code
    assert hint in caught.value.hint


def test_a_broken_plugin_disables_itself_and_nothing_else(installed: Path) -> None:
    registry = SourceRegistry.installed()
    assert registry.resolve("counter").spec().version == "1.2.3"
    with pytest.raises(LookupFailure, match="RuntimeError: broken plugin"):
        registry.resolve("broken")
    assert {name for name, _ in registry.list()} == {"both", "counter"}


def test_the_spec_file_is_found_without_running_the_plugin(installed: Path) -> None:
    assert find_spec_file("broken") == installed / "broken_kit" / "_generated" / "spec.json"
    assert find_spec_file("counter") is None
    assert "broken_kit" not in sys.modules


def test_a_project_folder_is_a_connector(installed: Path) -> None:
    found = locate("./counter", base=installed)
    assert (found.kind, found.name, found.target) == ("source", "counter", "counter_kit:Counter")
    factory = Registries.installed().sinks.resolve("./lines", base=installed)
    assert factory.spec().connector_type == "lines"
    with pytest.raises(LookupFailure, match="a sink is needed"):
        locate("./counter", kind="sink", base=installed)
    with pytest.raises(LookupFailure, match=r"no connector\.yaml"):
        locate("./nothing", base=installed)


def test_an_embedded_package_is_a_connector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "embedding" / "numbers_source"
    (package / "_generated").mkdir(parents=True)
    write_projects(tmp_path / "kit")
    code = (tmp_path / "kit" / "counter" / "src" / "counter_kit" / "__init__.py").read_text()
    (package / "source.py").write_text(code)
    (package / "__init__.py").write_text("")
    (tmp_path / "embedding" / "__init__.py").write_text("")
    (package / "connector.yaml").write_text("")
    (package / "_generated" / "spec.json").write_text(
        '{"connector_type": "numbers", "kind": "source"}'
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    found = locate("./embedding/numbers_source", base=tmp_path)
    assert found.target == "embedding.numbers_source.source"
    assert found.spec_file() == package / "_generated" / "spec.json"
    factory = SourceRegistry().resolve("./embedding/numbers_source", base=tmp_path)
    assert factory.cls.__name__ == "Counter"


def test_raw_adapters_parse_open_call_and_close() -> None:
    source, log = make_source(rows([0, 1]))
    sink, sunk = make_sink()
    raw_source, raw_sink = AnySource(source), AnySink(sink)

    async def drive() -> None:
        assert (await raw_source.check_raw({})).passed
        catalog = ConfiguredCatalog.from_catalog(await raw_source.discover_raw({}))
        items = [item async for item in raw_source.read_raw({}, catalog)]
        assert len(items) == 2

        async def feed() -> AsyncIterator[SourceEvent]:
            yield event(7)

        assert (await raw_sink.write_raw({}, feed())).records_written == 1

    asyncio.run(drive())
    assert (log.opened, log.closed) == (3, 3)
    assert (sunk.durable, sunk.closed) == ([{"id": 7}], 1)


def test_raw_configs_that_do_not_fit_are_config_errors_with_a_path() -> None:
    source, log = make_source(rows([]))
    with pytest.raises(ConnectorError, match="/extra") as caught:
        asyncio.run(AnySource(source).check_raw({"extra": "value-of-it"}))
    assert caught.value.kind is ErrorKind.CONFIG
    assert "value-of-it" not in str(caught.value)
    assert log.opened == 0


def test_a_failing_open_is_a_failed_check_named_open() -> None:
    source, log = make_source(rows([]), fail_open=lambda _count: ValueError("no client"))
    result = asyncio.run(AnySource(source).check_raw({}))
    assert [(one.name, one.message) for one in result.failed_checks()] == [("open", "no client")]
    assert log.closed == 1


def test_any_transform_is_opened_applied_and_shut_down() -> None:
    adapter = AnyTransform(make_transform(lambda one: [one, one]))

    async def drive() -> None:
        with pytest.raises(ConnectorError, match="init_raw first"):
            await adapter.transform_raw(event(1))
        await adapter.init_raw({})
        assert len(await adapter.transform_raw(event(1))) == 2
        await adapter.shutdown()
        await adapter.shutdown()

    asyncio.run(drive())
    assert len(TransformRegistry()) == 0
