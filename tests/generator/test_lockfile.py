"""`rivven.lock`: deterministic, honest about damage, never trusted with a path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rivven_connect import ExitCode, InputError
from rivven_generator import lockfile
from rivven_generator.disk import Disk
from rivven_generator.lockfile import (
    LOCK_FILE,
    Lock,
    LockedFile,
    content_digest,
    load_lock,
    text_digest,
    tool_digest,
    tool_versions,
)

LOCK = Lock(
    embedded=False,
    tests_dir="tests/generated",
    digest="d" * 64,
    tools={"rivven-toolkit": "0.1.0"},
    inputs={"connector.yaml": "a" * 64},
    files={
        "src/demo/source.py": LockedFile("once", "b" * 64),
        "docs/options.md": LockedFile("generated", "c" * 64),
        "pyproject.toml": LockedFile("compared", "e" * 64),
    },
)


def load(folder: Path, text: str) -> Lock | None:
    (folder / LOCK_FILE).write_text(text, encoding="utf-8")
    with Disk(str(folder)) as disk:
        return load_lock(disk)


def changed(**values: Any) -> str:
    return json.dumps(json.loads(LOCK.dump()) | values)


def code_of(error: InputError) -> tuple[str, int]:
    return error.problems[0].code, error.exit_code


def test_a_lock_is_the_same_after_a_trip_through_its_file(tmp_path: Path) -> None:
    assert load(tmp_path, LOCK.dump()) == LOCK


def test_the_text_does_not_depend_on_the_order_of_anything() -> None:
    turned = Lock(
        embedded=False,
        tests_dir="tests/generated",
        digest="d" * 64,
        tools=LOCK.tools,
        inputs=LOCK.inputs,
        files=dict(reversed(list(LOCK.files.items()))),
    )
    assert turned.dump() == LOCK.dump()


def test_a_project_without_a_lock_has_none(tmp_path: Path) -> None:
    with Disk(str(tmp_path)) as disk:
        assert load_lock(disk) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        "<<<<<<< ours\n{}\n=======\n",
        changed(files=[]),
        changed(files={"a": {"owner": "me", "sha256": ""}}),
        changed(layout=None),
        changed(inputs=3),
        "[" * 100_000,
    ],
)
def test_a_damaged_lock_is_bad_input(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    assert code_of(caught.value) == ("RVN508", ExitCode.BAD_INPUT)


def test_a_later_format_is_refused_and_not_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, changed(lock=2))
    assert code_of(caught.value) == ("RVN509", ExitCode.DRIFT)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "..", ".", "a//b", "./a"])
def test_a_path_out_of_the_project_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, changed(files={path: {"owner": "generated", "sha256": ""}}))
    assert code_of(caught.value)[0] == "RVN505"


def test_only_an_embedded_lock_may_name_its_tests_folder(tmp_path: Path) -> None:
    files = {"../tests/x/test_config.py": {"owner": "generated", "sha256": ""}}
    embedded = {"embedded": True, "tests": "../tests/x"}
    assert load(tmp_path, changed(files=files, layout=embedded)) is not None
    for layout in ({**embedded, "embedded": False}, {**embedded, "tests": "../tests/y"}):
        with pytest.raises(InputError):
            load(tmp_path, changed(files=files, layout=layout))


def test_an_input_is_the_same_with_a_bom_and_with_crlf() -> None:
    assert text_digest("\ufeffa: 1\r\nb: 2\r\n") == text_digest("a: 1\nb: 2\n")
    assert content_digest(b"\xef\xbb\xbfa: 1\r\n") == text_digest("a: 1\n")
    assert text_digest("a: 1\n") != text_digest("a: 2\n")


def test_bytes_that_are_no_text_have_a_digest_too() -> None:
    assert content_digest(b"\xff") != content_digest(b"\xfe")


def test_the_tool_digest_changes_with_any_source_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockfile, "_folders_of", lambda _package: [str(tmp_path)])
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "b.jinja").write_text("2")
    first = tool_digest()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("3")
    assert tool_digest() == first
    (tmp_path / "data" / "b.jinja").write_text("4")
    assert tool_digest() != first


def test_the_tools_are_those_that_are_installed() -> None:
    assert set(tool_versions()) == {
        "rivven-toolkit",
        "rivven-templates",
        "datamodel-code-generator",
    }
    assert "datamodel_code_generator-" in lockfile._code_generator_version()
