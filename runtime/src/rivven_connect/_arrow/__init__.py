"""Records to Arrow and back; needs the extra `parquet`, hence imported only where columns move.

What a stream's schema declares gives the types. What it leaves open, and fields that it does not
declare, are inferred from the records at hand. A missing field and null are one and the same.
"""

from __future__ import annotations

from rivven_connect._arrow.columns import Misfits, fit, to_arrow
from rivven_connect._arrow.order import milestones, value_of_text
from rivven_connect._arrow.rows import to_rows
from rivven_connect._arrow.schema import arrow_schema, is_json_text

__all__ = [
    "Misfits",
    "arrow_schema",
    "fit",
    "is_json_text",
    "milestones",
    "to_arrow",
    "to_rows",
    "value_of_text",
]
