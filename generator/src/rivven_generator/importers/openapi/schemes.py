"""What a connector has to be given for one security scheme."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator.importers.metadata import web_address
from rivven_generator.importers.notes import Path
from rivven_generator.importers.openapi.api import Api

Fields = dict[str, tuple[dict[str, Any], Path]]
"""Name -> schema, and where it came from."""

OPTIONAL: Final = frozenset({"scopes"})
"""Fields that a scheme works without."""

_BY_PERSON: Final = "a person logs in by browser; the config takes the access token"


def scheme_fields(api: Api, name: str, scheme_at: Path) -> Fields:
    """Return the config fields of the scheme; none, noted, where a config cannot say it."""
    at = api.followed(scheme_at) if api.mapping(scheme_at) else None
    if at is None:
        shown = escape_text(name, limit=60)
        api.notes.add("RVN855", f"the security scheme `{shown}` is not declared", scheme_at)
        return {}
    kind, http = api.text(at, "type"), api.text(at, "scheme").lower()
    known: dict[str, Callable[[Api, Path], Fields]] = {
        "apiKey": _api_key,
        "basic": _password,
        "http basic": _password,
        "http digest": _password,
        "http bearer": _token,
        "oauth2": _oauth,
        "openIdConnect": _by_person,
    }
    make = known.get(f"http {http}" if kind == "http" else kind)
    if make is not None:
        return make(api, at)
    shown = escape_text(http or kind or "without a type", limit=60)
    api.notes.add("RVN855", f"a security scheme of this kind is left out: {shown}", at)
    return {}


def _secret(description: str) -> dict[str, Any]:
    return {"description": description, "type": "string", "secret": True, "minLength": 1}


def _described(api: Api, at: Path, default: str) -> str:
    text = " ".join(api.text(at, "description").split())
    return text if text and len(text) <= 300 else default


def _api_key(api: Api, at: Path) -> Fields:
    name = escape_text(api.text(at, "name") or "api_key", limit=60)
    where = api.text(at, "in") or "header"
    sent = f"Key sent as `{name}` in the {escape_text(where, limit=20)} of each request."
    return {"api_key": (_secret(sent), at)}


def _token(api: Api, at: Path) -> Fields:
    return {"token": (_secret(_described(api, at, "Token sent with each request.")), at)}


def _by_person(api: Api, at: Path) -> Fields:
    api.notes.add("RVN855", _BY_PERSON, at)
    return _access_token(api, at)


def _password(_api: Api, at: Path) -> Fields:
    user = {"description": "Name of the user.", "type": "string", "minLength": 1}
    return {"username": (user, at), "password": (_secret("Password of the user."), at)}


def _access_token(api: Api, at: Path) -> Fields:
    return {"access_token": (_secret(_described(api, at, "OAuth access token.")), at)}


def _oauth(api: Api, at: Path) -> Fields:
    flow = _client_flow(api, at)
    if flow is None:
        return _by_person(api, at)
    address: dict[str, Any] = {
        "description": "Address that gives out access tokens.",
        "type": "string",
        "format": "uri",
    }
    url = web_address(api.text(flow, "tokenUrl"))
    if url:
        address["default"] = url
    client = {"description": "Id of the OAuth client.", "type": "string", "minLength": 1}
    fields: Fields = {
        "client_id": (client, at),
        "client_secret": (_secret("Secret of the OAuth client."), at),
        "token_url": (address, (*flow, "tokenUrl")),
    }
    scopes = [scope for scope in api.mapping((*flow, "scopes")) if scope]
    if scopes:
        known = ", ".join(f"`{escape_text(scope, limit=60)}`" for scope in scopes[:20])
        more = ", and others" if len(scopes) > 20 else ""
        described = f"Scopes to ask for: {known}{more}."
        asked = {"description": described, "type": "array", "items": {"type": "string"}}
        fields["scopes"] = (asked, (*flow, "scopes"))
    return fields


def _client_flow(api: Api, at: Path) -> Path | None:
    """Return the place of the flow that needs no person."""
    if api.is_swagger:
        return at if api.text(at, "flow") == "application" else None
    flow = (*at, "flows", "clientCredentials")
    return flow if isinstance(api.value(flow), dict) else None
