"""HTTP/2 frame by frame, and a client that sends any of them: what no honest end would send."""
import ssl
import struct
import sys

try:
    import hpack
except ImportError:  # another Python than Debian's, where the package python3-h2 is; all of it is Python source
    sys.path.append("/usr/lib/python3/dist-packages")
    import hpack
from h2.errors import ErrorCodes as Code

from support import PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8


def frame(kind, flags=0, stream=0, payload=b""):
    """A frame (RFC 9113 §4.1)."""
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack("!HI", name, value) for name, value in pairs))


def goaway(last, code=Code.NO_ERROR, words=b""):
    return frame(GOAWAY, payload=struct.pack("!II", last, code) + words)


def reset(stream, code=Code.CANCEL):
    return frame(RST_STREAM, stream=stream, payload=struct.pack("!I", code))


def window(stream, size):
    return frame(WINDOW_UPDATE, stream=stream, payload=struct.pack("!I", size))


def block(*fields):
    """A header block that leaves the decoder's table as it was, so that blocks go in any order and number."""
    return hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(*field) for field in fields])


class Wire:
    """A client that sends any bytes it likes, and reads what comes frame by frame."""

    def __init__(self, sock, greeting=PREFACE + settings()):
        self.sock, self.buffer, self.decoder = sock, b"", hpack.Decoder()
        sock.settimeout(PATIENCE)
        self.send(greeting)

    def send(self, data):
        """Whether the peer still took it."""
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            return False

    def request(self, stream, *fields, end=True):
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(*fields)))

    def _read(self, size):
        while len(self.buffer) < size:
            try:
                data = self.sock.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError):
                data = b""
            if not data:
                return None
            self.buffer += data
        part, self.buffer = self.buffer[:size], self.buffer[size:]
        return part

    def frames(self):
        """(kind, flags, stream, payload) until the peer closes."""
        while head := self._read(9):
            kind, flags, stream = struct.unpack("!BBI", head[3:])
            payload = self._read(int.from_bytes(head[:3], "big"))
            if payload is None:
                return
            yield kind, flags, stream, payload

    def outcome(self, stream=None):
        """What became of a stream, or (None) of the connection, in words: "status 431", "reset CANCEL", "goaway", "closed"."""
        last = "closed"
        for kind, flags, number, payload in self.frames():
            if kind == HEADERS:  # the proxy pads nothing, and its heads fit into a frame
                status = dict(self.decoder.decode(payload)).get(":status")
                if number == stream:
                    return f"status {status}"
            elif kind == RST_STREAM and number == stream:
                return f"reset {Code(int.from_bytes(payload, 'big')).name}"
            elif kind == GOAWAY:
                last = f"goaway {Code(int.from_bytes(payload[4:8], 'big')).name}"
        return last

    def close(self):
        self.sock.close()
