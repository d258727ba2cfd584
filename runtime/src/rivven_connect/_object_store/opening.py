"""From a config to its bucket, where the extra is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rivven_connect._errors import ConnectorError

if TYPE_CHECKING:
    from rivven_connect._object_store.bucket import Bucket
    from rivven_connect.config import ConfigModel


def open_bucket(config: ConfigModel) -> Bucket:
    """Return the bucket that a config names; nothing is connected yet.

    Blocks, hence call it in a thread: the client is loaded, and with `settings.network: public_only`
    the endpoint's name is looked up.

    Raises:
        ConnectorError: the extra is not installed, a setting cannot be used, or policy forbids it.
    """
    try:
        from rivven_connect._object_store.bucket import Bucket  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise ConnectorError.configuration(
            f"object storage needs {error.name}: pip install 'rivven-connect[s3]'"
        ) from error
    return Bucket(config.dump(reveal=True))
