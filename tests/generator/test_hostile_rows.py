"""The rows H3 to H40 of hostile input, each through everything that reads a manifest.

The rest of them stand in `test_hostile_manifests.py`, `test_hostile_disk.py` and `test_hostile_rules.py`;
`test_row_names.py` knows that none is missing.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hostile_kit import HEAD, generated, given, project_of, refused, refused_file, rivven
from markdown_it import MarkdownIt

from rivven_generator.load import load_manifest

EMPTY = HEAD + "config: {}\n"
Schema = dict[str, Any]


def with_config(properties: Schema, **keys: Any) -> str:
    return as_text({"config": {"type": "object", "properties": properties}, **keys})


def as_text(value: Schema) -> str:
    head = {"manifest": "1", "kind": "source", "name": "demo", "config": {}}
    return json.dumps({**head, **value})


@pytest.mark.parametrize("char", ["\x1b", "\x00", "\x07", "\x7f", "\x9b", "\ud800"], ids=ascii)
@pytest.mark.parametrize("place", ['title: "{}"\n', "# {}\n", "title: '{}'\n"])
def test_h3_characters_that_act_on_terminals_or_break_files(
    tmp_path: Path, char: str, place: str
) -> None:
    code = "RVN103" if char == "\ud800" else "RVN104"
    assert refused(tmp_path, EMPTY + place.format(f"a{char}b")) == {code}


@pytest.mark.parametrize("escape", ["\\e", "\\0", "\\x07", "\\x7f", "\\x9b", "\\ud800"])
def test_h3_written_as_escapes_they_are_refused_as_well(tmp_path: Path, escape: str) -> None:
    assert refused(tmp_path, EMPTY + f'title: "a{escape}b"\n') == {"RVN104"}


INVISIBLE = ["\u202e", "\u2066", "\u200b", "\u200d", "\u2060", "\ufeff", "\u061c"]


@pytest.mark.parametrize("char", INVISIBLE, ids=ascii)
def test_h4_invisible_characters_stand_in_no_name_and_no_documentation(
    tmp_path: Path, char: str
) -> None:
    quoted = json.dumps(f"a{char}b")
    assert refused(tmp_path, as_text({}).replace('"demo"', quoted)) == {"RVN205"}
    assert refused(tmp_path, with_config({f"a{char}b": {}})) == {"RVN325"}
    streams = [{"name": f"a{char}b", "schema": {}}]
    assert refused(tmp_path, EMPTY + f"streams: {json.dumps(streams)}\n") == {"RVN401"}
    text = with_config({"p": {"type": "string", "description": f"x{char}y"}}, title=f"x{char}y")
    files = project_of(tmp_path, text)
    warned = {problem.code for problem in load_manifest(tmp_path / "connector.yaml").warnings}
    assert warned == {"RVN216"}
    del files["connector.yaml"]
    for path, content in files.items():
        assert char not in content, path
        assert content.isascii() or not path.endswith(".py"), path


KEYWORDS = [
    "class",
    "None",
    "from",
    "match",
    "type",
    "print",
    "__class__",
    "__init__",
    "self",
    "_x",
    "_",
    "__",
    "lambda",
    "async",
]
TAKEN = [
    "model_config",
    "model_validate",
    "model_fields",
    "model_dump",
    "copy",
    "json",
    "schema",
    "validate",
    "dict",
    "parse",
    "construct",
    "fields",
    "dump",
    "example",
    "spec",
    "name",
    "version",
]


@pytest.mark.parametrize("name", [*KEYWORDS, *TAKEN])
def test_h6_h7_a_name_that_python_or_a_base_needs_is_another_attribute_with_its_wire_name(
    tmp_path: Path, name: str
) -> None:
    """A field called `__class__` or `_x` just vanishes from a pydantic model."""
    folder = tmp_path / "given"
    files = project_of(folder, with_config({name: {"type": "integer"}}))
    package = tmp_path / "demo" / "_generated"
    package.mkdir(parents=True)
    (tmp_path / "demo" / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    for path, text in files.items():
        if path.endswith(("_generated/config.py", "config.schema.json")):
            (package / Path(path).name).write_text(text)
    program = (
        "import sys, json, warnings; warnings.simplefilter('error')\n"
        "from demo._generated.config import DemoConfig as C\n"
        "assert len(C.model_fields) == 1\n"
        "((attribute, field),) = C.model_fields.items()\n"
        "config = C.parse(json.loads(sys.argv[1]))\n"
        "assert getattr(config, attribute) == 7 and config.dump() == json.loads(sys.argv[1])\n"
        "print(attribute)\n"
    )
    if name not in {"class", "None", "__class__", "_x", "model_config", "schema", "dump"}:
        tree = ast.parse(generated(folder, (folder / "connector.yaml").read_bytes(), "/config.py"))
        names = [n.target.id for n in ast.walk(tree) if isinstance(n, ast.AnnAssign)
                 and isinstance(n.target, ast.Name) and n.target.id != "_example"]  # fmt: skip
        assert re.fullmatch("[a-z][a-z0-9_]{0,62}", names[0])
        return  # a process for each would be slow; these stand for the rest
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps({name: 7})],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch("[a-z][a-z0-9_]{0,62}", done.stdout.strip())


@pytest.mark.parametrize(
    "pair",
    [("ﬁeld", "field"), ("Orders", "orders"), ("a-b", "a_b"), ("A B", "aB"), ("p", "\u0440")],
)
def test_h8_h9_names_that_become_one_are_refused_with_both_places(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    first, second = pair
    text = with_config({first: {}, second: {}})
    if pair == ("p", "\u0440"):  # Cyrillic: another letter, another name
        assert "alias='\\u0440'" in generated(tmp_path, text, "/config.py").replace('"', "'")
        return
    assert refused(tmp_path, text) == {"RVN324"}
    outcome = rivven("validate", str(tmp_path))
    assert re.search(r"connector.yaml:\d+:\d+: RVN324 .*line \d+, column \d+", outcome.stderr)


@pytest.mark.parametrize("pair", [("Orders", "orders"), ("a-b", "a_b"), ("a.b", "a-b")])
def test_h9_so_are_streams(tmp_path: Path, pair: tuple[str, str]) -> None:
    streams = [{"name": name, "schema": {"type": "object"}} for name in pair]
    assert refused(tmp_path, EMPTY + f"streams: {json.dumps(streams)}\n") == {"RVN402"}
    assert re.search(r"RVN402 .*line \d+, column \d+", rivven("validate", str(tmp_path)).stderr)


@pytest.mark.parametrize("name", ["json", "rivven", "pydantic", "test", "http", "yaml"])
def test_h10_a_package_that_hides_another_is_refused_or_gets_a_suffix(
    tmp_path: Path, name: str
) -> None:
    assert refused(tmp_path, EMPTY + f"package: {name}\n") == {"RVN207"}
    loaded = load_manifest(given(tmp_path, EMPTY.replace("demo", name)))
    assert loaded.manifest.package == f"{name}_source"


def test_h11_a_key_twice_names_both_lines(tmp_path: Path) -> None:
    assert refused(tmp_path, EMPTY + "title: a\ntitle: b\n") == {"RVN111"}
    shown = rivven("validate", str(tmp_path)).stderr
    assert "connector.yaml:6:1: RVN111" in shown
    assert "line 5, column 1" in shown
    text = HEAD + "config: {}\nstreams: [{name: a, schema: a.json}]\n"
    (tmp_path / "a.json").write_text('{"type": "object",\n "type": "object"}')
    assert refused(tmp_path, text) == {"RVN111"}
    assert "a.json:2:2: RVN111" in rivven("validate", str(tmp_path)).stderr


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(8)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB, EMPTY + "title: &a x\ndescription: *a\n", EMPTY + "<<: {title: x}\n",
        "&a [*a]\n", "&a {x: *a}\n", EMPTY + "tags: &a [*a]\n", EMPTY + "title: *nothing\n",
    ],
)  # fmt: skip
def test_h12_h13_anchors_aliases_and_merges(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text) == {"RVN112"}


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.system [id]", "!!python/name:os.system", "!include /etc/passwd",
     "!x y", "!!str x", "!!binary aGk=", "! x", "!!timestamp 2021-01-25", "!<tag:x> y"],
)  # fmt: skip
def test_h14_tags(tmp_path: Path, tag: str) -> None:
    assert "RVN113" in refused(tmp_path, EMPTY + f"title: {tag}\n")


@pytest.mark.parametrize("depth", [65, 5_000, 400_000])
@pytest.mark.parametrize("opening", ["[", "{a: "])
def test_h15_depth(tmp_path: Path, opening: str, depth: int) -> None:
    text = opening * min(depth, 1024 * 1024 // len(opening) - 1)
    assert refused(tmp_path, text) == {"RVN106"}
    (tmp_path / "a.json").write_text("[" * depth)
    streams = EMPTY + "streams: [{name: a, schema: a.json}]\n"
    assert refused(tmp_path, streams) == {"RVN106"}


def test_h15_depth_by_indentation(tmp_path: Path) -> None:
    lines = [" " * level + "a:" for level in range(1_000)]
    assert refused(tmp_path, "\n".join(lines)) == {"RVN106"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (EMPTY + "---\n" + EMPTY, "RVN109"), ("", "RVN105"), ("# nothing\n", "RVN105"),
        ("\n\n", "RVN105"), ("---\n", "RVN105"), ("[]\n", "RVN110"), ("text\n", "RVN110"),
        ("5\n", "RVN110"), ("null\n", "RVN110"),
    ],
)  # fmt: skip
def test_h17_not_one_mapping(tmp_path: Path, text: str, code: str) -> None:
    assert refused(tmp_path, text) == {code}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HEAD + "config:\n\ttype: object\n", "RVN107"),
        (HEAD + "config:\n  type: object\n\tproperties: {}\n", "RVN107"),
        (HEAD + "config:\n    type: object\n  properties: {}\n", "RVN108"),
    ],
)
def test_h18_tabs_and_mixed_indentation(tmp_path: Path, text: str, code: str) -> None:
    assert refused(tmp_path, text) == {code}


def test_h19_line_ends_bom_and_missing_last_line_end_change_nothing(tmp_path: Path) -> None:
    text = EMPTY + 'title: "é"\ndescription: |\n  two\n  lines\ntags: [a]'
    forms = {
        "lf": text + "\n",
        "none": text,
        "crlf": (text + "\n").replace("\n", "\r\n"),
        "bom": "\ufeff" + text + "\n",
    }
    made = {name: project_of(tmp_path / name, form) for name, form in forms.items()}
    for files in made.values():
        del files["connector.yaml"], files["rivven.lock"]
    assert all(files == made["lf"] for files in made.values())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252"])
def test_h19_other_encodings(tmp_path: Path, encoding: str) -> None:
    assert refused(tmp_path, (EMPTY + "title: é\n").encode(encoding)) <= {"RVN103", "RVN104"}


@pytest.mark.parametrize(
    "scalar", ["no", "Yes", "off", "12:30:00", "017", "0x1f", "0b1", "1e3", "2021-01-25", "1_000", "="]
)  # fmt: skip
def test_h20_what_yaml_versions_read_differently(tmp_path: Path, scalar: str) -> None:
    text = EMPTY + f"title: {scalar}\n"
    assert refused(tmp_path, text) == {"RVN114"}
    assert f'quote it if it is text: "{scalar}"' in rivven("validate", str(tmp_path)).stderr


@pytest.mark.parametrize("scalar", ["1.10", "5", "true", "3.0"])
def test_h20_a_number_where_text_is_meant(tmp_path: Path, scalar: str) -> None:
    assert refused(tmp_path, EMPTY + f"version: {scalar}\n") == {"RVN203"}
    assert f'quote it: "{scalar}"' in rivven("validate", str(tmp_path)).stderr
    assert refused(tmp_path, EMPTY + "on: push\n") == {"RVN114"}


@pytest.mark.parametrize("number", ["1e400", ".inf", "-.inf", ".nan", "9" * 6_000, "1.0e+999"])
@pytest.mark.parametrize("keyword", ["default", "minimum", "const", "multipleOf"])
def test_h21_numbers_that_json_cannot_carry(tmp_path: Path, keyword: str, number: str) -> None:
    schema = f"{{type: number, {keyword}: {number}}}"
    text = HEAD + f"config: {{type: object, properties: {{p: {schema}}}}}\n"
    assert refused(tmp_path, text) <= {"RVN114", "RVN116"}


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("tittle: x", "`title`"), ("desciption: x", "`description`"),
        ("config: {type: object, properties: {a: {type: integer, mininum: 1}}}", "`minimum`"),
        ("config: {type: object, properties: {a: {type: string, tittle: x}}}", "`title`"),
        ("config: {type: object, properties: {a: {type: strng}}}", "`string`"),
        ("streams: [{nam: a, schema: {}}]", "`name`"),
    ],
)  # fmt: skip
def test_h22_near_misses_get_a_suggestion(tmp_path: Path, text: str, fix: str) -> None:
    head = HEAD if text.startswith("config") else EMPTY
    assert refused(tmp_path, head + text + "\n") <= {"RVN201", "RVN202", "RVN301", "RVN303"}
    assert f"did you mean {fix}?" in rivven("validate", str(tmp_path)).stderr


LEADING_OUT = [
    "file:///etc/passwd",
    "http://x/y",
    "https://x/y",
    "//host/share",
    "\\\\host\\share",
    "/etc/passwd",
    "../x.json",
    "../x.json#/a",
    "%2e%2e/x.json",
    "a.json#/../x",
    "~/x",
    "x.json",
    "#",
    "#a",
    "#/%24defs/A",
]


@pytest.mark.parametrize("reference", LEADING_OUT)
def test_h23_references_lead_nowhere_else(tmp_path: Path, reference: str) -> None:
    """A file outside holds what a follower would find."""
    (tmp_path / "x.json").write_text('{"type": "object"}')
    folder = tmp_path / "inner"
    assert refused(folder, with_config({"p": {"$ref": reference}})) <= {"RVN311", "RVN312"}
    if reference not in {"#", "#a"}:
        streams = [{"name": "a", "schema": {"$ref": reference}}]
        assert refused(folder, EMPTY + f"streams: {json.dumps(streams)}\n") == {"RVN405"}
        streams = [{"name": "a", "schema": reference}]
        codes = refused(folder, EMPTY + f"streams: {json.dumps(streams)}\n")
        assert codes == {"RVN404"}


@pytest.mark.parametrize(
    "path", ["conftest.py", "src/demo/x.py", ".github/workflows/x.yml", ".x.json", "a/.b/x.json", "Makefile"]
)  # fmt: skip
def test_h23_a_schema_file_is_nothing_that_a_project_would_run(tmp_path: Path, path: str) -> None:
    """`rivven new` copies schema files; this one is YAML and Python at once."""
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("{'type': 'object'}")
    text = EMPTY + f"streams: [{{name: a, schema: {path}}}]\n"
    assert refused(tmp_path, text) == {"RVN404"}


def test_h23_a_schema_file_behind_a_link_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"type": "object"}')
    text = EMPTY + "streams: [{name: a, schema: a.json}]\n"
    given(tmp_path / "inner", text)
    (tmp_path / "inner" / "a.json").symlink_to("../x.json")
    assert refused(tmp_path / "inner", text) == {"RVN404"}


def chain(count: int, last: Schema) -> Schema:
    definitions: Schema = {f"D{n}": {"$ref": f"#/$defs/D{n + 1}"} for n in range(count)}
    return {**definitions, f"D{count}": last}


@pytest.mark.parametrize(
    ("definitions", "codes"),
    [
        ({"D0": {"$ref": "#/$defs/D0"}}, {"RVN313"}),
        ({"D0": {"$ref": "#/$defs/D1"}, "D1": {"$ref": "#/$defs/D0"}}, {"RVN313"}),
        (
            {"D0": {"type": "object", "properties": {"a": {"$ref": "#/$defs/D0"}}}},
            {"RVN313"},
        ),
        (chain(4_900, {"type": "integer"}), {"RVN327"}),
        (chain(4_900, {"$ref": "#/$defs/D0"}), {"RVN313"}),
        ({"D0": {"$ref": "#/$defs/~2"}}, {"RVN311"}),
        ({"D0": {"type": "object"}, "D1": {"$ref": "#/$defs/D0", "minimum": 1}}, {"RVN314"}),
    ],
)
def test_h24_circles_chains_and_siblings(
    tmp_path: Path, definitions: Schema, codes: set[str]
) -> None:
    config = {
        "type": "object",
        "properties": {"p": {"$ref": "#/$defs/D0"}},
        "$defs": definitions,
    }
    assert refused(tmp_path, as_text({"config": config})) == codes


def test_h24_records_may_recur(tmp_path: Path) -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}
    schema = {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}, "$defs": {"N": node}}
    made = generated(
        tmp_path, as_text({"streams": [{"name": "a", "schema": schema}]}), "records.py"
    )
    assert "NotRequired" in made
    circle = {"$ref": "#/$defs/D0", "$defs": chain(200, {"$ref": "#/$defs/D0"})}
    assert refused(tmp_path, as_text({"streams": [{"name": "a", "schema": circle}]})) == {"RVN405"}


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("^(?=a)$", "RVN317"), ("^(?<!a)b$", "RVN317"), (r"^(a)\1$", "RVN317"), ("^(a$", "RVN317"),
        ("^[[:alpha:]]$", "RVN317"), ("^a{1001}{1001}$", "RVN318"), ("^(a{1000}){1000}$", "RVN318"),
        ("^a{100000000}$", "RVN318"), ("^" + "a" * 3_000 + "$", "RVN318"), ("^a{2,1}$", "RVN317"),
        ("^" + "(" * 900 + ")" * 900 + "$", "RVN317"),
    ],
)  # fmt: skip
def test_h25_patterns(tmp_path: Path, pattern: str, code: str) -> None:
    assert refused(tmp_path, with_config({"p": {"type": "string", "pattern": pattern}})) <= {
        "RVN317",
        code,
    }


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(.*a){20}$", "^([a-z]+)*!$"])
def test_h25_what_is_catastrophic_elsewhere_is_linear_here(tmp_path: Path, pattern: str) -> None:
    text = with_config({"p": {"type": "string", "pattern": pattern}})
    files = project_of(tmp_path, text)
    assert not any("python-re" in content or "import re\n" in content for content in files.values())


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ({"type": "integer", "minimum": 2, "maximum": 1}, "RVN308"),
        ({"type": "string", "minLength": 2, "maxLength": 1}, "RVN308"),
        ({"type": "integer", "maximum": 1, "default": 2}, "RVN305"),
        ({"enum": ["a"], "default": "b"}, "RVN305"),
        ({"enum": ["a", "a"]}, "RVN309"), ({"enum": []}, "RVN309"),
        ({"type": "string", "secret": True, "default": "x"}, "RVN322"),
        ({"type": "string", "secret": True, "examples": ["x"]}, "RVN322"),
    ],
)  # fmt: skip
def test_h26_contradictions(tmp_path: Path, schema: Schema, code: str) -> None:
    assert code in refused(tmp_path, with_config({"p": schema}))


def test_h26_required_and_default(tmp_path: Path) -> None:
    config = {"type": "object", "required": ["p"], "properties": {"p": {"default": 1}}}
    assert refused(tmp_path, as_text({"config": config})) == {"RVN306"}


INJECTIONS = [
    'x"\n[project.scripts]\nx = "os:system',
    '"]\nclassifiers = ["x',
    "[x](javascript:alert(1))",
    "![x](http://evil/x.png)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "]]>",
    "`" * 40 + "\n# x",
    "me <a@b.c>, other <d@e.f>",
    "| a | b |\n|---|---|",
    "---\nlayout: x",
]


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_h27_texts_in_packaging_and_pages_are_texts(tmp_path: Path, text: str) -> None:
    files = project_of(tmp_path, as_text({"title": text, "description": text, "author": text}))
    plain = project_of(tmp_path, as_text({"title": "x", "description": "x", "author": "x"}))
    project, expected = (tomllib.loads(made["pyproject.toml"]) for made in (files, plain))
    one_line = " ".join(text.split())
    assert project["project"].pop("description") == one_line
    assert project["project"].pop("authors") == [{"name": one_line}]
    del expected["project"]["description"], expected["project"]["authors"]
    assert project == expected
    for path in ("README.md", "docs/options.md"):
        page = MarkdownIt("commonmark").enable("table").render(files[path])
        for forbidden in ("<script", "<img", 'javascript:alert(1)"', "onerror=alert(1)>"):
            assert forbidden not in page, path


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("version", '1.0.0"\nx = "y', "RVN205"), ("version", "1.0", "RVN205"),
        ("license", 'MIT"\nx = "y', "RVN208"), ("license", "proprietary", "RVN208"),
        ("documentation_url", "javascript:alert(1)", "RVN209"),
        ("documentation_url", "https://x/\n[a](b)", "RVN209"),
        ("documentation_url", 'https://x/"><script>', "RVN209"),
        ("documentation_url", "https://me:pw@x/", "RVN209"),
        ("category", "x", "RVN204"),
    ],
)  # fmt: skip
def test_h27_what_has_a_form_keeps_to_it(tmp_path: Path, key: str, value: str, code: str) -> None:
    assert refused(tmp_path, as_text({key: value})) == {code}


@pytest.mark.parametrize(
    "dependency",
    ["pkg @ git+https://x/y", "pkg@https://x/y.whl", "-r x", "--index-url https://x", "-e .", "./x",
     "pkg; python_version > '3'", "pkg\nother", "pkg==1 --hash=sha256:0", "", "pkg>=1,x", "a b",
     "https://x/y.whl", "pkg[x", "${X}", "$(id)", "pkg # x"],
)  # fmt: skip
def test_h28_dependencies(tmp_path: Path, dependency: str) -> None:
    assert refused(tmp_path, as_text({"dependencies": [dependency]})) <= {"RVN210", "RVN205"}


@pytest.mark.parametrize(
    "path", ["os:system", "a.b;import os", "os.system", "__import__('os')", "a b", "Ä", "class", "../x"]
)  # fmt: skip
def test_h29_a_validator_is_a_name_and_nothing_is_imported_for_it(
    tmp_path: Path, path: str
) -> None:
    (tmp_path / "validators.py").write_text("raise SystemExit('imported')")
    text = with_config({"p": {"type": "string", "validator": path}})
    assert refused(tmp_path, text) <= {"RVN320", "RVN302"}
    if path.isidentifier() and path.isascii():
        return
    assert refused(tmp_path, as_text({"checks": [{"name": path}]})) == {"RVN205"}
    assert refused(tmp_path, as_text({"package": path})) <= {"RVN205", "RVN207"}


def test_h38_what_is_no_regular_file_or_changes_while_it_is_read(tmp_path: Path) -> None:
    manifest = given(tmp_path, EMPTY)
    kinds = {"fifo": "RVN101", "folder": "RVN500", "device": "RVN101", "nothing": "RVN105"}
    for kind in ("fifo", "device", "nothing"):
        manifest.unlink()
        if kind == "fifo":
            os.mkfifo(manifest)
        elif kind == "device":
            manifest.symlink_to("/dev/zero")
        else:
            manifest.touch()
        assert refused_file(manifest) == {kinds[kind]}
    manifest.unlink()
    manifest.mkdir()
    assert rivven("validate", str(manifest)).exit_code == 2


SECRETS = [
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "postgres://me:hunter2hunter2@host/db",
    "-----BEGIN RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("literal", SECRETS, ids=range(len(SECRETS)))
@pytest.mark.parametrize("keyword", ["default", "const", "enum", "examples"])
def test_h39_a_literal_that_looks_real_is_refused_and_not_shown(
    tmp_path: Path, keyword: str, literal: str
) -> None:
    value = [literal] if keyword in {"enum", "examples"} else literal
    text = with_config({"p": {"type": "string", keyword: value}})
    assert refused(tmp_path, text) == {"RVN323"}
    outcome = rivven("validate", str(tmp_path))
    assert literal not in outcome.stdout + outcome.stderr
    example = with_config({"p": {"type": "string"}}, tests={"valid": {"one": {"p": literal}}})
    assert project_of(tmp_path, example)


@pytest.mark.parametrize("char", ["\u202e", "\u200b", "\x85", "\u2028", "\ufeff"], ids=ascii)
def test_h40_messages_are_printable_and_short(tmp_path: Path, char: str) -> None:
    key = f"{char}k" * 20_000
    config = {"type": "object", key: 1, "properties": {key: {"type": key}}}
    refused(tmp_path, as_text({key: 1, "config": config, "rules": [{"require_any": [key, key]}]}))
    for arguments in ((), ("--json",)):
        outcome = rivven("validate", str(tmp_path), *arguments)
        shown = outcome.stdout + outcome.stderr
        assert all(letter.isprintable() or letter == "\n" for letter in shown)
        limit = 2_000 if not arguments else 200_000
        assert max(map(len, shown.splitlines())) < limit
