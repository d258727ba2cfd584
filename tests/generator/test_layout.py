"""What the printer writes is what `ruff format` would write, and means what it was given."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rivven_generator import layout
from rivven_generator.docstrings import docstring

RUFF = str(Path(sys.executable).with_name("ruff"))
TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=60
) | st.sampled_from(
    ['"""', "'''", "\\", 'ends with "', "it's", 'say "hi"', 'it\'s "both"', "x" * 120, "{{ x }}"]
)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
NAME = st.sampled_from(["a", "page_size", "a_rather_long_name_of_an_option_that_goes_on_and_on"])
ATOM = st.sampled_from(["Text", "Integer", "Secret", "Json", "SomeQuiteLongClassNameForAnObject"])
META = st.sampled_from(
    [
        "NotNull()",
        "UniqueItems()",
        'Format("uri")',
        "Field(ge=1, le=1000)",
        'Field(alias="class", min_length=1, max_length=100, pattern="^[a-z]+$")',
    ]
)
NOTE = st.recursive(
    ATOM,
    lambda inner: st.one_of(
        inner.map(lambda t: f"list[{t}]"),
        inner.map(lambda t: f"dict[str, {t}]"),
        inner.map(lambda t: f"{t} | None"),
        st.tuples(inner, st.lists(META, min_size=1, max_size=3)).map(
            lambda p: f"Annotated[{p[0]}, {', '.join(p[1])}]"
        ),
    ),
    max_leaves=4,
)


QUICK = settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


def formatted(text: str) -> str:
    done = subprocess.run(
        [RUFF, "format", "--isolated", "--line-length=100", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@given(st.lists(JSON, min_size=15, max_size=25))
@QUICK
def test_literals_are_formatted_and_mean_their_value(values: list[object]) -> None:
    lines = [layout.assignment(f"v{i}", layout.literal(v), indent=0) for i, v in enumerate(values)]
    text = "\n".join(lines) + "\n"
    assert text.isascii()
    assert formatted(text) == text
    found: dict[str, object] = {}
    exec(compile(text, "literals", "exec"), found)  # our own literals, to see what they mean
    assert [json.dumps(found[f"v{i}"]) for i in range(len(values))] == [*map(json.dumps, values)]


@given(st.lists(st.tuples(NAME, NOTE, st.none() | JSON), min_size=15, max_size=25))
@QUICK
def test_fields_are_formatted(fields: list[tuple[str, str, object]]) -> None:
    body = []
    for name, note, value in fields:
        default = layout.literal(value)
        if isinstance(value, list | dict):
            default = f"Field(default_factory=lambda: {default})"
        elif "list[" in note or "dict[" in note:
            default = "Field(default_factory=list)"
        body.append("    " + layout.field(name, note, default if value is not None else None))
    text = "class C:\n" + "\n".join(body) + "\n"
    assert formatted(text) == text


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=80), max_size=8))
@QUICK
def test_docstrings_hold_any_text_and_nothing_else(texts: list[str]) -> None:
    hostile = [
        '"""',
        '""" + evil() + """',
        "\\",
        'x"',
        '"x',
        "a\n\nb\\",
        "a\r\nb",
        "\u2028\x0c\x85",
    ]
    for text in [*texts, *hostile]:
        if not text.strip():
            continue
        module = f"class C:\n    {docstring(text, 4)}\n\n    x = 1\n"
        tree = ast.parse(module)
        found = tree.body[0]
        assert isinstance(found, ast.ClassDef)
        assert [type(node) for node in found.body] == [ast.Expr, ast.Assign]
        assert module.isascii()
        assert formatted(module) == module


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object()])
def test_only_json_becomes_a_literal(value: object) -> None:
    with pytest.raises(TypeError):
        layout.literal(value)


def test_python_floats_and_integers_survive() -> None:
    for value in (1e16, -0.0, 1e-300, sys.maxsize + 1, 0.1):
        assert ast.literal_eval(layout.literal(value)) == value
