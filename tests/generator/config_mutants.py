"""Variants of a generated config module, each with one constraint weaker, stronger or gone."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator

_OTHER_TYPES = {
    "Text": ("Json",),
    "Integer": ("Number", "int"),
    "Number": ("Json", "float"),
    "Boolean": ("Json", "bool"),
    "Secret": ("Text",),
}
_LOOSER = {"ge": "gt", "gt": "ge", "le": "lt", "lt": "le"}
_IMPORTS = "from rivven_connect.config import *\nfrom pydantic import ConfigDict\n"
_KEPT = "kept"

Change = Callable[[], object]


def mutants(text: str) -> Iterator[tuple[str, str]]:
    """Yield what was changed and the changed module, for every constraint of every field."""
    body = ast.parse(text).body
    for number, group in enumerate(body):
        if isinstance(group, ast.ClassDef):
            before, after = body[:number], body[number + 1 :]
            for label, changed in _of_class(group):
                yield label, _joined([*map(ast.unparse, before), changed, *map(ast.unparse, after)])


def _joined(parts: list[str]) -> str:
    return "\n".join([parts[1], _IMPORTS, *parts[2:]])  # the docstring gives way to the future


def _of_class(group: ast.ClassDef) -> Iterator[tuple[str, str]]:
    head = f"class {group.name}({ast.unparse(group.bases[0])}):"
    statements = [ast.unparse(statement) for statement in group.body]

    def text(parts: list[str]) -> str:
        return "\n".join([head, *(textwrap.indent(part, "    ") for part in parts), "    pass"])

    for index, statement in enumerate(group.body):
        before, after = statements[:index], statements[index + 1 :]
        name = ast.unparse(getattr(statement, "target", statement))[:30]
        for label, changed in _of_statement(statements[index]):
            yield f"{group.name}.{name}: {label}", text([*before, changed, *after])
    configured = [s for s in statements if s.startswith("model_config")]
    if configured:
        yield f"{group.name}: closed", text([s for s in statements if s not in configured])
    for word in () if configured else ("allow", "ignore"):
        opened = f"model_config = ConfigDict(extra={word!r})"
        yield f"{group.name}: {word}s unknown", text([opened, *statements])


def _of_statement(source: str) -> Iterator[tuple[str, str]]:
    statement = _parsed(source)
    for index, node in enumerate(ast.walk(statement)):
        for number, (label, _) in enumerate(_changes(node)):
            changed = _parsed(source)
            target = next(n for i, n in enumerate(ast.walk(changed)) if i == index)
            list(_changes(target))[number][1]()
            yield label, ast.unparse(changed)


def _parsed(source: str) -> ast.stmt:
    """Parse a statement; subscripts become tuples, and `Annotated` has an item that it can keep."""
    statement = ast.parse(source).body[0]
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript):
            items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            kept = [ast.Constant(_KEPT)] if ast.unparse(node.value) == "Annotated" else []
            node.slice = ast.Tuple([*items, *kept], ast.Load())
    return statement


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    match node:
        case ast.Assign(targets=[ast.Name(id="_rules")], value=ast.Tuple(elts=rules)):
            for index, rule in enumerate(rules):
                yield f"without {ast.unparse(rule)}", _removal(rules, index)
        case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
            yield from _field_changes(node)
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Tuple(elts=items)):
            yield from _subscript_changes(node, name, items)
        case ast.BinOp(left=ast.Name(id=kind), op=ast.BitOr()):
            for other in _OTHER_TYPES.get(kind, ()):
                yield f"{kind} as {other}", _setting(node, "left", ast.Name(other))
        case ast.Call(func=ast.Name(id=name)):
            yield from _call_changes(node, name)


def _field_changes(node: ast.AnnAssign) -> Iterator[tuple[str, Change]]:
    if node.value is None:
        yield "optional", _setting(node, "value", ast.Constant(None))
    elif isinstance(node.value, ast.Constant):
        yield "required", _setting(node, "value", None)
    source = ast.unparse(node.annotation)
    if "None" not in source and not source.startswith(("Json", "Annotated[Json")):
        union = ast.parse(f"({source}) | None", mode="eval").body
        yield "nullable", _setting(node, "annotation", union)


def _subscript_changes(
    node: ast.Subscript, name: str, items: list[ast.expr]
) -> Iterator[tuple[str, Change]]:
    if name == "Literal":
        for index, item in enumerate(items if len(items) > 1 else ()):
            yield f"without {ast.unparse(item)}", _removal(items, index)
        anything = ast.parse("Annotated[Json, 'any']", mode="eval").body
        yield "any value", lambda: vars(node).update(vars(anything))
    for index, item in enumerate(items if name in {"Annotated", "list", "dict"} else ()):
        if isinstance(item, ast.Call) and ast.unparse(item.func) != "Field":
            yield f"without {ast.unparse(item)}", _removal(items, index)
        for other in _OTHER_TYPES.get(ast.unparse(item), ()):
            yield f"{ast.unparse(item)} as {other}", _replacement(items, index, ast.Name(other))


def _call_changes(node: ast.Call, name: str) -> Iterator[tuple[str, Change]]:
    if name == "OneOf":
        for index, value in enumerate(node.args):
            yield f"without {ast.unparse(value)}", _removal(node.args, index)
    elif name == "MultipleOf":
        half = ast.parse(f"{ast.unparse(node.args[0])} / 2", mode="eval").body
        yield "half the step", _replacement(node.args, 0, half)
    elif name in {"Field", "SecretText"}:
        for index, keyword in enumerate(node.keywords):
            if keyword.arg not in {"default_factory", "init"}:
                yield f"without {keyword.arg}", _removal(node.keywords, index)
                yield from _keyword_changes(keyword)


def _keyword_changes(keyword: ast.keyword) -> Iterator[tuple[str, Change]]:
    if isinstance(keyword.value, ast.Constant) and type(keyword.value.value) is int:
        for step in (1, -1):
            moved = ast.Constant(keyword.value.value + step)
            yield f"{keyword.arg} {step:+}", _setting(keyword, "value", moved)
    if keyword.arg in _LOOSER:
        other = _LOOSER[keyword.arg]
        yield f"{keyword.arg} as {other}", _setting(keyword, "arg", other)


def _removal(items: list[ast.expr] | list[ast.keyword], index: int) -> Change:
    return lambda: items.pop(index)


def _replacement(items: list[ast.expr], index: int, node: ast.expr) -> Change:
    return lambda: items.__setitem__(index, node)


def _setting(node: ast.AST, attribute: str, value: object) -> Change:
    return lambda: setattr(node, attribute, value)
