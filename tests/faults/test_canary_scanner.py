"""The scanner of the canaries finds a secret in each channel, in each form: leaks are planted here."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from canary_kit import Place, canary, described, scan, variants
from figures import Record

SECRET = canary("planted")
SECRETS = {"it": SECRET}


def program(place: Place, code: str, *args: str, env: Mapping[str, str] | None = None) -> None:
    place.env = {**place.env, **(env or {})}
    place.execute([sys.executable, "-c", code, *args], "a program")


def write(folder: Path, name: str, content: str = SECRET) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def in_stdout(place: Place) -> None:
    program(place, "import os; print(os.environ['S'])", env={"S": SECRET})


def in_stderr(place: Place) -> None:
    program(place, "import os, sys; sys.exit(repr(os.environ['S']))", env={"S": SECRET})


def in_a_command_line(place: Place) -> None:
    program(place, "import time; time.sleep(0.5)", SECRET)


def in_the_environment_of_a_child(place: Place) -> None:
    child = (
        "import subprocess as s, sys; s.run([sys.executable, '-c', 'import time; time.sleep(.5)'])"
    )
    program(place, child, env={"S": SECRET})


def in_a_temporary_file(place: Place) -> None:
    code = (
        "import os, tempfile; os.write(tempfile.mkstemp(prefix='x')[0], os.environ['S'].encode())"
    )
    program(place, code, env={"S": SECRET})


def in_a_log(place: Place) -> None:
    write(place.folder, "own.log", f"before {SECRET} behind")


def in_a_generated_tree(place: Place) -> None:
    write(place.folder, "project/src/x/_generated/config.py", f"default = {SECRET!r}")


def in_the_state(place: Place) -> None:
    """In a value so long that the file holds it in pieces."""
    with contextlib.closing(sqlite3.connect(place.folder / "p.db")) as database:
        database.execute("CREATE TABLE state (value)")
        database.execute("INSERT INTO state VALUES (?)", ("x" * 9000 + SECRET + "x" * 9000,))
        database.commit()


def in_a_backup(place: Place) -> None:
    in_the_state(place)
    (place.folder / "p.db").rename(place.folder / "p.db.1.bak")


def in_a_journal(place: Place) -> None:
    write(place.folder, ".rivven-state/p.db-journal", json.dumps({"cursor": SECRET}))


def in_a_dead_letter(place: Place) -> None:
    letter = {"error": SECRET, "record": {"id": 1}}
    write(place.folder, "dlq/letters.jsonl", json.dumps(letter) + "\n")


def in_half_a_dead_letter(place: Place) -> None:
    write(place.folder, "dlq/letters.jsonl", json.dumps({"record": {"id": SECRET}})[:-2])


@contextlib.contextmanager
def answering(body: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def in_an_answer(place: Place) -> None:
    with answering(f'pipelines{{name="{SECRET}"}} 1') as url:
        place.ask(f"{url}/metrics")


PLANTED: Mapping[str, tuple[Callable[[Place], None], str]] = {
    "stdout": (in_stdout, "stdout of a program"),
    "stderr": (in_stderr, "stderr of a program"),
    "command line": (in_a_command_line, "command lines"),
    "environment of a child": (in_the_environment_of_a_child, "environments of children"),
    "temporary file": (in_a_temporary_file, "tmp/x"),
    "log": (in_a_log, "own.log"),
    "generated tree": (in_a_generated_tree, "project/src/x/_generated/config.py"),
    "state": (in_the_state, "rows of p.db"),
    "backup": (in_a_backup, "rows of p.db.1.bak"),
    "journal": (in_a_journal, ".rivven-state/p.db-journal"),
    "dead letter": (in_a_dead_letter, "dlq/letters.jsonl"),
    "half a dead letter": (in_half_a_dead_letter, "dlq/letters.jsonl"),
    "answer": (in_an_answer, "answer of /metrics"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_leak_in_each_channel_is_found(name: str, tmp_path: Path, figures: Record) -> None:
    plant, channel = PLANTED[name]
    place = Place(tmp_path)
    assert place.hits(SECRETS) == []
    plant(place)
    found = {hit.channel for hit in place.hits(SECRETS)}
    assert any(one.startswith(channel) for one in found), found
    figures("S6", planted_leaks=1, planted_leaks_found=1)


def test_what_a_database_has_not_moved_yet_is_found(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "p.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE state (value)")
        database.execute("INSERT INTO state VALUES (?)", (SECRET,))
        database.commit()
        found = {hit.channel for hit in place.hits(SECRETS)}
    assert {"p.db-wal", "rows of p.db"} <= found


@pytest.mark.parametrize("form", variants(SECRET))
def test_each_form_is_found(form: str) -> None:
    text = variants(SECRET)[form]
    assert form in {hit.variant for hit in scan({"c": b"before " + text + b" behind"}, SECRETS)}


def test_canaries_are_awkward_and_unique() -> None:
    assert len(SECRET) == 24
    assert set('@/+%"\n') < set(SECRET)
    assert canary("a") != canary("b")
    assert scan({"c": canary("other").encode()}, SECRETS) == []


@pytest.mark.parametrize("key", ["record", "raw_base64"])
def test_the_payload_of_a_dead_letter_is_no_leak(key: str, tmp_path: Path) -> None:
    """A record is never changed; a warning says that a secret is in it."""
    place = Place(tmp_path)
    write(tmp_path, "dlq/letters.jsonl", json.dumps({"error": "x", key: {"id": SECRET}}) + "\n")
    assert place.hits(SECRETS) == []
    assert json.loads(described(b'{"error": "x", "record": 1}')) == {"error": "x"}
