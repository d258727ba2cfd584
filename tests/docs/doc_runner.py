"""Runs the code blocks of one page, in order, in one folder and one Python namespace.

What may stand behind a fence (CONTRIBUTING.md explains it to writers):

    python                      runs
    python file=PATH            is written to PATH; a later command must use it
    yaml [file=PATH]            a manifest or a pipeline file, which must be valid
    yaml invalid=RVNnnn         one that is refused, with this code and no other
    yaml fragment of=PART       a part; it is merged into a small valid whole
    yaml config file=PATH       a connector's config, for a later command
    yaml foreign file=PATH      another tool's file, for a later `rivven import`
    sh [exit=N]                 commands
    console [exit=N]            commands behind `$ `, each with its output
    text output                 what the block before it prints
    text excerpt of=FILE        its numbered lines stand in FILE of the repository
    toml excerpt of=PATH        all it says, PATH says as well

A page that says `<!-- services: postgres object_store -->` runs with these on the loopback
interface; `doc_services` says by which environment variables the page knows them.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml
from doc_blocks import ROOT, Block

from rivven_connect import InputError
from rivven_connect.cli.edge import run_group
from rivven_connect.pipeline import load_pipeline
from rivven_generator.cli import GROUP
from rivven_generator.load import load_manifest

_BIN = Path(sys.executable).parent
_TIMEOUT_S = 60
_GENERATOR_COMMAND = re.compile(r"rivven (new|generate|validate|import|infer)\b[^|&;<>$`]*")
_VARIES = (
    (re.compile(r"\b[0-9]+ ms\b"), "N ms"),
    (re.compile(r"\b[0-9]+\.[0-9]+ ?s\b"), "N s"),
)

_MANIFEST: dict[str, Any] = {
    "manifest": "1",
    "name": "demo",
    "config": {"type": "object", "properties": {"place": {"type": "string"}}},
    "tests": {"valid": {"minimal": {}}},
}
_PIPELINE: dict[str, Any] = {
    "version": "1.0",
    "sources": {"orders": {"connector": "datagen"}},
    "sinks": {"out": {"connector": "stdout", "topics": ["orders"]}},
}


class PageRunner:
    """Runs one page's blocks; `folder` starts empty and is the working directory."""

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._variables = variables or {}
        self._module = types.ModuleType("rivven_docs_page")
        self._output = ""
        self._unused: Block | None = None

    def run(self, blocks: list[Block]) -> None:
        """Run every block; an `AssertionError` names the place of the one that does not hold."""
        with self._process():
            for block in blocks:
                handle = self._handlers().get(block.language)
                if handle is None:
                    _fail(block, f"unknown language {block.language!r}")
                handle(block)
        if self._unused is not None:
            _fail(self._unused, "no later command on this page uses this file")

    def _handlers(self) -> Mapping[str, Callable[[Block], None]]:
        return {
            "python": self._python,
            "yaml": self._yaml,
            "sh": self._sh,
            "console": self._console,
            "text": self._text,
            "toml": self._toml,
        }

    @contextlib.contextmanager
    def _process(self) -> Iterator[None]:
        """Give the page's Python a folder, a module and imports of its own."""
        path, modules, before = list(sys.path), set(sys.modules), Path.cwd()
        environment = dict(os.environ)
        os.environ.update(self._variables)
        sys.modules[self._module.__name__] = self._module
        os.chdir(self._folder)
        try:
            yield
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(environment)
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                if name == self._module.__name__ or self._is_local(name):
                    del sys.modules[name]

    def _is_local(self, name: str) -> bool:
        place = getattr(sys.modules[name], "__file__", None)
        return place is not None and Path(place).is_relative_to(self._folder)

    def _python(self, block: Block) -> None:
        _allow(block, options={"file"})
        if "file" in block.options:
            compile(block.text, block.place, "exec")
            self._write(block)
            return
        for name in list(sys.modules):
            if self._is_local(name):
                del sys.modules[name]
        for package in (*self._folder.glob("src"), *self._folder.glob("*/src")):
            if str(package) not in sys.path:
                sys.path.insert(0, str(package))
        shown = io.StringIO()
        # The line numbers of a traceback are those of the page.
        code = compile("\n" * block.line + block.text, str(block.page), "exec", dont_inherit=True)
        try:
            with contextlib.redirect_stdout(shown):
                exec(code, vars(self._module))
        except Exception as error:
            error.add_note(f"in the snippet at {block.place}")
            raise
        self._output = shown.getvalue()

    def _yaml(self, block: Block) -> None:
        _allow(block, words={"fragment", "config", "foreign"}, options={"file", "invalid", "of"})
        value = yaml.safe_load(block.text)
        text = block.text
        if "fragment" in block.words:
            value = _whole(block, value)
            text = yaml.safe_dump(value, sort_keys=False)
        if block.words.isdisjoint({"config", "foreign"}):
            self._load(block, value, text)
        if "file" in block.options:
            self._write(block)

    def _load(self, block: Block, value: Any, text: str) -> None:
        if not isinstance(value, dict) or not {"manifest", "version"} & value.keys():
            _fail(block, "neither a manifest nor a pipeline file; mark a part with `fragment of=`")
        is_manifest = "manifest" in value
        path = self._folder / "connector-or-pipeline.yaml"
        path.write_text(text, encoding="utf-8")
        found: list[str] = []
        try:
            if is_manifest:
                found = [problem.code for problem in load_manifest(path).warnings]
            else:
                load_pipeline(path)
        except InputError as error:
            if "invalid" not in block.options:
                _fail(block, str(error))
            found = [problem.code for problem in error.problems]
        finally:
            path.unlink()
        wanted = block.options.get("invalid")
        if set(found) != ({wanted} if wanted else set()):
            _fail(block, f"expected {wanted or 'no problem'}, found {found}")

    def _sh(self, block: Block) -> None:
        _allow(block, options={"exit"})
        self._unused = None
        script = "".join(
            _dry(line) if line.startswith("make ") else f"{line}\n"
            for line in block.text.splitlines()
        )
        self._output = self._command(block, f"set -e\n{script}")

    def _console(self, block: Block) -> None:
        _allow(block, options={"exit"})
        self._unused = None
        steps = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        if steps[0].strip():
            _fail(block, "a console block starts with `$ `")
        for step in steps[1:]:
            command, _, expected = step.partition("\n")
            while command.endswith("\\"):
                rest, _, expected = expected.partition("\n")
                command = f"{command}\n{rest}"
            self._output = self._command(block, command)
            if expected.strip():
                _compare(block, expected, self._output)

    def _command(self, block: Block, script: str) -> str:
        status, output = _in_process(script) or self._in_shell(script)
        if status != int(block.options.get("exit", "0")):
            _fail(block, f"exit code {status} of\n{script}\n{output}")
        return output

    def _in_shell(self, script: str) -> tuple[int, str]:
        environment = {
            "PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self._folder),
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "PYTHONUTF8": "1",
            **self._variables,
        }
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            check=False,
            timeout=_TIMEOUT_S,
        )
        return done.returncode, done.stdout

    def _text(self, block: Block) -> None:
        if block.words == {"output"}:
            _allow(block, words={"output"})
            _compare(block, block.text, self._output)
            return
        _allow(block, words={"excerpt"}, options={"of"})
        whole = (ROOT / _of(block)).read_text(encoding="utf-8")
        for line in re.findall(r"^[0-9]+\. (.*)$", block.text, re.MULTILINE):
            if line not in whole:
                _fail(block, f"not in {_of(block)}: {line}")

    def _toml(self, block: Block) -> None:
        _allow(block, words={"excerpt"}, options={"of"})
        whole = tomllib.loads((self._folder / _of(block)).read_text(encoding="utf-8"))
        if not _holds(whole, tomllib.loads(block.text)):
            _fail(block, f"{_of(block)} does not say so")

    def _write(self, block: Block) -> None:
        path = self._folder / block.options["file"]
        if not path.resolve().is_relative_to(self._folder.resolve()):
            _fail(block, f"{path} is outside of the page's folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        self._unused = block


def _whole(block: Block, part: Any) -> dict[str, Any]:
    """Return a small valid file with the part merged into it."""
    of = block.options.get("of", "")
    if of in ("source", "sink", "transform"):
        return _merged({**_MANIFEST, "kind": of}, part)
    if of == "properties":
        config = {"type": "object", "properties": part}
        return {**_MANIFEST, "kind": "source", "config": config}
    if of != "pipeline":
        _fail(block, f"a fragment of {of!r} is not known")
    return _merged(_PIPELINE, part)


def _merged(whole: Mapping[str, Any], part: Any) -> dict[str, Any]:
    """Return both; where both have a mapping, merged as well, except a config, which is replaced."""
    found = dict(whole)
    for key, value in part.items():
        inner = found.get(key)
        mix = key not in ("config", "tests") and isinstance(inner, dict) and isinstance(value, dict)
        found[key] = _merged(inner or {}, value) if mix else value
    return found


def _of(block: Block) -> str:
    if "of" not in block.options:
        _fail(block, "an excerpt says of which file: `of=PATH`")
    return block.options["of"]


def _holds(whole: Any, part: Any) -> bool:
    """Return whether `whole` says all that `part` says."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(_holds(whole.get(key), part[key]) for key in part)
    return bool(whole == part)


def _in_process(script: str) -> tuple[int, str] | None:
    """Return exit code and output of generator commands; None means that a shell must run it.

    Such commands spend most of their time with importing the code generator, here once for all.
    """
    lines = script.removeprefix("set -e\n").strip().splitlines()
    if not all(_GENERATOR_COMMAND.fullmatch(line) for line in lines):
        return None
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        for line in lines:
            status = run_group(GROUP, shlex.split(line)[1:], prog_name="rivven")
            if status:
                return status, shown.getvalue()
    return 0, shown.getvalue()


def _dry(line: str) -> str:
    """Return a make command that only proves that the target exists: this test is one of them."""
    return f"make --no-print-directory -C '{ROOT}' -n {line.removeprefix('make ')} >/dev/null\n"


def _allow(
    block: Block,
    words: frozenset[str] | set[str] = frozenset(),
    options: frozenset[str] | set[str] = frozenset(),
) -> None:
    unknown = (block.words - words) | (block.options.keys() - options)
    if unknown:
        _fail(block, f"unknown in its info string: {', '.join(sorted(unknown))}")


def _compare(block: Block, expected: str, actual: str) -> None:
    """Compare, times aside; `...` stands for anything, also for several lines."""
    wanted, found = (_comparable(text) for text in (expected, actual))
    pattern = ".*?".join(re.escape(part) for part in wanted.split("..."))
    if not re.fullmatch(pattern, found, re.DOTALL):
        _fail(block, f"the output differs\n--- page\n{wanted}\n--- now\n{found}")


def _comparable(text: str) -> str:
    for pattern, name in _VARIES:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _fail(block: Block, reason: str) -> NoReturn:
    raise AssertionError(f"{block.place}: ```{block.info}: {reason}")
