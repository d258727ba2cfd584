"""The jsonl source."""

from rivven_connect.connectors.jsonl_source.source import JsonlSource

__all__ = ["JsonlSource"]
