"""OpenAPI documents: servers, credentials, parameters, streams; and what is hostile or broken in them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rivven_connect.documents import InputError, parse_document
from rivven_generator.importers.notes import Imported
from rivven_generator.importers.openapi import import_openapi
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.load import LoadedManifest, check_manifest

JsonObject = dict[str, Any]
ITEM = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


def list_of(item: Any, **operation: Any) -> JsonObject:
    content = {"application/json": {"schema": {"type": "array", "items": item}}}
    return {"get": {**operation, "responses": {"200": {"content": content}}}}


def api(paths: JsonObject | None = None, **keys: Any) -> JsonObject:
    info = {"title": "Demo", "version": "1.0.0"}
    return {"openapi": "3.0.3", "info": info, "paths": paths or {}, **keys}


def imported(value: Any, **options: Any) -> Imported:
    document = parse_document(json.dumps(value), path="api.json", foreign=True)
    found = import_openapi(document, **options)
    loaded(found)
    return found


def loaded(found: Imported) -> LoadedManifest:
    return check_manifest(parse_document(manifest_yaml(found.manifest), path="connector.yaml"))


def properties(value: Any) -> JsonObject:
    found: JsonObject = imported(value).manifest["config"]["properties"]
    return found


def codes(found: Imported) -> set[str]:
    return {note.code for note in found.notes}


@pytest.mark.parametrize(
    "value",
    [
        {"title": "x"},
        {"openapi": "2.0", "paths": {}},
        {"openapi": "3.0.0"},
        {"openapi": "3.0.0", "paths": []},
        {"swagger": "1.2", "apis": []},
    ],
)
def test_what_is_no_openapi_document_is_refused(value: JsonObject) -> None:
    with pytest.raises(InputError) as caught:
        imported(value)
    (problem,) = caught.value.problems
    assert (problem.code, problem.line) == ("RVN840", 1)
    assert problem.hint


@pytest.mark.parametrize(
    ("server", "default"),
    [
        ({"url": "https://api.example.com/v1"}, "https://api.example.com/v1"),
        ({"url": "https://{r}.example.com", "variables": {"r": {"default": "eu"}}}, "https://eu.example.com"),
        ({"url": "/v1"}, None),
        ({"url": "//api.example.com"}, None),
        ({"url": "https://{missing}.example.com"}, None),
        ({"url": "https://user:hunter2-canary@example.com"}, None),
        ({"url": "javascript:alert(1)"}, None),
        ({}, None),
        ("https://example.com", None),
    ],
)  # fmt: skip
def test_the_address_has_a_default_where_the_server_says_it_whole(
    server: Any, default: str | None
) -> None:
    found = imported(api(servers=[server]))
    config = found.manifest["config"]
    assert config["properties"]["base_url"].get("default") == default
    assert ("base_url" in config.get("required", [])) is (default is None)
    assert config["properties"]["base_url"]["identity"] is True
    assert "canary" not in manifest_yaml(found.manifest)


SCHEMES = {
    "key": {"type": "apiKey", "in": "query", "name": "k"},
    "user": {"type": "http", "scheme": "Basic"},
    "token": {"type": "http", "scheme": "bearer"},
    "client": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://a.example/t"}}},
    "person": {"type": "oauth2", "flows": {"implicit": {}}},
    "openid": {"type": "openIdConnect"},
    "certificate": {"type": "mutualTLS"},
    "elsewhere": {"$ref": "other.yaml#/x"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "fields"),
    [
        ("key", {"api_key"}),
        ("user", {"username", "password"}),
        ("token", {"token"}),
        ("client", {"client_id", "client_secret"}),
        ("person", {"access_token"}),
        ("openid", {"access_token"}),
        ("certificate", set()),
        ("elsewhere", set()),
        ("undeclared", set()),
    ],
)
def test_one_scheme_becomes_required_properties(scheme: str, fields: set[str]) -> None:
    value = api(
        servers=[{"url": "https://a.example"}],
        security=[{scheme: []}],
        components={"securitySchemes": SCHEMES},
    )
    found = imported(value)
    config = found.manifest["config"]
    assert set(config.get("required", [])) == fields
    secrets = {name for name, schema in config["properties"].items() if schema.get("secret")}
    assert secrets == fields - {"username", "client_id"}
    is_noted = "RVN855" in codes(found) or "RVN848" in codes(found)
    assert is_noted is (scheme not in {"key", "user", "token", "client"})


def test_several_ways_in_become_a_tagged_union() -> None:
    security = [{"key": []}, {"user": [], "key": []}, {"certificate": []}, {"key": ["again"]}]
    value = api(security=security, components={"securitySchemes": SCHEMES})
    credentials = properties(value)["credentials"]
    fields = [set(branch["properties"]) for branch in credentials["oneOf"]]
    assert fields == [{"type", "api_key"}, {"type", "api_key", "username", "password"}]
    tags = [branch["properties"]["type"]["const"] for branch in credentials["oneOf"]]
    assert tags == ["key", "key_and_user"]
    assert imported(value).manifest["config"]["required"] == ["base_url", "credentials"]


def test_credentials_are_optional_where_the_api_lets_everybody_in() -> None:
    schemes = {"securitySchemes": SCHEMES}
    found = imported(api(security=[{}, {"user": []}], components=schemes)).manifest
    assert found["config"]["required"] == ["base_url"]
    assert found["rules"] == [{"require_together": ["username", "password"]}]
    assert set(properties(api(security=[], components=schemes))) == {"base_url"}
    own = list_of(ITEM, security=[{"token": []}])
    only = api({"/a": own}, security=[{"user": []}], components=schemes)
    assert set(properties(only)) == {"base_url", "token"}


def test_required_parameters_become_properties_and_paging_does_not() -> None:
    def parameter(name: str, **keys: Any) -> JsonObject:
        return {"name": name, "in": "query", "required": True, "schema": {"type": "string"}, **keys}

    both = [parameter("account"), parameter("page_size"), parameter("limit"), parameter("cursor")]
    one = [parameter("X-Api-Key", **{"in": "header"}), parameter("model", schema={"default": "a", "type": "string"})]  # fmt: skip
    value = api(
        {
            "/orders": list_of(ITEM, parameters=[*both, *one]),
            "/items": {**list_of(ITEM), "parameters": both},
        }
    )
    found = imported(value).manifest["config"]
    assert set(found["properties"]) == {"account", "base_url", "X-Api-Key", "model"}
    assert found["required"] == ["base_url", "account"]
    assert found["properties"]["X-Api-Key"]["secret"] is True
    assert "Needed by `orders`." in found["properties"]["model"]["description"]


@pytest.mark.parametrize(
    ("schema", "is_stream"),
    [
        ({"type": "array", "items": ITEM}, True),
        ({"items": ITEM}, True),
        ({"type": "object", "properties": {"data": {"type": "array", "items": ITEM}}}, True),
        ({"properties": {"things": {"type": "array", "items": ITEM}, "total": {}}}, True),
        ({"allOf": [{"properties": {"next": {}}}, {"properties": {"data": {"items": ITEM}}}]}, True),
        ({"type": "array", "items": {"oneOf": [ITEM, ITEM]}}, True),
        ({"type": "array", "items": {"type": "string"}}, False),
        ({"type": "array", "items": {}}, False),
        ({"type": "object", "properties": {"name": {}, "roles": {"type": "array", "items": ITEM}}}, False),
        ({"properties": {"data": {"items": ITEM}, "results": {"items": ITEM}}}, False),
        ({"type": "string"}, False),
        ({"$ref": "#/nowhere"}, False),
        (None, False),
    ],
)  # fmt: skip
def test_a_list_of_objects_is_a_stream(schema: Any, is_stream: bool) -> None:
    content = {"application/json": {"schema": schema}}
    paths = {"/things": {"get": {"responses": {"200": {"content": content}}}}}
    found = imported(api(paths))
    assert ("streams" in found.manifest) is is_stream
    assert ("RVN854" in codes(found)) is not is_stream


def test_streams_are_called_after_what_they_list() -> None:
    paths = ["/api/v1/orders", "/shops/orders", "/Users.json", "/users/search", "/ärger", "/1st"]
    found = imported(api({path: list_of(ITEM) for path in paths}))
    names = [stream["name"] for stream in found.manifest["streams"]]
    assert names == ["orders", "shops_orders", "Users", "users_records", "arger", "st"]
    assert "RVN850" in codes(found)


def test_a_path_parameter_makes_no_stream() -> None:
    found = imported(api({"/shops/{shop}/orders": list_of(ITEM)}))
    assert "streams" not in found.manifest
    assert "RVN853" in codes(found)


@pytest.mark.parametrize(
    ("fields", "required", "key"),
    [
        ({"id": "string"}, [], "id"),
        ({"_id": "string", "code": "string"}, ["code"], "_id"),
        ({"order_id": "integer"}, ["order_id"], "order_id"),
        ({"orderId": "integer", "key": "string"}, ["orderId", "key"], "orderId"),
        ({"uuid": "string"}, ["uuid"], "uuid"),
        ({"uuid": "string"}, [], None),
        ({"id": "object"}, ["id"], None),
        ({"id": "number"}, ["id"], None),
        ({"customer_id": "integer"}, ["customer_id"], None),
    ],
)
def test_a_primary_key_is_taken_only_where_it_is_evident(
    fields: dict[str, str], required: list[str], key: str | None
) -> None:
    declared = {name: {"type": kind} for name, kind in fields.items()}
    item = {"type": "object", "properties": declared, "required": required}
    found = imported(api({"/orders": list_of(item)}))
    assert found.manifest["streams"][0].get("primary_key") == ([key] if key else None)
    assert ("RVN857" if key else "RVN858") in codes(found)


@pytest.mark.parametrize(
    ("field", "text_format", "parameter", "is_cursor"),
    [
        ("updated_at", "date-time", "updated_since", True),
        ("updatedAt", "date-time", "updatedAt[gte]", True),
        ("modified", "date-time", "since", True),
        ("updated_at", "date-time", "q", False),
        ("updated_at", "date", "since", False),
        ("created_at", "date-time", "since", False),
    ],
)
def test_a_cursor_is_taken_only_where_the_operation_filters_by_it(
    field: str, text_format: str, parameter: str, is_cursor: bool
) -> None:
    item = {"type": "object", "properties": {field: {"type": "string", "format": text_format}}}
    parameters = [{"name": parameter, "in": "query", "schema": {"type": "string"}}]
    found = imported(api({"/orders": list_of(item, parameters=parameters)}))
    assert ("cursor" in found.manifest["streams"][0]) is is_cursor


def test_a_sink_gets_the_config_only() -> None:
    value = api({"/orders": list_of(ITEM)}, components={"securitySchemes": {"k": SCHEMES["key"]}})
    found = imported(value, kind="sink", name="shop-sink").manifest
    assert (found["kind"], found["name"], "streams" in found) == ("sink", "shop-sink", False)
    assert set(found["config"]["properties"]) == {"base_url", "api_key"}


def test_streams_that_do_not_fit_are_left_out() -> None:
    words = {f"f{n}": {"type": "string", "description": "long words " * 5_000} for n in range(2)}
    wide = {**ITEM, "properties": {"id": {"type": "integer"}, **words}}
    paths = {
        f"/wide{chr(97 + i)}": list_of({"$ref": "#/components/schemas/Wide"}) for i in range(12)
    }
    found = imported(api(paths, components={"schemas": {"Wide": wide}}))
    kept = len(found.manifest["streams"])
    assert 6 <= kept < 12
    assert sum(note.code == "RVN859" for note in found.notes) == 12 - kept


def test_nothing_in_a_document_reaches_a_name_or_leads_out_of_it() -> None:
    hostile = '"""\n{% x %} $(X) \u202e <script>'
    item = {"type": "object", "description": hostile, "properties": {hostile: {"$ref": "file:///etc/passwd"}}}  # fmt: skip
    value = api(
        {"/a" + hostile.replace("{", "("): list_of(item, operationId=hostile), "/b": {"$ref": "http://169.254.169.254/"}},
        info={"title": hostile, "version": hostile, "description": hostile, "license": {"name": hostile}},
        servers=[{"url": hostile, "variables": {hostile: {"default": hostile, "enum": [hostile]}}}],
        components={"securitySchemes": {hostile: {"type": "apiKey", "name": hostile, "in": hostile}}},
        security=[{hostile: []}],
    )  # fmt: skip
    found = imported(value)
    (stream,) = found.manifest["streams"]
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", stream["name"])
    assert stream["schema"]["properties"][hostile] == {}
    assert "RVN848" in codes(found)


WORDS = (
    "openapi swagger info title version description license name identifier servers url variables default enum"
    " security securitySchemes components paths get parameters in required schema responses 200 default content"
    " application/json $ref type items properties allOf oneOf flows clientCredentials tokenUrl scopes host basePath"
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**63),
    st.sampled_from(["object", "array", "#", "#/paths", "query", "apiKey", "oauth2", "http", "{a}"]),
)  # fmt: skip
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*WORDS.split(), "a", "/a"]), inner, max_size=5)
    ),
    max_leaves=12,
)
SOUND = api(
    {"/orders": list_of(ITEM, parameters=[{"name": "a", "in": "query", "required": True}])},
    servers=[{"url": "https://{r}.example.com", "variables": {"r": {"default": "eu"}}}],
    security=[{"key": []}, {"client": []}],
    components={"securitySchemes": SCHEMES, "schemas": {"Item": ITEM}},
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    return [at, *(place for key, child in children for place in places(child, (*at, key)))]


def replaced(value: Any, at: tuple[Any, ...], other: Any) -> Any:
    if not at:
        return other
    found = dict(value) if isinstance(value, dict) else list(value)
    found[at[0]] = replaced(value[at[0]], at[1:], other)
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(places(SOUND)[1:]), ANYTHING)
def test_any_document_is_imported_or_refused(at: tuple[Any, ...], other: Any) -> None:
    value = replaced(SOUND, at, other)
    try:
        imported(value)
    except InputError as error:
        found = {(problem.code, problem.line) for problem in error.problems}
        if found != {("RVN840", 1)}:
            raise


def test_what_a_source_has_no_use_for_is_no_loss() -> None:
    item = {"$ref": "#/components/schemas/Order"}
    one = {"200": {"content": {"application/json": {"schema": item}}}}
    paging = [{"name": "page", "in": "query", "schema": {"type": "integer"}}]
    paths = {
        "/orders": {
            **list_of(item, parameters=paging),
            "post": {"responses": {"201": {"description": "Made"}}},
        },
        "/orders/{id}": {"get": {"responses": one}, "delete": {"responses": {"204": {}}}},
    }
    found = imported(api(paths, components={"schemas": {"Order": ITEM}}))
    assert {"RVN876", "RVN877"} <= codes(found)
    assert [note for note in found.notes if note.outcome == "dropped"] == []


def test_what_only_one_operation_returns_is_a_loss() -> None:
    other = {"type": "object", "properties": {"total": {"type": "integer"}}}
    content = {"200": {"content": {"application/json": {"schema": other}}}}
    paths = {"/orders": list_of(ITEM), "/summary": {"get": {"responses": content}}}
    found = imported(api(paths))
    assert [n.code for n in found.notes if n.outcome == "dropped"] == ["RVN854"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/schemas/Gone"},
        {"type": "array", "items": {"$ref": "#/components/schemas/Gone"}},
        {"type": "object", "properties": {"data": {"$ref": "#/components/schemas/Gone"}}},
    ],
)
def test_a_reference_that_hides_a_list_is_named(schema: Any) -> None:
    content = {"200": {"content": {"application/json": {"schema": schema}}}}
    found = imported(api({"/orders": {"get": {"responses": content}}}))
    [note] = [note for note in found.notes if note.code == "RVN848"]
    assert note.pointer.endswith("/$ref")
