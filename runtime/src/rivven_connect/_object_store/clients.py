"""obstore's client of each provider, from the settings of a config."""

from __future__ import annotations

import datetime
import logging
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

from rivven_connect._errors import ConnectorError
from rivven_connect._object_store.policy import require_public
from rivven_connect._problems import escape_text

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

Store: TypeAlias = S3Store | GCSStore | AzureStore | LocalStore
Settings: TypeAlias = Mapping[str, Any]

_log = logging.getLogger("rivven_connect.object_store")

_RETRIES = 2
"""Of single requests, such as a part of a large object; whole attempts are repeated by the engine."""


def open_store(settings: Settings) -> Store:
    """Return the client that the settings describe.

    Raises:
        ConnectorError: one of them cannot be used, or policy forbids to.
    """
    require_public(settings)
    try:
        return _MAKERS[settings["provider"]](settings)
    except ConnectorError:
        raise
    except (
        BaseError,
        ValueError,
        OSError,
        TypeError,
    ) as error:  # obstore's own, whose texts may hold what was given
        raise ConnectorError.configuration(
            f"the settings of {settings['provider']} cannot be used: {type(error).__name__}; "
            "is a key or file damaged, or in the environment one half of a pair of keys missing?"
        ) from None


def _s3(settings: Settings) -> Store:
    block = settings["s3"]
    endpoint, in_path = block.get("endpoint"), block["force_path_style"]
    if endpoint and not in_path:
        url = urllib.parse.urlsplit(endpoint)
        endpoint = url._replace(netloc=f"{settings['bucket']}.{url.netloc}").geturl()
    given = {
        "region": block["region"],
        "endpoint": endpoint,
        "access_key_id": block.get("access_key_id"),
        "secret_access_key": block.get("secret_access_key"),
        "session_token": block.get("session_token"),
        "virtual_hosted_style_request": not in_path,
        "skip_signature": block["anonymous"] or None,
    }
    return S3Store(settings["bucket"], config=_present(given), **_options(settings, block))


def _gcs(settings: Settings) -> Store:
    block = settings["gcs"]
    given = {
        "service_account": block.get("service_account_file"),
        "service_account_key": block.get("service_account_key"),
        "base_url": block.get("endpoint"),
        "skip_signature": block["anonymous"] or None,
    }
    return GCSStore(settings["bucket"], config=_present(given), **_options(settings, block))


def _azure(settings: Settings) -> Store:
    block = settings["azure"]
    given = {
        "account_name": block["account_name"],
        "account_key": block.get("account_key"),
        "sas_key": block.get("sas_token"),
        "tenant_id": block.get("tenant_id"),
        "client_id": block.get("client_id"),
        "client_secret": block.get("client_secret"),
        "endpoint": block.get("endpoint"),
        "skip_signature": block["anonymous"] or None,
    }
    return AzureStore(settings["bucket"], config=_present(given), **_options(settings, block))


def _local(settings: Settings) -> Store:
    root = Path(settings["local"]["root"])
    if not root.is_dir():
        raise ConnectorError.not_found(f"{root} is not there, or is no folder")
    return LocalStore(root)


_MAKERS: Mapping[str, Callable[[Settings], Store]] = {
    "s3": _s3,
    "gcs": _gcs,
    "azure": _azure,
    "local": _local,
}


def _present(given: Mapping[str, Any]) -> Any:
    return {name: value for name, value in given.items() if value is not None}


def _options(settings: Settings, block: Settings) -> dict[str, Any]:
    """Return what all of the remote ones are given beside their own config."""
    timeout = datetime.timedelta(milliseconds=settings["timeout_ms"])
    client: ClientConfig = {
        "allow_http": str(block.get("endpoint", "")).lower().startswith("http://"),
        "connect_timeout": datetime.timedelta(milliseconds=settings["connect_timeout_ms"]),
        "timeout": timeout,
    }
    if not settings["verify_tls"]:
        client["allow_invalid_certificates"] = True
        _log.warning("certificates of %s are not verified", block.get("endpoint", "the store"))
    if settings.get("ca_file"):
        client["root_certificate"] = _certificates(settings["ca_file"])
    retry: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": timeout}
    return {"client_options": client, "retry_config": retry}


def _certificates(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConnectorError.configuration(
            f"the certificates in {escape_text(path)!r} cannot be read: {error.strerror}"
        ) from error
