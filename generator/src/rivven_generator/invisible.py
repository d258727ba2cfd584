"""Characters that nobody sees and that change what is seen."""

from __future__ import annotations

import re
from typing import Final

INVISIBLE: Final = re.compile(
    "[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
"""Bidirectional controls, zero-width characters and tags: documentation drops them, with a warning."""
