"""The rules G-1 to G-8 and C1, C2: what a manifest can never make the generator do."""

from __future__ import annotations

import ast
import functools
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import golden_trees
import jinja2
import pytest
from audited import CANARY
from hostile_texts import FRAGMENTS, KINDS, Kind, manifest_of, texts_of, written

from rivven_generator import render, write
from rivven_generator.disk import Disk
from rivven_generator.generate import generate_project
from rivven_generator.project_errors import InputError

HERE = Path(__file__).parent
MODULES = frozenset(
    "__future__ pathlib typing collections rivven_connect pytest demo datetime".split()  # noqa: SIM905
)


def hostile_text(role: str) -> str:
    """Return every awkward text in one, with a mark to find it by."""
    return f"{CANARY}{''.join(FRAGMENTS)}{role}"


def hostile_key(role: str) -> str:
    return f"{role} \"'`${{{role}"  # its letters make the Python name


@functools.cache
def hostile_files(kind: Kind) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        return texts_of(Path(folder), kind, hostile_text, hostile_key)


@functools.cache
def benign_files(kind: Kind) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        return texts_of(Path(folder), kind, lambda r: f"plain {r}", lambda r: f"{r} {r}")


def modules(files: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield from ((path, text) for path, text in files.items() if path.endswith(".py"))


def names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for field in ("id", "name", "attr", "arg", "asname", "module"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield value


@pytest.mark.parametrize("kind", KINDS)
def test_g1_text_enters_python_as_an_ascii_literal_or_an_identifier(kind: Kind) -> None:
    for path, text in modules(hostile_files(kind)):
        assert text.isascii(), path
        for name in names_in(ast.parse(text)):
            for part in name.split("."):
                assert re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,80}", part), (path, name)
        comments = {
            token.string
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT
        }
        assert not any(CANARY in comment for comment in comments), path
    assert any(CANARY in text for _, text in modules(hostile_files(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_g2_imports_types_and_calls_come_from_us(kind: Kind) -> None:
    for path, text in modules(hostile_files(kind)):
        found, known = ast.parse(text), ast.parse(benign_files(kind)[path])
        imports = {
            ast.dump(n) for n in ast.walk(found) if isinstance(n, ast.Import | ast.ImportFrom)
        }
        assert imports == {
            ast.dump(n) for n in ast.walk(known) if isinstance(n, ast.Import | ast.ImportFrom)
        }
        for node in ast.walk(found):
            if isinstance(node, ast.Import):
                assert {a.name.partition(".")[0] for a in node.names} <= MODULES, path
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert str(node.module).partition(".")[0] in MODULES, path
        called = {ast.dump(n.func) for n in ast.walk(found) if isinstance(n, ast.Call)}
        assert called == {ast.dump(n.func) for n in ast.walk(known) if isinstance(n, ast.Call)}, (
            path
        )
        for node in ast.walk(found):  # pydantic evaluates a string in an annotation
            if isinstance(node, ast.AnnAssign):
                assert not isinstance(node.annotation, ast.Constant), path


@pytest.mark.parametrize("text", ["{{ 7*7 }}", "{% include 'x' %}", "{# x #}", "{{ self }}"])
def test_g3_a_text_is_no_template(tmp_path: Path, text: str) -> None:
    files = texts_of(tmp_path, "source", lambda role: f"{text}{role}", lambda role: role)
    for path in ("README.md", "docs/options.md"):
        assert re.sub(r"\\(.)", r"\1", files[path]).count(text), path
    docs = [ast.get_docstring(n, clean=False) or "" for n in ast.walk(ast.parse(files["src/demo/_generated/config.py"]))
            if isinstance(n, ast.ClassDef)]  # fmt: skip
    assert f"{text}d" in docs
    assert json.loads(files["src/demo/_generated/spec.json"])["title"] == f"{text}t"
    assert isinstance(render.environment().loader, jinja2.FunctionLoader)
    with pytest.raises(FileNotFoundError):
        render.template_text(str(tmp_path / "connector.yaml").lstrip("/"))


def test_g4_workflow_and_ignore_list_are_the_same_for_everybody() -> None:
    constant = (".github/workflows/ci.yml", ".gitignore")
    for path in constant:
        texts = {made(kind)[path] for kind in KINDS for made in (hostile_files, benign_files)}
        assert len(texts) == 1, path
        assert "${{" not in texts.pop()
    shells = {"Makefile", "Dockerfile", "tox.ini", "noxfile.py", "setup.py"}
    for kind in KINDS:
        assert not any(Path(path).name in shells for path in hostile_files(kind))


def test_g5_nothing_is_written_before_all_is_rendered_and_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, manifest_of("source", str, str))
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    order: list[str] = []

    class Watched(Disk):
        def _do_create(self, folder: int, name: str) -> int:
            order.append("create")
            return super()._do_create(folder, name)

        def _do_make_folder(self, folder: int, name: str) -> None:
            order.append("create")
            super()._do_make_folder(folder, name)

    def render_text(*arguments: Any, **values: Any) -> str:
        order.append("render")
        return rendered(*arguments, **values)

    def verify(texts: Any) -> None:
        order.append("parse")
        verified(texts)

    rendered, verified = render.render, write.verify_texts
    monkeypatch.setattr("rivven_generator.plan.render", render_text)
    monkeypatch.setattr(write, "verify_texts", verify)
    generate_project(str(tmp_path), disk_type=Watched)
    assert set(order[: order.index("create")]) == {"render", "parse"}
    assert set(order[order.index("create") :]) == {"create"}


@pytest.mark.parametrize("path", ["../x", "/tmp/x", "a/../../x", "a/./../../x", "..", "a\0b"])
def test_g6_no_operation_leaves_the_root(tmp_path: Path, path: str) -> None:
    (tmp_path / "root").mkdir()
    with Disk(str(tmp_path / "root")) as disk:
        for operation in (
            disk.read,
            disk.entries,
            disk.remove,
            disk.make_folder,
            disk.remove_folder,
        ):
            with pytest.raises(InputError):
                operation(path)
        with pytest.raises(InputError):
            disk.create(path, b"")
        with pytest.raises(InputError):
            disk.replace("a", path)
    assert [one.name for one in tmp_path.iterdir()] == ["root"]


SAME_BYTES = (
    "import hashlib, sys, json\n"
    "from rivven_generator.load import load_manifest\n"
    "from rivven_generator.plan import standalone_layout\n"
    "from rivven_generator.scaffold import project_texts\n"
    "loaded = load_manifest(sys.argv[1])\n"
    "print(hashlib.sha256(json.dumps(project_texts(loaded, standalone_layout(loaded.manifest)),"
    " sort_keys=True).encode()).hexdigest())\n"
)


def test_g7_the_same_bytes_whoever_wherever_and_whenever(tmp_path: Path) -> None:
    seen = set()
    for number, zone in enumerate(("UTC", "Asia/Tokyo")):
        folder = tmp_path / f"folder{number}" / ("deep/" * number)
        folder.mkdir(parents=True)
        path = written(folder, manifest_of("source", hostile_text, hostile_key))
        done = subprocess.run(
            [sys.executable, "-c", SAME_BYTES, str(path)],
            env={**os.environ, "PYTHONHASHSEED": str(number), "TZ": zone, "USER": zone, "HOME": str(folder)},
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        seen.add(done.stdout)
    assert len(seen) == 1
    for text in hostile_files("source").values():
        assert str(tmp_path) not in text
        assert os.uname().nodename not in text


def audit(root: Path, *arguments: str) -> tuple[set[str], str]:
    """Return what the hook saw, and what was printed besides."""
    home = root.parent / "home"
    home.mkdir()
    root.mkdir()
    done = subprocess.run(
        [sys.executable, str(HERE / "audited.py"), str(root), *arguments],
        env={"PATH": "", "HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1",
             "PIP_NO_INDEX": "1"},
        cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    left = [path.name for path in home.rglob("*")]
    return {line for line in done.stdout.splitlines() if line} | {f"left {n}" for n in left}, (
        done.stderr
    )


REFUSED = ("a: &a [*a]\n", "!!python/object/apply:os.system [id]\n", "[" * 5_000, "x: 1\nx: 2\n")


def test_g8_c1_c2_reading_a_manifest_opens_starts_imports_and_runs_nothing(tmp_path: Path) -> None:
    """Benign, hostile, golden and refused ones: `validate`, `generate`, `schema`, `spec`, `import`."""
    manifests = [HERE / case / "connector.yaml" for case in golden_trees.CASES]
    for kind in KINDS:
        for name, text, key in (("hostile", hostile_text, hostile_key), ("plain", str, str)):
            (folder := tmp_path / f"{kind}-{name}").mkdir()
            manifests.append(written(folder, manifest_of(kind, text, key)))
    for number, content in enumerate(REFUSED):
        manifests.append(tmp_path / f"{number}.yaml")
        manifests[-1].write_text(content)
    importable = tmp_path / "schema.json"
    texts = {"title": hostile_text("t"), "description": hostile_text("d")}
    importable.write_text(
        json.dumps({"type": "object", **texts, "properties": {hostile_text("p"): texts}})
    )
    (tmp_path / "validators.py").write_text("raise SystemExit('imported')")
    seen, printed = audit(tmp_path / "root", *map(str, [importable, *manifests]))
    assert seen == set()
    codes = re.findall(r"^codes (\[.*\])$", printed, re.MULTILINE)[1:]
    assert codes[: -len(REFUSED)] == ["[0, 0, 0, 0, 0, 0]"] * (len(manifests) - len(REFUSED))
    assert all(code.startswith("[2, 2, 2, 2, 2") for code in codes[-len(REFUSED) :])


@pytest.mark.parametrize(
    ("how", "noticed"),
    [
        ("socket", "socket."), ("process", "os.system"), ("exec", "exec of"), ("eval", "exec of"),
        ("import", "import hypothesis"), ("write", "open for writing"),
    ],
)  # fmt: skip
def test_the_hook_notices(tmp_path: Path, how: str, noticed: str) -> None:
    seen, _ = audit(tmp_path / "root", "--misbehave", how)
    assert any(line.startswith(noticed) for line in seen), seen


IMPORTING = """
import sys
sys.path.insert(0, sys.argv[1])
import rivven_connect.config, rivven_connect._hooks, rivven_connect.testing
from audited import Watch
watch = Watch("/nowhere")
sys.addaudithook(watch)
import demo._generated, demo._generated.config, demo._generated.base
if len(sys.argv) > 2:
    import demo._generated.records
own = ("import demo", "exec of", "compile of")  # the modules hold the texts
print(chr(10).join(line for line in watch.seen if not line.startswith(own)))
"""


@pytest.mark.parametrize("kind", KINDS)
def test_g8_importing_what_a_hostile_manifest_makes_has_no_side_effect(
    tmp_path: Path, kind: Kind
) -> None:
    for path, text in hostile_files(kind).items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    more = ["records"] if kind == "source" else []
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, str(tmp_path / "src"), *more],
        env={**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == ""
