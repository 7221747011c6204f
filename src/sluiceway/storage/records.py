"""Records: files that hold a result and say how to read it.

A record is a line with the name of the format, a line of JSON that describes the result, and the bytes of the
result. The digest in the description tells a whole record from one that was cut short or changed.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from sluiceway.base.times import Moment
from sluiceway.base.tokens import digest

_FORMAT = b"sluiceway result 1\n"


class DamagedRecord(ValueError):
    """The file does not hold a whole record."""


class Record(NamedTuple):
    """A result in a file.

    Args:
        payload: The bytes of the result.
        serializer: How they were made: the label of a serializer.
        created: When.
        expires: From when on the result is not to be used; None for never.
        preview: A short text of the value.
    """

    payload: bytes
    serializer: str
    created: Moment
    expires: Moment | None = None
    preview: str | None = None

    def packed(self) -> bytes:
        """Return the content of the file."""
        description = {
            "serializer": self.serializer,
            "created": self.created,
            "expires": self.expires,
            "preview": self.preview,
            "size": len(self.payload),
            "digest": digest(self.payload).hex(),
        }
        return b"".join((_FORMAT, json.dumps(description).encode(), b"\n", self.payload))


def unpacked(content: bytes) -> Record:
    """Return the record that a file holds.

    Args:
        content: The content of the file.

    Raises:
        DamagedRecord: It is no whole record; the message says why.
    """
    if not content.startswith(_FORMAT):
        raise DamagedRecord("it is not a result of this version of Sluiceway")
    line, end, payload = content[len(_FORMAT) :].partition(b"\n")
    try:
        described = json.loads(line)
        size, expected = int(described["size"]), str(described["digest"])
        record = Record(
            payload,
            str(described["serializer"]),
            int(described["created"]),
            described["expires"],
            described["preview"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedRecord("its description cannot be read") from error
    if not end or len(payload) != size:
        raise DamagedRecord(f"it has {len(payload):,} of {size:,} bytes")
    if digest(payload).hex() != expected:
        raise DamagedRecord("its bytes were changed")
    return record
