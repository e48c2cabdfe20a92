"""What a limit or a timeout is called where it is met: key and value, so that whoever reads it can change it."""
import socket
import subprocess
import threading
import time

from origins import Origin, Scripted
from support import SystemTest
from test_http2 import Http2


class Limited(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())

    def assertNames(self, answer, status, setting):
        self.assertEqual(answer.status, status, answer)
        self.assertIn(setting, answer.text())
        self.assertIn(setting, answer.get("proxy-status"))


class LimitTest(Limited):
    def test_two_hundred_fields_beside_host_pass_and_the_limit_on_them_is_named(self):
        proxy = self.start(allow=["127.0.0.1"])
        fields = [(f"x-{n}", "y") for n in range(200)]
        origin = self.own(Scripted(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"Content-Length: 0\r\n\r\n"))
        answer = proxy.get(origin.url, fields=fields)
        self.assertEqual((answer.status, len(answer.all("x")), origin.heads[0].count(b"\r\nx-")), (200, 200, 200))
        self.assertNames(proxy.get(origin.url, fields=fields * 2), 431, "limits.max_header_fields = 256")

    def test_the_limit_on_a_head_is_named(self):
        proxy = self.start(allow=["127.0.0.1"], daemon={"limits": {"max_head_bytes": 4096}})
        self.assertNames(proxy.get(self.origin.url, fields=[("x", "y" * 5000)]), 431, "limits.max_head_bytes = 4096")
        answer = proxy.get(self.origin.url + "/" + "y" * 5000)
        self.assertNames(answer, 431, "limits.max_head_bytes = 4096")
        self.assertIn("request line", answer.text())

    def test_the_limits_on_a_response_head_are_named(self):
        proxy = self.start(allow=["127.0.0.1"], daemon={"limits": {"max_head_bytes": 4096, "max_header_fields": 30}})
        for lines, setting in ((b"x: " + b"y" * 5000, "limits.max_head_bytes = 4096"),
                               (b"\r\n".join([b"x: y"] * 31), "limits.max_header_fields = 30")):
            origin = self.own(Scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + lines + b"\r\n\r\n"))
            self.assertNames(proxy.get(origin.url), 502, setting)

    def test_the_limits_on_connections_are_named(self):
        for limit in ("max_connections", "max_connections_per_client"):
            proxy = self.start(allow=["127.0.0.1"], daemon={"limits": {limit: 2}})
            held = [self.own(proxy.client()) for _ in range(2)]
            for client in held:
                self.assertEqual(client.request(self.origin.url).status, 200)
            with proxy.client() as third:
                self.assertNames(third.response(), 503, f"limits.{limit} = 2")

    def test_a_method_that_nobody_has_is_501(self):
        proxy = self.start(allow=["127.0.0.1"])
        self.assertEqual(proxy.get(self.origin.url, method="X" * 64).status, 501)  # of the origin
        self.assertEqual(len(self.origin.requests), 0)
        with proxy.client() as client:
            answer = client.request(self.origin.url, method="X" * 65)
            self.assertEqual(answer.status, 501, answer)
            self.assertIn("64 bytes", answer.text())
            self.assertTrue(client.closed())

    def test_other_schemes_are_refused_by_name(self):
        proxy = self.start(allow=["127.0.0.1"])
        for scheme in ("ws", "wss", "ftp", "gopher", "WS"):
            with self.subTest(scheme):
                answer = proxy.get(f"{scheme}://127.0.0.1:{self.origin.port}/")
                self.assertEqual(answer.status, 400, answer)
                self.assertIn(f"scheme {scheme},", answer.text())
        self.assertEqual(self.origin.requests, [])


class PatienceTest(Limited):
    def test_a_request_head_that_does_not_come(self):
        proxy = self.start(allow=["127.0.0.1"], daemon={"timeouts": {"head": "2s"}})
        with proxy.client() as client:
            client.send("GET ")
            self.assertNames(client.response(), 408, "timeouts.head = 2s")

    def test_a_request_body_that_pauses(self):
        proxy = self.start(allow=["127.0.0.1"], daemon={"timeouts": {"idle": "300ms"}})
        with proxy.client() as client:
            client.send(f"POST {self.origin.url} HTTP/1.1\r\nHost: {self.origin.authority}\r\nContent-Length: 5\r\n\r\nhe")
            self.assertNames(client.response(), 408, "timeouts.")

    def test_an_answer_that_does_not_come(self):
        proxy = self.start(allow=["127.0.0.1"], daemon={"timeouts": {"response": "300ms"}})
        self.assertNames(proxy.get(self.origin.url + "/wait"), 504, "timeouts.response = 300ms")

    def test_interim_responses_buy_time(self):
        release = threading.Event()
        def patient(sock, _):
            for _ in range(25):
                sock.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
                release.wait(0.15)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        proxy = self.start(allow=["127.0.0.1"], daemon={"timeouts": {"response": "3s"}})
        with proxy.client() as client:
            answer = client.request(self.own(Scripted(serve=patient)).url)
            while answer.status == 102:
                answer = client.response()
            self.assertEqual(answer.status, 200, answer)

    def test_a_handshake_that_does_not_end(self):
        quiet = self.own(Scripted())
        proxy = self.start(allow=["127.0.0.1"], daemon={"timeouts": {"tls_handshake": "300ms"}})
        self.assertNames(proxy.get(f"https://127.0.0.1:{quiet.port}/"), 504, "timeouts.tls_handshake = 300ms")

    def test_an_upstream_proxy_that_does_not_answer(self):
        quiet = self.own(Scripted(serve=lambda sock, _: sock.recv(1)))
        proxy = self.start(allow=["93.184.216.34"], network={"allow_upstream_proxy": True, "allow_local_binding": False},
                           env={"HTTPS_PROXY": quiet.url}, daemon={"timeouts": {"connect": "300ms"}})
        client, answer = proxy.connect("93.184.216.34:443")
        client.close()
        self.assertNames(answer, 504, "timeouts.connect = 300ms")
        self.assertIn(quiet.url, answer.text())


    def test_a_name_that_is_not_looked_up(self):
        silent = self.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        silent.bind(("127.0.0.1", 0))
        proxy = self.start(allow=["slow.test"], daemon={"dns": {"servers": ["127.0.0.1:%d" % silent.getsockname()[1]], "hosts_file": ""},
                                                        "timeouts": {"dns": "300ms"}})
        self.assertNames(proxy.get("http://slow.test/"), 504, "timeouts.dns = 300ms")
        self.assertNames(proxy.get("http://slow.test/"), 504, "timeouts.dns = 300ms")  # as remembered


class OldClientTest(Limited):
    def test_a_client_of_http_1_0_is_closed_behind_its_answer_whatever_it_asks(self):
        proxy = self.start(allow=["127.0.0.1"])
        for fields in ([], [("Connection", "keep-alive")], [("Proxy-Connection", "keep-alive")]):
            for url in (self.origin.url + "/bytes/5", self.origin.url + "/chunked/5", "http://other.test/"):
                with self.subTest(fields=fields, url=url), proxy.client() as client:
                    answer = client.request(url, fields=fields, version="1.0")
                    self.assertNotIn("keep-alive", answer.get("connection").lower())
                    self.assertTrue(client.closed())


class KeepAliveProbeTest(Limited):
    def test_both_legs_are_probed_while_they_are_silent(self):
        proxy = self.start(allow=["127.0.0.1"])
        client, answer = proxy.connect(self.origin.authority)
        self.own(client)
        self.assertEqual(answer.status, 200)
        with proxy.client() as kept:
            self.assertEqual(kept.request(self.origin.url).status, 200)
            ports = {"clients": (3, proxy.address()[1]), "upstreams": (4, self.origin.port)}
            deadline = time.monotonic() + 20
            unprobed = None
            while unprobed != {"clients": [], "upstreams": []} and time.monotonic() < deadline:
                try:
                    shown = subprocess.run(["ss", "-tnoH"], capture_output=True, text=True, check=True).stdout
                except (OSError, subprocess.CalledProcessError):
                    self.skipTest("ss (iproute2) is needed to see the timers of sockets")
                unprobed = {}
                for what, (column, port) in ports.items():
                    lines = [line for line in shown.splitlines() if line.split()[column].endswith(f":{port}")]
                    self.assertTrue(lines, (what, shown))
                    unprobed[what] = [line for line in lines if "keepalive" not in line]
            self.assertEqual(unprobed, {"clients": [], "upstreams": []})


class StreamLimitTest(Http2):
    def test_the_limits_are_named_to_a_client_of_http2(self):
        client = self.connect(self.inspecting(daemon={"limits": {"max_head_bytes": 8192, "max_header_fields": 40}}))
        for fields, setting in (([("x", "y" * 9000)], "limits.max_head_bytes = 8192"),
                                ([("x", "y")] * 41, "limits.max_header_fields = 40")):
            answer = client.ask(fields=fields)
            self.assertEqual(answer.status, 431, answer)
            self.assertIn(setting, answer.text())
        self.assertEqual(client.ask(fields=[("x", "y")] * 36 + [("cookie", f"c{n}=1") for n in range(300)]).status, 200)
        answer = client.ask(method="X" * 65)
        self.assertEqual((answer.status, "64 bytes" in answer.text()), (501, True))

    def test_the_limits_on_an_answer_over_http2_are_named(self):
        answer_with = lambda *fields: lambda stream: stream.send_fields([(":status", "200"), *fields], end=True)
        origin = self.h2_origin(pages={"/long": answer_with(("x", "a" * 9000)), "/many": answer_with(*[("x", "y")] * 41)})
        client = self.connect(self.inspecting(daemon={"limits": {"max_head_bytes": 8192, "max_header_fields": 40}}), origin)
        for path, setting in (("/long", "limits.max_head_bytes = 8192"), ("/many", "limits.max_header_fields = 40")):
            answer = client.ask(path=path)
            self.assertEqual(answer.status, 502, answer)
            self.assertIn(setting, answer.text())
