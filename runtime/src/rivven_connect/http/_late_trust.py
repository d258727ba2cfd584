"""What aiohttp trusts, read when its first connection asks for it.

aiohttp makes two TLS contexts while it is imported, and each reads all certificates that the system
trusts. That takes longer than any other part of the import. Plain HTTP needs none of them, and our own
clients have a context of their own (`_session`); they are left for others who use aiohttp.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from typing import Any, Final

_Context: Final = ssl.SSLContext
_PATHS: Final = "set_default_verify_paths"
_read_paths: Final = ssl.SSLContext.set_default_verify_paths
_reading: Final = threading.Lock()


class _LateTrust(ssl.SSLContext):
    """A context that has yet to read the system's certificates; then it is a plain one."""

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Begin TLS, as asyncio does."""
        return _Context.wrap_bio(_read(self), *args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Begin TLS on a socket."""
        return _Context.wrap_socket(_read(self), *args, **kwargs)

    def cert_store_stats(self) -> dict[str, int]:
        """Count the certificates."""
        return _Context.cert_store_stats(_read(self))

    def get_ca_certs(self, binary_form: bool = False) -> Any:
        """Return the certificates of authorities."""
        return _Context.get_ca_certs(_read(self), binary_form)


def _read(context: ssl.SSLContext) -> ssl.SSLContext:
    with _reading:
        if type(context) is _LateTrust:
            _Context.set_default_verify_paths(context)
            # Where none were found, as when files cannot be opened just now, it looks again.
            if _Context.cert_store_stats(context)["x509"]:
                context.__class__ = _Context  # type: ignore[assignment]
    return context


@contextlib.contextmanager
def late_trust() -> Iterator[None]:
    """Let contexts that this thread makes in here read the system's certificates when first used."""
    if ssl.SSLContext is not _Context or _Context.__module__ != "ssl" or _PATHS in vars(_Context):
        yield  # somebody else decides what is trusted: `truststore`, say
        return
    here = threading.get_ident()

    def postpone(context: ssl.SSLContext) -> None:
        if type(context) is _Context and threading.get_ident() == here:
            context.__class__ = _LateTrust
        else:
            _read_paths(context)

    setattr(_Context, _PATHS, postpone)
    try:
        yield
    finally:
        if vars(_Context).get(_PATHS) is postpone:
            delattr(_Context, _PATHS)
