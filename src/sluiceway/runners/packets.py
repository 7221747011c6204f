"""Messages on their way from a child process to its parent, in packets that a pipe takes whole.

A pipe takes up to `PIPE_BUF` bytes in one piece or not at all (POSIX, `write`). So whoever sends a message may be
interrupted at any point, by a deadline say, and several threads may send at once: what arrives is a row of whole
packets all the same. A message that was not sent to its end comes to nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from select import PIPE_BUF
from typing import NamedTuple

MESSAGE, REPLY, TROUBLE = b"M", b"R", b"T"
"""What a child sends: news under way, what came of a call, and why nothing did."""

_HEADER = struct.Struct("<c?HII")  # kind, whether more packets follow, length, numbers of the call and the message


class Message(NamedTuple):
    """A message.

    Args:
        kind: One of `MESSAGE`, `REPLY` and `TROUBLE`.
        call: The number of the call that it belongs to.
        content: What it says.
    """

    kind: bytes
    call: int
    content: bytes


def packets(message: Message, number: int) -> Iterator[bytes]:
    """Yield the packets of a message, each to be written by one `os.write`.

    Args:
        message: The message.
        number: What tells its packets from those of others that are sent at the same time.
    """
    kind, call, content = message
    size = min(PIPE_BUF, 1 << 15) - _HEADER.size
    rest = memoryview(content)
    while True:
        piece, rest = rest[:size], rest[size:]
        yield _HEADER.pack(kind, bool(rest), len(piece), call, number) + piece
        if not rest:
            return


class Assembly:
    """Puts messages together again."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._pieces: dict[tuple[int, int], list[bytes]] = {}

    def take(self, received: bytes) -> Iterator[Message]:
        """Take what was read from the pipe, and yield the messages that are complete with it.

        Args:
            received: Some bytes, which need not end where a packet does.
        """
        self._received += received
        start = 0
        while len(self._received) - start >= _HEADER.size:
            kind, more, length, call, number = _HEADER.unpack_from(self._received, start)
            end = start + _HEADER.size + length
            if len(self._received) < end:
                break
            pieces = self._pieces.setdefault((call, number), [])
            pieces.append(bytes(self._received[start + _HEADER.size : end]))
            start = end
            if not more:
                yield Message(kind, call, b"".join(self._pieces.pop((call, number))))
        del self._received[:start]

    def forget(self) -> None:
        """Drop the messages that were begun and not completed."""
        self._pieces.clear()
