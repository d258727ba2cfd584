"""B-S: what it costs to start."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pipelines
from cases import FLOOR, Case
from measure import Command, tool

_CLICK = '''\
import click


@click.group()
def main():
    """A bare click program."""


@main.command()
@click.argument("name")
@click.option("--loud", is_flag=True, help="Say it loudly.")
def hello(name, loud):
    """Greet somebody."""


main()
'''
_REPEAT = 3
_ONE_RECORD = "import pydantic, sqlite3, asyncio"


def click_help(folder: Path) -> Command:
    """Return the floor of short commands: the help of a bare click program."""
    program = folder / "bare.py"
    program.write_text(_CLICK, encoding="utf-8")
    return Command([sys.executable, str(program), "--help"], folder, repeat=_REPEAT)


def _helps(folder: Path) -> Mapping[str, Command]:
    return {
        FLOOR: click_help(folder),
        "rivven --help": Command([tool("rivven"), "--help"], folder, repeat=_REPEAT),
        "rivven-connect --help": Command(
            [tool("rivven-connect"), "--help"], folder, repeat=_REPEAT
        ),
    }


def _imports(folder: Path) -> Mapping[str, Command]:
    def importing(statement: str) -> Command:
        return Command([sys.executable, "-c", statement], folder, repeat=_REPEAT)

    return {
        FLOOR: importing("from pydantic import BaseModel"),
        "import rivven_connect": importing("import rivven_connect"),
        "import rivven_connect.config": importing("import rivven_connect.config"),
    }


def _spec(folder: Path) -> Mapping[str, Command]:
    name = "rivven-connect spec"
    argv = [tool("rivven-connect"), "spec", "source:jsonl"]
    return {FLOOR: click_help(folder), name: Command(argv, folder, repeat=_REPEAT)}


def _one_record(folder: Path) -> Mapping[str, Command]:
    orders = {"connector": "datagen", "config": {"pattern": "orders", "max_events": 1}}
    return {
        FLOOR: Command([sys.executable, "-c", _ONE_RECORD], folder, repeat=_REPEAT),
        "rivven run": pipelines.run(
            folder / "run", orders, {"out": pipelines.jsonl()}, written=pipelines.lines, count=1
        ),
    }


CASES = (
    Case("S1", "`rivven --help`, `rivven-connect --help`", "a bare click program's `--help`", _helps, 1.2),
    Case("S2", "`import rivven_connect`", "`from pydantic import BaseModel`", _imports, 1.3,
         beside=("import rivven_connect.config",)),
    Case("S3", "a one-record pipeline, whole process", f"`python -c '{_ONE_RECORD}'`", _one_record, 2.0),
    Case("S4", "`rivven-connect spec CONNECTOR`", "a bare click program's `--help`", _spec, 1.5),
)  # fmt: skip
