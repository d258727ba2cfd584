"""The config fields that every PostgreSQL connector has; the generated classes fit these protocols."""

from __future__ import annotations

from typing import Literal, Protocol

from rivven_connect._secret import Secret

TlsMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]


class TlsSettings(Protocol):
    """How the connection is encrypted; what is None is as the connection string or libpq has it."""

    @property
    def mode(self) -> TlsMode | None:
        """What libpq calls `sslmode`; its default is `prefer`."""

    @property
    def ca_file(self) -> str | None:
        """A PEM file of the authorities to trust, or `system`."""

    @property
    def cert_file(self) -> str | None:
        """A PEM file of our own certificate."""

    @property
    def key_file(self) -> str | None:
        """A PEM file of its key."""


class PostgresSettings(Protocol):
    """Where the server is and who we are: a connection string, or its parts."""

    @property
    def connection_string(self) -> Secret | None:
        """A URL or `key=value` pairs, as libpq takes them."""

    @property
    def host(self) -> str | None:
        """The host, or the folder of a socket."""

    @property
    def port(self) -> int:
        """The port; not used beside a connection string."""

    @property
    def database(self) -> str | None:
        """The database."""

    @property
    def user(self) -> str | None:
        """The role."""

    @property
    def password(self) -> Secret | None:
        """Its password; may be empty."""

    @property
    def tls(self) -> TlsSettings | None:
        """How the connection is encrypted."""

    @property
    def connect_timeout_ms(self) -> int:
        """The longest wait for one host, in milliseconds; libpq counts whole seconds, at least 2."""
