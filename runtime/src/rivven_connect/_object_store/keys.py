"""Keys of objects."""

from __future__ import annotations

from rivven_connect._errors import ConnectorError

_LONGEST_PREFIX = 200  # bytes; a key has at most 1024, and more follows


def folder_of(prefix: str, *parts: str) -> str:
    """Return a prefix and what is below it, as one key without a slash at either end."""
    return "/".join(part for part in (prefix.strip("/"), *parts) if part)


def require_usable(prefix: str) -> None:
    """Return if keys may start with the prefix.

    Raises:
        ConnectorError: it is too long, or a part of it is a dot or two, which some readers take for a
            folder above.
    """
    if len(prefix.encode("utf-8", "surrogatepass")) > _LONGEST_PREFIX:
        raise ConnectorError.configuration(f"`prefix` is longer than {_LONGEST_PREFIX} bytes")
    if not {".", ".."}.isdisjoint(prefix.split("/")):
        raise ConnectorError.configuration("no part of `prefix` may be `.` or `..`")
