"""What a whole line of JSON is."""

from __future__ import annotations

import msgspec

from rivven_connect._appended_files import RecordFormat


class JsonLines(RecordFormat):
    """One JSON value a line."""

    def is_whole(self, record: bytes) -> bool:
        """Whether nothing is cut off; of a number one cannot know."""
        try:
            msgspec.json.decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return not record.rstrip()[-1:].isdigit()
