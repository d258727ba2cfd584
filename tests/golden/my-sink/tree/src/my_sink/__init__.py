"""The my-sink sink."""

from my_sink.sink import MySink

__all__ = ["MySink"]
