"""A program for a process of its own: runs commands on manifests and prints what else they did.

Usage: `audited.py ROOT MANIFEST...`. Every command gets a copy of each manifest in a project of its own
below ROOT. What an audit hook sees is printed, one line each: sockets, processes, native code, code
that holds text of a manifest, imports from outside the list, files opened for writing elsewhere.
"""

from __future__ import annotations

import os
import sys
from types import CodeType
from typing import Any

CANARY = "kAnArY"
"""Stands in every text of a hostile manifest."""

LIBRARIES = frozenset(
    """
    _cffi_backend _yaml annotated_types click datamodel_code_generator inflect jinja2 jsonschema_rs
    markupsafe more_itertools msgspec packaging pydantic pydantic_core rivven_connect
    rivven_generator rivven_templates tomlkit typeguard typing_extensions typing_inspection yaml
    """.split()  # noqa: SIM905  # a list of words reads better so
)
"""What may be imported besides the standard library."""

FORMATS = ("airbyte-spec", "singer-settings", "conduit", "json-schema", "openapi")
"""What `rivven import` reads."""

ATTEMPTS = ("org", "pysnooper", "_sysconfigdata")
"""What libraries ask for and do without: Jython, a debugger, the build's own settings."""

FORBIDDEN = (
    "socket.", "subprocess.", "ctypes.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system",
    "os.startfile", "urllib.", "http.client.", "ftplib.", "smtplib.", "imaplib.", "poplib.", "nntplib.",
    "telnetlib.", "webbrowser.", "pty.", "signal.pthread_kill", "os.kill", "sqlite3.", "pickle.",
)  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """The hook; `seen` is what it would not have."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root) + os.sep
        self.seen: dict[str, None] = {}

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(FORBIDDEN):
            self._note(event)
        elif event == "import":
            self._imported(str(arguments[0]))
        elif event == "exec":
            self._executed(arguments[0])
        elif event == "compile":
            self._compiled(arguments[0])
        elif event == "open":
            self._opened(*arguments)

    def _note(self, what: str) -> None:
        self.seen[what] = None

    def _imported(self, module: str) -> None:
        top = module.partition(".")[0]
        known = top in sys.stdlib_module_names or top in LIBRARIES or top.startswith(ATTEMPTS)
        if not known and top != "__main__":
            self._note(f"import {top}")

    def _executed(self, code: CodeType) -> None:
        if _mentions(code):
            self._note("exec of a manifest's text")

    def _compiled(self, source: object) -> None:
        text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
        caller = sys._getframe(2).f_code  # who called `compile`; parsing is no running
        only_parsed = caller.co_name == "parse" and caller.co_filename == ast_file
        if isinstance(text, str) and CANARY in text and not only_parsed:
            self._note("compile of a manifest's text")

    def _opened(self, path: object, mode: object, flags: object) -> None:
        by_mode = isinstance(mode, str) and bool(set(mode) & set("wax+"))
        by_flags = isinstance(flags, int) and bool(flags & _WRITES)
        if not (by_mode or by_flags) or not isinstance(path, str) or path == os.devnull:
            return
        # A name without a folder belongs to an open folder; what became of it, the tree shows.
        if os.path.isabs(path) and not os.path.realpath(path).startswith(self.root):
            self._note(f"open for writing {path}")


def _mentions(code: CodeType) -> bool:
    parts = [*code.co_names, *code.co_varnames, code.co_name]
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    texts = [str(one) for one in code.co_consts if not isinstance(one, CodeType)]
    return any(CANARY in text for text in parts + texts) or any(map(_mentions, inner))


def run(root: str, manifests: list[str]) -> None:
    """Run the commands that read a manifest on each, in projects below `root`."""
    from rivven_connect.cli.edge import run_group
    from rivven_generator.cli import GROUP

    for number, manifest in enumerate(manifests):
        folder = os.path.join(root, str(number))
        os.mkdir(folder)
        with open(manifest, "rb") as file:
            content = file.read()
        for name, text in (
            ("connector.yaml", content),
            ("pyproject.toml", b'[project]\nname = "x"\n'),
        ):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(text)
        codes = [
            run_group(GROUP, [*command, *more])
            for command, more in (
                (["validate", folder], []),
                (["validate", folder], ["--json"]),
                (["generate", folder], ["--sync-project"]),
                (["generate", folder], ["--check", "--full"]),
                (["schema", folder], []),
                (["spec", folder], []),
            )
        ]
        print(f"codes {codes}", file=sys.stderr)
        for name in FORMATS:  # mostly refused, and watched all the same
            run_group(GROUP, ["import", name, manifest, "--json"])


def misbehave(how: str) -> None:
    """Do one thing that the hook must see."""
    if how == "socket":
        import socket

        socket.socket().close()
    elif how == "process":
        os.system("true")
    elif how == "exec":
        exec(f"x = '{CANARY}'")
    elif how == "eval":
        eval(f"'{CANARY}'")
    elif how == "import":
        import hypothesis  # noqa: F401
    elif how == "write":
        with open(os.path.join(os.environ["HOME"], "outside"), "w", encoding="utf-8"):
            pass


if __name__ == "__main__":
    import ast

    ast_file = ast.__file__
    watch = Watch(sys.argv[1])
    sys.addaudithook(watch)
    if sys.argv[2:3] == ["--misbehave"]:
        misbehave(sys.argv[3])
    else:
        out, sys.stdout = sys.stdout, sys.stderr
        run(sys.argv[1], sys.argv[2:])
        sys.stdout = out
    print("\n".join(watch.seen))
