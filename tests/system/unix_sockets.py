"""Servers on unix sockets, and a daemon of a build that serves requests for them (`x-unix-socket`), as on macOS."""
import os
import socket
import threading
import unittest

from support import BIN, Proxy, SystemTest, audit_events, until

UNIX_BIN = os.environ.get("PROXY_UNIX_BIN") or os.path.join(
    os.path.dirname(BIN), "tests/system/proxy_with_unix_sockets")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers on a unix socket, one script for each connection; keeps the heads and bodies it was sent."""

    def __init__(self, path, serve=None, listen=True):
        self.path, self.serve, self.requests, self.connections, self.open = path, serve or self.answer, [], 0, []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        if listen:
            self.socket.listen(64)
            threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        with connection:
            try:
                self.serve(connection)
            except OSError:
                pass

    def read_head(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return None, b""
            data += piece
        head, _, rest = data.partition(b"\r\n\r\n")
        self.requests.append(head.decode("latin-1").split("\r\n"))
        return self.requests[-1], rest

    def answer(self, connection):
        head, body = self.read_head(connection)
        length = next((int(line.split(":")[1]) for line in head or () if line.lower().startswith("content-length:")), 0)
        while head and len(body) < length:
            body += connection.recv(65536)
        if head:
            connection.sendall(OK)
            connection.recv(1)  # stays open as long as the other end does

    def close(self):
        for one in (self.socket, *self.open):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()


@unittest.skipUnless(os.access(UNIX_BIN, os.X_OK), f"{UNIX_BIN} is not built")
class UnixTest(SystemTest):
    def prepare(self, **kw):
        return self.own(Proxy(self.folder("home"), binary=UNIX_BIN, **kw))

    def path(self, name):
        return os.path.join(os.path.realpath(self.tmp), name)

    def serve(self, name="a.sock", serve=None):
        return self.own(Server(self.path(name), serve))

    def start(self, listed=("a.sock",), network=None, daemon=None, **kw):
        """A daemon that may reach these sockets and keeps an audit trail."""
        self.trail = self.path("audit.jsonl")
        lists = {"allow_unix_sockets": [self.path(name) for name in listed]}
        self.proxy = super().start(network={**lists, **(network or {})}, **kw, daemon={
            "workers": 1, "audit": {"output": "file:" + self.trail}, **(daemon or {})})
        return self.proxy

    def ask(self, path, method="GET", url="http://any.example/", fields=(), **kw):
        return self.proxy.get(url, method=method, fields=[("x-unix-socket", path), *fields], **kw)

    def events(self, count):
        def read():
            lines = [e for e in audit_events(self.trail) if e["event.name"].endswith("policy_decision")]  # faults are told beside them
            return lines if len(lines) >= count else None
        return [(e["network.policy.scope"], e["network.policy.decision"], e["network.policy.source"],
                 e["network.policy.reason"], e["network.transport.protocol"], e["server.address"], e["server.port"],
                 e["http.request.method"], e["network.policy.override"]) for e in until(read, f"{count} events")]

    def assertServed(self, answer):
        self.assertEqual((answer.status, answer.text()), (200, "ok"), answer)


def event(decision, reason, method="GET", source="proxy_state"):
    return ("non_domain", decision, source, reason, "http", "unix-socket", 0, method, False)
