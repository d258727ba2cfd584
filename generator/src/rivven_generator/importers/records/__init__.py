"""Record schemas from the dialects of JSON Schema that other tools write."""

from rivven_generator.importers.records.counted import RecordNotes
from rivven_generator.importers.records.schemas import Dialect, RecordSchemas

__all__ = ["Dialect", "RecordNotes", "RecordSchemas"]
