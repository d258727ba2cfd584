"""The validated-source source."""

from validated_source.source import ValidatedSource

__all__ = ["ValidatedSource"]
