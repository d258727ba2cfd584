"""Text of the manifest as docstrings."""

from __future__ import annotations

import inspect

from rivven_generator.layout import escaped


def docstring(text: str, indent: int) -> str:
    """Return a docstring literal in ASCII, on one line or with its closing quotes alone."""
    lines = [_docstring_line(line) for line in inspect.cleandoc(text).split("\n")]
    lines[0] = f" {lines[0]}" if lines[0].startswith('"') else lines[0]
    if len(lines) == 1:
        body = lines[0] + (" " if _ends_with_quote(lines[0]) else "")
        return f'"""{body}"""'
    pad = " " * indent
    rest = "".join(f"{pad}{line}\n" if line else "\n" for line in lines[1:])
    return f'"""{lines[0]}\n{rest}{pad}"""'


def _ends_with_quote(line: str) -> bool:
    """Whether an escaped line ends with a quote that is not escaped itself."""
    before = line[:-1]
    return line.endswith('"') and (len(before) - len(before.rstrip("\\"))) % 2 == 0


def _docstring_line(line: str) -> str:
    """Return one line of text that means itself inside triple quotes."""
    return escaped(line.rstrip()).replace('"""', '\\"\\"\\"')
