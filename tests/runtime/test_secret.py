"""`Secret`: no conversion shows it, except `reveal`."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable

import msgspec
import pydantic
import pytest

from rivven_connect._secret import MASK, Secret
from rivven_connect.config import ConfigModel

CANARY = "canary-0123456789"


class Login(ConfigModel):
    token: Secret


CONVERSIONS: dict[str, Callable[[Secret], object]] = {
    "repr": repr,
    "str": str,
    "format": lambda s: f"{s}",
    "format with a width": lambda s: f"{s:>30}",
    "format of repr": lambda s: f"{s!r}",
    "percent": lambda s: "%s %r" % (s, s),  # noqa: UP031  # the old form is the one under test
    "in a list": lambda s: str([s]),
    "in a dict": lambda s: str({"token": s}),
    "in an exception": lambda s: "".join(traceback.format_exception(ValueError(s))),
    "copy": lambda s: repr(copy.copy(s)),
    "deepcopy": lambda s: repr(copy.deepcopy({"token": [s]})),
    "in a config": lambda s: repr(Login(token=s)),
    "a config's dump": lambda s: Login(token=s).dump(),
    "a config's JSON": lambda s: Login(token=s).model_dump_json(),
    "json with str": lambda s: json.dumps({"token": s}, default=str),
    "msgspec with str": lambda s: msgspec.json.encode({"token": s}, enc_hook=str),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_no_conversion_shows_it(name: str) -> None:
    shown = str(CONVERSIONS[name](Secret(CANARY)))
    assert CANARY not in shown
    assert MASK in shown


@pytest.mark.parametrize("encode", [json.dumps, msgspec.json.encode])
def test_encoders_refuse_it(encode: Callable[[object], object]) -> None:
    with pytest.raises(TypeError):
        encode({"token": Secret(CANARY)})


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_raises(protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(CANARY), protocol)


def test_log_lines_do_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("%s %r %s", Secret(CANARY), Secret(CANARY), [Secret(CANARY)])
    assert CANARY not in caplog.text
    assert MASK in caplog.text


def test_validation_errors_do_not_show_it() -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        Login.model_validate({"token": [CANARY]})
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)


def test_it_has_no_attributes_to_print() -> None:
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


def test_reveal_gives_the_value() -> None:
    assert Secret(CANARY).reveal() == CANARY
    assert Login(token=Secret(CANARY)).dump(reveal=True) == {"token": CANARY}


def test_secrets_compare_by_value_and_only_with_secrets() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_length_and_truth_are_those_of_the_text() -> None:
    assert (len(Secret("abc")), bool(Secret("")), bool(Secret("x"))) == (3, False, True)


def test_texts_beyond_ascii_compare() -> None:
    assert Secret("geheim-ü✓") == Secret("geheim-ü✓")
