"""Requests for a unix socket (`x-unix-socket`): refused by the product here, and, in a build that serves them as on
macOS, what they reach and what they never do."""
import json
import os
import socket
import threading
import unittest

from support import BIN, Proxy, SystemTest, until
from test_http2 import Http2

UNIX_BIN = os.environ.get("PROXY_UNIX_BIN") or os.path.join(os.path.dirname(BIN), "tests/system/proxy_with_unix_sockets")
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
            if not os.path.exists(self.trail):
                return None
            with open(self.trail) as trail:
                lines = [json.loads(line) for line in trail.read().splitlines()]
            lines = [e for e in lines if e["event.name"].endswith("policy_decision")]  # faults are told beside them
            return lines if len(lines) >= count else None
        return [(e["network.policy.scope"], e["network.policy.decision"], e["network.policy.source"],
                 e["network.policy.reason"], e["network.transport.protocol"], e["server.address"], e["server.port"],
                 e["http.request.method"], e["network.policy.override"]) for e in until(read, f"{count} events")]

    def assertServed(self, answer):
        self.assertEqual((answer.status, answer.text()), (200, "ok"), answer)


def event(decision, reason, method="GET", source="proxy_state"):
    return ("non_domain", decision, source, reason, "http", "unix-socket", 0, method, False)


class ServedTest(UnixTest):
    def test_a_listed_socket_gets_the_request_and_nothing_of_the_way_it_came(self):
        server = self.serve()
        self.start()
        self.assertServed(self.ask(self.path("a.sock"), url="http://docker:99/v1.43/info?all=1", fields=[
            ("Connection", "keep-alive, X-Mine"), ("X-Mine", "1"), ("X_Unix_Socket", "/x"), ("Keep-Alive", "5"), ("A", "b"),
            ("Proxy-Authorization", "Basic eDp5"), ("Upgrade", "tcp"), ("TE", "gzip")]))
        start, *fields = server.requests[0]
        self.assertEqual(start, "GET /v1.43/info?all=1 HTTP/1.1")
        self.assertEqual([f for f in fields if not f.startswith("Via: ")], ["Host: docker:99", "A: b"])
        self.assertTrue(any(f.startswith("Via: 1.1 codex-network-proxy") for f in fields), fields)
        self.assertEqual(self.events(1), [event("allow", "allow")])
        self.assertEqual(self.proxy.blocked()["blocked"], [])

    def test_neither_target_nor_host_is_looked_at(self):
        server = self.serve()
        self.start(deny=["denied.example"])
        for url, host, path in (("http://denied.example", "other.example", "/"), ("https://denied.example?q", "%2Frun", "/?q"),
                                ("/origin/form", "169.254.169.254", "/origin/form"), ("http://[bad/x", "a b", "/x")):
            with self.subTest(url), self.proxy.client() as client:
                client.send(f"GET {url} HTTP/1.1\r\nHost: {host}\r\nx-unix-socket: {self.path('a.sock')}\r\n\r\n")
                answer = client.response()
                if host == "a b" and answer.status == 400:
                    continue  # what is no Host at all may be refused as such
                self.assertServed(answer)
                self.assertEqual(server.requests[-1][:2], [f"GET {path} HTTP/1.1", f"Host: {host}"])

    def test_bodies_go_both_ways_and_the_client_keeps_its_connection(self):
        def serve(connection):
            head, body = server.read_head(connection)
            while not body.endswith(b"0\r\n\r\n"):
                body += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        server = self.serve(serve=serve)
        self.start()
        with self.proxy.client() as client:
            for size in (1, 300_000):
                client.send(f"POST http://x/ HTTP/1.1\r\nHost: x\r\nx-unix-socket: {server.path}\r\n"
                            f"Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n")
                client.send(b"z" * size + b"\r\n0\r\n\r\n")
                self.assertEqual(client.response("POST").body, b"z" * size)
        self.assertEqual(server.connections, 2, "each request has a connection of its own")

    def test_an_answer_without_a_length_ends_with_the_connection(self):
        server = self.serve(serve=lambda c: (server.read_head(c), c.sendall(b"HTTP/1.0 200 OK\r\n\r\nall of it")))
        self.start()
        self.assertEqual(self.ask(server.path).text(), "all of it")

    def test_no_connection_is_kept_or_shared(self):
        server = self.serve()
        self.start()
        with self.proxy.client() as client:
            for _ in range(3):
                self.assertServed(client.request("http://x/", fields=[("x-unix-socket", server.path)]))
            self.assertEqual(server.connections, 3)
        # The name that stands for sockets in the records is no way to one.
        self.assertEqual(self.proxy.get("http://unix-socket/").status, 403)
        self.assertEqual(server.connections, 3)

    def test_a_switch_of_protocols_is_not_offered(self):
        server = self.serve(serve=lambda c: (server.read_head(c), c.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw")))
        self.start()
        answer = self.ask(server.path, fields=[("Connection", "Upgrade"), ("Upgrade", "tcp")])
        self.assertEqual(answer.status, 502, answer)
        self.assertFalse([line for line in server.requests[0] if line.lower().startswith("upgrade")])

    def test_a_server_that_is_silent_is_given_up(self):
        server = self.serve(serve=lambda c: (server.read_head(c), c.recv(1)))
        self.start(daemon={"timeouts": {"response": "1s"}})
        self.assertEqual(self.ask(server.path).status, 504)

    def test_links_and_detours_lead_to_what_is_listed(self):
        self.serve()
        os.symlink(self.path("a.sock"), self.path("link.sock"))
        os.symlink(self.path(""), self.path("dir"))
        self.start()
        for name in ("a.sock", "x/../a.sock", "./a.sock", "/a.sock", "a.sock/", "link.sock", "dir/a.sock", "dir/link.sock"):
            with self.subTest(name):
                self.assertServed(self.ask(self.path("") + name))

    def test_a_listed_link_leads_to_its_socket(self):
        self.serve("real.sock")
        os.symlink(self.path("real.sock"), self.path("a.sock"))
        self.start()
        self.assertServed(self.ask(self.path("a.sock")))
        self.assertServed(self.ask(self.path("real.sock")))

    def test_a_detour_through_a_link_does_not_leave_the_list(self):
        """`dir/../a.sock` is `a.sock`, whatever the kernel would make of it."""
        listed = self.serve()
        os.makedirs(self.path("other/deep"))
        hidden = self.serve("other/a.sock")
        os.symlink(self.path("other/deep"), self.path("dir"))
        self.start()
        self.assertServed(self.ask(self.path("dir/../a.sock")))
        self.assertEqual((listed.connections, hidden.connections), (1, 0))

    def test_every_socket_is_allowed_but_those_denied(self):
        self.serve("b.sock")
        no = self.serve("no.sock")
        os.symlink(no.path, self.path("link.sock"))
        os.link(no.path, self.path("hard.sock"))
        self.start(listed=(), network={"dangerously_allow_all_unix_sockets": True},
                   args=["--set", f'unix_sockets={{"{no.path}" = "deny"}}'])
        self.assertServed(self.ask(self.path("b.sock")))
        for name in ("no.sock", "link.sock", "hard.sock", "x/../no.sock", "no.sock/"):
            with self.subTest(name):
                self.assertRefused(self.ask(self.path(name)), "not_allowed")
        self.assertRefused(self.ask("relative.sock"), "not_allowed")
        self.assertEqual(no.connections, 0)

    def test_a_tunnel_is_no_way_in(self):
        """CONNECT takes no notice, and neither does whoever reads inside of its tunnel."""
        server = self.serve()
        origin = self.own(Server(self.path("unused.sock")))
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        origin.socket.close()
        origin.socket = listener
        threading.Thread(target=origin.accept, daemon=True).start()
        at = "127.0.0.1:%d" % listener.getsockname()[1]
        for mitm in (False, {"enabled": True, "inspect": True}):
            with self.subTest(mitm=mitm):
                self.proxy = None
                origin.requests.clear()
                proxy = self.start(allow=["127.0.0.1"], network={"mitm": mitm})
                with proxy.client() as client:
                    client.send(f"CONNECT {at} HTTP/1.1\r\nHost: {at}\r\nx-unix-socket: {server.path}\r\n\r\n")
                    self.assertEqual(client.response("CONNECT").status, 200)
                    client.send(f"GET / HTTP/1.1\r\nHost: {at}\r\nx-unix-socket: {server.path}\r\n\r\n")
                    self.assertServed(client.response())
                if mitm:
                    self.assertFalse([line for line in origin.requests[0] if "unix" in line.lower()], origin.requests)
                proxy.close()
        self.assertEqual(server.connections, 0)


@unittest.skipUnless(os.access(UNIX_BIN, os.X_OK), f"{UNIX_BIN} is not built")
class InsideTest(Http2):
    """In a tunnel that is read the header means nothing and goes nowhere, whatever HTTP is spoken there."""

    def prepare(self, **kw):
        return self.own(Proxy(self.folder("home"), binary=UNIX_BIN, **kw))

    def test_a_tunnel_leads_to_its_host_alone(self):
        server = self.own(Server(os.path.join(self.tmp, "a.sock")))
        proxy = self.inspecting(network={"allow_unix_sockets": [server.path], "dangerously_allow_all_unix_sockets": True})
        fields = [("x-unix-socket", server.path)]
        for told in (self.seen(self.connect(proxy).ask(fields=fields)),
                     self.seen(self.ask(self.tunnel(proxy), fields=[f"x-unix-socket: {server.path}"]))):
            self.assertNotIn("x-unix-socket", dict(told["fields"]))
        self.assertEqual(server.connections, 0)


class RefusedTest(UnixTest):
    def test_what_is_not_listed(self):
        other = self.serve("b.sock")
        self.serve("a.sock")
        os.symlink(other.path, self.path("out.sock"))
        self.start(listed=("a.sock", "gone.sock"))
        paths = [other.path, self.path("out.sock"), self.path("missing.sock"), self.path(""), "/", "", "a.sock",
                 "./a.sock", "@a", "unix://" + self.path("a.sock"), self.path("a.sock") + "x", self.path("a.sock/x"),
                 self.path("A.SOCK"), "~/a.sock", self.path("*"), "/proc/self/root" + other.path, "/dev/log"]
        for path in paths:
            with self.subTest(path):
                answer = self.ask(path)
                self.assertRefused(answer, "not_allowed")
                self.assertEqual(answer.get("x-proxy-error"), "blocked-by-allowlist")
                self.assertEqual((answer.json()["host"], answer.json()["port"], answer.json()["source"]),
                                 ("unix-socket", 0, "proxy_state"))
        self.assertEqual(self.events(len(paths)), [event("deny", "not_allowed")] * len(paths))
        self.assertEqual(self.proxy.blocked()["blocked"], [])
        self.assertEqual(other.connections, 0)

    def test_an_empty_list_allows_nothing(self):
        server = self.serve()
        self.start(listed=())
        self.assertRefused(self.ask(server.path), "not_allowed")
        self.assertEqual(server.connections, 0)

    def test_a_header_that_is_no_one_path(self):
        server = self.serve()
        self.start()
        path = server.path.encode()
        for lines in (b"x-unix-socket: %s\r\nX-Unix-Socket: %s\r\n" % (path, path), b"x-unix-socket: %s\xff\r\n" % path,
                      b"x-unix-socket: %s\tx\r\n" % path, b"x-unix-socket: %s\x00\r\n" % path,
                      b"x-unix-socket:\r\nx-unix-socket: %s\r\n" % path):
            with self.subTest(lines), self.proxy.client() as client:
                client.send(b"GET http://x/ HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
                answer = client.response()
                self.assertEqual(answer.status, 400, answer)
                if b"\x00" not in lines:
                    self.assertIn("invalid x-unix-socket header", answer.text())
        self.assertEqual(server.connections, 0)

    def test_limited_mode_takes_its_methods_alone(self):
        server = self.serve()
        self.start(network={"mode": "limited"})
        for method in ("GET", "HEAD", "OPTIONS"):
            self.assertEqual(self.ask(server.path, method).status, 200)
        answer = self.ask(server.path, "POST", body=b"x")
        self.assertRefused(answer, "method_not_allowed")
        self.assertEqual((answer.get("x-proxy-error"), answer.json()["host"]), ("blocked-by-method-policy", "unix-socket"))
        self.assertRefused(self.ask("/not/listed", "DELETE"), "method_not_allowed")
        self.assertRefused(self.ask(server.path, fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")]), "method_not_allowed")
        self.assertEqual(self.events(6)[:5], [*(event("allow", "allow", method) for method in ("GET", "HEAD", "OPTIONS")),
                                              event("deny", "method_not_allowed", "POST", "mode_guard"),
                                              event("deny", "method_not_allowed", "DELETE", "mode_guard")])
        self.assertEqual(self.proxy.blocked()["blocked"], [])
        self.assertEqual(server.connections, 3)

    def test_what_does_not_answer_is_502(self):
        self.own(Server(self.path("deaf.sock"), listen=False))
        with open(self.path("file.sock"), "w"):
            pass
        os.symlink(self.path("loop.sock"), self.path("loop.sock"))
        os.makedirs(self.path("dir.sock"))
        datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(datagrams.close)
        datagrams.bind(self.path("datagrams.sock"))
        names = ("deaf.sock", "file.sock", "loop.sock", "dir.sock", "datagrams.sock", "missing.sock", "x" * 200)
        self.start(listed=names)
        for name in names:
            with self.subTest(name):
                answer = self.ask(self.path(name))
                self.assertEqual(answer.status, 502, answer)
                self.assertIn("unix socket proxy failed", answer.text())
                self.assertTrue(answer.get("proxy-status"))
        self.assertEqual(self.events(len(names)), [event("allow", "allow")] * len(names))

    def test_a_full_queue_is_waited_for_and_then_given_up(self):
        full = socket.socket(socket.AF_UNIX)
        self.addCleanup(full.close)
        full.bind(self.path("a.sock"))
        full.listen(0)
        waiting = []
        while True:
            one = socket.socket(socket.AF_UNIX)
            one.setblocking(False)
            self.addCleanup(one.close)
            try:
                one.connect(self.path("a.sock"))
                waiting.append(one)
            except BlockingIOError:
                break
        self.start(daemon={"timeouts": {"connect": "1s"}})
        answer = self.ask(self.path("a.sock"))
        self.assertEqual(answer.status, 504, answer)
        self.assertIn("timeouts.connect", answer.text())
        self.proxy.configure(daemon={"timeouts": {"connect": "30s"}})
        self.assertEqual(self.proxy.reload()[0], 200)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(self.ask(self.path("a.sock"))))
        asking.start()
        def served():
            connection, _ = full.accept()
            with connection:
                connection.settimeout(0.2)
                try:
                    if connection.recv(65536).startswith(b"GET"):
                        connection.sendall(OK)
                        return True
                except OSError:
                    pass
            return False
        for one in waiting:
            one.close()
        until(served, "the request is served once there is room")
        asking.join()
        self.assertServed(answers[0])

    def test_our_own_sockets_are_out_of_reach(self):
        admin = self.path("admin.sock")
        self.start(listed=("admin.sock", "link.sock", "hard.sock", "moved.sock"), daemon={"admin_url": "unix://" + admin},
                   network={"dangerously_allow_all_unix_sockets": True})
        os.symlink(admin, self.path("link.sock"))
        os.link(admin, self.path("hard.sock"))
        for name in ("admin.sock", "link.sock", "hard.sock", "x/../admin.sock"):
            with self.subTest(name):
                self.assertRefused(self.ask(self.path(name), url="http://localhost/config"), "not_allowed_local")
        os.rename(admin, self.path("moved.sock"))
        self.assertRefused(self.ask(self.path("moved.sock")), "not_allowed_local")
        self.assertEqual(self.events(5), [event("deny", "not_allowed_local")] * 5)

    def test_disabled_comes_first(self):
        """A reload turns the proxy off; who is connected is told so."""
        server = self.serve()
        self.start()
        with self.proxy.client() as client:
            self.assertServed(client.request("http://x/", fields=[("x-unix-socket", server.path)]))
            self.proxy.configure(network={"enabled": False, "mode": "limited"})
            self.assertEqual(self.proxy.reload()[0], 200)
            try:
                answer = client.request("http://x/", "POST", fields=[("x-unix-socket", server.path)])
            except (EOFError, OSError, ValueError):
                return  # the listeners close, and what is idle with them
        self.assertRefused(answer, "proxy_disabled", 503)
        self.assertEqual(self.proxy.blocked()["blocked"][-1]["host"], server.path)


class ReloadTest(UnixTest):
    def test_the_list_of_this_moment_counts(self):
        a, b = self.serve("a.sock"), self.serve("b.sock")
        self.start()
        with self.proxy.client() as client:
            for listed, refused in ((a, b), (b, a), (a, b)):
                self.proxy.configure(network={"allow_unix_sockets": [listed.path]})
                self.assertEqual(self.proxy.reload()[0], 200)
                self.assertServed(client.request("http://x/", fields=[("x-unix-socket", listed.path)]))
                self.assertRefused(client.request("http://x/", fields=[("x-unix-socket", refused.path)]), "not_allowed")

    def test_an_open_upload_ends_with_the_policy_that_let_it_pass(self):
        server = self.serve(serve=lambda c: (server.read_head(c), c.recv(1 << 20), c.recv(1 << 20)))
        os.symlink(server.path, self.path("link.sock"))
        self.start(listed=("a.sock", "c.sock"))
        for asked in (server.path, self.path("link.sock")):
            with self.subTest(asked), self.proxy.client() as client:
                self.proxy.configure(network={"allow_unix_sockets": [server.path, self.path("c.sock")]})
                self.assertEqual(self.proxy.reload()[0], 200)
                before = len(server.requests)
                client.send(f"POST http://x/ HTTP/1.1\r\nHost: x\r\nx-unix-socket: {asked}\r\nContent-Length: 9\r\n\r\n1")
                until(lambda: len(server.requests) > before, "the request has arrived")
                self.proxy.configure(network={"allow_unix_sockets": [server.path]})  # still listed: goes on
                self.assertEqual(self.proxy.reload()[0], 200)
                client.send(b"2")
                self.proxy.configure(network={"allow_unix_sockets": [self.path("c.sock")]})
                self.assertEqual(self.proxy.reload()[0], 200)
                self.assertTrue(client.closed())


class ProductTest(SystemTest):
    """The product itself, where no setting makes it serve them."""

    def test_nothing_is_served_here(self):
        server = self.own(Server(os.path.join(self.tmp, "a.sock")))
        proxy = self.start(network={"allow_unix_sockets": [server.path], "dangerously_allow_all_unix_sockets": True},
                           env={"PROXY_UNIX_SOCKETS": "1"})
        proxy.wait_for_line(r"msg=config_warning .*allow_unix_sockets.*macOS")
        answer = proxy.get("http://x/", fields=[("x-unix-socket", server.path)])
        self.assertRefused(answer, "unix_socket_unsupported", 501)
        self.assertIn("unix sockets unsupported", answer.text())
        self.assertEqual(answer.get("x-proxy-error"), "")
        told = self.cli("--config", proxy.config_file, "explain", "--json", "--header", "x-unix-socket: " + server.path, "http://x/")
        self.assertEqual((told.returncode, json.loads(told.stdout)["reason"], json.loads(told.stdout)["host"]),
                         (1, "unix_socket_unsupported", "unix-socket"), told)
        proxy.configure(network={"mode": "limited"})
        self.assertEqual(proxy.reload()[0], 200)
        self.assertRefused(proxy.get("http://x/", method="POST", fields=[("x-unix-socket", server.path)]), "method_not_allowed")
        self.assertEqual(server.connections, 0)


if __name__ == "__main__":
    unittest.main()
