"""A value is the same JSON, whether the client decodes its text or the server makes JSON of its row."""

from __future__ import annotations

import math
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from postgres_kit import both_ways, connected, run

from rivven_connect import ConnectorError, ErrorKind, Json
from rivven_connect.postgres import text_decoder

SCALARS: dict[str, list[str]] = {
    "bool": ["true", "false"],
    "int2": ["-32768", "0", "32767"],
    "int4": ["-2147483648", "1"],
    "int8": ["-9223372036854775808", "9223372036854775807"],
    "oid": ["0", "4294967295"],
    "float4": ["1", "-0", "0.1", "1e20", "3.4e38", "NaN", "Infinity", "-Infinity"],
    "float8": ["1", "-0", "0.1", "1e300", "5e-324", "123456789012345678", "NaN", "-Infinity"],
    "numeric": ["1", "1.50", "-0.000", "NaN", "Infinity", "9" * 60 + "." + "1" * 60],
    "numeric(12,4)": ["1", "12345678.1234"],
    "text": ["", " ", "NULL", "null", '"', "\\", "{}", "a,b", "line\nfeed\ttab\r", "é😀", "'", "%s %(a)s", "$1"],
    "varchar(9)": ["abc  "],
    "char(5)": ["ab", ""],
    '"char"': ["x"],
    "name": ["table"],
    "bytea": ["\\x", "\\x00ff5c22"],
    "json": ["null", '{"a": 1.50, "a": [1, {"b": null}]}', '"text"', "  [1 ,\n 2]", "1", "true",
             "12345678901234567890123", '"\\u0000"'],
    "jsonb": ["null", '{"b": [1.5, "x"], "é": "\\n"}', '"text"', "[]", "1e30"],
    "date": ["2026-01-01", "0044-03-15 BC", "infinity", "-infinity", "99999-12-31"],
    "timestamp": ["2026-01-01 12:00:00", "2026-01-01 12:00:00.123", "0044-03-15 00:00:00.5 BC",
                  "infinity", "-infinity", "12026-01-01 00:00:00"],
    "timestamptz": ["2026-01-01 12:00:00+02", "2026-01-01 12:00:00.120001-09:30",
                    "0044-03-15 00:00:00+00 BC", "infinity", "-infinity"],
    "time": ["00:00:00", "23:59:59.999999", "24:00:00"],
    "timetz": ["12:00:00.5+02"],
    "interval": ["1 year 2 mons -3 days 04:05:06.7", "0", "-1 day +2 hours"],
    "uuid": ["00112233-4455-6677-8899-aabbccddeeff"],
    "inet": ["192.168.1.1", "192.168.1.0/24", "::1"],
    "cidr": ["10.0.0.0/8"],
    "macaddr": ["08:00:2b:01:02:03"],
    "money": ["$1,234.50", "-$0.01"],
    "tsvector": ["'a':1 'b,c':2"],
    "tsquery": ["'a' & 'b'"],
    "bit(4)": ["1010"],
    "varbit": ["", "101"],
    "point": ["(1,2)"],
    "box": ["(3,4),(1,2)"],
    "polygon": ["((0,0),(1,1),(1,0))"],
    "int4range": ["[1,5)", "empty", "(,)"],
    "tstzrange": ['["2026-01-01 00:00:00+00","2026-02-01 00:00:00+00")'],
    "int4multirange": ["{[1,3),[5,7)}"],
    "numrange": ["[1.50,2.5]"],
    "pg_lsn": ["16/B374D848"],
    "jsonpath": ["$.a[*]"],
    "int2vector": ["1 2 3"],
    "oidvector": ["1 2"],
    "regclass": ["pg_class"],
    "mood": ["sad", "so, so", 'very "happy"'],
    "amount": ["1.50"],
    "short": ["7"],
    "pair": ["(1,\"a \"\"b\"\"\")", "(,)"],
    "numbers": ["{1.5,2}"],
    "shade": ["dark"],
}  # fmt: skip
"""Type -> texts of values, of built-in types and of those that `CREATE` makes."""

CREATE = (
    "CREATE TYPE mood AS ENUM ('sad', 'so, so', 'very \"happy\"')",
    "CREATE DOMAIN amount AS numeric(10,2)",
    "CREATE DOMAIN short AS int2 NOT NULL",
    "CREATE TYPE pair AS (a numeric, b text)",
    "CREATE DOMAIN numbers AS numeric[]",
    # `to_json` of it would be what the cast says; so it is with hstore.
    "CREATE TYPE shade AS ENUM ('dark')",
    "CREATE FUNCTION shade_json(shade) RETURNS json LANGUAGE sql AS $$ SELECT '{}'::json $$",
    "CREATE CAST (shade AS json) WITH FUNCTION shade_json(shade)",
)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _array(elements: list[Any], delimiter: str) -> str:
    """Return an array's text: lists are its inner ones, None is NULL."""
    parts = []
    for one in elements:
        if isinstance(one, list):
            parts.append(_array(one, delimiter))
        elif one is None:
            parts.append("NULL")
        else:
            parts.append('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return "{" + delimiter.join(parts) + "}"


def _random_array(texts: list[str], chosen: random.Random) -> list[Any]:
    def row(length: int) -> list[Any]:
        return [chosen.choice([*texts, None]) for _ in range(length)]

    match chosen.randrange(4):
        case 0:
            return []
        case 1:
            return row(chosen.randrange(1, 5))
        case 2:
            width = chosen.randrange(1, 4)
            return [row(width) for _ in range(2)]
        case _:
            return [[row(2), row(2)], [row(2), row(2)], [row(2), row(2)]]


def _lossless(value: Json) -> str:
    """Return a text that tells 1 from 1.0 and -0.0 from 0.0."""
    return repr(value)


def test_every_type_is_the_same_json_both_ways(postgres: str) -> None:
    chosen = random.Random(7)  # the same arrays each time
    with connected(postgres) as connection:
        run(connection, *CREATE)
        for number, (kind, texts) in enumerate(SCALARS.items()):
            delimiter = ";" if kind == "box" else ","
            array = f"{kind}[]"
            run(
                connection,
                f"CREATE TABLE t{number} (scalar {kind.replace('short', 'int2')}, vector {array})",
            )
            arrays: list[list[Any]] = [
                texts,
                [None],
                *(_random_array(texts, chosen) for _ in range(8)),
            ]
            for index in range(max(len(texts), len(arrays))):
                text = _literal(texts[index]) if index < len(texts) else "NULL"
                vector = "NULL"
                if index < len(arrays):
                    one: list[Any] = arrays[index] if kind != "short" else [t or "1" for t in texts]
                    vector = _literal(_array(one, delimiter))
                run(connection, f"INSERT INTO t{number} VALUES ({text}, {vector})")
            by_client, by_server = both_ways(connection, f"t{number}")
            assert len(by_client) >= len(texts)
            assert list(map(_lossless, by_client)) == list(map(_lossless, by_server)), kind


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("numeric", "1.500", "1.500"),
        ("float8", "1", 1.0),
        ("float8", "NaN", "NaN"),
        ("timestamp", "2026-01-01 12:00:00.123", "2026-01-01T12:00:00.123"),
        ("timestamptz", "2026-01-01 14:00:00.123+02", "2026-01-01T12:00:00.123+00:00"),
        ("timestamptz", "0044-03-15 00:00:00+00 BC", "0044-03-15T00:00:00+00:00 BC"),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("numeric[]", "{{1.0,NULL},{2,3}}", [["1.0", None], ["2", "3"]]),
        ("int4[]", "[5:6]={1,2}", [1, 2]),
        ("text[]", '{"NULL",NULL,"a\\"b"}', ["NULL", None, 'a"b']),
        ("bytea", "\\xff", "\\xff"),
        ("interval", "1 year 2 days", "P1Y2D"),
        ("char(4)", "ab", "ab  "),
        ("inet", "10.0.0.1", "10.0.0.1"),
        ("box[]", "{(1,1),(0,0)}", ["(1,1),(0,0)"]),
    ],
)
def test_values_look_as_documented(postgres: str, kind: str, text: str, expected: Json) -> None:
    with connected(postgres) as connection:
        run(connection, f"CREATE TABLE t (v {kind})", f"INSERT INTO t VALUES ({_literal(text)})")
        by_client, by_server = both_ways(connection, "t")
    assert repr(by_client) == repr(by_server) == repr([{"v": expected}])


def test_settings_of_a_database_change_nothing(postgres: str) -> None:
    """They would: a time zone, a date style, rounded floats."""
    with connected(postgres) as connection:
        database = connection.execute("SELECT quote_ident(current_database())").fetchone()
        assert database is not None
        run(
            connection,
            *(
                f"ALTER DATABASE {database[0]} SET {one}"
                for one in (
                    "TimeZone = 'Asia/Kolkata'",
                    "DateStyle = 'German'",
                    "IntervalStyle = 'sql_standard'",
                    "extra_float_digits = 0",
                    "bytea_output = 'escape'",
                )
            ),
        )
    with connected(postgres) as connection:
        run(
            connection,
            "CREATE TABLE t (a timestamptz, b date, c interval, d float8, e bytea)",
            "INSERT INTO t VALUES ('2026-02-01 12:00+00', '2026-02-01', '1 day', 0.1::float8 + 0.2, '\\x41')",
        )
        by_client, by_server = both_ways(connection, "t")
    (row,) = by_client
    assert by_server == by_client
    assert row == {
        "a": "2026-02-01T12:00:00+00:00",
        "b": "2026-02-01",
        "c": "P1D",
        "d": 0.1 + 0.2,
        "e": "\\x41",
    }


def test_hostile_column_names(postgres: str) -> None:
    names = ["r", "select", 'a"b', "x; DROP TABLE t", "%s", "$1", "é" * 31, " ", "\\n", "{}", "A"]
    columns = ", ".join('"' + name.replace('"', '""') + '" float8' for name in names)
    with connected(postgres) as connection:
        run(connection, f"CREATE TABLE t ({columns})", f"INSERT INTO t VALUES (1{', 1' * 10})")
        by_client, by_server = both_ways(connection, "t")
    assert repr(by_client) == repr(by_server) == repr([dict.fromkeys(names, 1.0)])


@given(
    st.lists(st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
)
def test_an_array_of_texts_is_read_as_it_was_written(elements: list[str | None]) -> None:
    decode = text_decoder(1009)
    assert decode(_array(elements, ",").encode()) == elements


@given(st.binary())
def test_any_bytes_are_an_array_or_a_data_error(raw: bytes) -> None:
    found = outcome(1007, raw)
    assert isinstance(found, list) or found.kind is ErrorKind.DATA


@given(st.binary(), st.sampled_from([16, 20, 701, 114, 25, 1082, 1114, 1184]))
def test_any_bytes_are_a_value_or_a_data_error(raw: bytes, oid: int) -> None:
    found = outcome(oid, raw)
    if isinstance(found, ConnectorError):
        assert found.kind is ErrorKind.DATA
    else:
        assert not isinstance(found, float) or math.isfinite(found)
        msgspec.json.encode(found)


def outcome(oid: int, raw: bytes) -> Any:
    """Return what a text becomes, or the error that it is refused with."""
    try:
        return text_decoder(oid)(raw)
    except ConnectorError as error:
        return error
