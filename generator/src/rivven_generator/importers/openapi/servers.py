"""The server's address, and the variables in it, as config properties."""

from __future__ import annotations

import re
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator.importers.notes import Path
from rivven_generator.importers.openapi.api import Api
from rivven_generator.importers.openapi.properties import Properties
from rivven_generator.schema.verdict import validator_of

_WITH_PASSWORD: Final = re.compile(r"//[^/]*@")


def add_servers(api: Api, properties: Properties) -> None:
    """Declare `base_url`, and a property for each variable of the first server."""
    template, at = _swagger_address(api) if api.is_swagger else _first_server(api)
    variables = api.mapping((*at, "variables"))
    url = template
    for name in variables:
        url = url.replace(f"{{{name}}}", api.text((*at, "variables", name), "default"))
    schema: dict[str, Any] = {
        "description": "Address of the API.",
        "type": "string",
        "format": "uri",
        "identity": True,
    }
    if _is_address(url):
        schema["default"] = url
    elif template:
        api.notes.add("RVN852", "the server's address is not whole; `base_url` has no default", at)
    if url != template and "default" in schema:
        shown = escape_text(template, limit=200)
        schema["description"] = f"Address of the API: `{shown}`."
    properties.add("base_url", schema, at, required=True)
    for name in variables:
        _add_variable(api, properties, name, (*at, "variables", name))


def _is_address(url: str) -> bool:
    looks_whole = re.match(r"https?://[^/]", url, re.IGNORECASE) and not _WITH_PASSWORD.search(url)
    return bool(looks_whole) and validator_of({"type": "string", "format": "uri"}).is_valid(url)


def _first_server(api: Api) -> tuple[str, Path]:
    servers = api.items(("servers",))
    if len(servers) > 1:
        api.notes.add("RVN852", "only the first of several servers is kept", ("servers", 1))
    at: Path = ("servers", 0) if servers else ()
    return (api.text(at, "url"), at) if servers else ("", ())


def _swagger_address(api: Api) -> tuple[str, Path]:
    schemes = [one for one in api.items(("schemes",)) if one in ("http", "https")]
    host, base = api.text((), "host"), api.text((), "basePath")
    if not host:
        return base, ("basePath",) if base else ()
    scheme = "https" if "https" in schemes or not schemes else "http"
    api.notes.add("RVN851", f"the address is written with {scheme}", ("host",))
    return f"{scheme}://{host}/{base.strip('/')}".rstrip("/"), ("host",)


def _add_variable(api: Api, properties: Properties, name: str, at: Path) -> None:
    choices = [one for one in api.items((*at, "enum")) if isinstance(one, str) and one]
    default = api.text(at, "default")
    schema: dict[str, Any] = {
        "description": api.text(at, "description") or f"`{name}` in the address of the API.",
        "type": "string",
        "identity": True,
    }
    if choices:
        schema["enum"] = list(dict.fromkeys([*choices, *([default] if default else [])]))
    if default:
        schema["default"] = default
    properties.add(name, schema, at)
