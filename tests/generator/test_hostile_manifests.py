"""Hostile manifests: always exit code 2, a place and a code; never a traceback, never an echo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rivven_generator.cli.validate import validate

HEAD = 'manifest: "1"\nkind: source\nname: demo\n'
MEBIBYTE = 1024 * 1024


def run(folder: Path, text: str | bytes, *arguments: str) -> Result:
    path = folder / "connector.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return CliRunner().invoke(validate, [str(path), *arguments])


def refused(folder: Path, text: str | bytes) -> list[str]:
    """Return the codes; fail unless this is an orderly refusal."""
    shown = run(folder, text)
    assert shown.exit_code == 2, (shown.output, shown.exception)
    assert "Traceback" not in shown.output
    assert all(char.isprintable() or char == "\n" for char in shown.stderr)
    problems = json.loads(run(folder, text, "--json").stdout)["problems"]
    whole_file = {"RVN100", "RVN101", "RVN102", "RVN105", "RVN106"}
    assert all(p["line"] or p["code"] in whole_file for p in problems), problems
    return [p["code"] for p in problems]


def test_success_is_one_line(tmp_path: Path) -> None:
    shown = run(tmp_path, HEAD + "config: {}\nstreams: [{name: a, schema: {type: object}}]\n")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout == "valid: source demo 0.0.1, 1 stream, 0 warnings\n"


def test_warnings_are_shown_and_do_not_fail(tmp_path: Path) -> None:
    text = HEAD + "config: {type: object, properties: {password: {type: string}}}\n"
    shown = run(tmp_path, text)
    assert (shown.exit_code, "1 warning\n" in shown.stdout, "RVN330" in shown.stderr) == (
        0,
        True,
        True,
    )
    result = json.loads(run(tmp_path, text, "--json").stdout)
    assert (result["valid"], result["name"], len(result["problems"])) == (True, "demo", 1)


def test_a_refusal_says_where_why_and_how_to_fix_it(tmp_path: Path) -> None:
    shown = run(tmp_path, HEAD + "config: {}\ntittle: x\n")
    assert shown.stdout == ""
    assert shown.stderr.removeprefix(str(tmp_path)) == (
        "/connector.yaml:5:1: RVN201 unknown key `tittle` (at /tittle)\n  fix: did you mean `title`?\n1 error\n"
    )  # fmt: skip


def test_a_folder_stands_for_its_manifest(tmp_path: Path) -> None:
    run(tmp_path, HEAD + "config: {}\n")
    assert CliRunner().invoke(validate, [str(tmp_path)]).exit_code == 0
    (tmp_path / "connector.yaml").unlink()
    missing = CliRunner().invoke(validate, [str(tmp_path)])
    assert (missing.exit_code, "RVN100" in missing.stderr) == (2, True)


@pytest.mark.parametrize("char", ["\x1b", "\x00", "\x07", "\x7f", "\x9b", "\ud800"])
def test_h3_control_characters(tmp_path: Path, char: str) -> None:
    code = "RVN103" if char == "\ud800" else "RVN104"
    assert refused(tmp_path, HEAD + f"config: {{}}\ntitle: a{char}b\n") == [code]


@pytest.mark.parametrize("text", ['"""', "'''", "a\\", "\\N{DASH}", "{{ x }}", "{% x %}", "%(x)s", "${X}", "$(id)", "`id`",
                                  "a\nb", "a\rb", "a\x85b", "a\u2028b", "a\x0bb", "a\x0cb", "]]>", "<script>"])  # fmt: skip
def test_h1_h2_any_text_is_just_text(tmp_path: Path, text: str) -> None:
    quoted = json.dumps(text)
    body = f"config: {{type: object, properties: {{p: {{type: string, default: {quoted}, description: {quoted}}}}}}}"
    assert run(tmp_path, f"{HEAD}title: {quoted}\n{body}\n").exit_code == 0


@pytest.mark.parametrize("name", ["../x", "/abs", "C:\\x", "a/b", ".", "..", "", ".a", "-a", "a.", "a ", "CON", "nul.txt",
                                  "x" * 300, "%2e%2e", "None", "_x", "__class__", "p\u0430ypal", "ﬁeld", "a\u202eb"])  # fmt: skip
def test_h5_h8_names(tmp_path: Path, name: str) -> None:
    quoted = json.dumps(name)
    text = f'manifest: "1"\nkind: source\nname: {quoted}\nconfig: {{}}\n'
    assert refused(tmp_path, text) == ["RVN205"]
    assert refused(tmp_path, HEAD + f"config: {{}}\npackage: {quoted}\n")
    if name not in {"a.", "nul.txt", "CON", "None"}:
        streams = f"config: {{}}\nstreams: [{{name: {quoted}, schema: {{}}}}]\n"
        assert refused(tmp_path, HEAD + streams) == ["RVN401"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", '["', "{? "])
def test_h15_depth(tmp_path: Path, opening: str) -> None:
    assert refused(tmp_path, opening * (MEBIBYTE // len(opening) - 1))


def test_h15_depth_does_not_end_the_process(tmp_path: Path) -> None:
    (tmp_path / "connector.yaml").write_text("[" * 500_000)
    program = "from rivven_generator.cli.validate import validate; validate()"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "RVN106" in done.stderr


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("  - {{name: s{n}, schema: {{type: object}}}}\n", 10_000),
        ("  - {{name: S{n}, schema: 1, extra: 2}}\n", 10_000),
        ("  - 1\n", 50_000),
    ],
)
def test_h16_very_many_streams(tmp_path: Path, line: str, count: int) -> None:
    body = "".join(line.format(n=n) for n in range(count))
    assert refused(tmp_path, HEAD + "config: {}\nstreams:\n" + body)


@pytest.mark.parametrize("line", ["    p{n}: {{}}\n", "    P{n}: {{typ: x}}\n", "    p{n}: x\n"])
def test_h16_very_many_fields(tmp_path: Path, line: str) -> None:
    body = "".join(line.format(n=n) for n in range(15_000))
    assert refused(tmp_path, HEAD + "config:\n  type: object\n  properties:\n" + body)


def test_h16_a_manifest_at_the_limits_is_accepted(tmp_path: Path) -> None:
    fields = "".join(
        f"    p{n}: {{type: integer, minimum: 1, default: {n + 1}}}\n" for n in range(5_000)
    )
    streams = "".join(f"  - {{name: s{n}, schema: {{type: object}}}}\n" for n in range(1_000))
    text = f"{HEAD}config:\n  type: object\n  properties:\n{fields}streams:\n{streams}"
    assert run(tmp_path, text).exit_code == 0


def test_h19_encodings(tmp_path: Path) -> None:
    text = HEAD + 'config: {}\ntitle: "é"\n'
    plain = run(tmp_path, text).stdout
    assert run(tmp_path, "\ufeff" + text.replace("\n", "\r\n")).stdout == plain
    assert refused(tmp_path, text.encode("utf-16")) == ["RVN103"]
    assert refused(tmp_path, text.encode("latin-1")) == ["RVN103"]


@pytest.mark.parametrize(
    "number", ["1e400", ".inf", "-.inf", ".nan", "9" * 6_000, "-" + "9" * 6_000]
)
def test_h21_numbers(tmp_path: Path, number: str) -> None:
    body = f"config: {{type: object, properties: {{p: {{type: number, default: {number}}}}}}}\n"
    assert refused(tmp_path, HEAD + body)


def test_h21_minus_zero_is_a_number(tmp_path: Path) -> None:
    body = "config: {type: object, properties: {p: {type: number, minimum: -0.0, default: -0.0}}}\n"
    assert run(tmp_path, HEAD + body).exit_code == 0


def test_h38_what_is_not_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder.yaml").mkdir()
    for path in (tmp_path / "pipe", Path("/dev/null"), Path("/dev/zero"), tmp_path / "folder.yaml"):
        shown = CliRunner().invoke(validate, [str(path)])
        assert shown.exit_code == 2, path


def test_h39_h40_messages_are_short_escaped_and_keep_secrets(tmp_path: Path) -> None:
    key = json.dumps("\u202e\u200b" + "k" * 100_000)
    text = f"{HEAD}{key}: 1\nconfig: {{type: object, {key}: 1, properties: {{{key}: {{type: {key}}}}}}}\n"
    assert refused(tmp_path, text)
    assert max(map(len, run(tmp_path, text).stderr.splitlines())) < 100_300
    literal = "AKIAIOSFODNN7EXAMPLE"
    body = f"config: {{type: object, properties: {{p: {{type: string, default: {literal}}}}}}}\n"
    assert literal not in run(tmp_path, HEAD + body).output


def test_c1_validate_imports_and_opens_nothing_of_the_connector(tmp_path: Path) -> None:
    (tmp_path / "validators.py").write_text("raise SystemExit('imported')")
    (tmp_path / "connector.yaml").write_text(
        HEAD + "config: {type: object, properties: {p: {type: string, validator: mine}}}\n"
    )
    program = (
        "import sys\n"
        "from rivven_generator.cli.validate import validate\n"
        "import rivven_generator.load, jsonschema_rs, packaging.licenses\n"
        "def audit(event, args):\n"
        "    if event.split('.')[0] in {'socket', 'subprocess', 'ctypes'}: raise SystemExit(event)\n"
        "    if event == 'import' and args[0] == 'validators': raise SystemExit(event)\n"
        "    if event == 'open' and isinstance(args[2], int) and args[2] & 3: raise SystemExit(args)\n"
        "sys.addaudithook(audit)\n"
        "validate()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


VALID = """manifest: "1"
kind: source
name: demo
config:
  type: object
  required: [auth]
  properties:
    size: {type: integer, minimum: 1, maximum: 9, default: 3}
    mode: {enum: [a, b], default: a}
    auth:
      oneOf: [{$ref: "#/$defs/T"}]
      discriminator: {propertyName: type}
  $defs:
    T: {type: object, required: [type], properties: {type: {const: t}, token: {type: string, secret: true}}}
rules: [{when: {mode: b}, require: [auth]}]
streams: [{name: a, schema: {type: object, properties: {id: {}}}, primary_key: [id], cursor: id}]
checks: [{name: ok}]
tests: {valid: {m: {auth: {type: t}}}, invalid: {i: {config: {}, at: /auth, rule: required}}}
"""
POISON = st.sampled_from(["", "{}", "[]", "null", "1", "1.5", "true", '"x"', "[null]", "{a: {}}", "[{}]", "{$ref: x}", "-1", "{type: 1}"])  # fmt: skip


def test_the_manifest_to_be_poisoned_is_valid(tmp_path: Path) -> None:
    assert run(tmp_path, VALID).exit_code == 0


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data(), POISON)
def test_any_value_in_any_place_is_accepted_or_refused(
    tmp_path: Path, data: st.DataObject, poison: str
) -> None:
    """Replace a random value, written in flow style, by one of another shape."""
    import yaml

    from rivven_connect.documents import parse_document

    value = parse_document(VALID).value
    replacement = yaml.safe_load(poison) if poison else None
    node = value
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        inner = node[key]
        if not inner or not isinstance(inner, (dict, list)) or data.draw(st.booleans()):
            node[key] = replacement
            break
        node = inner
    shown = run(tmp_path, json.dumps(value))
    assert shown.exit_code in {0, 2}, (shown.exception, json.dumps(value))
