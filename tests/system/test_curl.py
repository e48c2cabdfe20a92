"""curl through the proxy: the client most people meet it with."""
import json
import os
import socket

from origins import Authority, Origin
from support import SystemTest


class CurlTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        self.proxy = self.start(allow=["127.0.0.1"])

    def curl(self, *args):
        return self.run_tool("curl", "-sS", "--max-time", "20", "-x", self.proxy.url, *args)

    def echo(self, *args):
        """What the origin saw of a request that must succeed."""
        done = self.curl("-f", *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_get_reaches_the_origin_in_origin_form(self):
        seen = self.echo(self.origin.url + "/path?query=1")
        self.assertEqual((seen["method"], seen["target"]), ("GET", "/path?query=1"))
        self.assertIn(["Host", self.origin.authority], seen["fields"])

    def test_methods_and_bodies_arrive_whole(self):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            with self.subTest(method):
                seen = self.echo("-X", method, "--data-binary", "a=1&b=2", self.origin.url + "/form")
                self.assertEqual((seen["method"], seen["body"]), (method, "a=1&b=2"))

    def test_head_shows_the_length_and_sends_no_body(self):
        done = self.curl("-I", self.origin.url + "/bytes/1000")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("content-length: 1000", done.stdout.lower())

    def test_chunked_upload(self):
        seen = self.echo("-H", "Transfer-Encoding: chunked", "--data-binary", "x" * 100_000, self.origin.url)
        self.assertEqual(len(seen["body"]), 100_000)

    def test_expect_100_continue(self):
        # --expect100-timeout: a proxy that swallowed the interim response would stall curl for all of it.
        done = self.curl("-v", "--expect100-timeout", "15", "-H", "Expect: 100-continue", "--data-binary", "y" * 5000,
                         self.origin.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("< HTTP/1.1 100 Continue", done.stderr)
        self.assertEqual(json.loads(done.stdout)["body"], "y" * 5000)

    def test_two_requests_share_one_connection(self):
        done = self.curl("-v", "-o", os.devnull, "-o", os.devnull, self.origin.url + "/1", self.origin.url + "/2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Re-using existing connection", done.stderr)
        self.assertEqual(len(self.origin.requests), 2)
        self.assertEqual(self.origin.connections, 1, "the upstream connection is kept and used again")

    def test_proxytunnel_carries_plain_http(self):
        seen = self.echo("--proxytunnel", self.origin.url + "/tunnelled")
        self.assertEqual(seen["target"], "/tunnelled")

    def test_websocket_style_upgrade(self):
        def switch(handler):
            handler.send_response(101)
            handler.send_header("Upgrade", "websocket")
            handler.send_header("Connection", "Upgrade")
            handler.end_headers()
            handler.connection.shutdown(socket.SHUT_WR)  # or curl would wait until its time is over
            while handler.rfile.read1():
                pass
            handler.close_connection = True
        self.origin.pages["/switch"] = switch
        done = self.curl("-i", "-N", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-T", "-",
                         self.origin.url + "/switch")
        self.assertIn("101 Switching Protocols", done.stdout, done.stderr)
        self.assertIn("upgrade: websocket", done.stdout.lower())

    def test_a_refusal_says_why(self):
        done = self.curl("-i", "http://refused.example/")
        head, _, body = done.stdout.partition("\n\n")
        self.assertIn("HTTP/1.1 403", head)
        self.assertIn("x-proxy-error: blocked-by-allowlist", head.lower())
        told = json.loads(body)
        self.assertEqual((told["status"], told["reason"], told["host"]), ("blocked", "not_allowed", "refused.example"))
        self.assertEqual(told["message"], "Domain not in allowlist.")

    def test_a_refused_connect_says_why(self):
        done = self.curl("-v", "https://refused.example/")
        self.assertEqual(done.returncode, 56, "curl's code for a proxy that answers CONNECT with an error")
        self.assertIn("< HTTP/1.1 403", done.stderr)
        self.assertIn("x-proxy-error: blocked-by-allowlist", done.stderr.lower())


class HttpsTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.tmp)
        self.origin = self.own(Origin(tls=self.authority.server("127.0.0.1")))
        self.proxy = self.start(allow=["127.0.0.1"], env={"SSL_CERT_FILE": self.authority.bundle})

    def test_connect_tunnels_https(self):
        done = self.run_tool("curl", "-sSf", "-x", self.proxy.url, "--cacert", self.authority.bundle, self.origin.url + "/tls")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["target"], "/tls")

    def test_the_certificate_stays_the_origins(self):
        done = self.run_tool("curl", "-sS", "-x", self.proxy.url, self.origin.url)
        self.assertEqual(done.returncode, 60, "without its authority the certificate does not verify: " + done.stderr)

    def test_the_proxy_itself_makes_tls_for_https_in_absolute_form(self):
        answer = self.proxy.get(self.origin.url + "/absolute")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json()["target"], "/absolute")

    def test_an_untrusted_origin_is_502(self):
        stranger = self.own(Origin(tls=Authority(self.folder("stranger")).server("127.0.0.1")))
        answer = self.proxy.get(stranger.url + "/secret")
        self.assertEqual(answer.status, 502, answer)
        self.assertIn("tls_certificate_error", answer.get("proxy-status"))
        self.assertEqual(stranger.requests, [])

    def test_a_certificate_for_another_name_is_502(self):
        other = self.own(Origin(tls=self.authority.server("other.example")))
        answer = self.proxy.get(other.url)
        self.assertEqual(answer.status, 502, answer)
        self.assertIn("tls_certificate_error", answer.get("proxy-status"))
        self.assertEqual(other.requests, [])
