"""The postgres-cdc source."""

from rivven_connect.connectors.postgres_cdc_source.source import PostgresCdcSource

__all__ = ["PostgresCdcSource"]
