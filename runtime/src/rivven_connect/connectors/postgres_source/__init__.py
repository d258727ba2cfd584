"""The postgres source."""

from rivven_connect.connectors.postgres_source.source import PostgresSource

__all__ = ["PostgresSource"]
