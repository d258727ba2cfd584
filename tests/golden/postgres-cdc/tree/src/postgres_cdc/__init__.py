"""The postgres-cdc source."""

from postgres_cdc.source import PostgresCdc

__all__ = ["PostgresCdc"]
