"""A new connector: which files, green at once, the same bytes anywhere, hostile text harmless."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rivven_connect import ExitCode, InputError
from rivven_generator.generate import check_project, generate_project
from rivven_generator.manifest import Kind
from rivven_generator.pyproject import TOOLKIT_REQUIREMENT
from rivven_generator.scaffold import Request, Scaffolded, new_project, package_of

KINDS: tuple[Kind, ...] = get_args(Kind)
SCRIPTS = Path(sys.executable).parent
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
MYPY_CACHE = Path(__file__).parents[2] / ".mypy_cache" / f"scaffolded-{WORKER}"

MANIFEST = """\
manifest: "1"
kind: source
name: orders
version: 1.2.0
description: {description}
author: {author}
license: Apache-2.0
dependencies: ["attrs>=23.1"]
config:
  type: object
  required: [region, token]
  properties:
    region: {{type: string, validator: known_region}}
    attempts: {{type: integer, validator: odd, default: 3}}
    token: {{type: string, secret: true}}
streams:
  - name: orders
    primary_key: [id]
    schema: schemas/order.json
  - name: customers
    schema: {{type: object, properties: {{id: {{type: integer}}}}}}
checks:
  - name: reachable
tests:
  valid:
    one: {{region: eu, token: not-a-real-token}}
"""


def request(kind: Kind, folder: Path, **values: Any) -> Request:
    return Request(kind=kind, name=values.pop("name", "demo"), folder=str(folder), **values)


def given_manifest(folder: Path, description: str = "Orders.", author: str = "Me") -> Path:
    (folder / "schemas").mkdir(parents=True)
    schema = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
    (folder / "schemas" / "order.json").write_text(json.dumps(schema))
    path = folder / "connector.yaml"
    text = MANIFEST.format(description=json.dumps(description), author=json.dumps(author))
    path.write_text(text, encoding="utf-8")
    return path


def new_orders(tmp_path: Path, description: str = "Orders.", author: str = "Me") -> Path:
    manifest = given_manifest(tmp_path / "given", description, author)
    target = tmp_path / "orders"
    new_project(request("source", target, name="orders", manifest=str(manifest)))
    return target


def environment() -> dict[str, str]:
    """Without the settings of this test run."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "PYTHON"))}
    return {**kept, "MYPY_CACHE_DIR": str(MYPY_CACHE)}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPTS / command[0]), *command[1:]],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_green(folder: Path) -> None:
    commands = (
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy", "--strict", "."),
        ("rivven", "generate", "--check"),
        ("rivven", "test"),
    )
    for command in commands:
        done = run(folder, *command)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_connector_is_green_without_an_edit(kind: Kind, tmp_path: Path) -> None:
    new_project(request(kind, tmp_path / "demo"))
    assert_green(tmp_path / "demo")


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_a_project(kind: Kind, tmp_path: Path) -> None:
    made = new_project(request(kind, tmp_path / "demo"))
    assert set(made.files) == set(tree(tmp_path / "demo"))
    assert {
        "connector.yaml",
        "rivven.lock",
        "pyproject.toml",
        "README.md",
        ".gitignore",
        ".github/workflows/ci.yml",
        ".rivven/manifest.schema.json",
        "docs/options.md",
        "src/demo/__init__.py",
        f"src/demo/{kind}.py",
        "src/demo/_generated/base.py",
        "tests/conftest.py",
        f"tests/test_{kind}.py",
        "tests/generated/test_contract.py",
    } <= set(made.files)
    assert "src/demo/validators.py" not in made.files


@pytest.mark.parametrize("kind", KINDS)
def test_the_starter_says_what_to_replace_and_helps_editors(kind: Kind, tmp_path: Path) -> None:
    new_project(request(kind, tmp_path / "demo"))
    files = tree(tmp_path / "demo")
    assert b"# Replace this" in files[f"src/demo/{kind}.py"]
    modeline = b"# yaml-language-server: $schema=./.rivven/manifest.schema.json\n"
    assert files["connector.yaml"].startswith(modeline)
    assert not list((tmp_path / "demo").rglob("*.jinja"))


def test_a_project_says_how_it_is_found_and_built(tmp_path: Path) -> None:
    target = new_orders(tmp_path)
    project = tomllib.loads((target / "pyproject.toml").read_text())["project"]
    assert project["name"] == "rivven-source-orders"
    assert project["entry-points"] == {"rivven.sources": {"orders": "orders:Orders"}}
    assert project["dependencies"] == ["rivven-connect>=0.1,<0.2", "attrs>=23.1"]
    assert project["optional-dependencies"] == {"dev": [TOOLKIT_REQUIREMENT]}
    assert project["dynamic"] == ["version"]


def test_the_workflow_is_the_same_for_every_connector(tmp_path: Path) -> None:
    texts = set()
    for kind in KINDS:
        new_project(request(kind, tmp_path / kind, name=f"any-{kind}"))
        texts.add((tmp_path / kind / ".github/workflows/ci.yml").read_text())
    (text,) = texts
    assert "${{" not in text
    assert "permissions:\n  contents: read" in text
    uses = [line.split("@")[1] for line in text.splitlines() if "uses:" in line]
    assert uses
    assert all(len(pin.split(" # ")[0]) == 40 for pin in uses)


def test_a_given_manifest_is_copied_and_its_hooks_are_stubs(tmp_path: Path) -> None:
    target = new_orders(tmp_path)
    given, files = tree(tmp_path / "given"), tree(target)
    assert {path: files[path] for path in given} == given
    source = files["src/orders/source.py"].decode()
    for hook in ("check_reachable", "read_orders", "read_customers"):
        assert f'raise HookMissing("{hook}")' in source
    validators = files["src/orders/validators.py"].decode()
    assert "def known_region(value: str) -> None:" in validators
    assert "def odd(value: int) -> None:" in validators
    assert_green(target)


def test_a_dotted_package_is_green_as_well(tmp_path: Path) -> None:
    manifest = given_manifest(tmp_path / "given")
    manifest.write_text(
        manifest.read_text().replace("version:", "package: acme.shop.orders\nversion:")
    )
    target = tmp_path / "orders"
    new_project(request("source", target, name="orders", manifest=str(manifest)))
    assert (target / "src/acme/shop/orders/source.py").is_file()
    assert_green(target)


def test_a_long_name_is_formatted_as_the_formatter_would(tmp_path: Path) -> None:
    name = "a-very-long-connector-name-that-goes-on-for-ever-and-ever-amen"
    for kind in KINDS:
        new_project(request(kind, tmp_path / kind, name=name))
        written = [
            path
            for path in (tmp_path / kind).rglob("*.py")
            if "_generated" not in path.parts and "generated" not in path.parts
        ]
        for command in (("format", "--diff"), ("check",)):
            done = run(tmp_path / kind, "ruff", *command, *map(str, written))
            assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["no", "on", "y", "json", "test", "class", "null", "x1"])
def test_an_awkward_name_works(name: str, tmp_path: Path) -> None:
    for kind in KINDS:
        new_project(request(kind, tmp_path / kind, name=name))
        check_project(str(tmp_path / kind))


HOSTILE = [
    '"""\nimport os\n"""',
    "'''",
    "{{ 7 * 7 }} {% raw %} {# x #}",
    "%(x)s ${X} $(id) `id` ${{ secrets.X }}",
    '"]\n[tool.x]\nrun = "y',
    "a\r\nb\u2028c\u0085d",
    "\U0001f600 \u202e \u200b caf\u00e9 \x7f",
    "<script>alert(1)</script> [x](javascript:alert(1)) ]]> | # ```",
    "\\N{BULLET} \\",
    "x" * 5_000,
]


def skeleton(files: dict[str, bytes]) -> dict[str, str]:
    """The parsed shape of every file, without what strings say."""

    class Blank(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.Constant:
            return ast.Constant("") if isinstance(node.value, str) else node

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__

    shapes = {}
    for path, content in files.items():
        text = content.decode()
        if path.endswith(".py"):
            shapes[path] = ast.dump(Blank().visit(ast.parse(text)))
        elif path.endswith(".toml"):
            shapes[path] = repr(shape(tomllib.loads(text)))
        elif path == "README.md":
            shapes[path] = str([markdown_shape(token) for token in MarkdownIt().parse(text)])
        elif path in {".gitignore", ".github/workflows/ci.yml"}:
            shapes[path] = text
    return shapes


def markdown_shape(token: Token) -> tuple[str, set[str]]:
    """What a token is, and what stands in it besides plain text."""
    children = {child.type for child in token.children or ()}
    # A code span is text in another letter; descriptions may hold some.
    return token.type, children - {"text", "text_special", "code_inline"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_changes_no_file_but_in_its_strings(text: str, tmp_path: Path) -> None:
    try:
        hostile = new_orders(tmp_path / "hostile", text, text)
    except InputError as error:
        assert error.exit_code == ExitCode.BAD_INPUT  # noqa: PT017  # refused, or harmless
        return
    benign = new_orders(tmp_path / "benign")
    assert skeleton(tree(hostile)) == skeleton(tree(benign))
    project = tomllib.loads((hostile / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["description"] == " ".join(text.split())
    assert project["authors"] == [{"name": " ".join(text.split())}]


def test_a_folder_with_anything_in_it_stays_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "demo"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    with pytest.raises(InputError) as caught:
        new_project(request("source", target))
    assert (caught.value.problems[0].code, caught.value.exit_code) == ("RVN511", 2)
    assert tree(tmp_path) == {"demo/notes.txt": b"mine"}


def test_an_empty_folder_is_filled_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    new_project(request("source", tmp_path / "link"))
    assert "connector.yaml" in tree(tmp_path / "real")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_file_or_a_missing_parent_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path / "file", tmp_path / "missing" / "demo", tmp_path / "file" / "demo"):
        with pytest.raises(InputError) as caught:
            new_project(request("source", target))
        assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert tree(tmp_path) == {"file": b"mine"}


def test_a_manifest_of_another_name_or_kind_is_refused(tmp_path: Path) -> None:
    manifest = str(given_manifest(tmp_path / "given"))
    for kind, name in (("sink", "orders"), ("source", "order")):
        with pytest.raises(InputError) as caught:
            new_project(request(kind, tmp_path / "new", name=name, manifest=manifest))  # type: ignore[arg-type]  # a literal in a tuple
        assert caught.value.problems[0].code == "RVN513"
    assert not (tmp_path / "new").exists()


def test_a_wrong_manifest_is_reported_where_it_lies_and_nothing_is_written(tmp_path: Path) -> None:
    manifest = given_manifest(tmp_path / "given")
    manifest.write_text(manifest.read_text().replace("kind: source", "knd: source"))
    with pytest.raises(InputError) as caught:
        new_project(request("source", tmp_path / "new", name="orders", manifest=str(manifest)))
    assert {str(problem.path) for problem in caught.value.problems} == {str(manifest)}
    assert not (tmp_path / "new").exists()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A distribution that holds several connectors."""
    package = tmp_path / "src" / "shop" / "connectors"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')
    return tmp_path


def embed(repository: Path, **values: Any) -> Scaffolded:
    folder = repository / "src/shop/connectors/orders_source"
    tests = str(repository / "tests/connectors/orders_source")
    return new_project(request("source", folder, name="orders", tests=tests, **values))


def test_an_embedded_connector_lives_in_its_package_and_is_tested_elsewhere(
    repository: Path,
) -> None:
    made = embed(repository)
    package = tree(repository / "src/shop/connectors/orders_source")
    assert b"package: shop.connectors.orders_source\n" in package["connector.yaml"]
    assert {"source.py", "__init__.py", "rivven.lock", "_generated/base.py"} <= set(package)
    assert set(tree(repository / "tests/connectors/orders_source")) == {
        "conftest.py",
        "test_source.py",
        "test_config.py",
        "test_contract.py",
    }
    assert made.embedding == [
        '[project.entry-points."rivven.sources"]',
        'orders = "shop.connectors.orders_source:OrdersSource"',
    ]
    assert set(tree(repository)) - set(made.files) >= {"pyproject.toml"}
    folder = "src/shop/connectors/orders_source"
    for command in (("test", folder), ("generate", "--check", folder)):
        done = run(repository, "rivven", *command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_embedded_manifest_learns_where_it_lives(repository: Path) -> None:
    embed(repository, manifest=str(given_manifest(repository / "given")))
    folder = repository / "src/shop/connectors/orders_source"
    assert (
        "package: shop.connectors.orders_source\nname: orders"
        in (folder / "connector.yaml").read_text()
    )
    assert (
        "from shop.connectors.orders_source._generated import" in (folder / "source.py").read_text()
    )
    check_project(str(folder))


def test_so_does_one_that_is_written_as_json(repository: Path) -> None:
    manifest = repository / "given.yaml"
    manifest.write_text('{"manifest": "1", "kind": "source", "name": "orders", "config": {}}')
    embed(repository, manifest=str(manifest))
    folder = repository / "src/shop/connectors/orders_source"
    assert (
        '{"package": "shop.connectors.orders_source", ' in (folder / "connector.yaml").read_text()
    )
    check_project(str(folder))


def test_a_deleted_embedded_test_is_written_again(repository: Path) -> None:
    embed(repository)
    lost = repository / "tests/connectors/orders_source/test_config.py"
    lost.unlink()
    generate_project(str(repository / "src/shop/connectors/orders_source"))
    assert lost.exists()


def test_an_embedded_package_name_has_to_be_that_of_its_folder(repository: Path) -> None:
    embed(repository)
    folder = repository / "src/shop/connectors/orders_source"
    folder.rename(folder.with_name("moved"))
    with pytest.raises(InputError) as caught:
        generate_project(str(folder.with_name("moved")))
    assert caught.value.problems[0].code == "RVN516"


def test_tests_outside_of_the_repository_are_refused(repository: Path, tmp_path: Path) -> None:
    inside = repository / "inner"
    (inside / ".git").mkdir(parents=True)
    with pytest.raises(InputError) as caught:
        new_project(request("source", inside / "orders", tests=str(tmp_path / "elsewhere")))
    assert caught.value.problems[0].code == "RVN505"
    assert not (inside / "orders").exists()


def test_a_package_follows_from_where_its_folder_lies(repository: Path) -> None:
    assert package_of(str(repository / "src/shop/connectors/a")) == "shop.connectors.a"
    assert package_of(str(repository / "src/a")) == "a"
    with pytest.raises(InputError):
        package_of(str(repository / "src/not-a-name"))


DETERMINISM = """
import hashlib, sys
from pathlib import Path
from rivven_generator.scaffold import Request, new_project
for root in sys.argv[2:]:
    new_project(Request(kind="source", name="demo", folder=f"{root}/starter"))
    new_project(
        Request(kind="source", name="orders", folder=f"{root}/given", manifest=sys.argv[1])
    )
    total = hashlib.sha256()
    for path in sorted(Path(root).rglob("*")):
        if path.is_file():
            total.update(str(path.relative_to(root)).encode() + b"\\0" + path.read_bytes())
    print(total.hexdigest())
"""


def test_the_same_bytes_from_any_hash_seed_in_any_folder(tmp_path: Path) -> None:
    manifest = given_manifest(tmp_path / "given")
    digests: list[str] = []
    running = []
    for seed in range(5):
        roots = [tmp_path / f"{seed}-a", tmp_path / f"{seed}-b" / "deeper"]
        for root in roots:
            root.mkdir(parents=True)
        running.append(
            subprocess.Popen(
                [sys.executable, "-c", DETERMINISM, str(manifest), *map(str, roots)],
                env={**environment(), "PYTHONHASHSEED": str(seed), "TZ": f"Etc/GMT+{seed}"},
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    for process in running:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        digests += output.split()
    assert len(digests) == 10
    assert len(set(digests)) == 1


def test_no_file_names_the_machine_it_was_made_on(tmp_path: Path) -> None:
    new_project(request("source", tmp_path / "demo"))
    for path, content in tree(tmp_path / "demo").items():
        assert str(tmp_path).encode() not in content, path
        assert hashlib.sha256(content).hexdigest() in (
            tmp_path / "demo/rivven.lock"
        ).read_text() or (path in {"rivven.lock", "connector.yaml"})
