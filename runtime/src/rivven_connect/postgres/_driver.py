"""psycopg, imported when it is needed first."""

from __future__ import annotations

from types import ModuleType

from rivven_connect._errors import ConnectorError


def driver() -> ModuleType:
    """Return psycopg.

    Raises:
        ConnectorError: it is not installed.
    """
    try:
        import psycopg  # noqa: PLC0415  # optional: the extra `postgres`
    except ImportError as error:
        raise ConnectorError.configuration(
            "PostgreSQL connectors need psycopg: pip install 'rivven-connect[postgres]'"
        ) from error
    return psycopg
