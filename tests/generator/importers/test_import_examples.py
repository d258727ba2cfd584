"""The example on each page of a note gives that note."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rivven_connect.documents import InputError
from rivven_generator.importers.formats import FORMATS, import_file
from rivven_generator.importers.notes import Note

PAGES = Path(__file__).parents[3] / "docs" / "errors"
EXAMPLE = re.compile(
    rf"^```yaml ({'|'.join(FORMATS)})( refused)?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
EXAMPLES = {
    path.stem: found
    for path in sorted(PAGES.glob("RVN8*.md"))
    if (found := EXAMPLE.search(path.read_text(encoding="utf-8")))
}


def test_every_note_about_a_config_has_an_example() -> None:
    pages = {path.stem for path in PAGES.glob("RVN8[0-3]*.md")}
    assert pages - set(EXAMPLES) == {"RVN819"}, "only an option has its note shown as text"


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_example_gives_this_note(code: str, tmp_path: Path) -> None:
    format_name, refused, text = EXAMPLES[code].groups()
    file = tmp_path / "demo-shop.yaml"
    file.write_text(text, encoding="utf-8")
    if refused:
        with pytest.raises(InputError) as raised:
            import_file(format_name, file)
        assert [problem.code for problem in raised.value.problems] == [code]
        return
    named = None if code == "RVN818" else "demo"
    notes = import_file(format_name, file, name=named).notes
    assert code in {note.code for note in notes}, notes
    assert {note.code for note in notes if _is_loss(note)} <= {code}, "one thing at a time"


def _is_loss(note: Note) -> bool:
    return note.outcome == "dropped"
