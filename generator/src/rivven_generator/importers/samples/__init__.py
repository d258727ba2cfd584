"""A stream's schema from sample records, written as JSON Lines."""

from rivven_generator.importers.samples.inferring import Inferred, infer_stream

__all__ = ["Inferred", "infer_stream"]
