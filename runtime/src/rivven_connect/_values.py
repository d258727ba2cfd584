"""References in config values: `${env:X}`, `${env:X:-default}`, `${file:/path}`, bare `${X}`.

Resolved once, on scalars that are already parsed, never on keys and never twice: what a variable
holds is data, whatever it looks like. `$${` is a literal `${`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from rivven_connect._json import Json, JsonObject
from rivven_connect._redaction import register_secret
from rivven_connect._schema_walk import Step, is_write_only, schemas_at, types_of

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)(\})?")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*\Z"
_LITERAL_DEFAULT = r"\$\{[^{}]*:-[^{}]"
_LARGEST_FILE = 1024 * 1024
_NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z"


class ValueProblem(msgspec.Struct, frozen=True):
    """One value that cannot be used; `path` leads to it from the root of the resolved object."""

    code: str
    path: tuple[Step, ...]
    message: str
    hint: str = ""
    severity: str = "error"


class Resolved(msgspec.Struct):
    """A config with its references replaced, and what is wrong with them."""

    value: Json
    problems: list[ValueProblem] = msgspec.field(default_factory=list)

    def errors(self) -> list[ValueProblem]:
        """Return the problems that forbid the use of the value."""
        return [problem for problem in self.problems if problem.severity == "error"]


class _Unresolved(Exception):
    """A reference that leads nowhere; becomes a `ValueProblem` where its place is known."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def resolve_values(
    value: Json,
    schema: JsonObject | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    allow_inline_secrets: bool = False,
) -> Resolved:
    """Return `value` with its references resolved, and every problem found on the way.

    Text that comes from a reference becomes an integer, number or boolean where `schema` wants one.
    A literal at a secret (`writeOnly`) place is a problem unless `allow_inline_secrets`; what a
    reference gives there is masked in logs and messages from now on. Messages never hold a value.
    """
    resolver = _Resolver(
        value, schema or {}, os.environ if environ is None else environ, allow_inline_secrets
    )
    return Resolved(resolver.walk(value, ()), resolver.problems)


class _Resolver:
    def __init__(
        self, root: Json, schema: JsonObject, environ: Mapping[str, str], allow_inline: bool
    ) -> None:
        self._root = root
        self._schema = schema
        self._environ = environ
        self._allow_inline = allow_inline
        self.problems: list[ValueProblem] = []

    def walk(self, value: Json, path: tuple[Step, ...]) -> Json:
        if isinstance(value, dict):
            return {key: self.walk(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.walk(item, (*path, index)) for index, item in enumerate(value)]
        schemas = schemas_at(self._schema, self._root, path)
        secret = is_write_only(schemas)
        if not isinstance(value, str):
            return value
        try:
            text, references = self._expand(value, path)
        except _Unresolved as error:
            self.problems.append(ValueProblem(error.code, path, error.message, error.hint))
            return value
        if secret:
            self._note_secret(value, text, references, path)
        return self._convert(text, schemas, path) if references else text

    def _note_secret(
        self, written: str, text: str, references: Sequence[str], path: tuple[Step, ...]
    ) -> None:
        literal = not references or re.search(_LITERAL_DEFAULT, written)
        if literal and not self._allow_inline:
            self.problems.append(
                ValueProblem(
                    "RVN612",
                    path,
                    "this is a secret, and a literal secret does not belong into a file",
                    "write `${env:NAME}` or `${file:/path}`, or pass --allow-inline-secrets",
                )
            )
        # An error may quote the password of a connection string, and not the whole of it.
        register_secret(text)
        for one in references:
            register_secret(one, warn=False)

    def _expand(self, text: str, path: tuple[Step, ...]) -> tuple[str, list[str]]:
        """Return the text with every reference replaced, and what they gave."""
        parts: list[str] = []
        references: list[str] = []
        end = 0
        for match in _TOKEN.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            if match[0] == "$${":
                parts.append("${")
                continue
            if match[2] is None:
                raise _Unresolved("RVN613", "`${` opens a reference that is not closed", _LITERAL)
            references.append(self._look_up(match[1], path))
            parts.append(references[-1])
        parts.append(text[end:])
        return "".join(parts), references

    def _look_up(self, inner: str, path: tuple[Step, ...]) -> str:
        if inner.startswith("file:"):
            return self._read(inner.removeprefix("file:"), path)
        name, dash, default = inner.removeprefix("env:").partition(":-")
        if not re.match(_NAME, name):
            raise _Unresolved("RVN613", "this `${...}` is no reference", _LITERAL)
        found = self._environ.get(name)
        if found:
            return found
        if dash:
            return default
        state = "empty" if name in self._environ else "not set"
        raise _Unresolved(
            "RVN610",
            f"the environment variable {name} is {state}",
            f"set it; what is no secret may have a default, `${{env:{name}:-...}}`",
        )

    def _read(self, name: str, path: tuple[Step, ...]) -> str:
        file = Path(name)
        if not file.is_absolute():
            raise _Unresolved("RVN613", "`${file:...}` needs an absolute path")
        try:
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):
                raise _Unresolved("RVN611", f"{name} is not a regular file")
            if status.st_size > _LARGEST_FILE:
                raise _Unresolved("RVN611", f"{name} is larger than {_LARGEST_FILE} bytes")
            text = file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise _Unresolved("RVN611", f"{name} cannot be read: {reason}") from error
        if status.st_mode & 0o077:
            self.problems.append(
                ValueProblem(
                    "RVN615",
                    path,
                    f"others may read {name} (mode {status.st_mode & 0o777:04o})",
                    f"chmod 600 {name}",
                    severity="warning",
                )
            )
        text = text.removesuffix("\n").removesuffix("\r")
        if not text:
            raise _Unresolved("RVN611", f"{name} is empty")
        return text

    def _convert(self, text: str, schemas: Sequence[JsonObject], path: tuple[Step, ...]) -> Json:
        types = types_of(schemas)
        if not types or "string" in types:
            return text
        if "boolean" in types and text in {"true", "false"}:
            return text == "true"
        if types & {"integer", "number"} and re.match(_NUMBER, text):
            whole = re.fullmatch(r"-?[0-9]{1,19}", text)
            return int(text) if whole else float(text)
        wanted = " or ".join(sorted(types & {"boolean", "integer", "number"})) or "/".join(types)
        self.problems.append(
            ValueProblem("RVN614", path, f"what the reference gives is not of type {wanted}")
        )
        return text


_LITERAL = "`${env:NAME}`, `${env:NAME:-default}`, `${file:/path}`; a literal `${` is `$${`"
