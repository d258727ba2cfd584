"""What a host name is."""

from __future__ import annotations

import re
import unicodedata

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LONGEST_HOSTNAME = 253


def is_hostname(text: str) -> bool:
    """Whether the text is a host name (RFC 1123, section 2.1; A-labels: RFC 5890, 2.3.2.1)."""
    return len(text) <= _LONGEST_HOSTNAME and all(map(_is_label, text.split(".")))


def _is_label(label: str) -> bool:
    if re.fullmatch(_LABEL, label) is None:
        return False
    return label[2:4] != "--" or _is_internationalized(label)


def _is_internationalized(label: str) -> bool:
    """Whether the label is the encoded form of letters, marks and digits beyond ASCII."""
    encoded = label.removeprefix("xn--")
    if encoded == label:
        return False
    try:
        decoded = encoded.encode("ascii").decode("punycode")
    except UnicodeError:
        return False
    categories = [unicodedata.category(char) for char in decoded]
    return (
        not decoded.isascii()
        and decoded.encode("punycode").decode("ascii") == encoded
        and decoded == unicodedata.normalize("NFKC", decoded).lower()
        and categories[0][0] != "M"
        and all(
            char == "-" or kind[0] in "LMN" for char, kind in zip(decoded, categories, strict=True)
        )
    )
