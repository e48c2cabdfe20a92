"""HTTP semantics through the proxy: what is added, removed, kept and limited."""
import socket
import struct

from client import Client
from origins import Origin, Scripted
from support import SystemTest, until


def reset_on_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_to_end(client):
    """What still comes, and whether an "end" or a "reset" follows."""
    got = b""
    try:
        while data := client.reader.read1():
            got += data
    except ConnectionResetError:
        return got, "reset"
    return got, "end"


class ForwardTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        self.proxy = self.start(allow=["127.0.0.1"])

    def seen(self, **kw):
        """The fields that reached the origin, lower-case names, as a list of pairs."""
        return [(k.lower(), v) for k, v in self.proxy.get(self.origin.url + "/echo", **kw).json()["fields"]]

    def test_hop_by_hop_fields_go_no_further(self):
        fields = dict(self.seen(fields=[("Connection", "X-One, close"), ("Connection", "X-Two"), ("X-One", "1"), ("X-Two", "2"),
                                        ("X-Three", "3"), ("Keep-Alive", "300"), ("Proxy-Connection", "keep-alive"),
                                        ("Proxy-Authorization", "Basic eDp5"), ("TE", "trailers"), ("Cookie", "kept=1")]))
        self.assertEqual(fields.get("x-three"), "3")
        self.assertEqual(fields.get("cookie"), "kept=1")
        for gone in ("x-one", "x-two", "keep-alive", "proxy-connection", "proxy-authorization"):
            self.assertNotIn(gone, fields)

    def test_hop_by_hop_fields_come_no_further_back(self):
        answer = self.proxy.get(self.origin.url + "/hop")
        self.assertEqual(answer.get("x-three"), "3")
        for gone in ("x-one", "x-two", "keep-alive", "proxy-authenticate"):
            self.assertNotIn(gone, answer.names())
        self.assertNotIn("forged", answer.get("proxy-status") or "")
        self.assertEqual(answer.get("x-proxy-error"), "")
        self.assertEqual(answer.body, b"hop")

    def test_via_is_added_and_nothing_that_names_the_client(self):
        fields = self.seen()
        self.assertEqual([v.split()[0] for k, v in fields if k == "via"], ["1.1"])
        self.assertFalse({"x-forwarded-for", "forwarded", "x-real-ip"} & {k for k, _ in fields})
        chained = ", ".join(v for k, v in self.seen(fields=[("Via", "1.0 before")]) if k == "via")
        self.assertRegex(chained, r"^1\.0 before, 1\.1 \S+")

    def test_via_can_be_turned_off(self):
        quiet = self.start(allow=["127.0.0.1"], daemon={"via": False})
        answer = quiet.get(self.origin.url)
        self.assertNotIn("via", {k.lower() for k, _ in answer.json()["fields"]})
        self.assertNotIn("via", answer.names())

    def test_max_forwards_zero_is_answered_here(self):
        answer = self.proxy.get(self.origin.url, method="OPTIONS", fields=[("Max-Forwards", "0")])
        self.assertEqual((answer.status, self.origin.requests), (200, []))
        answer = self.proxy.get(self.origin.url + "/echo", method="OPTIONS", fields=[("Max-Forwards", "5")])
        self.assertIn(["Max-Forwards", "4"], answer.json()["fields"])

    def test_responses_without_a_body_leave_the_connection_usable(self):
        with self.proxy.client() as client:
            for method, path, status in (("HEAD", "/bytes/5000", 200), ("GET", "/status/204", 204), ("GET", "/status/304", 304),
                                         ("HEAD", "/echo", 200), ("GET", "/echo", 200)):
                with self.subTest(method=method, path=path):
                    self.assertEqual(client.request(self.origin.url + path, method=method).status, status)

    def test_interim_responses_pass(self):
        with self.proxy.client() as client:
            hints = client.request(self.origin.url + "/hints")
            self.assertEqual((hints.status, hints.get("link")), (103, "</a.css>"))
            self.assertEqual(client.response().status, 200)

    def test_trailers_travel_both_ways(self):
        answer = self.proxy.get(self.origin.url + "/chunked/100000")
        self.assertEqual(len(answer.body), 100_000)
        self.assertEqual(answer.trailers, [("X-Check", "good")])
        with self.proxy.client() as client:
            client.send(f"POST {self.origin.url}/echo HTTP/1.1\r\nHost: {self.origin.authority}\r\n"
                        "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n")
            told = client.response().json()
        self.assertEqual((told["body"], told["trailers"]), ("abc", ["X-Sum: 7"]))

    def test_a_body_until_close_arrives_whole(self):
        self.assertEqual(len(self.proxy.get(self.origin.url + "/until-close/50000").body), 50_000)

    def test_a_client_of_http_1_0_gets_what_it_understands(self):
        with self.proxy.client() as client:
            answer = client.request(self.origin.url + "/chunked/3000", version="1.0")
            self.assertNotIn("transfer-encoding", answer.names())
            self.assertEqual(len(answer.body), 3000)
            self.assertTrue(client.closed())

    def test_a_cut_chunked_response_does_not_look_whole_to_a_client_of_http_1_0(self):
        # Such a client is told of no length: only the way the connection ends says whether all has come.
        for ending, whole in ((b"", False), (b"0\r\n\r\n", True)):
            with self.subTest(ending):
                origin = self.own(Scripted(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n" + ending))
                with self.proxy.client() as client:
                    client.send(f"GET {origin.url}/ HTTP/1.0\r\nHost: 127.0.0.1:{origin.port}\r\n\r\n")
                    got, end = read_to_end(client)
                self.assertEqual(end, "end" if whole else "reset")
                self.assertTrue(got.endswith(b"\r\n\r\nsome") or not whole, got)

    def test_pipelined_requests_are_answered_in_order(self):
        with self.proxy.client() as client:
            client.send("".join(f"GET {self.origin.url}/{n} HTTP/1.1\r\nHost: {self.origin.authority}\r\n\r\n" for n in range(10)))
            self.assertEqual([client.response().json()["target"] for _ in range(10)], [f"/{n}" for n in range(10)])

    def test_a_refusal_leaves_the_connection_usable(self):
        with self.proxy.client() as client:
            self.assertRefused(client.request("http://refused.example/", method="POST", body=b"small"), "not_allowed")
            self.assertRefused(client.request("http://refused.example/"), "not_allowed")
            self.assertEqual(client.request(self.origin.url).status, 200)

    def test_a_refused_connect_and_a_refused_get_tell_the_same(self):
        client, text = self.proxy.connect("refused.example:443")
        client.close()
        self.assertRefused(text, "not_allowed")
        self.assertEqual(text.get("content-type").partition(";")[0], "text/plain")
        first, second = text.text().splitlines()[:2]
        self.assertEqual(first, "Domain not in allowlist.")
        self.assertIn("host=refused.example", second)
        told = self.proxy.get("http://refused.example/secret?token=1")
        self.assertRefused(told, "not_allowed")
        self.assertEqual(set(told.json()), {"status", "host", "reason", "decision", "source", "protocol", "port", "message", "rule",
                                            "remedy", "request_id"})
        self.assertEqual(told.json()["request_id"], told.get("x-request-id"))
        self.assertNotIn("token", told.text())

    def test_a_body_that_was_sent_is_not_waited_for_again_after_a_fault(self):
        def read_and_leave(sock, head):
            while b"body!" not in head:
                head += sock.recv(65536)
        origin = self.own(Scripted(serve=read_and_leave))
        with self.proxy.client() as client:
            answer = client.request(origin.url + "/a", method="POST", body=b"body!")
            self.assertEqual(answer.status, 502)
            # Else it would take what follows for that body.
            self.assertEqual(answer.get("connection"), "close")
        self.assertEqual(len(origin.heads), 1)

    def test_unix_sockets_are_501(self):
        answer = self.proxy.get(self.origin.url, fields=[("x-unix-socket", "/tmp/any.sock")])
        self.assertEqual(answer.status, 501, answer)
        self.assertIn("unix sockets unsupported", answer.text())
        self.assertEqual(self.origin.connections, 0)

    def test_an_upgrade_becomes_a_tunnel(self):
        with self.proxy.client() as client:
            answer = client.request(self.origin.url + "/upgrade", fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
            self.assertEqual((answer.status, answer.get("upgrade").lower()), (101, "websocket"))
            client.send(b"\x81\x05hello")
            self.assertEqual(client.read(7), b"\x81\x05hello")


class TunnelTest(SystemTest):
    def test_half_close_is_relayed_both_ways(self):
        def serve(sock, _):  # answers only once the client has finished, and the client only reads after that
            while sock.recv(65536):
                pass
            sock.sendall(b"late answer")
        origin = self.own(Scripted(serve=serve))
        client, answer = self.start(allow=["127.0.0.1"]).connect(f"127.0.0.1:{origin.port}")
        with client:
            self.assertEqual(answer.status, 200)
            client.send("hello\r\n\r\nmore")
            client.finish()
            self.assertEqual(client.rest(), b"late answer")

    def test_a_half_close_by_the_upstream_leaves_the_other_direction_open(self):
        received = []
        def serve(sock, _):
            sock.sendall(b"all said")
            sock.shutdown(socket.SHUT_WR)
            while data := sock.recv(65536):
                received.append(data)
        origin = self.own(Scripted(serve=serve))
        client, _ = self.start(allow=["127.0.0.1"]).connect(f"127.0.0.1:{origin.port}")
        with client:
            client.send("hello\r\n\r\n")
            self.assertEqual(read_to_end(client), (b"all said", "end"))
            client.send("still talking")
            client.finish()
            until(lambda: received == [b"still talking"], "the upstream hears what comes after its end")

    def test_a_reset_is_passed_on_as_a_reset(self):
        ends = []
        def break_off(sock, head):
            sock.sendall(b"part")
            if b"you" in head:
                sock.recv(1)  # the client has read it
                reset_on_close(sock)
            else:
                ends.append(read_to_end(Client(sock=sock)))
        origin = self.own(Scripted(serve=break_off))
        proxy = self.start(allow=["127.0.0.1"])
        client, _ = proxy.connect(f"127.0.0.1:{origin.port}")
        with client:
            client.send("you first\r\n\r\n")
            self.assertEqual(client.read(4), b"part")
            client.send("x")
            self.assertEqual(read_to_end(client), (b"", "reset"))
        client, _ = proxy.connect(f"127.0.0.1:{origin.port}")
        client.send("me first\r\n\r\n")
        self.assertEqual(client.read(4), b"part")
        reset_on_close(client.sock)
        client.close()
        until(lambda: ends == [(b"", "reset")], "the upstream gets the reset of the client")

    def test_bytes_sent_right_behind_connect_are_not_lost(self):
        origin = self.own(Origin())
        with self.start(allow=["127.0.0.1"]).client() as client:
            client.send(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n"
                        "GET /early HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.response("CONNECT").status, 200)
            self.assertEqual(client.response().json()["target"], "/early")

    def test_a_tunnel_to_a_port_that_is_none_is_400(self):
        proxy = self.start(allow=["127.0.0.1"])
        for authority in ("127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", ":80", "http://127.0.0.1:80"):
            with self.subTest(authority):
                client, answer = proxy.connect(authority)
                client.close()
                self.assertEqual(answer.status, 400, answer)


class ReuseTest(SystemTest):
    def test_a_kept_connection_that_died_is_replaced_for_get(self):
        def one_answer(sock, _):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        origin = self.own(Scripted(serve=one_answer))  # closes although its answer promises to keep
        proxy = self.start(allow=["127.0.0.1"])
        for n in range(10):
            self.assertEqual(proxy.get(origin.url).body, b"ok")
        self.assertEqual(len(origin.heads), 10)

    def test_a_client_that_leaves_takes_its_upstream_request_along(self):
        gone = []
        def wait_for_end(sock, _):
            gone.append(sock.recv(1))
        origin = self.own(Scripted(serve=wait_for_end))
        client = self.start(allow=["127.0.0.1"]).client()
        client.send(f"GET {origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\n\r\n")
        until(lambda: origin.heads, "the request reaches the origin")
        # A reset: a FIN alone would be a client that has said all and still waits for its answer.
        reset_on_close(client.sock)
        client.close()
        until(lambda: gone == [b""], "the origin sees the connection close")
