"""Other names of installed connectors: found from generated specs alone, and never ambiguous."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from rivven_connect import _installed
from rivven_connect._installed import Located, LookupFailure, aliases_of, find_installed, installed
from rivven_connect._registry import SinkRegistry, SourceRegistry, TransformRegistry
from rivven_connect._transform import Transform
from rivven_connect.cli import connectors as connectors_command

ORIGINAL_NAMES = {
    "mask_field": "mask",
    "insert_field": "insert",
    "add_field": "insert",
    "timestamp_converter": "timestamp",
    "regex_router": "route",
    "content_router": "route",
    "rename_field": "rename",
    "replace_field": "rename",
    "remove_field": "rename",
}

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    """Pretend that connectors are installed: `kind:name` and their aliases."""
    monkeypatch.syspath_prepend(str(tmp_path))
    aliases_of.cache_clear()

    def pretend(**connectors: list[str]) -> None:
        found = []
        for number, (key, aliases) in enumerate(connectors.items()):
            kind, _, name = key.partition("__")
            package = tmp_path / f"alias_kit_{number}"
            (package / "_generated").mkdir(parents=True)
            (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
            spec = {"connector_type": name, "kind": kind, "aliases": aliases}
            (package / "_generated" / "spec.json").write_text(json.dumps(spec))
            found.append(Located(kind, name, f"{package.name}:C", f"dist-{number}"))
        for place in ("_installed", "_registry", "cli.connectors"):
            monkeypatch.setattr(f"rivven_connect.{place}.installed", lambda: tuple(found))

    return pretend


def test_the_originals_names_mean_our_transforms() -> None:
    registry = TransformRegistry.installed()
    for alias, name in ORIGINAL_NAMES.items():
        factory = registry.resolve(alias)
        assert factory is registry.resolve(name)
        assert factory.name == name
        assert registry.resolve(f"transform:{alias}") is factory
        assert alias in registry
    assert not set(ORIGINAL_NAMES) & set(registry.names())
    assert registry.get_or_create("mask_field") is registry.get_or_create("mask")


def test_the_built_ins_share_no_name() -> None:
    claims = Counter(
        (one.kind, name) for one in installed() for name in {one.name, *aliases_of(one)}
    )
    assert [claim for claim, count in claims.items() if count > 1] == []


def test_an_alias_is_resolved_without_importing_anybody_else() -> None:
    code = (
        "import sys; from rivven_connect._registry import TransformRegistry\n"
        "registry = TransformRegistry.installed()\n"
        "assert 'mask_field' in registry\n"
        "loaded = lambda: {m.split('.')[2] for m in sys.modules if '.connectors.' in m}\n"
        "assert loaded() == set(), loaded()\n"
        "assert registry.resolve('mask_field').name == 'mask'\n"
        "assert loaded() == {'mask_transform'}, loaded()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_list_has_one_row_per_connector() -> None:
    found = CliRunner().invoke(connectors_command.connectors, ["--json"])
    rows = json.loads(found.stdout)
    transforms = [row["name"] for row in rows if row["kind"] == "transform"]
    assert sorted(set(transforms)) == transforms
    assert not set(ORIGINAL_NAMES) & set(transforms)
    assert [row["problem"] for row in rows if row["problem"]] == []


def test_an_alias_that_is_another_connectors_name_is_an_error(install: Install) -> None:
    install(source__orders=[], source__shop=["orders", "old"], sink__other=["shop"])
    for text in ("orders", "source:orders"):
        with pytest.raises(LookupFailure, match="'orders' and 'shop', one by an alias") as caught:
            find_installed(text)
        assert caught.value.code == "RVN703"
    with pytest.raises(LookupFailure, match="names two connectors"):
        SourceRegistry.installed().get("orders")
    assert find_installed("old").name == "shop"
    assert find_installed("sink:shop").name == "other"
    with pytest.raises(LookupFailure) as caught:
        find_installed("shop")
    assert caught.value.code == "RVN702"
    found = CliRunner().invoke(connectors_command.connectors, ["--json"])
    problems = {row["name"]: row["problem"][:6] for row in json.loads(found.stdout)}
    assert problems == {"orders": "RVN703", "shop": "RVN703", "other": ""}


def test_an_alias_of_two_connectors_is_an_error(install: Install) -> None:
    install(sink__a=["x"], sink__b=["x"], source__c=["x"])
    with pytest.raises(LookupFailure, match="'a' and 'b'") as caught:
        SinkRegistry.installed().resolve("x")
    assert caught.value.code == "RVN703"
    assert find_installed("source:x").name == "c"
    assert find_installed("a").name == "a"


def test_a_spec_that_cannot_be_read_hides_nobody_elses_alias(
    install: Install, tmp_path: Path
) -> None:
    install(source__broken=["x"], source__good=["y"])
    (tmp_path / "alias_kit_0" / "_generated" / "spec.json").write_text("{")
    assert find_installed("y").name == "good"
    assert find_installed("broken").name == "broken"
    with pytest.raises(LookupFailure) as caught:
        find_installed("x")
    assert caught.value.code == "RVN701"
    assert _installed.installed()


def test_a_name_registered_by_hand_goes_first() -> None:
    registry = TransformRegistry.installed()
    mask = registry.resolve("mask").cls
    assert issubclass(mask, Transform)
    registry.register("mask_field", mask)
    assert registry.resolve("mask_field").name == "mask_field"
    assert "mask_field" in registry.names()
