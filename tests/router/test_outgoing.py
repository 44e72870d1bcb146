"""Messages that are kept for a while come back as they were."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from router.outgoing import Outgoing, pack, unpack

_texts = st.text(st.characters(codec="utf-8"), max_size=20)
_payloads = st.dictionaries(_texts, _texts).map(msgspec.json.encode)


@given(st.lists(st.builds(Outgoing, subject=_texts, payload=_payloads, message_id=_texts)))
def test_packed_messages_come_back_byte_for_byte_and_in_order(messages: list[Outgoing]) -> None:
    assert unpack(pack(messages)) == messages
