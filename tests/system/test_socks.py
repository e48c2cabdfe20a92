"""SOCKS5: CONNECT under the policy, one port for both protocols, logins, bad input."""
import subprocess
import urllib.request

import socks_client as socks
from origins import Origin, Raw, Scripted
from support import SystemTest, clean_env, until


def shout(sock):
    """Sends back in capitals what it gets."""
    while more := sock.recv(65536):
        sock.sendall(more.upper())


class SocksTest(SystemTest):
    def begin(self, allow=("127.0.0.1", "localhost"), network=None, **kw):
        self.proxy = self.start(allow=allow, **kw,
                                network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0", **(network or {})})
        return self.proxy

    def client(self, listener="socks"):
        return self.own(socks.SocksClient(self.proxy.address(listener)))

    def ask(self, command, host, port):
        client = self.client()
        self.assertEqual(client.greet(), 0)
        return client, client.ask(command, host, port)

    def test_a_tunnel_carries_bytes_both_ways_and_keeps_half_closes(self):
        def serve(sock, head):
            sock.sendall(b"hello")
            got = b""
            while more := sock.recv(4096):
                got += more
            sock.sendall(got.upper())
        origin = self.own(Scripted(serve=serve))
        self.begin()
        for host in ("127.0.0.1", "localhost"):
            client, (code, bound) = self.ask(socks.CONNECT, host, origin.port)
            self.assertEqual((code, bound[0]), (socks.SUCCESS, "127.0.0.1"))
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            self.assertEqual(client.read(5), b"hello")
            client.send(b"abc")
            client.sock.shutdown(1)
            self.assertEqual(client.read(10), b"ABC")

    def test_refusals_and_faults_have_their_codes(self):
        self.begin()
        for host, port, code in (("example.org", 80, socks.NOT_ALLOWED), ("10.0.0.1", 80, socks.NOT_ALLOWED),
                                 ("169.254.169.254", 80, socks.NOT_ALLOWED), ("0x7f.1", 1, socks.REFUSED),
                                 ("127.0.0.1", 1, socks.REFUSED), ("127.0.0.1", 0, socks.FAILURE),
                                 ("bad..name", 80, socks.FAILURE), ("nul\0name", 80, socks.FAILURE)):
            with self.subTest(host):
                client, (got, _) = self.ask(socks.CONNECT, host, port)
                self.assertEqual(got, code)
                self.assertTrue(client.closed())
        blocked = self.proxy.blocked()["blocked"]
        self.assertEqual([(b["host"], b["protocol"]) for b in blocked[:1]], [("example.org", "socks5_tcp")])

    def test_the_proxys_own_ports_are_never_reached(self):
        self.begin()
        for listener in ("http", "socks", "admin"):
            _, (code, _) = self.ask(socks.CONNECT, *self.proxy.address(listener))
            self.assertEqual(code, socks.NOT_ALLOWED)

    def test_bad_input_is_answered_where_it_can_be_and_dials_nothing(self):
        origin = self.own(Scripted(b""))
        self.begin()
        port = origin.port
        good = socks.request(socks.CONNECT, "127.0.0.1", port)
        for sent, code in ((b"\x05\x02\x00" + good[3:], socks.NO_COMMAND), (b"\x05\x09\x00", socks.NO_COMMAND),
                           (b"\x05\x01\x00\x00", socks.NO_TYPE), (b"\x05\x01\x00\x09", socks.NO_TYPE),
                           (b"\x04\x01\x00", socks.FAILURE), (b"\x05\x01\x00\x03\x00", socks.FAILURE)):
            with self.subTest(sent):
                client = self.client()
                client.greet()
                client.send(sent)
                self.assertEqual(client.reply()[0], code)
                self.assertTrue(client.closed())
        for greeting in (b"\x05\x00", b"\x05\x01\x01", b"\x05\x02\x02\x80"):
            client = self.client()
            client.send(greeting)
            self.assertIn(client.read(2), (b"", b"\x05\xff"))
            self.assertTrue(client.closed())
        self.assertEqual(origin.heads, [])

    def test_what_comes_right_behind_the_request_is_the_first_of_the_tunnel(self):
        self.begin(allow=("127.0.0.1", "localhost"), env={"ALICE": "s3cret"})
        origin = self.own(Raw(shout))
        ask = socks.request(socks.CONNECT, "localhost", origin.port)
        long = b"x" * 40_000
        for name, at_once, after, said in (
                ("request and data", [ask + b"early"], b"", b"EARLY"),
                ("data in two pieces", [ask + b"ear"], b"ly", b"EARLY"),
                ("a long beginning", [ask + long], b"", long.upper())):
            for listener in ("socks", "http"):
                with self.subTest(name, listener=listener):
                    client = self.client(listener)
                    client.greet()
                    for piece in at_once:
                        client.send(piece)
                    client.send(after)
                    self.assertEqual(client.reply()[0], socks.SUCCESS)
                    self.assertEqual(client.read(len(said)), said)
                with self.subTest("greeting, " + name, listener=listener):
                    client = self.client(listener)
                    client.send(b"\x05\x01\x00" + b"".join(at_once) + after)
                    self.assertEqual(client.read(2), b"\x05\x00")
                    self.assertEqual(client.reply()[0], socks.SUCCESS)
                    self.assertEqual(client.read(len(said)), said)

    def test_a_client_may_say_all_at_once_with_its_login(self):
        origin = self.own(Raw(shout))
        self.begin(env={"ALICE": "s3cret"}, daemon={"socks_users": {"alice": "env:ALICE"}})
        ask = socks.request(socks.CONNECT, "127.0.0.1", origin.port)
        login = b"\x01\x05alice\x06s3cret"
        client = self.client()
        client.send(b"\x05\x01\x02" + login + ask + b"early")
        client.sock.shutdown(1)
        self.assertEqual(client.read(4), b"\x05\x02\x01\x00")
        self.assertEqual(client.reply()[0], socks.SUCCESS)
        self.assertEqual(client.read(100), b"EARLY")
        # What stands behind a wrong login is never served.
        client = self.client()
        client.send(b"\x05\x01\x02" + login.replace(b"s3", b"S3") + ask + b"early")
        self.assertEqual(client.read(100), b"\x05\x02\x01\x01")

    def test_early_data_of_what_is_refused_goes_nowhere(self):
        self.begin()
        for host, port, code in (("example.org", 80, socks.NOT_ALLOWED), ("127.0.0.1", 1, socks.REFUSED)):
            client = self.client()
            client.greet()
            client.send(socks.request(socks.CONNECT, host, port) + b"early" * 1000)
            self.assertEqual(client.reply()[0], code)
            self.assertTrue(client.closed())

    def test_behind_connect_it_is_the_same(self):
        origin = self.own(Raw(shout))
        self.begin()
        for head in ("CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (origin.port, origin.port),
                     "CONNECT 127.0.0.1:%d HTTP/1.0\r\n\r\n" % origin.port):
            client = self.client("http")
            client.send(head.encode() + b"early")
            answer = client.read(12)
            self.assertEqual(answer[9:], b"200", answer)
            while not answer.endswith(b"\r\n\r\n"):
                answer += client.read(1)
            self.assertEqual(client.read(5), b"EARLY")

    def test_socks4_is_refused_in_its_own_words(self):
        origin = self.own(Scripted(b""))
        self.begin()
        port = origin.port.to_bytes(2, "big")
        for listener in ("socks", "http"):
            for name, request in (("4", b"\x04\x01" + port + b"\x7f\x00\x00\x01user\x00"),
                                  ("4a", b"\x04\x01" + port + b"\x00\x00\x00\x01user\x00localhost\x00"),
                                  ("bind", b"\x04\x02" + port + b"\x7f\x00\x00\x01\x00"),
                                  ("its first byte", b"\x04")):
                with self.subTest(name, listener=listener):
                    client = self.client(listener)
                    client.send(request)
                    self.assertEqual(client.read(100), b"\x00\x5b" + bytes(6))
        self.assertEqual(origin.heads, [])
        self.proxy.wait_for_line("msg=socks4_refused .*SOCKS5")
        self.proxy.configure(daemon={"mixed_listeners": False})
        self.assertEqual(self.proxy.reload()[0], 200)
        client = self.client("socks")
        client.send(b"\x04\x01" + port + b"\x7f\x00\x00\x01\x00")
        self.assertEqual(client.read(100), b"\x00\x5b" + bytes(6))
        client = self.client("http")  # where no SOCKS is spoken
        client.send(b"\x04\x01" + port + b"\x7f\x00\x00\x01\x00")
        self.assertEqual(client.read(12), b"HTTP/1.1 400")

    def test_the_admin_api_speaks_no_socks(self):
        self.begin()
        for sent in (b"\x05\x01\x00", b"\x05", b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00"):
            client = self.client("admin")
            client.send(sent)
            self.assertEqual(client.read(12), b"HTTP/1.1 400", sent)
        self.assertEqual(self.proxy.admin("GET", "/health")[0], 200)

    def test_one_byte_at_a_time_is_fine(self):
        origin = self.own(Origin())
        self.begin()
        client = self.client()
        for byte in b"\x05\x01\x00":
            client.send(bytes([byte]))
        self.assertEqual(client.read(2), b"\x05\x00")
        for byte in socks.request(socks.CONNECT, "localhost", origin.port):
            client.send(bytes([byte]))
        self.assertEqual(client.reply()[0], socks.SUCCESS)

    def test_a_client_that_stalls_is_let_go(self):
        self.begin(daemon={"timeouts": {"head": "2s"}})
        words = (b"", b"\x05", b"\x05\x01\x00", b"\x05\x01\x00\x05\x01")
        clients = []
        for sent in words:
            clients.append(self.client())
            clients[-1].send(sent)
        for client in clients:
            client.read(64)
            self.assertTrue(client.closed())

    def test_both_listeners_serve_both_protocols_unless_told_otherwise(self):
        origin = self.own(Origin())
        self.begin()
        for listener in ("http", "socks"):
            client = self.client(listener)
            client.greet()
            self.assertEqual(client.ask(socks.CONNECT, "127.0.0.1", origin.port)[0], socks.SUCCESS)
            proxy = urllib.request.ProxyHandler({"http": "http://%s:%d" % self.proxy.address(listener)})
            with urllib.request.build_opener(proxy).open(origin.url + "/status/200", timeout=20) as got:
                self.assertEqual(got.status, 200)
        self.proxy.configure(daemon={"mixed_listeners": False})
        self.assertEqual(self.proxy.reload()[0], 200)
        client = self.client("http")
        client.send(b"\x05\x01\x00")
        self.assertEqual(client.read(12), b"HTTP/1.1 400")
        client = self.client("socks")
        client.send(b"GET http://127.0.0.1/ HTTP/1.1\r\n\r\n")
        answer = client.read(4096)
        self.assertTrue(answer.startswith(b"HTTP/1.1 400"), answer)
        self.assertIn(b"speaks SOCKS5", answer)

    def test_users_show_who_they_are(self):
        origin = self.own(Origin())
        self.begin(env={"ALICE": "s3cret"}, daemon={"socks_users": {"alice": "env:ALICE"},
                                                    "audit": {"output": "stderr"}})
        self.assertEqual(self.client().greet(b"\x00"), 0xff)
        for user, password, status in ((b"alice", b"s3cret", 0), (b"alice", b"S3cret", 1), (b"bob", b"s3cret", 1),
                                       (b"alice", b"", 1)):
            client = self.client()
            self.assertEqual(client.greet(b"\x00\x02"), 2)
            self.assertEqual(client.log_in(user, password), status)
            if status == 0:
                self.assertEqual(client.ask(socks.CONNECT, "127.0.0.1", origin.port)[0], socks.SUCCESS)
            else:
                self.assertTrue(client.closed())
        self.proxy.wait_for_line(r'"user.name":"alice"')
        self.assertNotIn("s3cret", self.proxy.log() + str(self.proxy.admin("GET", "/config")))

    def test_limited_mode_refuses_and_closes_what_is_open(self):
        origin = self.own(Origin())
        self.begin()
        client, (code, _) = self.ask(socks.CONNECT, "127.0.0.1", origin.port)
        self.assertEqual(code, socks.SUCCESS)
        self.assertEqual(self.proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        self.assertTrue(client.closed())
        _, (code, _) = self.ask(socks.CONNECT, "127.0.0.1", origin.port)
        self.assertEqual(code, socks.NOT_ALLOWED)
        self.assertEqual(self.proxy.blocked()["blocked"][-1]["reason"], "method_not_allowed")

    def test_turning_socks_off_closes_its_tunnels_and_its_listener(self):
        origin = self.own(Origin())
        self.begin()
        client, _ = self.ask(socks.CONNECT, "127.0.0.1", origin.port)
        where = self.proxy.address("socks")
        self.proxy.configure(network={"enable_socks5": False})
        self.assertEqual(self.proxy.reload()[0], 200)
        self.assertTrue(client.closed())

        def gone():
            try:
                socks.SocksClient(where).close()
            except ConnectionRefusedError:
                return True
        until(gone, "the SOCKS listener closes")

    def test_curl_by_name_and_by_address(self):
        origin = self.own(Origin())
        self.begin()
        for how in ("--socks5", "--socks5-hostname"):
            out = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", how,
                                  "%s:%d" % self.proxy.address("socks"), origin.at("localhost", "/status/200")],
                                 env=clean_env(), capture_output=True, text=True, timeout=60)
            self.assertEqual(out.stdout, "200", out.stderr)
