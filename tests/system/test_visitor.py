"""Somebody opens the proxy's own port in a browser, as if it were a web site."""
from client import Client
from origins import Origin
from support import SystemTest

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


class VisitorTest(SystemTest):
    def visit(self, proxy, listener="http", path="/", host=None, method="GET", accept=BROWSER):
        at = proxy.address(listener)
        with Client(at) as client:
            fields = f"Accept: {accept}\r\n" if accept else ""
            client.send(f"{method} {path} HTTP/1.1\r\nHost: {host or '%s:%d' % at}\r\n{fields}Connection: close\r\n\r\n")
            return client.response(method)

    def assertPage(self, answer):
        self.assertEqual(answer.get("content-type"), "text/html; charset=utf-8", answer)
        text = answer.text()
        for word in ("<!doctype html>", "codex-network-proxy", "not a web site", "HTTPS_PROXY", "codex-network-proxy explain"):
            self.assertIn(word, text)
        self.assertIn("default-src 'none'", answer.get("content-security-policy"))

    def test_a_browser_is_told_what_this_is(self):
        proxy = self.start(allow=["127.0.0.1", "localhost"], network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0"})
        port = proxy.address()[1]
        for listener, path, host in (("http", "/", None), ("http", "/favicon.ico?x=1", None), ("http", "/", f"localhost:{port}"),
                                     ("socks", "/", None), ("http", "/", f"proxy.example:{port}")):
            with self.subTest(listener=listener, path=path, host=host):
                answer = self.visit(proxy, listener, path, host)
                self.assertPage(answer)
                self.assertEqual(answer.status, 403, "its own listeners are never reached through it")
        self.assertIn("http://127.0.0.1:%d" % port, self.visit(proxy).text())
        self.assertEqual(self.visit(proxy, method="HEAD").body, b"")

    def test_so_it_is_where_clients_have_to_say_who_they_are(self):
        proxy = self.start(allow=["127.0.0.1"], daemon={"socks_users": {"alice": "env:ALICE"}}, env={"ALICE": "s3cret"})
        answer = self.visit(proxy)
        self.assertPage(answer)
        self.assertEqual((answer.status, answer.get("proxy-authenticate")), (403, ""))
        self.assertEqual(self.visit(proxy, host="other.example").status, 407)

    def test_nobody_reads_the_lists_without_saying_who_it_is(self):
        proxy = self.start(allow=["good.example"], deny=["*.bad.example"], daemon={"socks_users": {"alice": "env:ALICE"}},
                           env={"ALICE": "s3cret"})
        for host in ("good.example", "x.bad.example", "other.example"):
            with self.subTest(host):
                answer = self.visit(proxy, host="%s:%d" % (host, proxy.address()[1]))
                self.assertEqual(answer.status, 407)
                self.assertNotIn("bad.example;", answer.get("proxy-status"))

    def test_others_get_what_they_got(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"])
        for accept in (None, "*/*", "application/json"):
            with self.subTest(accept):
                answer = self.visit(proxy, accept=accept)
                self.assertEqual((answer.status, answer.json()["reason"]), (403, "not_allowed_local"))
        self.assertNotIn("not a web site", self.visit(proxy, host="refused.example").text(), "a refusal is one")
        self.assertEqual(self.visit(proxy, host=origin.authority).status, 200)

    def test_nothing_a_visitor_says_gets_into_the_page(self):
        proxy = self.start(allow=["127.0.0.1"])
        answer = self.visit(proxy, path="/<script>alert(1)</script>")
        self.assertNotIn("<script", answer.text())
