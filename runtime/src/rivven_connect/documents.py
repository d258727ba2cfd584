"""The strict YAML and JSON loader that keeps places, and its writer; for tools beside the runtime."""

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
from rivven_connect._scalars import is_plain_text
from rivven_connect._yaml_text import yaml_text

__all__ = [
    "DOCUMENT_CODES",
    "Document",
    "InputError",
    "Limits",
    "Problem",
    "escape_text",
    "is_plain_text",
    "load_document",
    "parse_document",
    "render_problems",
    "split_pointer",
    "to_pointer",
    "yaml_text",
]
