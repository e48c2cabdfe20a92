"""An origin that speaks HTTP/2, and HTTP/1.1 where a test wants both."""
import json
import socket

import origins
from http2_peer import Peer

NO_APPLICATION_PROTOCOL = b"\x15\x03\x03\x00\x02\x02\x78"  # a fatal alert, as TLS sends it in the clear (RFC 7301 §3.2)


def hello(sock):
    """A client's first TLS record, left unread."""
    head = sock.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)
    return sock.recv(5 + int.from_bytes(head[3:], "big"), socket.MSG_PEEK | socket.MSG_WAITALL)


class Server(origins.Server):
    def finish_request(self, request, client_address):
        try:
            # Python's server goes on without a protocol where none suits, so an origin that insists has to look itself.
            if self.origin.insists and b"\x02h2" not in hello(request):
                request.recv(65536)
                self.origin.insisted += 1
                return request.sendall(NO_APPLICATION_PROTOCOL)
            with self.origin.tls.wrap_socket(request, server_side=True) as sock:
                self.origin.spoken.append(sock.selected_alpn_protocol())
                if self.origin.spoken[-1] == "h2":
                    self.origin.serve(sock)
                else:
                    origins.Handler(sock, client_address, self)
        except OSError:
            pass  # the client did not like the certificate, or left


class Http2Origin(origins.Origin):
    """What `origins.Origin` is, by the same paths. `pages` maps a path to a function of the stream.

    `spoken` has the protocol of each connection, `peers` our end of those that speak h2.
    """

    server_type = Server

    def __init__(self, tls, alpn=("h2", "http/1.1"), settings=None, pages=None, reading=True):
        tls.set_alpn_protocols(list(alpn))
        self.insists, self.insisted = list(alpn) == ["h2"], 0
        self.settings, self.reading, self.spoken, self.peers = settings, reading, [], []
        super().__init__(tls=tls, pages=pages)

    def serve(self, sock):
        peer = Peer(sock, serve=self.answer, settings=self.settings, reading=self.reading)
        self.peers.append(peer)
        peer.run()

    def answer(self, stream):
        target = stream.get(":path")
        self.requests.append(f"{stream.get(':method')} {target} HTTP/2")
        if stream.get("expect") == "100-continue":
            stream.send_fields([(":status", "100")])
        if page := self.pages.get(target):
            return page(stream)
        path, _, argument = target.strip("/").partition("/")
        getattr(self, "serve_" + path.replace("-", "_"), self.serve_echo)(stream, argument)

    def reply(self, stream, body=b"", status=200, fields=()):
        bodiless = stream.get(":method") == "HEAD" or status in (204, 304)
        length = [] if status in (204, 304) else [("content-length", str(len(body)))]
        stream.send_fields([(":status", str(status)), *fields, *length], end=bodiless or not body)
        if body and not bodiless:
            stream.send(body, end=True)

    def serve_echo(self, stream, _):
        body = stream.read()
        told = {"method": stream.get(":method"), "target": stream.get(":path"), "version": "HTTP/2",
                "authority": stream.get(":authority"), "scheme": stream.get(":scheme"),
                "fields": [field for field in stream.fields if not field[0].startswith(":")],
                "body": body.decode("latin-1"), "trailers": [f"{k}: {v}" for k, v in stream.trailers]}
        self.reply(stream, json.dumps(told).encode(), fields=[("content-type", "application/json")])

    def serve_wait(self, stream, argument):
        """Answers once the test says so."""
        self.release.wait(60)
        self.serve_echo(stream, argument)

    def serve_status(self, stream, argument):
        stream.read()
        self.reply(stream, b"status", int(argument), [("etag", '"e"')])

    def serve_bytes(self, stream, argument):
        """A body of so many bytes with a length, made on the way."""
        head = [(":status", "200"), ("content-length", argument)]
        stream.send_fields(head, end=stream.get(":method") == "HEAD")
        self._send(stream, int(argument), end=True)

    def serve_chunked(self, stream, argument):
        """A body of so many bytes and no length, then a trailer."""
        stream.send_fields([(":status", "200")])
        self._send(stream, int(argument), end=False)
        stream.send_fields([("x-check", "good")], end=True)

    def _send(self, stream, left, end):
        while left > 0 and stream.get(":method") != "HEAD":
            block = origins.BLOCK[:min(left, 16384)]
            left -= len(block)
            stream.send(block, end=end and not left)
            self.sent += len(block)

    def serve_upload(self, stream, _):
        """Counts what is sent; one that does not read by itself does so when the test lets it."""
        self.release.wait(60)
        stream.peer.read_on()
        self.reply(stream, str(len(stream.read())).encode())

    def serve_chat(self, stream, _):
        """Sends each part of the body back at once, then a trailer."""
        stream.send_fields([(":status", "200")])
        for part in stream.parts():
            stream.send(part)
        stream.send_fields([("x-check", "good")], end=True)

    def serve_hints(self, stream, _):
        stream.send_fields([(":status", "103"), ("link", "</a.css>")])
        self.serve_echo(stream, "")

    def serve_upgrade(self, stream, _):
        """Takes an extended CONNECT (RFC 8441) and sends everything back."""
        if stream.get(":protocol") != "websocket":
            return self.reply(stream, b"not a websocket", 400)
        stream.send_fields([(":status", "200")])
        for part in stream.parts():
            stream.send(part)
        stream.send(end=True)

    def close(self):
        super().close()
        for peer in self.peers:
            peer.close()
