"""The jsonl sink."""

from rivven_connect.connectors.jsonl_sink.sink import JsonlSink

__all__ = ["JsonlSink"]
