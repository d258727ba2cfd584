"""What authors may import is pinned: a change here is a change for everybody."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import rivven_connect
import rivven_connect.config
import rivven_connect.http
import rivven_connect.postgres
import rivven_connect.testing

INIT = Path(rivven_connect.__file__)


def test_every_public_name_loads() -> None:
    for name in rivven_connect.__all__:
        assert getattr(rivven_connect, name) is not None, name


def test_the_lists_agree() -> None:
    """`__all__`, the lazy table and what type checkers see name the same things."""
    checked = {
        alias.name
        for node in ast.walk(ast.parse(INIT.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rivven_connect._")
        for alias in node.names
    }
    assert set(rivven_connect.__all__) == checked == set(rivven_connect._MODULE_OF)
    assert rivven_connect.__all__ == sorted(rivven_connect.__all__)


def test_public_modules_export_what_they_define() -> None:
    for module in (
        rivven_connect.config,
        rivven_connect.http,
        rivven_connect.postgres,
        rivven_connect.testing,
    ):
        for name in module.__all__:
            assert hasattr(module, name), f"{module.__name__}.{name}"


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, rivven_connect; "
        "print(*{'pydantic', 'msgspec', 'yaml', 'rich', 'click', 'asyncio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_core_loads_without_any_extra() -> None:
    code = (
        "import sys\n"
        "for name in ('aiohttp', 'psycopg', 'jsonschema_rs', 'pytest', 'copier', 'jinja2', 'datamodel_code_generator'):\n"
        "    sys.modules[name] = None\n"
        "import rivven_connect, rivven_connect.config, rivven_connect.http, rivven_connect.postgres, rivven_connect.transforms, rivven_connect.cli\n"
        "for name in rivven_connect.__all__: getattr(rivven_connect, name)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_choice_of_objects_can_stand_in_an_annotation() -> None:
    """`Optional[...]` hashes what stands in an annotation."""
    choice = rivven_connect.config.OneOf({"x": [1]}, 1)
    assert hash(choice) == hash(rivven_connect.config.OneOf({"x": [1.0]}, 1.0))
