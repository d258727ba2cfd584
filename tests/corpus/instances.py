"""Configs to try on a schema: some that fit, some that nearly do, from a seed."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rivven_generator.cases import config_cases
from rivven_generator.cases.texts import FITTING, UNFITTING
from rivven_generator.load import LoadedManifest
from rivven_generator.naming import field_name
from rivven_generator.schema import compile_config_schema, resolve, walk

NUMBERS: tuple[Any, ...] = (
    0, 1, -1, 2, 3, 7, 10, 100, 0.0, -0.0, 1.0, 2.0, 0.5, 1.5, 0.1, 0.3, 0.30000000000000004, 0.7, 2.1,
    1e-7, 1e-300, 5e-324, 1e16, 1e22, 1e300, 1.7976931348623157e308, 2**31, 2**53, 2**53 + 1, 2**63 - 1,
    2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**30, -(10**40), 9007199254740993.0, 4294967296.0,
    1.0000000000000002, 0.9999999999999999, 999.99, 65535, 65536, 1e23,
)  # fmt: skip
TEXTS: tuple[str, ...] = (
    "", " ", "a", "ab", "abc", "abcdef", "A", "0", "1", "1.0", "true", "null", "a\n", "\n", "a\r\n", "\x00",
    "\u00e9", "e\u0301", "\u0130", "\u017f", "\u212a", "\u0663", "\u00b2", "\u2028", "\u00a0", "\u200b",
    "\U0001f600", "\U0001f600" * 5, "\u00df", "SS", "x" * 63, "x" * 64, "x" * 256, "x" * 5001, "-", "_", "a b",
    "2021-01-25", "12:30:00Z", "https://example.com", "a@b.test", "{x}", "$", "^", "\\", "\u540d\u524d",
)  # fmt: skip
FORMAT_TEXTS: Mapping[str, tuple[str, ...]] = {
    "date-time": (
        "2016-12-31T23:59:60Z", "2016-12-31T22:59:60Z", "2017-01-01T00:59:60+01:00", "2021-01-25T24:00:00Z",
        "2021-01-25t12:30:00z", "2021-01-25 12:30:00Z", "2021-01-25T12:30:00", "2021-01-25T12:30:00+0100",
        "2021-01-25T12:30:00.Z", "2021-01-25T12:30:00.123456789012Z", "2021-01-25T12:30:00-00:00",
        "2021-01-25T12:30:00+24:00", "2021-01-25T12:30Z", "0000-01-01T00:00:00Z", "2021-02-30T00:00:00Z",
        "2021-01-25T12:30:00+23:60", "\u0662021-01-25T12:30:00Z", "2021-01-25T12:30:00Z\n", "10000-01-01T00:00:00Z",
    ),
    "time": (
        "23:59:60Z", "22:59:60Z", "00:59:60+01:00", "23:59:60-00:00", "15:59:60-08:00", "12:30:00z", "12:30:00+25:00",
        "12:30:00.5Z", "24:00:00Z", "12:60:00Z", "12:30:61Z", "1:30:00Z", "12:30:00 Z", "12:30:00\u0663Z",
    ),
    "date": (
        "2020-02-29", "1900-02-29", "2000-02-29", "2021-13-01", "2021-00-10", "2021-01-00", "0000-02-29", "2021-01-1",
        "20210125", "2021-W03-1", "+2021-01-25", "2021-01-25Z", "\u0662021-01-25", "2021-01-25\n",
    ),
    "duration": (
        "P1Y2M3DT4H5M6S", "P1W", "P1Y2W", "PT36H", "PT0S", "P0D", "P1M1Y", "P1DT", "PT1S1M", "P1.5D", "PT1.5S", "P1YT1S",
        "P1Y3D", "PT1H1S", "-P1D", "p1d", "P\u0661D", "P1D\n", "P1W1D", "P",
    ),
    "uri": (
        "urn:isbn:0451450523", "mailto:a@b.test", "http://[::1]/", "http://[::1%25eth0]/", "http://[v1.a:b]/", "http://[::1",
        "http://a:b@c:80/", "http://a:port/", "http://a:99999/", "http:", "http://", "http:///x", "file:///etc/x", "x:", ":x",
        "1http://x", "http://x/%zz", "http://x/%20", "http://x/ä", "http://x/\u540d", "//x/y", "/x", "x", "http://x/[]", "http://x?[]",
        "http://x#a#b", "http://x/{y}", "http://x/a|b", "http://x/\\", "http://a b/", "HTTP://X", "a+b-c.d:e", "http://x\n", "http://%41/",
        "http://u@@h/", "http://1.2.3.4.5/", "postgres://u:p@h/db?x=1&y=[]", "http://[1.2.3.4]/", "http://[::ffff:1.2.3.4]/", "s3://b_c/d",
        "http://x/^", "http://x/`", "tel:+1-816-555-1212", "news:comp.infosystems", "data:,", "http://a_b.test", "http://-a.test", "http://x/\x7f",
    ),
    "email": (
        "a.b@c.test", ".a@b.test", "a.@b.test", "a..b@c.test", '"a b"@c.test', '"a\\"b"@c.test', '"a"b@c.test', "a@[127.0.0.1]",
        "a@[IPv6:::1]", "a@[ipv6:::1]", "a@[::1]", "a@localhost", "a@-b.test", "a@b_c.test", "ä@b.test", "a@ä.test", "a@b.test.",
        "@b.test", "a b@c.test", "a@b@c", "a" * 64 + "@b.test", "a" * 65 + "@b.test", "a@" + "b" * 63 + ".test", "a@" + "b" * 64 + ".test",
        "a+b@c.test", "a@b.test\n", '""@b.test', "a@1.2.3.4", "a@[1.2.3.256]", "(c)a@b.test",
    ),
    "hostname": (
        "a", "a.", ".", "a..b", "-a", "a-", "a-b", "a_b", "xn--nxasmq6b", "xn--X", "xn--", "ab--cd", "ä.test", "名前.test", "1.2.3.4", "123",
        "a" * 63, "a" * 64, "a." * 126 + "a", "a." * 127 + "a", "a.b.c.d", "A.B", "a b", "a\n", "0x1", "xn--a", "a.-b", "\u3002a", "a\u3002b",
    ),
    "ipv4": ("0.0.0.0", "255.255.255.255", "256.0.0.1", "01.2.3.4", "1.2.3", "1.2.3.4.5", "1.2.3.4 ", "1.2.3.\u0664", "0x1.2.3.4", "1.2.3.4/8", "1..2.3", "1.2.3.4\n"),
    "ipv6": (
        "::", "::1", "1::", "::1%eth0", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1.2.3.4", "::ffff:1.2.3.4", "::01.2.3.4",
        "12345::", ":::", "1::2::3", "::g", "[::1]", "::1/64", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::1\n", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "00001::",
    ),
    "uuid": (
        "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "{00000000-0000-0000-0000-000000000000}",
        "urn:uuid:00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000", "0000000-00000-0000-0000-000000000000",
        "g0000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000\n",
    ),
    "regex": (
        "", "(", ")", "[", "]", "{", "}", "a{", "a{1", "a{1,2", "a{,2}", "a{2,1}", "*", "a**", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "\\1", "(a)\\1",
        "\\p{L}", "\\p{Foo}", "\\pL", "(?i)a", "(?P<n>a)", "(?<n>a)", "(?<n>a)\\k<n>", "\\d", "\\z", "\\Z", "\\A", "[a-z", "[z-a]", "[[:alpha:]]", "\\u0041",
        "\\u{41}", "\\x41", "\\cA", "\\_", "\\-", "\\a", "\\h", "[^]", "[]", "[]a]", "(?#c)", "a|*", "(?:a", "x{100000}", "\\b", "\\", "(?x) a", "[a&&b]",
        "\\/", "\\e", "(?>a)", "a++", "^\\S(|(.|\\n)*\\S)\\Z",
    ),
    "password": ("", "x"),
}  # fmt: skip
CONTAINERS: tuple[Any, ...] = (
    [], [None], [1], [1, 1], [1, 1.0], [1, True], [0, False], ["a", "a"], [[1], [1.0]], [[]], [{}], [{}, {}],
    {}, {"a": 1}, {"": None}, {"type": "a"}, {"a": {"b": [1]}}, {"x": 1, "y": 2, "z": 3, "w": 4},
    [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], [True, 1, "1", 1.5],
)  # fmt: skip
KEYS = (
    "",
    "a",
    "x",
    "unknown",
    "type",
    "class_",
    "schema_",
    "model_extra",
    "__class__",
    "__proto__",
    "_x",
    "self",
)


class Instances:
    """Makes configs for one manifest."""

    def __init__(self, found: LoadedManifest, seed: int) -> None:
        self._rng = random.Random(f"{found.manifest.name} {seed}")
        self._schema = compile_config_schema(found.manifest)
        self._bases = list(config_cases(found).bases.values())
        self._names = [*KEYS, *_names(self._schema)]

    def some(self, count: int) -> Iterator[Any]:
        """Yield `count` configs: a third made from the schema, the rest from what is known to fit."""
        for _ in range(count):
            rng = self._rng
            if rng.random() < 0.3:
                yield self._made(self._schema, rng.choice((0.0, 0.02, 0.1)))
            else:
                config = copy.deepcopy(rng.choice(self._bases))
                for _ in range(rng.choice((1, 1, 1, 2, 3))):
                    config = self._changed(config)
                yield config

    def _changed(self, config: Any) -> Any:
        """Return the config with one place changed: gone, added, edited, or made anew."""
        path, node = self._rng.choice(list(places(config, self._schema, self._schema)))
        if not path:
            return self._made(node, 0.05) if self._rng.random() < 0.5 else self._added(config, node)
        parent = config
        for step in path[:-1]:
            parent = parent[step]
        action = self._rng.random()
        if action < 0.15:
            del parent[path[-1]]
        elif action < 0.3 and isinstance(parent[path[-1]], dict):
            parent[path[-1]] = self._added(parent[path[-1]], node)
        elif action < 0.4 and isinstance(parent, list):
            parent.append(copy.deepcopy(self._rng.choice(parent)))
        else:
            parent[path[-1]] = self._made(node, self._rng.choice((0.0, 0.3, 1.0)))
        return config

    def _added(self, value: Any, node: Mapping[str, Any]) -> Any:
        if not isinstance(value, dict):
            return self._anything()
        name = self._rng.choice([*self._names, *node.get("properties", {})])
        inner = self._child(node, name)
        return {**value, name: self._made(inner, 0.2)}

    def _child(self, node: Mapping[str, Any], name: str) -> Any:
        declared = node.get("properties", {})
        extra = node.get("additionalProperties", True)
        return declared.get(name, extra if isinstance(extra, Mapping) else {})

    def _anything(self) -> Any:
        pool = self._rng.choice((NUMBERS, TEXTS, CONTAINERS, (None, True, False)))
        return copy.deepcopy(self._rng.choice(pool))

    def _made(self, raw: Mapping[str, Any], wrong: float) -> Any:
        """Return a value after a schema; at each place it ignores the schema with that probability."""
        rng, node = self._rng, resolve(self._schema, raw)
        if rng.random() < wrong:
            return self._near(node) if rng.random() < 0.7 else self._anything()
        if "oneOf" in node:
            return self._made(rng.choice(node["oneOf"]), wrong)
        if "const" in node:
            return copy.deepcopy(node["const"])
        if "enum" in node:
            return copy.deepcopy(rng.choice(node["enum"]))
        named = node.get("type", ())
        kinds = [named] if isinstance(named, str) else list(named)
        kind = rng.choice(kinds) if kinds else ""
        makers: dict[str, Callable[[], Any]] = {
            "object": lambda: self._object(node, wrong),
            "array": lambda: self._array(node, wrong),
            "string": lambda: self._text(node),
            "integer": lambda: self._number(node, whole=True),
            "number": lambda: self._number(node, whole=False),
            "boolean": lambda: rng.random() < 0.5,
            "null": lambda: None,
        }
        return makers.get(kind, self._anything)()

    def _near(self, node: Mapping[str, Any]) -> Any:
        """Return a value that somebody might take for one that fits."""
        value = self._made(node, 0.0)
        options: list[Any] = [None, [value], {"a": value}, str(value)]
        if isinstance(value, bool):
            options += [int(value), json.dumps(value)]
        elif isinstance(value, int | float):
            options += [value + 1, value - 1, -value, bool(value), json.dumps(value), value + 0.5]
            options += [float(value)] if abs(value) < 1e300 else []
            options += [math.nextafter(float(value), math.inf)] if abs(value) < 1e300 else []
        elif isinstance(value, str):
            options += [
                value[:-1],
                value + value[-1:],
                value + "\n",
                value.swapcase(),
                value + " ",
                " " + value,
            ]
            options += [*FORMAT_TEXTS.get(node.get("format", ""), ())]
        return self._rng.choice(options)

    def _object(self, node: Mapping[str, Any], wrong: float) -> dict[str, Any]:
        rng, needed = self._rng, node.get("required", ())
        often = rng.choice((0.1, 0.5, 0.9))
        found = {
            name: self._made(inner, wrong)
            for name, inner in node.get("properties", {}).items()
            if name in needed or rng.random() < often
        }
        extra = node.get("additionalProperties", True)
        if extra is not False:
            for name in rng.sample(self._names, min(len(self._names), rng.choice((0, 0, 1, 2, 4)))):
                found.setdefault(
                    name, self._made(extra if isinstance(extra, Mapping) else {}, wrong)
                )
        return found

    def _array(self, node: Mapping[str, Any], wrong: float) -> list[Any]:
        least, most = node.get("minItems", 0), node.get("maxItems", 4)
        count = self._rng.choice((least, most, least, least + 1, max(0, least - 1), most + 1))
        return [self._made(node.get("items", {}), wrong) for _ in range(min(count, 12))]

    def _text(self, node: Mapping[str, Any]) -> str:
        rng = self._rng
        known = node.get("format", "")
        if known and rng.random() < 0.8:
            pool: Sequence[str] = (*FITTING[known], *UNFITTING.get(known, ()), *FORMAT_TEXTS[known])
            return rng.choice(pool)
        if rng.random() < 0.3:
            length: int = node.get(rng.choice(("minLength", "maxLength")), 1)
            return "x" * max(0, length + rng.choice((-1, 0, 1)))
        return rng.choice(TEXTS)

    def _number(self, node: Mapping[str, Any], *, whole: bool) -> Any:
        rng = self._rng
        limits = [
            node[k]
            for k in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
            if k in node
        ]
        if limits and rng.random() < 0.6:
            edge = rng.choice(limits)
            return rng.choice(
                (
                    edge,
                    edge + 1,
                    edge - 1,
                    float(edge),
                    math.nextafter(edge, math.inf),
                    math.nextafter(edge, -math.inf),
                )
            )
        if "multipleOf" in node and rng.random() < 0.6:
            found = node["multipleOf"] * rng.choice((0, 1, 2, 3, 7, 10, 1000, 2**40, -3))
            return rng.choice((found, found + 0.5, -found, round(found, 3)))
        number = rng.choice(NUMBERS)
        return int(number) if whole and abs(number) < 1e300 and rng.random() < 0.7 else number


def _names(schema: Any) -> list[str]:
    """Return property names of the schema, and what Python might call them."""
    wire = [name for _, node in walk(schema) for name in node.get("properties", {})]
    return list(dict.fromkeys([*wire[:40], *map(field_name, wire[:40])]))


def places(
    value: Any, raw: Any, root: Any, path: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield every place in a config, and the schema that speaks about it as far as there is one."""
    node = resolve(root, raw) if isinstance(raw, Mapping) else {}
    if "oneOf" in node and isinstance(value, dict):
        tag = node["discriminator"]["propertyName"]
        branches = [resolve(root, branch) for branch in node["oneOf"]]
        node = next(
            (b for b in branches if b["properties"][tag].get("const") == value.get(tag)), node
        )
    yield path, node
    if isinstance(value, dict):
        for name, item in value.items():
            extra = node.get("additionalProperties")
            yield from places(
                item, node.get("properties", {}).get(name, extra), root, (*path, name)
            )
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, node.get("items"), root, (*path, index))
