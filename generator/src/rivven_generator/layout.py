"""Prints Python expressions the way `ruff format` would, at a line length of 100.

Generated files hold declarations only, so a small printer is enough: an expression stands on one
line where it fits, else one item per line with trailing commas.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

LINE_LENGTH = 100
_STEP = 4


def literal(value: object) -> str:
    """Return JSON-like `value` as a Python literal, in ASCII: the only way text enters Python.

    Raises:
        TypeError: the value is not made of JSON types.
    """
    if isinstance(value, str):  # most are, and `flat` would say the same
        return quoted(value)
    return flat(ast.parse(_plain(value), mode="eval").body)


def _plain(value: object) -> str:
    if value is None or isinstance(value, bool | int | float | str):
        return ascii(value)
    if isinstance(value, list | tuple):
        body = ", ".join(_plain(item) for item in value)
        return f"[{body}]" if isinstance(value, list) else f"({body}{',' * (len(value) == 1)})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_plain(k)}: {_plain(v)}" for k, v in value.items()) + "}"
    raise TypeError(f"{type(value).__name__} is not JSON")


def quoted(text: str) -> str:
    """Return a text as an ASCII literal, in the quotes that the formatter prefers."""
    body = escaped(text)
    if text.count('"') > text.count("'"):
        return "'" + body.replace("'", "\\'") + "'"
    return '"' + body.replace('"', '\\"') + '"'


def escaped(text: str) -> str:
    """Return a text in ASCII, with every backslash and control character escaped, quotes not."""
    return text.encode("unicode_escape").decode("ascii")


def flat(node: ast.expr) -> str:  # noqa: PLR0911  # one line for each kind of expression
    """Return an expression on one line."""
    match node:
        case ast.Constant(value=str() as text):
            return quoted(text)
        case ast.Constant(value=float() as number):
            return repr(number).replace("e+", "e")
        case ast.UnaryOp(op=ast.USub()):
            return f"-{flat(node.operand)}"
        case ast.Subscript():
            return f"{flat(node.value)}[{', '.join(flat(item) for item in _items(node))}]"
        case ast.Call():
            return f"{flat(node.func)}({', '.join(_arguments(node))})"
        case ast.List():
            return f"[{', '.join(flat(item) for item in node.elts)}]"
        case ast.Tuple():
            comma = "," if len(node.elts) == 1 else ""
            return f"({', '.join(flat(item) for item in node.elts)}{comma})"
        case ast.Dict():
            return "{" + ", ".join(f"{_key(k)}: {flat(v)}" for k, v in _entries(node)) + "}"
        case ast.BinOp(op=ast.BitOr()):
            return " | ".join(flat(part) for part in union_members(node))
        case ast.Lambda():
            return f"lambda: {flat(node.body)}"
        case _:
            return ast.unparse(node)


def expression(  # noqa: PLR0911  # one way for each kind of expression
    node: ast.expr, indent: int, *, before: int, after: int = 0
) -> str:
    """Return an expression that starts `before` columns into its line.

    Args:
        node: the expression.
        indent: the column of the statement that it belongs to.
        before: the column at which the expression starts.
        after: how many characters follow on its last line.
    """
    line = flat(node)
    if before + len(line) + after <= LINE_LENGTH:
        return line
    pad, end = " " * (indent + _STEP), " " * indent
    match node:
        case ast.Subscript():
            items = _items(node)
            comma = "," if len(items) > 1 else ""
            return f"{flat(node.value)}[\n{_lines(items, indent, comma)}{end}]"
        case ast.Call() if node.args or node.keywords:
            parts = [
                *(expression(a, indent + _STEP, before=indent + _STEP, after=1) for a in node.args),
                *(
                    f"{k.arg}="
                    + expression(
                        k.value,
                        indent + _STEP,
                        before=indent + _STEP + len(str(k.arg)) + 1,
                        after=1,
                    )
                    for k in node.keywords
                ),
            ]
            head = flat(node.func)
            if isinstance(node.func, ast.Subscript) and before + len(head) >= LINE_LENGTH:
                head = expression(node.func, indent, before=LINE_LENGTH)
            return f"{head}(\n" + "".join(f"{pad}{p},\n" for p in parts) + f"{end})"
        case ast.List() if node.elts:
            return f"[\n{_lines(node.elts, indent, ',')}{end}]"
        case ast.Tuple() if node.elts:
            return f"(\n{_lines(node.elts, indent, ',')}{end})"
        case ast.Dict() if node.keys:
            return "{\n" + "".join(_entry_lines(node, indent)) + f"{end}}}"
        case ast.BinOp(op=ast.BitOr()):
            return f"\n{end}| ".join(
                expression(part, indent, before=indent + 2 * (position > 0))
                for position, part in enumerate(union_members(node))
            )
        case ast.Lambda():
            return "lambda: " + expression(node.body, indent, before=before + 8, after=after)
        case _:
            return line


def field(name: str, annotation: str, value: str | None = None, *, indent: int = 4) -> str:
    """Return `name: annotation = value` as a statement, without the leading indent."""
    note = ast.parse(annotation, mode="eval").body
    start = indent + len(name) + 2
    if value is None:
        return f"{name}: {_annotation(note, indent, before=start)}"
    default = ast.parse(value, mode="eval").body
    head = f"{name}: {flat(note)} = "
    one_line = head + flat(default)
    if indent + len(one_line) <= LINE_LENGTH:
        return one_line
    if _splits(default):
        split = expression(default, indent, before=LINE_LENGTH)
        if indent + len(head) + len(split.split("\n", 1)[0]) <= LINE_LENGTH:
            return head + split
    fits = indent + _STEP + len(flat(default)) <= LINE_LENGTH
    if indent + len(head) < LINE_LENGTH and (fits or _splits(default) or _splits(note)):
        return head + _in_brackets(default, indent)
    if isinstance(note, ast.Name):
        return one_line
    exploded = _annotation(note, indent, before=LINE_LENGTH)
    return f"{name}: {exploded} = {_value(default, indent, exploded)}"


def assignment(name: str, value: str, *, indent: int = 4) -> str:
    """Return `name = value` as a statement, without the leading indent."""
    node = ast.parse(value, mode="eval").body
    return f"{name} = {expression(node, indent, before=indent + len(name) + 3)}"


def class_head(name: str, base: str) -> str:
    """Return `class name(base):`, wrapped where it is too long."""
    line = f"class {name}({base}):"
    return line if len(line) <= LINE_LENGTH else f"class {name}(\n    {base}\n):"


def _value(default: ast.expr, indent: int, exploded: str) -> str:
    last = len(exploded.rsplit("\n", 1)[-1]) + 3
    line = flat(default)
    if last + len(line) <= LINE_LENGTH:
        return line
    if _splits(default):
        return expression(default, indent, before=last)
    fits = indent + _STEP + len(line) <= LINE_LENGTH
    return _in_brackets(default, indent) if fits else line


def _annotation(node: ast.expr, indent: int, *, before: int) -> str:
    """Return a field's annotation; a union or name that is too long stands in brackets of its own."""
    size = len(flat(node))
    wraps = isinstance(node, ast.BinOp) or (
        isinstance(node, ast.Name) and before < LINE_LENGTH >= indent + _STEP + size
    )
    if wraps and before + size > LINE_LENGTH:
        return _in_brackets(node, indent)
    return expression(node, indent, before=before)


def _in_brackets(node: ast.expr, indent: int) -> str:
    """Return an expression that starts on a line of its own, inside brackets."""
    inner = indent + _STEP
    body = expression(node, inner, before=inner)
    return f"(\n{' ' * inner}{body}\n{' ' * indent})"


def _splits(node: ast.expr) -> bool:
    splitting = ast.Call | ast.List | ast.Dict | ast.Tuple | ast.Subscript | ast.BinOp
    return isinstance(node, splitting)


def _lines(items: Sequence[ast.expr], indent: int, comma: str) -> str:
    inner = indent + _STEP
    return "".join(
        f"{' ' * inner}{expression(item, inner, before=inner, after=len(comma))}{comma}\n"
        for item in items
    )


def _entry_lines(node: ast.Dict, indent: int) -> list[str]:
    inner = indent + _STEP
    found = []
    for key, value in _entries(node):
        head = f"{_key(key)}: "
        body = expression(value, inner, before=inner + len(head), after=1)
        found.append(f"{' ' * inner}{head}{body},\n")
    return found


def _entries(node: ast.Dict) -> list[tuple[ast.expr | None, ast.expr]]:
    return list(zip(node.keys, node.values, strict=True))


def _key(key: ast.expr | None) -> str:
    return flat(key) if key is not None else "**"


def _items(node: ast.Subscript) -> list[ast.expr]:
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]


def _arguments(node: ast.Call) -> list[str]:
    return [
        *(flat(argument) for argument in node.args),
        *(f"{keyword.arg}={flat(keyword.value)}" for keyword in node.keywords),
    ]


def union_members(node: ast.expr) -> list[ast.expr]:
    """Return the members of a union such as `str | None`, however it is nested."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*union_members(node.left), *union_members(node.right)]
    return [node]
