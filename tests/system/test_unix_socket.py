"""Requests for a unix socket (`x-unix-socket`) in a build that serves them as on macOS: what they reach, and how."""
import os
import socket
import threading
import unittest

from support import Proxy, until
from test_http2 import Http2
from unix_sockets import UNIX_BIN, Server, UnixTest, event


class ServedTest(UnixTest):
    def test_a_listed_socket_gets_the_request_and_nothing_of_the_way_it_came(self):
        server = self.serve()
        self.start()
        self.assertServed(self.ask(self.path("a.sock"), url="http://docker:99/v1.43/info?all=1", fields=[
            ("Connection", "keep-alive, X-Mine"), ("X-Mine", "1"), ("X_Unix_Socket", "/x"), ("Keep-Alive", "5"),
            ("A", "b"), ("Proxy-Authorization", "Basic eDp5"), ("Upgrade", "tcp"), ("TE", "gzip")]))
        start, *fields = server.requests[0]
        self.assertEqual(start, "GET /v1.43/info?all=1 HTTP/1.1")
        self.assertEqual([f for f in fields if not f.startswith("Via: ")], ["Host: docker:99", "A: b"])
        self.assertTrue(any(f.startswith("Via: 1.1 codex-network-proxy") for f in fields), fields)
        self.assertEqual(self.events(1), [event("allow", "allow")])
        self.assertEqual(self.proxy.blocked()["blocked"], [])

    def test_neither_target_nor_host_is_looked_at(self):
        server = self.serve()
        self.start(deny=["denied.example"])
        for url, host, path in (("http://denied.example", "other.example", "/"),
                                ("https://denied.example?q", "%2Frun", "/?q"),
                                ("/origin/form", "169.254.169.254", "/origin/form"),
                                ("http://[bad/x", "a b", "/x")):
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
        for name in ("a.sock", "x/../a.sock", "./a.sock", "/a.sock", "a.sock/", "link.sock", "dir/a.sock",
                     "dir/link.sock"):
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
        proxy = self.inspecting(network={"allow_unix_sockets": [server.path],
                                         "dangerously_allow_all_unix_sockets": True})
        fields = [("x-unix-socket", server.path)]
        for told in (self.seen(self.connect(proxy).ask(fields=fields)),
                     self.seen(self.ask(self.tunnel(proxy), fields=[f"x-unix-socket: {server.path}"]))):
            self.assertNotIn("x-unix-socket", dict(told["fields"]))
        self.assertEqual(server.connections, 0)


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
                client.send(f"POST http://x/ HTTP/1.1\r\nHost: x\r\nx-unix-socket: {asked}\r\n"
                            "Content-Length: 9\r\n\r\n1")
                until(lambda: len(server.requests) > before, "the request has arrived")
                self.proxy.configure(network={"allow_unix_sockets": [server.path]})  # still listed: goes on
                self.assertEqual(self.proxy.reload()[0], 200)
                client.send(b"2")
                self.proxy.configure(network={"allow_unix_sockets": [self.path("c.sock")]})
                self.assertEqual(self.proxy.reload()[0], 200)
                self.assertTrue(client.closed())


if __name__ == "__main__":
    unittest.main()
