"""The fenced code blocks of a Markdown page, and the pages that have some."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")


def pages() -> list[Path]:
    """Return every page that is written for users and contributors."""
    top = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
    folders = (DOCS, DOCS / "guide", DOCS / "connectors", DOCS / "reference", DOCS / "adr")
    return [ROOT / name for name in top] + [
        page for folder in folders for page in sorted(folder.glob("*.md"))
    ]


@dataclasses.dataclass(frozen=True)
class Block:
    """One fenced block: its language, the words and `key=value` pairs behind it, and its text."""

    page: Path
    line: int
    language: str
    words: frozenset[str]
    options: Mapping[str, str]
    text: str

    @property
    def place(self) -> str:
        """Where the block starts, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def info(self) -> str:
        """What stands behind the fence, for messages."""
        pairs = [f"{key}={value}" for key, value in self.options.items()]
        return " ".join([self.language, *sorted(self.words), *pairs])


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order; `line` is that of the fence."""
    found: list[Block] = []
    opened: tuple[int, str, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        match = _FENCE.match(line)
        if opened is None:
            if match:
                opened, inside = (number, match["fence"], match["info"]), []
            continue
        if line.strip() == opened[1]:
            found.append(_block(page, opened[0], opened[2], inside))
            opened = None
        else:
            inside.append(line)
    if opened is not None:
        raise AssertionError(f"{page.relative_to(ROOT)}:{opened[0]}: the block is never closed")
    return found


def _block(page: Path, line: int, info: str, inside: list[str]) -> Block:
    language, *rest = info.split() or [""]
    options = dict(word.split("=", 1) for word in rest if "=" in word)
    words = frozenset(word for word in rest if "=" not in word)
    return Block(page, line, language, words, options, "".join(f"{text}\n" for text in inside))
