"""Text of a manifest never becomes anything but text, whatever it holds (reliability.md, G-0)."""

from __future__ import annotations

import functools
import tempfile
import unicodedata
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hostile_texts import FRAGMENTS, KINDS, Kind, shapes, starter_shapes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from text_shapes import shape_of

from rivven_generator import project_files, render

DATA = resources.files("rivven_templates").joinpath("data")


@functools.cache
def benign(kind: Kind) -> dict[str, object]:
    """Return the shapes with texts that nobody would think about twice."""
    with tempfile.TemporaryDirectory() as folder:
        return shapes(
            Path(folder), kind, lambda role: f"plain {role}", lambda role: f"{role} {role}"
        )


def hostile(folder: Path, kind: Kind, before: str, after: str) -> dict[str, object]:
    """Return the shapes with a text around each role."""

    def key(role: str) -> str:
        # Its letters decide the Python name and are not at issue here.
        return f"{role}{_without_letters(before)} {_without_letters(after)}{role}"

    return shapes(folder, kind, lambda role: f"{before}{role}{after}", key)


def _without_letters(text: str) -> str:
    """Return the rest of a text; keys may hold no control characters and no line ends."""
    kinds = {char: unicodedata.category(char) for char in text}
    return "".join(
        char for char in text if not char.isalnum() and kinds[char][0] != "C" and char.isprintable()
    )


def assert_same(first: dict[str, object], second: dict[str, object]) -> None:
    """Compare file by file, so that a failure names the file."""
    assert first.keys() == second.keys()
    for path, shape in first.items():
        assert second[path] == shape, path


TEMPLATES = {
    path.relative_to(str(DATA)).as_posix().removesuffix(".jinja")
    for path in Path(str(DATA)).rglob("*")
    if path.is_file() and path.name != "copier.yml"
}


def test_g0_every_template_is_part_of_a_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template that is new, or that no example here reaches, fails this test."""
    reached: set[str] = set()

    def template_text(name: str) -> str:
        reached.add(name.removesuffix(".jinja"))
        return read(name)

    def rendered(template: str, *arguments: Any, **options: Any) -> dict[str, str]:
        files = copied(template, *arguments, **options)
        reached.update(f"{template}/{path}" for path in files)
        return files

    read, copied = render.template_text, project_files._rendered
    monkeypatch.setattr(render, "template_text", template_text)
    monkeypatch.setattr(project_files, "_rendered", rendered)
    render.environment.cache_clear()
    for kind in KINDS:
        shapes(tmp_path, kind, str, str)
        starter_shapes(tmp_path, kind, "Plain.")
    render.environment.cache_clear()
    assert reached == TEMPLATES


@pytest.mark.parametrize("kind", KINDS)
def test_g0_a_sentence_for_a_starter_is_a_sentence(tmp_path: Path, kind: Kind) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain = starter_shapes(tmp_path / "a", kind, "Plain.")
    # No terminal hands over a line end, and a manifest refuses the rest of the control characters.
    line = "".join(char for char in "".join(FRAGMENTS) if unicodedata.category(char) != "Cc")
    assert_same(plain, starter_shapes(tmp_path / "b", kind, line))


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=ascii)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_hostile_text_changes_strings_and_nothing_else(fragment: str, tmp_path: Path) -> None:
    assert_same(benign("source"), hostile(tmp_path, "source", fragment, fragment))


@given(st.data())
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_g0_so_does_any_mixture(tmp_path: Path, data: st.DataObject) -> None:
    mixtures = st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join)
    kind = data.draw(st.sampled_from(KINDS))
    before, after = data.draw(mixtures), data.draw(mixtures)
    assert_same(benign(kind), hostile(tmp_path, kind, before, after))


def test_the_comparison_notices_code() -> None:
    assert shape_of("a.py", 'x = "a"') == shape_of("a.py", 'x = "b"')
    assert shape_of("a.py", 'x = "a"') != shape_of("a.py", 'x = "a" + y')
    call = 'X = TypedDict("X", {"a-b": "NotRequired[%s]"})'
    assert shape_of("a.py", call % "str") != shape_of("a.py", call % "int")
    assert shape_of("a.md", "| a |\n|---|\n| b |") != shape_of("a.md", "| a |\n|---|\n| b | c\nd")
    assert shape_of("a.toml", 'a = "b"') != shape_of("a.toml", 'a = "b"\nc = 1')
