"""The columns of a file: their names, from its header or from the config, and their types."""

from __future__ import annotations

import codecs
import contextlib
import difflib
from collections.abc import Sequence

import msgspec

from rivven_connect import ConnectorError, JsonObject
from rivven_connect._line_reader import LineReader
from rivven_connect.connectors.csv_source._generated import CsvSourceConfig
from rivven_connect.connectors.csv_source.parsing import Parser


class Columns(msgspec.Struct, frozen=True):
    """The columns in the order of the file."""

    names: tuple[str, ...]
    types: tuple[str, ...]

    def schema(self, *, nullable: bool) -> JsonObject:
        """Return the JSON Schema of the records."""
        properties = {
            name: {"type": [type_, "null"] if nullable else type_}
            for name, type_ in zip(self.names, self.types, strict=True)
        }
        return {"type": "object", "required": list(self.names), "properties": properties}


def columns_of(config: CsvSourceConfig) -> Columns:
    """Return the columns of the file, whose first record is read where it names them.

    Raises:
        ConnectorError: the file cannot be read, or its columns are not what the config says.
    """
    if config.quote == config.delimiter:
        raise ConnectorError.configuration("`quote` and `delimiter` are the same character")
    names: Sequence[str] = config.names or ()
    header = _header(config) if config.header else None
    if header is not None:
        if names and len(names) != len(header):
            raise ConnectorError.configuration(
                f"{config.path} has {len(header)} columns, and `names` has {len(names)}"
            )
        names = names or header
        _require_good(names, config.path)
    types = config.columns or {}
    for name in types:
        if names and name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names)}"
            raise ConnectorError.configuration(f"{config.path} has no column {name!r}; {hint}")
    return Columns(tuple(names), tuple(types.get(name, "string") for name in names))


def _header(config: CsvSourceConfig) -> list[str] | None:
    """Return the cells of the first record; None where there is none."""
    reader, parser = line_reader(config), Parser(config)
    lines: list[bytes] = []
    with contextlib.closing(reader):
        reader.open(None)
        while more := reader.read():
            lines += without_mark(more) if not lines else more
            for record in parser.parse(lines, last=False):
                if record.error is not None:
                    raise ConnectorError.configuration(
                        f"the header of {config.path} cannot be read: {record.error}"
                    )
                if record.cells:
                    return record.cells
    for record in parser.parse(lines, last=True):
        if record.error is not None:
            raise ConnectorError.configuration(
                f"the header of {config.path} cannot be read: {record.error}"
            )
    return None


def line_reader(config: CsvSourceConfig) -> LineReader:
    """Return what reads the lines of the file."""
    return LineReader(
        config.path,
        max_line_bytes=config.max_record_bytes,
        follow=False,
        limit="max_record_bytes",
    )


def without_mark(lines: list[bytes]) -> list[bytes]:
    """Return the first lines of a file without its byte order mark."""
    return [lines[0].removeprefix(codecs.BOM_UTF8), *lines[1:]] if lines else lines


def _require_good(names: Sequence[str], path: str) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ConnectorError.configuration(
            f"{path} has two columns {twice[0]!r}; name the columns yourself with `names`"
        )
    if "" in names:
        raise ConnectorError.configuration(
            f"column {names.index('') + 1} of {path} has no name; name the columns with `names`"
        )
