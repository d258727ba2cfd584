"""Links inside the documentation lead somewhere, and nothing in it belongs to one machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_blocks import DOCS, ROOT, pages

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^()\s]+)\)")
OF_ONE_MACHINE = re.compile(r"(?<![\w.])(/(?:work|home|root|Users|tmp)/|[A-Z]:\\)")
ALL = [page for page in (*pages(), *sorted((DOCS / "errors").glob("*.md"))) if page.exists()]


def prose(page: Path) -> str:
    """Return the page without its code, where brackets mean something else."""
    text = re.sub(r"^(`{3,}).*?^\1$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "`code`", text)


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of a page get, as GitHub makes them."""
    text = re.sub(r"^(`{3,}).*?^\1$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        name = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        count = found[name] = found.get(name, 0) + 1
        names.add(name if count == 1 else f"{name}-{count - 1}")
    return names


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for match in LINK.finditer(prose(page)):
        target = match["target"]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        inside = found == ROOT or ROOT in found.parents
        if not inside or not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_path_of_one_machine(page: Path) -> None:
    assert OF_ONE_MACHINE.findall(page.read_text(encoding="utf-8")) == []


def test_the_indexes_name_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for folder in ("guide", "reference"):
        for page in sorted((DOCS / folder).glob("*.md")):
            assert f"({folder}/{page.name})" in index
    records = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")
    for page in sorted((DOCS / "adr").glob("0*.md")):
        assert f"({page.name})" in records
