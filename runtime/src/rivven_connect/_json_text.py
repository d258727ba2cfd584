"""JSON files, checked by a JSON parser and read by the parser that keeps places."""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

from rivven_connect._nodes import Problems

_SURROGATE_PAIR: Final = (
    r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)


def json_as_yaml(text: str, problems: Problems, max_depth: int) -> str:
    """Check `text` as JSON and return it as YAML 1.1: pairs of surrogates joined, tabs as spaces."""
    if _bracket_depth(text) > max_depth:
        problems.stop("RVN106", f"nested more than {max_depth} levels deep")
    try:
        if text.strip():
            json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        problems.stop("RVN108", f"not JSON: {error.msg}", (error.lineno, error.colno))
    except ValueError:
        problems.stop("RVN116", "NaN and Infinity are not JSON")
    return re.sub(_SURROGATE_PAIR, _joined, text).replace("\t", " ")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _joined(pair: re.Match[str]) -> str:
    high, low = int(pair[2], 16), int(pair[3], 16)
    return f"{pair[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


def _bracket_depth(text: str) -> int:
    """Return the deepest nesting of brackets outside strings, before any parser sees the text."""
    depth = deepest = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', text, re.DOTALL):
        if token[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in "]}":
            depth -= 1
    return deepest
