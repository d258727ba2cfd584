"""The my-source source."""

from my_source.source import MySource

__all__ = ["MySource"]
