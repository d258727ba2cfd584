"""Renders templates: jinja2 with a few filters and nothing else.

Templates place values that views decided. Text enters Python only through `literal` and
`docstring`, TOML through `toml`, Markdown through `markdown` and `code`, a comment through `line`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2

from rivven_connect.documents import escape_text
from rivven_generator import layout
from rivven_generator.docstrings import docstring
from rivven_generator.invisible import INVISIBLE

_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|<>~&])")
_OPENS_BLOCK = re.compile(r"^(\d*)([-+=.)])")
_CODE_SPAN = re.compile(r"(?<!`)(`[^`|]+`)(?!`)")


@functools.cache
def environment() -> jinja2.Environment:
    """Return the one environment; undefined names are errors, and nothing is HTML."""
    found = jinja2.Environment(
        loader=jinja2.FunctionLoader(template_text),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # the output is Python, TOML and Markdown, each with a filter
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters.update(
        literal=layout.literal,
        docstring=docstring,
        class_head=layout.class_head,
        toml=toml_text,
        markdown=markdown_text,
        code=code_text,
        line=line_text,
    )
    return found


def template_text(name: str) -> str:
    """Return the text of a template, by its path below the templates' data folder."""
    folder = resources.files("rivven_templates").joinpath("data")
    return folder.joinpath(*name.split("/")).read_text(encoding="utf-8")


def render(template: str, **values: Any) -> str:
    """Return a rendered template."""
    return environment().get_template(template).render(values)


def json_text(value: Any) -> str:
    """Return JSON as files hold it: two spaces, ASCII, keys as given, one final newline."""
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def toml_text(value: Any) -> str:
    """Return a text or list of texts as TOML, basic strings in ASCII."""
    if isinstance(value, str):
        return f'"{"".join(_toml_character(character) for character in value)}"'
    if isinstance(value, Mapping):
        raise TypeError("tables are written by the template")
    return "[" + ", ".join(toml_text(item) for item in value) + "]"


def code_text(text: Any) -> str:
    """Return a text as a Markdown code span that also stands in a table; nothing for no text."""
    line = " ".join(INVISIBLE.sub("", str(text)).split()).replace("|", "\\|")
    if not line:
        return ""
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def line_text(text: Any) -> str:
    """Return a text on one line of a comment, what cannot be seen in it as escapes."""
    line = " ".join(str(text).split())
    return escape_text(line, limit=len(line))


def _toml_character(character: str) -> str:
    """Return one character of a basic string; TOML, unlike JSON, has no surrogate pairs."""
    if ord(character) > 0xFFFF:
        return f"\\U{ord(character):08x}"
    return json.dumps(character)[1:-1].replace("\x7f", "\\u007f")


def markdown_text(text: Any) -> str:
    """Return a text that Markdown shows as it is, on one line, without invisible characters.

    A code span stays one: a description may say `name` and mean it.
    """
    line = " ".join(INVISIBLE.sub("", str(text)).split())
    parts = _CODE_SPAN.split(line)
    shown = "".join(
        part if index % 2 else _MARKDOWN.sub(r"\\\1", part) for index, part in enumerate(parts)
    )
    return _OPENS_BLOCK.sub(r"\1\\\2", shown)
