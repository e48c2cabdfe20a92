"""Requests for a unix socket (`x-unix-socket`) that reach none: refused, faulty, or made to the product itself."""
import json
import os
import socket
import threading
import unittest

from support import SystemTest, until
from unix_sockets import OK, Server, UnixTest, event


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
        self.assertEqual((answer.get("x-proxy-error"), answer.json()["host"]),
                         ("blocked-by-method-policy", "unix-socket"))
        self.assertRefused(self.ask("/not/listed", "DELETE"), "method_not_allowed")
        upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
        self.assertRefused(self.ask(server.path, fields=upgrade), "method_not_allowed")
        allowed = [event("allow", "allow", method) for method in ("GET", "HEAD", "OPTIONS")]
        self.assertEqual(self.events(6)[:5], [*allowed, event("deny", "method_not_allowed", "POST", "mode_guard"),
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
                connection.settimeout(20)
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
        self.start(listed=("admin.sock", "link.sock", "hard.sock", "moved.sock"),
                   daemon={"admin_url": "unix://" + admin}, network={"dangerously_allow_all_unix_sockets": True})
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
        told = self.cli("--config", proxy.config_file, "explain", "--json",
                        "--header", "x-unix-socket: " + server.path, "http://x/")
        self.assertEqual((told.returncode, json.loads(told.stdout)["reason"], json.loads(told.stdout)["host"]),
                         (1, "unix_socket_unsupported", "unix-socket"), told)
        proxy.configure(network={"mode": "limited"})
        self.assertEqual(proxy.reload()[0], 200)
        answer = proxy.get("http://x/", method="POST", fields=[("x-unix-socket", server.path)])
        self.assertRefused(answer, "method_not_allowed")
        self.assertEqual(server.connections, 0)


if __name__ == "__main__":
    unittest.main()
