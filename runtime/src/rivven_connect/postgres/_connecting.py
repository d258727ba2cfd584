"""Connections: how they are made, where they may go, and the session settings that values depend on."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from rivven_connect._errors import ConnectorError
from rivven_connect._network import NotPublicError, network_policy, require_allowed
from rivven_connect._problems import escape_text
from rivven_connect._secret import Secret
from rivven_connect.postgres._driver import driver
from rivven_connect.postgres._errors import translated
from rivven_connect.postgres._settings import PostgresSettings

if TYPE_CHECKING:
    import psycopg

_APPLICATION = "rivven"

_SESSION = {
    "client_encoding": "UTF8",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",  # the shortest text that is exact
    "xmloption": "content",
    "standard_conforming_strings": "on",
}
"""What the texts of values depend on, so that a role's or database's own settings change nothing."""

_DEFAULTS = {
    "fallback_application_name": _APPLICATION,
    "keepalives_idle": "30",  # a peer that went away without a word is found out in a minute
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # the same while it should take what we send
}
"""What a connection string may say otherwise."""

_SECRET = ("password", "sslpassword", "oauth_client_secret")


def connect(
    settings: PostgresSettings, *, replication: bool = False
) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection in autocommit mode, whose session prints values as this package reads them.

    Parameters are `$1`, `$2` (psycopg's raw cursors), so that a `%` in a quoted name means nothing.
    With `replication` it is one for logical replication, which also takes simple SQL; `pgconn` of
    it is libpq's. Closed with `close`, or as a context manager. Not to be shared between threads.

    Raises:
        ConnectorError: there is no such server, it does not let us in, or policy forbids it.
    """
    library = driver()
    info = connection_info(settings, replication=replication)
    with translated(f"connecting to {_place(info)}"):
        connection = library.Connection.connect(**info, autocommit=True)
        try:
            # One text without parameters: a replication connection knows no other form.
            text = "; ".join(f"SET {name} = '{value}'" for name, value in _SESSION.items())
            connection.execute(text.encode())
        except BaseException:
            connection.close()
            raise
    connection.cursor_factory = library.RawCursor
    connection.server_cursor_factory = library.RawServerCursor
    found: psycopg.Connection[tuple[Any, ...]] = connection
    return found


def connection_info(settings: PostgresSettings, *, replication: bool = False) -> dict[str, Any]:
    """Return libpq's keywords for the settings; passwords in them are known as secrets.

    Under the policy `public_only` it holds the addresses that the host's name has now, all of them
    public, so that nothing is resolved again.

    Raises:
        ConnectorError: the connection string cannot be read, or policy forbids the host.
    """
    given = _given(settings)
    for name in _SECRET:
        if given.get(name):
            Secret(given[name])
    # Whole seconds; libpq makes 2 of 1.
    given["connect_timeout"] = str(max(2, -(-settings.connect_timeout_ms // 1000)))
    given.pop("replication", None)
    if replication:
        given["replication"] = "database"
    info = {**_DEFAULTS, **given}
    if network_policy() == "public_only":
        info |= _pinned(info)
    return info


def _given(settings: PostgresSettings) -> dict[str, str]:
    """Return what the config says, in libpq's words."""
    if settings.connection_string is not None:
        given = _parsed(settings.connection_string.reveal())
    else:
        given = {
            "host": settings.host or "",
            "port": str(settings.port),
            "dbname": settings.database or "",
            "user": settings.user or "",
            "password": settings.password.reveal() if settings.password else "",
        }
    tls = settings.tls
    if tls is not None:
        files = {"sslrootcert": tls.ca_file, "sslcert": tls.cert_file, "sslkey": tls.key_file}
        given |= {name: value for name, value in files.items() if value is not None}
        if tls.mode is not None:
            given["sslmode"] = tls.mode
    for name, value in given.items():
        if "\0" in value:
            raise ConnectorError.configuration(f"the connection's {name} holds a zero byte")
    return given


def _parsed(text: str) -> dict[str, str]:
    library = driver()
    try:
        found = library.conninfo.conninfo_to_dict(text)
    except library.Error:
        # Its message quotes what it could not read, which may be the password.
        found = None
    if found is None or _is_misread(text, found):
        raise ConnectorError.configuration(
            "`connection_string` cannot be read; it is postgresql://user:password@host/database, "
            "with special characters percent-encoded, or host=... dbname=... user=... password=..."
        )
    return {str(name): str(value) for name, value in found.items() if value is not None}


def _is_misread(text: str, found: dict[str, Any]) -> bool:
    """Whether a URL's host or database begins in its password, which has an `@` or `/` as it is."""
    if not text.startswith(("postgres://", "postgresql://")):
        return False
    # The first may be that of an abstract socket; one that was encoded is meant as it is.
    is_odd = any("@" in str(found.get(name, ""))[1:] for name in ("host", "dbname"))
    return is_odd and sum(str(one).count("@") for one in found.values()) > text.count("%40")


def _pinned(info: dict[str, str]) -> dict[str, str]:
    """Return hosts, ports and addresses, one for each address of each host.

    Raises:
        ConnectorError: one is not public, or libpq would find out by itself where to connect.
    """
    places = (info.get("hostaddr") or info.get("host") or "").split(",")
    if "service" in info or not all(places) or any(place[0] in "/@" for place in places):
        raise ConnectorError.configuration(
            "settings.network is public_only: the connection must name a host, not a socket, a "
            "service or nothing"
        )
    names = (info.get("host") or info["hostaddr"]).split(",")
    ports = info.get("port", "").split(",")
    ports = ports * len(places) if len(ports) == 1 else ports
    if not len(names) == len(ports) == len(places):
        raise ConnectorError.configuration("the connection names other numbers of hosts and ports")
    found = [
        (name, port, address)
        for name, port, place in zip(names, ports, places, strict=True)
        for address in _public_addresses(place)
    ]
    hosts, numbers, addresses = map(",".join, zip(*found, strict=True))
    return {"host": hosts, "port": numbers, "hostaddr": addresses}


def _public_addresses(host: str) -> list[str]:
    """Return what the host's name stands for now."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ConnectorError.connection(
            f"connecting to {escape_text(host, limit=255)}: the host name cannot be resolved"
        ) from None
    addresses = list(dict.fromkeys(str(address[4][0]) for address in found))
    try:
        for address in addresses:
            require_allowed(address)
    except NotPublicError as error:
        raise ConnectorError.configuration(
            f"connecting to {escape_text(host, limit=255)}: {error}, and settings.network is "
            "public_only"
        ) from None
    return addresses


def _place(info: dict[str, str]) -> str:
    """Return host and database, for messages."""
    host = info.get("host") or info.get("hostaddr") or "the local server"
    return escape_text(f"PostgreSQL at {host}, database {info.get('dbname') or 'of the user'}")
