"""Messages in packets: whatever happens to their senders, what arrives is whole."""

from __future__ import annotations

from select import PIPE_BUF

from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.runners.packets import MESSAGE, REPLY, Assembly, Message, packets

contents = st.binary(max_size=40) | st.integers(1, 3).map(lambda times: b"x" * times * PIPE_BUF)
messages = st.builds(Message, st.sampled_from([MESSAGE, REPLY]), st.integers(0, 2**32 - 1), contents)


@given(messages)
def test_a_pipe_takes_each_packet_in_one_piece(message: Message) -> None:
    assert all(len(packet) <= PIPE_BUF for packet in packets(message, 0))


@settings(max_examples=15)
@given(st.lists(messages, max_size=3), st.data())
def test_messages_whose_packets_are_mixed_and_cut_anywhere_arrive_as_they_were(
    sent: list[Message], data: st.DataObject
) -> None:
    rows = [list(packets(message, number)) for number, message in enumerate(sent)]
    stream = b""
    while any(rows):
        row = data.draw(st.sampled_from([row for row in rows if row]))
        stream += row.pop(0)
    assembly, arrived = Assembly(), []
    while stream:
        size = data.draw(st.integers(1, max(1, len(stream))))
        arrived += assembly.take(stream[:size])
        stream = stream[size:]
    assert sorted(arrived) == sorted(sent)


@given(messages, messages)
def test_a_message_that_was_given_up_comes_to_nothing_and_spoils_no_other(given_up: Message, sent: Message) -> None:
    assembly = Assembly()
    stream = b"".join([*list(packets(given_up, 1))[:-1], *packets(sent, 2)])
    assert list(assembly.take(stream)) == [sent]
    assembly.forget()
    assert list(assembly.take(b"".join(packets(given_up, 1)))) == [given_up]
