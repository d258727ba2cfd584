"""Credentials as headers; what is made from a secret is secret too."""

from __future__ import annotations

import base64

from rivven_connect._redaction import register_secret
from rivven_connect._secret import Secret


def bearer(token: Secret) -> dict[str, Secret]:
    """Return the header of a bearer token (RFC 6750, section 2.1)."""
    return {"Authorization": _minted(f"Bearer {token.reveal()}", token.reveal())}


def basic(user: str, password: Secret) -> dict[str, Secret]:
    """Return the header of a user and a password, in UTF-8 (RFC 7617)."""
    pair = f"{user}:{password.reveal()}"
    encoded = base64.b64encode(pair.encode()).decode()
    return {"Authorization": _minted(f"Basic {encoded}", encoded, pair)}


def api_key(key: Secret, *, header: str = "X-API-Key") -> dict[str, Secret]:
    """Return the header of a key that the other side gave out."""
    return {header: _minted(key.reveal())}


def _minted(value: str, *parts: str) -> Secret:
    for one in (value, *parts):
        register_secret(one)
    return Secret(value)
