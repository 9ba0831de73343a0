"""As much of HTTP/2 (RFC 9113) and HPACK (RFC 7541) as it takes to send what no gRPC
client would."""

import socket
import struct

import harness

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
WINDOW_UPDATE, CONTINUATION = 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4


# Settings of a client that takes no message until it allows it.
NO_WINDOW = struct.pack(">HI", 4, 0)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value, prefix_bits, first=0):
    """RFC 7541, section 5.1."""
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes([first | value])
    out = bytearray([first | most])
    value -= most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def literal(name, value, indexed=False):
    """A header without Huffman's code, put into the dynamic table or not."""
    return b"".join(
        [b"\x40" if indexed else b"\x00"]
        + [integer(len(text), 7) + text for text in (name, value)]
    )


def request_headers(path, *more, scheme=b"http"):
    """The header block of a call; `more` are names and values."""
    headers = (
        (b":method", b"POST"),
        (b":scheme", scheme),
        (b":path", path),
        (b":authority", b"x"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    )
    return b"".join(literal(*header) for header in (*headers, *more))


def header_frames(stream, block, flags=0, size=16384):
    """HEADERS, and as many CONTINUATIONs as the block needs."""
    parts = [block[i : i + size] for i in range(0, len(block), size)] or [b""]
    frames = []
    for i, part in enumerate(parts):
        last = END_HEADERS if i == len(parts) - 1 else 0
        kind = HEADERS if i == 0 else CONTINUATION
        frames.append(frame(kind, last | (flags if i == 0 else 0), stream, part))
    return b"".join(frames)


def message(payload):
    """A message of gRPC's, uncompressed."""
    return struct.pack(">BI", 0, len(payload)) + payload


class Connection:
    """To a control address, over which the preface and empty settings were sent."""

    def __init__(self, address, wrap=lambda plain: plain, settings=b"", own_buffers=None):
        """`own_buffers`: how much the kernel holds at this end, each way; what it likes by
        default."""
        host, _, port = address.rpartition(":")
        if host == "unix":
            plain = socket.socket(socket.AF_UNIX)
            plain.settimeout(harness.DEADLINE_S)
            plain.connect(port)
        else:
            plain = socket.socket(socket.AF_INET6 if host.startswith("[") else socket.AF_INET)
            if own_buffers is not None:
                # It doubles what it is told. Before there is a connection: a window that
                # it has offered cannot be made smaller.
                for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                    plain.setsockopt(socket.SOL_SOCKET, buffer, own_buffers // 2)
            plain.settimeout(harness.DEADLINE_S)
            plain.connect((host.strip("[]"), int(port)))
        self.socket = wrap(plain)
        self._unread = bytearray()  # What read_some() has of a frame.
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, data):
        self.socket.sendall(data)

    def call(self, stream, path, payload=b"", *more):
        self.send(
            header_frames(stream, request_headers(path, *more))
            + frame(DATA, END_STREAM, stream, message(payload))
        )

    def allow(self, stream, size):
        """Lets the peer send so many bytes more on the stream, or, with 0, in all."""
        self.send(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size)))

    def read_frame(self):
        """Kind, flags, stream and payload; answers settings and pings. None: the end."""
        header = self._read(9)
        if header is None:
            return None
        kind, flags, stream = struct.unpack(">BBI", header[3:])
        payload = self._read(int.from_bytes(header[:3], "big"))
        self._acknowledge(kind, flags, payload)
        return kind, flags, stream, payload

    def read_some(self, most):
        """Some bytes, whatever frames they are of; answers pings. Empty: the end."""
        part = self.socket.recv(most)
        self._unread += part
        while len(self._unread) >= 9:
            size = 9 + int.from_bytes(self._unread[:3], "big")
            if len(self._unread) < size:
                break
            kind, flags, _ = struct.unpack(">BBI", self._unread[3:9])
            self._acknowledge(kind, flags, bytes(self._unread[9:size]))
            del self._unread[:size]
        return part

    def _acknowledge(self, kind, flags, payload):
        if kind in (SETTINGS, PING) and not flags & ACK:
            self.send(frame(kind, ACK, 0, payload if kind == PING else b""))

    def _read(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except ConnectionResetError:
                part = b""
            if not part:
                return None
            data += part
        return bytes(data)

    def close(self):
        self.socket.close()
