"""Foreign files, what they become, and the notes; run this file to write them again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rivven_generator.importers.formats import add_catalog, import_file
from rivven_generator.importers.notes import Imported
from rivven_generator.importers.yaml_text import manifest_yaml

CASES = Path(__file__).parent / "cases"
CATALOGS = Path(__file__).parent / "catalogs"
WANT, NOTES = ".want.yaml", ".notes.txt"


def cases() -> Iterator[Path]:
    """Yield each foreign file; its folder is called like its format."""
    for path in sorted(CASES.glob("*/*")):
        if not path.name.endswith((WANT, NOTES)):
            yield path


def imported(path: Path) -> Imported:
    return import_file(path.parent.name, path)


def catalogs() -> Iterator[Path]:
    """Yield each foreign catalog."""
    yield from sorted(CATALOGS.glob("*.json"))


def imported_catalog(path: Path) -> Imported:
    head = {"manifest": "1", "kind": "source", "name": "demo", "config": {"type": "object"}}
    found, notes = add_catalog(Imported(head, []), path)
    return Imported(found.manifest, notes)


def notes_text(found: Imported) -> str:
    return "".join(
        f"{note.line}:{note.column} {note.outcome} {note.code} {note.message}\n"
        for note in found.notes
    )


def beside(path: Path, ending: str) -> Path:
    return path.with_name(path.stem + ending)


if __name__ == "__main__":
    results = [(case, imported(case)) for case in cases()]
    results += [(case, imported_catalog(case)) for case in catalogs()]
    for case, result in results:
        beside(case, WANT).write_text(manifest_yaml(result.manifest), encoding="utf-8")
        beside(case, NOTES).write_text(notes_text(result), encoding="utf-8")
