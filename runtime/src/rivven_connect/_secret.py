"""A string that never shows itself."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, NoReturn, final

from rivven_connect._redaction import MASK, register_secret

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

__all__ = ["MASK", "SECRET_JSON_SCHEMA", "Secret"]

SECRET_JSON_SCHEMA = {"type": "string", "writeOnly": True, "format": "password"}
"""How JSON Schema says that a text is secret."""


@final
class Secret:
    """A secret value; everything that prints, copies or encodes it gets `***`.

    Only `reveal()` returns the value. Pickling raises, because a pickle is a file in waiting.

    Making one is enough: from then on its value is masked in all logs, messages and metadata of the
    process, in its usual encodings too. A connector that is given a secret at run time, such as the
    access token of an OAuth answer, makes a `Secret` of it at once.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        register_secret(value)

    def reveal(self) -> str:
        """Return the value itself, for the call that must have it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __len__(self) -> int:
        return len(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = (one._value.encode(errors="surrogatepass") for one in (self, other))
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled; reveal() it where it is needed")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415  # a Secret alone needs no pydantic

        from rivven_connect._config_types import secret_schema  # noqa: PLC0415

        return secret_schema(core_schema.str_schema(strict=True))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return dict(SECRET_JSON_SCHEMA)
