"""Every fenced code block of the documentation runs, or is checked against what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_blocks import ROOT, Block, blocks_of, pages
from doc_runner import PageRunner

WITH_BLOCKS = [page for page in pages() if page.exists() and blocks_of(page)]


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_the_page_hold(page: Path, tmp_path: Path) -> None:
    PageRunner(tmp_path).run(blocks_of(page))


def block(language: str, text: str = "", *words: str, **options: str) -> Block:
    return Block(ROOT / "page.md", 1, language, frozenset(words), options, text)


@pytest.mark.parametrize(
    "wrong",
    [
        block("rust", "fn main() {}"),
        block("", "no language"),
        block("python", "pass", "norun"),
        block("yaml", "a: 1"),
        block("yaml", "a: 1", "fragment", of="nothing"),
        block("yaml", 'manifest: "1"\nkind: source\nname: demo\nconfig: {type: object}\n', of="x", c="y"),
        block("yaml", 'manifest: "1"\nkind: nothing\n'),
        block("sh", "false"),
        block("sh", "make no-such-target"),
        block("console", "$ echo one\ntwo\n"),
        block("console", "echo one\n"),
        block("json", "{"),
        block("toml", "="),
        block("python", "x = 1\n", file="unused.py"),
        block("python", "x = 1\n", file="../outside.py"),
    ],
    ids=lambda one: one.info,
)  # fmt: skip
def test_a_block_that_does_not_hold_is_found(wrong: Block, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ValueError)):
        PageRunner(tmp_path).run([wrong])


def test_output_is_compared_with_what_was_printed(tmp_path: Path) -> None:
    said = block("python", "print('took 12 ms'); print('and', 'more')\n")
    PageRunner(tmp_path).run([said, block("text", "took 7 ms\nand ...\n", "output")])
    with pytest.raises(AssertionError, match="output differs"):
        PageRunner(tmp_path).run([said, block("text", "took 7 ms\n", "output")])
