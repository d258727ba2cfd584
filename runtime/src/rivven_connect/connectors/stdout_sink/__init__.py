"""The stdout sink."""

from rivven_connect.connectors.stdout_sink.sink import StdoutSink

__all__ = ["StdoutSink"]
