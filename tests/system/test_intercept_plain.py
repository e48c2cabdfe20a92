"""Tunnels that are to be read and in which no TLS is spoken: HTTP is judged, and nothing near it is relayed."""
from first_bytes import INSPECT, FirstBytes
from origins import Greeter, Origin, Scripted


class PlainTest(FirstBytes):
    def test_plain_http_is_read_and_judged(self):
        for mode, mitm, post in (("limited", True, 403), ("full", INSPECT, 200)):
            plain = self.own(Origin())
            proxy = self.intercepting(mode, mitm)
            client = self.open(proxy, plain.port)
            answer = self.ask(client, path="/a?b=c", host=f"localhost:{plain.port}")
            self.assertEqual((answer.status, answer.json()["target"]), (200, "/a?b=c"))
            self.assertIn(["Host", f"localhost:{plain.port}"], [[n.title(), v] for n, v in answer.json()["fields"]])
            self.assertEqual(self.ask(client, path="/", host="elsewhere.test").status, 421)
            self.assertEqual(self.ask(client, path="http://elsewhere.test/", host="elsewhere.test").status, 421)
            self.assertEqual(self.ask(client, path="http://localhost/abs", host="localhost").json()["target"], "/abs")
            self.assertEqual(self.ask(client, "POST", body=b"x=1").status, post)
            self.assertEqual(self.ask(client, "CONNECT", path="localhost:443", host="localhost:443").status, 405)
            self.assertEqual(self.ask(client, path="/end").status, 200)
            self.assertEqual(plain.connections, 1)  # which CONNECT has made
            blocked = proxy.blocked()["blocked"]
            self.assertEqual([b["reason"] for b in blocked][:2], ["misdirected"] * 2)
            self.assertEqual({(b["protocol"], b["host"], b["port"]) for b in blocked},
                             {("http", "localhost", plain.port)})
            if post == 403:
                self.assertEqual((blocked[2]["reason"], blocked[2]["method"]), ("method_not_allowed", "POST"))
                self.assertEqual(len(blocked), 3)
        proxy.wait_for_line("msg=inspected .*method=POST status=200 request_bytes=3")

    def test_an_https_address_in_a_plain_tunnel_is_no_request(self):
        client = self.open(self.inspecting(), self.plain.port)
        self.assertEqual(self.ask(client, path=f"https://localhost:{self.plain.port}/").status, 400)
        self.assertEqual(self.plain.requests, [])

    def test_plain_http_never_uses_a_connection_of_https(self):
        proxy = self.inspecting(daemon={"workers": 1})
        self.assertEqual(self.ask(self.tunnel(proxy)).status, 200)
        client = self.open(proxy)
        self.assertIn(self.ask(client, path="/plain").status, (400, 502))  # it speaks TLS only
        self.assertNotIn("/plain", str(self.origin.requests))

    def test_connections_of_plain_http_are_shared_with_requests_in_absolute_form(self):
        proxy = self.inspecting(daemon={"workers": 1})
        for _ in range(2):
            self.assertEqual(proxy.get(self.plain.at("localhost")).status, 200)
            client = self.open(proxy, self.plain.port)
            self.assertEqual(self.ask(client).status, 200)
            client.close()
        self.assertLess(self.plain.connections, 4)

    def test_what_comes_near_http_is_not_relayed(self):
        greeter = self.own(Greeter(b""))
        proxy = self.inspecting(daemon={"timeouts": {"head": "2s", "tls_handshake": "2s"}})

        def sent(word):
            client = self.open(proxy, greeter.port)
            client.send(word)
            return client, word
        # What has no end is waited for: all of it at once.
        endless = [sent(word) for word in (b"GET /\r\n", b"GET / HTTP/1.1\rHost: localhost\r\r", b"A" * 20000,
                                           b"GET / HTTP/1.1\r\nHost:")]
        for word in (b"\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b" GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET\t/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET\x0b/\x0bHTTP/1.1\r\nHost: localhost\r\n\r\n", b"get / http/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1\nHost: localhost\n\n",
                     b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n",
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 9, b"GET /" + b"x" * 70000):
            self.assertRegex(sent(word)[0].rest(), rb"^HTTP/1.1 (4\d\d|501|505) ", word[:40])
        for client, word in endless:
            self.assertRegex(client.rest(), rb"^HTTP/1.1 (4\d\d|501|505) ", word[:40])
        self.assertEqual(greeter.heard, b"")

    def test_out_of_an_unread_tunnel_comes_no_http(self):
        """Whatever a server takes for a request: an answer in HTTP tells that it was one."""
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", b"http/1.0 200 OK\r\n\r\nsecret"):
            def serve(sock, _, answer=answer):
                for byte in answer:
                    sock.sendall(bytes([byte]))
                sock.recv(1)
            origin = self.own(Scripted(serve=serve))
            proxy = self.inspecting()
            client = self.open(proxy, origin.port)
            client.send(b"whatever it is\r\n\r\n")
            self.assertNotIn(b"secret", client.rest())
            self.assertEqual(self.reasons(proxy), ["mitm_required"])

    def test_after_http_nothing_but_http_comes(self):
        greeter = self.own(Greeter(b""))
        proxy = self.inspecting()
        for word in (self.hello(), b"\x05\x01\x00", b"SSH-2.0-x\r\n", b"\x16\x03\x01\x00\x05", b"\x00\x00\x00"):
            client = self.open(proxy, self.plain.port)
            self.assertEqual(self.ask(client).status, 200)
            client.send(word)
            self.assertRegex(client.rest(), b"^HTTP/1.1 400 |^$")
        self.assertEqual(len(self.plain.requests), 5)

    def test_requests_one_after_the_other_are_all_judged(self):
        proxy = self.intercepting()
        client = self.open(proxy, self.plain.port)
        head = "{} /{} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.send("".join(head.format(*w) for w in (("GET", 1), ("DELETE", 2), ("GET", 3))))
        self.assertEqual([client.response().status for _ in range(3)], [200, 403, 200])
        self.assertEqual([r.split()[1] for r in self.plain.requests], ["/1", "/3"])

    def test_websockets_without_tls_work_in_full_mode_and_end_with_limited_mode(self):
        proxy = self.inspecting()
        client = self.open(proxy, self.plain.port)
        fields = ["Connection: Upgrade", "Upgrade: websocket"]
        self.assertEqual(self.ask(client, path="/upgrade", fields=fields).status, 101)
        client.send(b"\x81\x02hi")
        self.assertEqual(client.read(4), b"\x81\x02hi")
        self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        self.assertTrue(client.closed())
        client = self.open(proxy, self.plain.port)
        self.assertRefused(self.ask(client, path="/upgrade", fields=fields), "method_not_allowed")

    def test_a_hooked_host_never_gets_its_secret_in_the_clear(self):
        for mode in ("full", "limited"):
            proxy = self.hooked(mode).start()
            client = self.open(proxy, self.plain.port)
            for path in ("/repos/a", "/user"):
                self.assertRefused(self.ask(client, path=path), "mitm_required")
            self.assertEqual(self.reasons(proxy), ["mitm_required"] * 2)
        self.assertEqual(self.plain.requests, [])

    def test_an_unreachable_server_is_what_connect_answers_and_one_that_leaves_is_told_inside(self):
        gone = self.own(Scripted(b""))
        client = self.open(self.intercepting(), gone.port)
        self.assertEqual(self.ask(client).status, 502)

    def test_curl_sends_plain_http_through_a_tunnel(self):
        told = self.run_tool("curl", "-sS", "-p", "-x", self.intercepting().url, self.plain.at("localhost", "/x"))
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn('"target": "/x"', told.stdout)
