"""The strict YAML and JSON loader that keeps places; for tools that read files beside the runtime."""

from __future__ import annotations

from rivven_connect._documents import (
    DOCUMENT_CODES,
    Document,
    load_document,
    parse_document,
    split_pointer,
    to_pointer,
)
from rivven_connect._errors import InputError
from rivven_connect._parsing import Limits
from rivven_connect._problems import Problem, escape_text, render_problems

__all__ = [
    "DOCUMENT_CODES",
    "Document",
    "InputError",
    "Limits",
    "Problem",
    "escape_text",
    "load_document",
    "parse_document",
    "render_problems",
    "split_pointer",
    "to_pointer",
]
