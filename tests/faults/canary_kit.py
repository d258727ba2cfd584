"""Canaries: secrets that are recognised in whatever encoding, wherever a command leaves anything.

The scanner knows nothing of the code that it judges: its variants are its own.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DEADLINE_S = 60.0
_COMMAND = (sys.executable, "-c", "from {package} import main; main()")
_PAYLOADS = ("record", "raw_base64")


def canary(name: str, *, line_break: bool = True) -> str:
    """Return 24 characters that stand nowhere else, the awkward ones of encodings among them."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f'K{digest[:8]}@/+%"' + ("\n" if line_break else "'") + digest[8:17]


def variants(secret: str) -> dict[str, bytes]:
    """Return how a secret may be written, by the name of the way."""
    raw = secret.encode()
    inner = json.dumps(secret)[1:-1]
    found = {
        "raw": secret,
        "first part": secret[:9],
        "last part": secret[-9:],
        "quote": urllib.parse.quote(secret),
        "quote all": urllib.parse.quote(secret, safe=""),
        "quote plus": urllib.parse.quote_plus(secret),
        "quote lower": urllib.parse.quote(secret, safe="").replace("%2F", "%2f").lower(),
        "json": inner,
        "json slash": inner.replace("/", "\\/"),
        "json twice": json.dumps(inner)[1:-1],
        "repr": repr(secret)[1:-1],
        "repr of bytes": repr(raw)[2:-1],
        "html": html.escape(secret),
        "hex": raw.hex(),
    }
    for shift in range(3):
        for name, encode in (
            ("base64", base64.b64encode),
            ("base64 url", base64.urlsafe_b64encode),
        ):
            # Without what the characters before and behind take part in.
            whole = encode(b"\0" * shift + raw).decode()
            end = len(whole) - 4 if (shift + len(raw)) % 3 else len(whole)
            found[f"{name} {shift}"] = whole[(0, 4, 4)[shift] : end]
    found["basic"] = base64.b64encode(f"me:{secret}".encode()).decode().rstrip("=")[:-1]
    return {name: text.encode() for name, text in found.items()}


@dataclass(frozen=True, order=True)
class Hit:
    """A secret where none belongs."""

    channel: str
    secret: str
    variant: str


def scan(channels: Mapping[str, bytes], secrets: Mapping[str, str]) -> list[Hit]:
    """Return every place where a variant of a secret is."""
    forms = {name: variants(secret) for name, secret in secrets.items()}
    return sorted(
        Hit(channel, name, variant)
        for channel, content in channels.items()
        for name, found in forms.items()
        for variant, text in found.items()
        if text in content
    )


@dataclass
class Place:
    """A folder in which commands are run, and everything that they leave anywhere.

    `env` is what the commands get in addition; their own environment may hold secrets, those of
    their children may not.
    """

    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    channels: dict[str, bytes] = field(default_factory=dict)
    given: frozenset[Path] = frozenset()
    """Files that hold secrets because they were written so."""
    runs: int = 0

    def __post_init__(self) -> None:
        self.temporary.mkdir(parents=True, exist_ok=True)

    @property
    def temporary(self) -> Path:
        """The folder for temporary files."""
        return self.folder / "tmp"

    def run(
        self,
        *args: str,
        package: str = "rivven_connect.cli",
        stop_at: Path | None = None,
        asked: Sequence[str] = (),
    ) -> int:
        """Run a command to its end, or to SIGTERM once the file `stop_at` is there.

        Before that, the endpoints `asked` are asked.
        """
        self.runs += 1
        words = [word.format(package=package) for word in _COMMAND]
        return self.execute([*words, *args], " ".join(args), stop_at=stop_at, asked=asked)

    def execute(
        self,
        words: list[str],
        name: str,
        *,
        stop_at: Path | None = None,
        asked: Sequence[str] = (),
    ) -> int:
        """Run any program and keep what it says; return its exit code."""
        with subprocess.Popen(
            words,
            cwd=self.folder,
            env={**os.environ, **self.env, "TMPDIR": str(self.temporary), "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            watched = threading.Event()
            watcher = threading.Thread(target=self._watch, args=(process, watched))
            watcher.start()
            try:
                if stop_at is not None:
                    self._stop(process, stop_at, asked)
                out, err = process.communicate(timeout=DEADLINE_S)
            except BaseException:
                process.kill()
                raise
            finally:
                watched.set()
                watcher.join()
        self.add(f"stdout of {name}", out)
        self.add(f"stderr of {name}", err)
        return process.returncode

    def add(self, channel: str, content: bytes) -> None:
        """Keep what came out of a channel."""
        self.channels[channel] = self.channels.get(channel, b"") + content

    def ask(self, url: str) -> None:
        """Keep what an endpoint answers, whatever its status."""
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                self.add(f"answer of {urllib.parse.urlsplit(url).path}", answer.read())
        except urllib.error.HTTPError as error:
            self.add(f"answer of {urllib.parse.urlsplit(url).path}", error.read())

    def hits(self, secrets: Mapping[str, str]) -> list[Hit]:
        """Return where a secret has come out, files included."""
        return scan({**self.channels, **dict(self._files())}, secrets)

    def _stop(self, process: subprocess.Popen[bytes], begun: Path, asked: Sequence[str]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not begun.exists() and process.poll() is None:
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)
        if process.poll() is None:
            for path in asked:
                self.ask(path)
        process.send_signal(signal.SIGTERM)

    def _watch(self, process: subprocess.Popen[bytes], done: threading.Event) -> None:
        """Keep the command lines of a process and its descendants, and the environment of these."""
        while not done.is_set():
            for number in _with_descendants(process.pid):
                own = f"/proc/{number}"
                with contextlib.suppress(OSError):
                    self.channels["command lines"] = _joined(
                        self.channels.get("command lines", b""), Path(own, "cmdline").read_bytes()
                    )
                    if number != process.pid:
                        self.channels["environments of children"] = _joined(
                            self.channels.get("environments of children", b""),
                            Path(own, "environ").read_bytes(),
                        )
            done.wait(0.01)

    def _files(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted(self.folder.rglob("*")):
            if path in self.given or not path.is_file():
                continue
            name = path.relative_to(self.folder).as_posix()
            content = path.read_bytes()
            if path.parent.name == "dlq":
                content = b"\n".join(map(described, content.splitlines()))
            yield name, content
            if content.startswith(b"SQLite format 3"):
                yield f"rows of {name}", _rows(path)


def described(letter: bytes) -> bytes:
    """Return a dead letter without its payload; half a one as it is."""
    try:
        found = json.loads(letter)
    except ValueError:
        return letter
    return json.dumps({key: one for key, one in found.items() if key not in _PAYLOADS}).encode()


def _rows(path: Path) -> bytes:
    """Return what is in a database: long values lie in pieces in its file."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_schema")]
        rows = []
        for name in names:
            with contextlib.suppress(sqlite3.Error):
                rows += database.execute(f'SELECT * FROM "{name}"').fetchall()
    return "\n".join(str(cell) for row in rows for cell in row).encode()


def _with_descendants(process: int) -> Iterator[int]:
    yield process
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _with_descendants(int(child))


def _joined(known: bytes, one: bytes) -> bytes:
    return known if one in known else known + b"\n" + one
