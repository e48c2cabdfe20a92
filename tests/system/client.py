"""An HTTP/1.1 client that sends exactly the bytes it is told and shows exactly what comes back."""
import io
import json
import socket
import urllib.parse


class Response:
    """One response: interim ones count as responses of their own."""

    def __init__(self, status, reason, fields, body=b"", trailers=()):
        self.status, self.reason, self.fields, self.body, self.trailers = status, reason, fields, body, list(trailers)

    def get(self, name):
        """The values of a field joined by commas, "" when absent."""
        return ", ".join(self.all(name))

    def all(self, name):
        return [v for k, v in self.fields if k.lower() == name.lower()]

    def names(self):
        return {k.lower() for k, _ in self.fields}

    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        head = "\n".join(f"{k}: {v}" for k, v in self.fields)
        return f"{self.status} {self.reason}\n{head}\n\n{self.body[:2000]!r}"


class Client:
    """A connection: to the proxy, or (`via` a tunnel's socket) through it."""

    def __init__(self, address=None, sock=None, timeout=20):
        self.sock = sock or socket.create_connection(address, timeout)
        self.sock.settimeout(timeout)
        if self.sock.family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = io.BufferedReader(socket.SocketIO(self.sock, "r"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.reader.close()  # it holds the socket open otherwise
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def finish(self):
        """Half-close: nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def read(self, size):
        """Exactly `size` bytes, less only at the end of the stream."""
        return self.reader.read(size)

    def rest(self):
        """All bytes until the peer closes; a reset counts as a close."""
        try:
            return self.reader.read()
        except ConnectionResetError:
            return b""

    def closed(self):
        """Whether the peer has closed, waiting for it."""
        return self.rest() == b""

    def line(self):
        line = self.reader.readline(65536 * 4)
        if not line.endswith(b"\r\n"):
            raise EOFError(f"the connection ended within a line: {line!r}")
        return line[:-2].decode("latin-1")

    def _fields(self):
        fields = []
        while line := self.line():
            name, _, value = line.partition(":")
            fields.append((name, value.strip()))
        return fields

    def response(self, method="GET"):
        """Reads one response, body and trailers included."""
        version, status, *reason = self.line().split(" ", 2)
        if not version.startswith("HTTP/1."):
            raise ValueError(f"not a response: {version}")
        answer = Response(int(status), "".join(reason), self._fields())
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return answer
        if method == "CONNECT" and answer.status < 300:
            return answer
        if "chunked" in answer.get("transfer-encoding").lower():
            body = []
            while size := int(self.line().partition(";")[0], 16):
                body.append(self.read(size))
                self.line()
            answer.body, answer.trailers = b"".join(body), self._fields()
        elif length := answer.get("content-length"):
            answer.body = self.read(int(length))
            if len(answer.body) < int(length):
                raise EOFError(f"body cut at {len(answer.body)} of {length} bytes")
        else:
            answer.body = self.rest()
        return answer

    def request(self, url, method="GET", fields=(), body=b"", version="1.1"):
        """Sends one request in absolute form and reads its response."""
        lines = [f"{method} {url} HTTP/{version}", f"Host: {urllib.parse.urlsplit(url).netloc}"]
        lines += [f"{name}: {value}" for name, value in fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return self.response(method)
