"""What stands for a value that is hidden.

Every value gets something: a record that the mask refused would lie in the dead letters in clear.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from rivven_connect._json import encode_sorted
from rivven_connect.connectors.mask_transform._generated import MaskTransformConfig

Mask = Callable[[Any], Any]


def make_mask(config: MaskTransformConfig) -> Mask:
    """Return the function that hides one value; null has nothing to hide and stays."""
    mask: Mask
    match config.mode:
        case "hash":
            mask = _hash(config)
        case "partial":
            mask = _partial(config)
        case "set_null":
            mask = lambda _value: None  # noqa: E731  # the fourth of four masks
        case _:
            mask = lambda _value: config.replacement  # noqa: E731
    return lambda value: None if value is None else mask(value)


def _hash(config: MaskTransformConfig) -> Mask:
    """Hash the UTF-8 of a text, and of anything else its JSON with sorted keys (RFC 2104, HMAC)."""
    salt = config.salt.reveal().encode(errors="surrogatepass") if config.salt else b""

    def mask(value: Any) -> str:
        try:
            raw = value.encode() if isinstance(value, str) else encode_sorted(value)
        except (TypeError, ValueError, RecursionError):
            return config.replacement
        return hmac.new(salt, raw, hashlib.sha256).hexdigest()

    return mask


def _partial(config: MaskTransformConfig) -> Mask:
    """Show the ends of texts and numbers, as long as at least as much stays hidden."""
    first, last = config.keep_first, config.keep_last

    def mask(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return config.replacement
        text = str(value)
        if len(text) < 2 * (first + last):
            return config.replacement
        return text[:first] + config.replacement + text[len(text) - last :]

    return mask
