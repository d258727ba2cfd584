"""Reads a sample config as a person would who sets one of its settings: by removing a `# `."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

_COMMENTED = re.compile(r"(?P<indent> *)#(?!#)(?: (?P<rest>.*))?$")


@dataclasses.dataclass(frozen=True)
class Block:
    """One setting that is commented out: its lines, counted from 0, and whether it replaces another."""

    first: int
    last: int
    is_instead: bool


def blocks_of(text: str) -> Iterator[Block]:
    """Yield the commented settings of a text, outermost ones only."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        match = _COMMENTED.match(lines[number])
        if match is None:
            number += 1
            continue
        first, indent = number, match["indent"]
        number += 1
        while number < len(lines):
            following = _COMMENTED.match(lines[number])
            inside = following and following["indent"] == indent
            if not (following and inside and (following["rest"] or " ")[0] == " "):
                break
            number += 1
        yield Block(first, number - 1, lines[first - 1].lstrip(" -").startswith("## Instead, "))


def uncomment(text: str, block: Block) -> str:
    """Return the text with the block set; of two that exclude each other, the other is removed."""
    lines = text.splitlines()
    indent = len(lines[block.first]) - len(lines[block.first].lstrip())
    for number in range(block.first, block.last + 1):
        rest = lines[number][indent + 1 :]
        lines[number] = (" " * indent + rest.removeprefix(" ")).rstrip() if rest else ""
    if block.is_instead:
        lines = _without_rival(lines, block.first, indent)
    if lines[-1] == "{}":
        lines[-1] = ""
    return "\n".join(lines) + "\n"


def _without_rival(lines: list[str], number: int, indent: int) -> list[str]:
    """Remove the live setting of the same name above a line."""
    name = lines[number][indent:].partition(":")[0]
    for start in range(number - 1, -1, -1):
        if lines[start].startswith(f"{' ' * indent}{name}:"):
            end = start + 1
            while lines[end].startswith(" " * (indent + 1)):
                end += 1
            return lines[:start] + lines[end:]
        if lines[start].strip() and len(lines[start]) - len(lines[start].lstrip()) < indent:
            break
    return lines


def one_by_one(text: str, *, within: Block | None = None) -> Iterator[str]:
    """Yield the text with each setting alone uncommented, inner ones together with those around them."""
    for block in blocks_of(text):
        if within is None or within.first <= block.first <= within.last:
            changed = uncomment(text, block)
            yield changed
            moved = len(text.splitlines()) - len(changed.splitlines())
            inside = Block(block.first - moved, block.last - moved, is_instead=False)
            yield from one_by_one(changed, within=inside)


def all_at_once(text: str) -> str:
    """Return the text with every setting uncommented, at every depth, but for the alternatives."""
    while True:
        block = next((block for block in blocks_of(text) if not block.is_instead), None)
        if block is None:
            return text
        text = uncomment(text, block)
