"""Catalogs, and what a pipeline chooses of them."""

from __future__ import annotations

import msgspec
import pytest

from rivven_connect._catalog import (
    Catalog,
    ConfiguredCatalog,
    DestinationSyncMode,
    Stream,
    SyncMode,
    catalog_from_json,
)
from rivven_connect._errors import ConnectorError, ErrorKind
from rivven_connect._json import decode_json, encode_json


def incremental(name: str, namespace: str | None = None) -> Stream:
    return Stream(
        name=name,
        namespace=namespace,
        supported_sync_modes=[SyncMode.FULL_REFRESH, SyncMode.INCREMENTAL],
        default_cursor_field="at",
        source_defined_primary_key=[["id"]],
    )


def test_the_guides_ways_to_an_empty_catalog() -> None:
    assert Catalog.default() == Catalog.new() == Catalog()


def test_a_new_catalog_is_empty_and_its_own() -> None:
    Catalog.new().add_stream(Stream(name="a"))
    assert Catalog.new() == Catalog() == Catalog([])


def test_streams_are_added_and_found() -> None:
    a, b = Stream(name="a"), Stream(name="b", namespace="ns")
    catalog = Catalog.single_stream(a).add_stream(b)
    assert catalog.find_stream("a") is a
    assert catalog.find_stream("b") is b
    assert catalog.find_stream("c") is None


def test_a_namespace_tells_namesakes_apart() -> None:
    """Regression: the original looks at the name alone."""
    first, second = Stream(name="s", namespace="a"), Stream(name="s", namespace="b")
    catalog = Catalog([first, second])
    assert catalog.find_stream("s") is first
    assert catalog.find_stream("s", "b") is second
    assert catalog.find_stream("s", "c") is None


def test_full_names() -> None:
    assert (Stream(name="s").full_name(), Stream(name="s", namespace="n").full_name()) == (
        "s",
        "n.s",
    )


def test_a_stream_can_always_be_refreshed_in_full() -> None:
    assert Stream(name="s").supported_sync_modes == [SyncMode.FULL_REFRESH]


def test_everything_is_chosen_in_its_first_mode() -> None:
    chosen = ConfiguredCatalog.from_catalog(Catalog([incremental("a"), Stream(name="b")]))
    assert [one.sync_mode for one in chosen.streams] == [SyncMode.FULL_REFRESH] * 2
    first = chosen.streams[0]
    assert (first.cursor_field, first.primary_key) == ("at", [["id"]])
    assert first.destination_sync_mode is DestinationSyncMode.APPEND


def test_a_mode_may_be_chosen_by_name() -> None:
    chosen = ConfiguredCatalog.from_catalog(
        Catalog([incremental("a"), incremental("b")]), {"b": SyncMode.INCREMENTAL}
    )
    assert {one.stream.name: one.sync_mode for one in chosen.streams} == {
        "a": SyncMode.FULL_REFRESH,
        "b": SyncMode.INCREMENTAL,
    }


def test_a_mode_that_the_stream_lacks_is_an_error() -> None:
    catalog = Catalog.single_stream(Stream(name="s", namespace="n"))
    with pytest.raises(ConnectorError, match=r"'n\.s' cannot be read as incremental") as caught:
        ConfiguredCatalog.from_catalog(catalog, {"s": SyncMode.INCREMENTAL})
    assert caught.value.kind is ErrorKind.CONFIG


def test_chosen_streams_are_found_like_offered_ones() -> None:
    chosen = ConfiguredCatalog.from_catalog(Catalog([incremental("s", "a"), incremental("s", "b")]))
    found = chosen.find_stream("s", "b")
    assert found is chosen.streams[1]
    assert chosen.find_stream("t") is None


def test_a_catalog_survives_json() -> None:
    catalog = Catalog([incremental("a", "ns"), Stream(name="b", json_schema={"type": "object"})])
    assert catalog_from_json(decode_json(encode_json(catalog))) == catalog
    with pytest.raises(msgspec.ValidationError):
        catalog_from_json({"streams": [{"namespace": "no name"}]})
