"""A NATS client that no message can bring down.

Belongs here: what nats-py does with a message's subject and headers before anybody sees it, where
that would stop the connection or hide the message.
Keep out: everything that works.

nats-py ends its read loop on a subject or header that is not UTF-8, loses the connection over a
vertical tab or form feed in a subject, and takes a message whose sender set a Status header for
a word of the server. Each time the message is never settled, and the server delivers it again
for ever, with whatever came after it.
"""

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ProtocolError
from nats.js import api
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

DELIVERED = b"$JS.ACK."
"""Where the reply subject of a delivered message begins; a word of the server has none."""

LINE_END = b"\r\n"
NO_SPACE = bytes.maketrans(b"\v\f", b"??")
"""What a subject may hold, and nats-py's parser takes for the end of it."""


class TolerantParser(Parser):
    """Reads a control line with any subject that the server lets through."""

    async def parse(self, data: bytes = b"") -> None:
        """Parse as nats-py does; mend a line that it cannot read, and go on.

        It raises at such a line, or stops there without a word where much is buffered.
        """
        while True:
            try:
                await super().parse(data)
            except ProtocolError:
                if not self._mend():
                    raise
            else:
                if self.state != AWAITING_CONTROL_LINE or not self._mend():
                    return
            data = b""

    def _mend(self) -> bool:
        line = bytes(self.buf[: max(0, self.buf.find(LINE_END))])
        mended = line.translate(NO_SPACE)
        self.buf[: len(line)] = mended
        return mended != line


class TolerantClient(Client):
    """Reads any subject and any header."""

    def __init__(self) -> None:
        super().__init__()
        self._ps = TolerantParser(self)

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except (ValueError, IndexError):
            return None

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        if headers and reply.startswith(DELIVERED):
            headers.pop(api.Header.STATUS.value, None)
        text = subject.decode(errors="backslashreplace")
        message: Msg = super()._build_message(sid, text.encode(), reply, data, headers)
        return message
