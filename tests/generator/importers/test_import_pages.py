"""Codes of imports and their pages agree, and each page's example gets the note that it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rivven_connect.documents import InputError, parse_document
from rivven_generator.importers.catalogs import import_streams
from rivven_generator.importers.codes import IMPORT_CODES
from rivven_generator.importers.notes import Notes
from rivven_generator.importers.openapi import import_openapi
from rivven_generator.importers.records import RecordNotes, RecordSchemas
from rivven_generator.importers.samples import infer_stream

PAGES = Path(__file__).parents[3] / "docs" / "errors"
CODES = set(IMPORT_CODES)


def page(code: str) -> str:
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in PAGES.glob("RVN8*.md")} == CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_page_says_what_the_code_means_for_the_import(code: str) -> None:
    known = IMPORT_CODES[code]
    assert page(code).startswith(f"# {code}: {known.title}\n")
    refused = known.outcome == "refused"
    assert ("An error:" if refused else f"A note, not an error. It is *{known.outcome}*") in page(
        code
    )
    assert ("\n## Fix\n" if refused else "\n## What to do\n") in page(code)


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_index_lists_the_code_with_its_outcome(code: str) -> None:
    known = IMPORT_CODES[code]
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert f"| [{code}]({code}.md) | {known.title} | {known.outcome} |" in index


def codes_of_record(text: str) -> set[str]:
    document = parse_document(text, path="schema.yaml", foreign=True)
    notes = Notes(document)
    counted = RecordNotes(notes)
    RecordSchemas(document, counted).record(())
    counted.flush()
    return {note.code for note in notes.sorted()}


def codes_of(kind: str, text: str, folder: Path) -> set[str]:
    path = folder / "sample.jsonl"
    path.write_text(text, encoding="utf-8")
    try:
        if kind == "yaml record":
            return codes_of_record(text)
        if kind == "text sample":
            return {note.code for note in infer_stream(str(path), name="sample").notes}
        document = parse_document(text, path="in.yaml", foreign=True)
        if kind == "yaml catalog":
            return {note.code for note in import_streams(document)[1]}
        assert kind == "yaml api"
        return {note.code for note in import_openapi(document).notes}
    except InputError as error:
        return {problem.code for problem in error.problems}


@pytest.mark.parametrize("code", sorted(code for code in CODES if "RVN840" <= code < "RVN880"))
def test_the_example_of_the_page_gets_its_code(code: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```(.*?)\n(.*?)^```$", page(code), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    kind, text = blocks[0]
    assert code in (
        {*re.findall(r"RVN\d{3}", text)} if kind == "text shown" else codes_of(kind, text, tmp_path)
    )
