"""The sinks of the kill matrix. One more is one more row here."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from databases import PLACE, connected, database_of
from experiment import SinkKind, key_of, lines_of, opened
from obstore.store import LocalStore
from oracle import Key, Level

RECEIVER = Path(__file__).with_name("webhook_receiver.py")
RECEIVED = "received.jsonl"
_BATCH = {"max_records": 10, "max_wait_ms": 20}


@contextlib.contextmanager
def receiver_of(folder: Path, *, reset_every: int = 0) -> Iterator[str]:
    """Run a receiver that stores in the folder; give its address."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(RECEIVER), str(folder / RECEIVED)]
    command += ["--reset-every", str(reset_every)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as receiver:
        assert receiver.stdout is not None
        yield f"http://127.0.0.1:{int(receiver.stdout.readline())}/"
        receiver.terminate()


def _from_lines(folder: Path) -> list[Key]:
    return [key_of(row["k"]) for row in lines_of(folder / "out.jsonl")]


def _from_csv(folder: Path) -> list[Key]:
    """Return the rows of the file; one that a kill cut off does not count."""
    path = folder / "out.csv"
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1].decode()
    return [key_of(row["k"]) for row in csv.DictReader(whole.splitlines())]


def _from_paced(folder: Path) -> list[Key]:
    return [key_of(row["k"]) for row in lines_of(folder / "paced.jsonl")]


def _from_database(folder: Path) -> list[Key]:
    """Return the rows of every stream's table, in the order of their making."""
    path = folder / "out.db"
    if not path.exists():
        return []
    found: list[Key] = []
    with opened(path) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            if table.startswith("_rivven"):
                continue
            columns = {row[1] for row in database.execute(f'PRAGMA table_info("{table}")')}
            if {"k", "id"} <= columns:
                rows = database.execute(f'SELECT k FROM "{table}" ORDER BY rowid')
                found += [key_of(key) for (key,) in rows]
    return found


def _from_files(folder: Path) -> list[Key]:
    """Return the records of all Parquet files, in the order of their making."""
    return [
        key_of(key)
        for path in sorted(folder.glob("lake/*/*.parquet"), key=lambda path: path.name)
        for key in pq.read_table(path, columns=["k"]).column("k").to_pylist()
    ]


def _from_objects(folder: Path) -> list[Key]:
    """Return the records of all objects, in the order of their making."""
    if not (folder / "objects").exists():
        return []
    store = LocalStore(folder)
    names = [meta["path"] for page in obstore.list(store, "objects") for meta in page]
    names.sort(key=lambda name: name.rpartition("/")[2])
    return [
        key_of(row["k"])
        for name in names
        for row in rows_of_object(name, obstore.get(store, name).bytes().to_bytes())
    ]


def rows_of_object(name: str, content: bytes) -> list[dict[str, Any]]:
    """Return the records of an object; one that is not whole is an error."""
    if name.endswith(".parquet"):
        rows: list[dict[str, Any]] = pq.read_table(pa.BufferReader(content)).to_pylist()
        return rows
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


def _checkpoint_of_database(folder: Path) -> dict[str, Any]:
    path = folder / "out.db"
    if not path.exists():
        return {}
    with opened(path) as database:
        tables = database.execute("SELECT name FROM sqlite_master").fetchall()
        if ("_rivven_checkpoints",) not in tables:
            return {}
        rows = database.execute("SELECT stream, state FROM _rivven_checkpoints")
        return {stream: json.loads(state) for stream, state in rows}


def _from_postgres(folder: Path) -> list[Key]:
    """Return the rows of every stream's table."""
    with connected(folder) as database:
        tables = database.execute(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND column_name IN ('k', 'id') AND table_name NOT LIKE '\\_rivven%' "
            "GROUP BY table_name HAVING count(*) = 2"
        ).fetchall()
        found: list[Key] = []
        for (table,) in tables:
            rows = database.execute(f'SELECT k FROM "{table}" ORDER BY {PLACE}'.encode())
            found += [key_of(key) for (key,) in rows]
    return found


def _checkpoint_of_postgres(folder: Path) -> dict[str, Any]:
    with connected(folder) as database:
        if database.execute("SELECT to_regclass('_rivven_checkpoints')").fetchone() == (None,):
            return {}
        rows = database.execute("SELECT stream, state FROM _rivven_checkpoints").fetchall()
        return {stream: json.loads(state) for stream, state in rows}


def _from_receiver(folder: Path) -> list[Key]:
    return [key_of(row["data"]["k"]) for row in lines_of(folder / RECEIVED)]


JSONL = SinkKind(
    name="jsonl",
    level=Level.L1,
    block={"connector": "jsonl", "config": {"path": "out.jsonl"}, "batch": _BATCH},
    keys=_from_lines,
)
CSV = SinkKind(
    name="csv",
    level=Level.L1,
    block={"connector": "csv", "config": {"path": "out.csv"}, "batch": _BATCH},
    keys=_from_csv,
)
SQLITE_UPSERT = SinkKind(
    name="sqlite_upsert",
    level=Level.L2,
    block={
        "connector": "sqlite",
        "delivery": "upsert",
        "config": {"path": "out.db"},
        "batch": _BATCH,
    },
    keys=_from_database,
)
SQLITE_TRANSACTIONAL = SinkKind(
    name="sqlite_transactional",
    level=Level.L3,
    block={
        "connector": "sqlite",
        "delivery": "transactional",
        "config": {"path": "out.db"},
        "batch": _BATCH,
    },
    keys=_from_database,
    checkpoint=_checkpoint_of_database,
)
PARQUET = SinkKind(
    name="parquet",
    level=Level.L1,
    block={"connector": "parquet", "config": {"path": "lake"}, "batch": _BATCH},
    keys=_from_files,
)
POSTGRES_UPSERT = SinkKind(
    name="postgres_upsert",
    level=Level.L2,
    block={
        "connector": "postgres",
        "delivery": "upsert",
        "config": {"connection_string": "${file:URL}"},
        "batch": _BATCH,
    },
    keys=_from_postgres,
    service=database_of,
)
POSTGRES_TRANSACTIONAL = SinkKind(
    name="postgres_transactional",
    level=Level.L3,
    block={
        "connector": "postgres",
        "delivery": "transactional",
        "config": {"connection_string": "${file:URL}"},
        "batch": _BATCH,
    },
    keys=_from_postgres,
    checkpoint=_checkpoint_of_postgres,
    service=database_of,
)
HTTP = SinkKind(
    name="http",
    level=Level.L1,
    block={
        "connector": "http-webhook",
        "config": {"url": "URL", "batch_size": 10},
        "batch": _BATCH,
    },
    keys=_from_receiver,
    service=receiver_of,
)
HTTP_AT_ONCE = dataclasses.replace(
    HTTP,
    name="http_at_once",
    block={
        "connector": "http-webhook",
        "config": {"url": "URL", "batch_size": 3, "max_concurrency": 4},
        "batch": _BATCH,
    },
    ordered=False,
)
_FOLDER = {"provider": "local", "bucket": "objects", "local": {"root": "."}}
S3_JSONL = SinkKind(
    name="s3_jsonl",
    level=Level.L1,
    block={
        "connector": "s3",
        "config": {**_FOLDER, "format": "jsonl", "compression": "gzip"},
        "batch": _BATCH,
    },
    keys=_from_objects,
)
S3_PARQUET = SinkKind(
    name="s3_parquet",
    level=Level.L1,
    block={"connector": "s3", "config": {**_FOLDER, "format": "parquet"}, "batch": _BATCH},
    keys=_from_objects,
)
PACED = SinkKind(
    name="paced",
    level=Level.L1,
    block={"connector": "./paced", "config": {"path": "paced.jsonl"}},
    keys=_from_paced,
)
MATRIX = (
    JSONL,
    CSV,
    PARQUET,
    SQLITE_UPSERT,
    SQLITE_TRANSACTIONAL,
    POSTGRES_UPSERT,
    POSTGRES_TRANSACTIONAL,
    HTTP,
    S3_JSONL,
    S3_PARQUET,
)


def with_config(kind: SinkKind, config: Mapping[str, Any]) -> SinkKind:
    """Return the sink with more in its config."""
    block = {**kind.block, "config": {**kind.block["config"], **config}}
    return dataclasses.replace(kind, block=block)


@contextlib.contextmanager
def address_for(kind: SinkKind, folder: Path) -> Iterator[str]:
    """Give the address of what this sink writes to, if it needs something that runs."""
    folder.mkdir(exist_ok=True)
    with kind.service(folder) if kind.service else contextlib.nullcontext("") as address:
        yield address
