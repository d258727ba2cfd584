"""What `settings.network: public_only` means for object stores.

Their client connects by itself, so that the address that it connects to cannot be checked. What its
endpoint resolves to is checked when it is opened, and it may not ask a cloud's metadata service for
credentials. A name that resolves to another address afterwards is not found out.
"""

from __future__ import annotations

import os
import socket
import urllib.parse
from collections.abc import Mapping
from typing import Any

from rivven_connect._errors import ConnectorError
from rivven_connect._network import NotPublicError, network_policy, require_allowed

_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gcs": ("GOOGLE_BASE_URL",),
    "azure": ("AZURE_ENDPOINT",),
}
_KEYS = {
    "s3": ("access_key_id", "anonymous"),
    "gcs": ("service_account_file", "service_account_key", "anonymous"),
    "azure": ("account_key", "sas_token", "client_secret", "anonymous"),
}
_KEY_VARIABLES = {
    "s3": ("AWS_ACCESS_KEY_ID",),
    "gcs": ("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_KEY"),
    "azure": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_KEY"),
}


def require_public(settings: Mapping[str, Any]) -> None:
    """Return if policy allows to use the store, as far as that can be said beforehand.

    Raises:
        ConnectorError: it does not.
    """
    provider = settings["provider"]
    if network_policy() != "public_only" or provider == "local":
        return
    block = settings[provider]
    if not any(block.get(name) for name in _KEYS[provider]) and not any(
        os.environ.get(name) for name in _KEY_VARIABLES[provider]
    ):
        raise ConnectorError.configuration(
            "without keys, credentials are asked of the machine's metadata service, and "
            f"settings.network is public_only; give {provider} keys, or `anonymous: true`"
        )
    variables = (os.environ.get(name) for name in _ENDPOINTS[provider])
    for endpoint in filter(None, (block.get("endpoint"), *variables)):
        _require_public_host(urllib.parse.urlsplit(endpoint).hostname or "")


def _require_public_host(host: str) -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        for *_, address in found:
            require_allowed(str(address[0]))
    except NotPublicError as error:
        raise ConnectorError.configuration(
            f"the endpoint {host}: {error}, and settings.network is public_only"
        ) from None
    except (OSError, UnicodeError):
        raise ConnectorError.connection(f"the endpoint's name {host} cannot be resolved") from None
