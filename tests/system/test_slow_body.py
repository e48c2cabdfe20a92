"""Bodies that trickle, and readers that hardly read: cut below limits.min_body_rate."""
import socket
import threading

from origins import Origin, Raw
from support import SystemTest

# 1000 bytes in half a second.
FAST_LIMITS = {"limits": {"min_body_rate": 2000}, "timeouts": {"slow_body": "500ms"}}


def read_head(sock):
    got = b""
    while b"\r\n\r\n" not in got:
        if not (more := sock.recv(1)):
            raise OSError("gone")
        got += more
    return got


class SlowBodyTest(SystemTest):
    def begin(self, serve=None, limits=FAST_LIMITS, **kw):
        self.over = threading.Event()
        self.addCleanup(self.over.set)
        self.origin = self.own(Raw(serve) if serve else Origin())
        self.proxy = self.start(allow=("127.0.0.1",), daemon=limits, **kw)
        return self.proxy

    def trickle(self, send, piece=b"x"):
        """Sends a little, again and again, until nobody takes it or the test is over."""
        try:
            while not self.over.wait(0.05):
                send(piece)
        except OSError:
            pass

    def in_background(self, *args):
        threading.Thread(target=self.trickle, args=args, daemon=True).start()

    def test_a_request_body_that_trickles_is_408(self):
        self.begin(lambda sock: sock.recv(1 << 20) and self.over.wait(60))
        for name, fields, piece in (("length", "Content-Length: 1000000", b"x"),
                                    ("chunked", "Transfer-Encoding: chunked", b"1\r\nx\r\n")):
            with self.subTest(name), self.proxy.client() as client:
                client.send(f"POST {self.origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{self.origin.port}\r\n{fields}\r\n\r\n")
                self.in_background(client.send, piece)
                answer = client.response("POST")
                self.assertEqual(answer.status, 408, answer)
                self.assertIn("limits.min_body_rate = 2000 over timeouts.slow_body = 500ms", answer.text())
                self.assertIn("timeouts.slow_body", answer.text())

    def test_many_of_them_hold_nothing(self):
        self.begin(lambda sock: sock.recv(1 << 20) and self.over.wait(60))
        clients = [self.own(self.proxy.client()) for _ in range(50)]
        for client in clients:
            client.send(f"POST {self.origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{self.origin.port}\r\n"
                        "Content-Length: 1000000\r\n\r\nx")
        for client in clients:
            self.assertEqual(client.response("POST").status, 408)

    def test_an_upstream_that_hardly_takes_a_body_is_cut(self):
        def hardly(sock):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            read_head(sock)
            self.over.wait(60)
        self.begin(hardly)
        with self.proxy.client() as client:
            client.send(f"POST {self.origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{self.origin.port}\r\n"
                        "Content-Length: 100000000\r\n\r\n" + "x" * 4000)
            self.in_background(client.send, b"x" * 1_000_000)
            answer = client.response("POST")
            self.assertEqual(answer.status, 504, answer)
            self.assertIn("limits.min_body_rate", answer.text())

    def respond(self, fields, piece):
        """An origin whose answer has these fields, and a body that trickles."""
        def serve(sock):
            read_head(sock)
            sock.sendall(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n")
            self.trickle(sock.sendall, piece)
        return serve

    def test_a_response_that_trickles_is_cut_and_looks_it(self):
        for fields, piece in ((b"Content-Length: 1000000", b"x"), (b"Transfer-Encoding: chunked", b"1\r\nx\r\n"),
                              (b"Connection: close", b"x")):
            with self.subTest(fields):
                self.begin(self.respond(fields, piece))
                with self.proxy.client() as client:
                    client.send(f"GET {self.origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{self.origin.port}\r\n\r\n")
                    with self.assertRaises(ConnectionResetError):
                        while client.reader.read1(65536):
                            pass
                self.proxy.wait_for_line("msg=slow_body .*the response comes too slowly")

    def test_a_reader_that_hardly_reads_is_cut(self):
        self.begin()
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(self.proxy.address())
            sock.sendall(f"GET {self.origin.url}/bytes/100000000 HTTP/1.1\r\nHost: 127.0.0.1:{self.origin.port}\r\n\r\n"
                         .encode())
            self.proxy.wait_for_line("msg=slow_body .*the client takes the response too slowly")
            sock.settimeout(20)
            with self.assertRaises(ConnectionResetError):
                while sock.recv(65536):
                    pass

    def test_event_streams_may_be_silent(self):
        for kind in (b"text/event-stream", b"application/grpc", b"application/json;stream=watch"):
            with self.subTest(kind):
                said = threading.Event()
                self.addCleanup(said.set)

                def serve(sock):
                    if read_head(sock).startswith(b"POST"):
                        return self.over.wait(60)
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\nContent-Length: 10\r\n\r\nfirst")
                    said.wait(60)
                    sock.sendall(b"later")
                self.begin(serve, limits={"limits": {"min_body_rate": 2000}, "timeouts": {"slow_body": "50ms"}})
                with self.proxy.client() as client:
                    client.send(f"GET {self.origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{self.origin.port}\r\n\r\n")
                    while b"first" not in client.reader.peek():
                        pass
                    # A body that trickles meanwhile has had its windows, one after the other.
                    for _ in range(3):
                        with self.proxy.client() as other:
                            other.send(f"POST {self.origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{self.origin.port}\r\n"
                                       "Content-Length: 1000\r\n\r\n")
                            other.rest()
                    said.set()
                    self.assertEqual(client.response("GET").body, b"firstlater")

    def test_who_waits_for_the_other_side_is_not_cut(self):
        answer = threading.Event()
        self.addCleanup(answer.set)

        def serve(sock):
            head = read_head(sock)
            if b"slow" in head:
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
                return self.over.wait(60)
            answer.wait(60)
            if b"100-continue" in head:
                sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                sock.recv(100)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.begin(serve, limits={"limits": {"min_body_rate": 2000}, "timeouts": {"slow_body": "50ms"}})
        host = f"Host: 127.0.0.1:{self.origin.port}\r\n"
        waiting = [self.own(self.proxy.client()) for _ in range(3)]
        waiting[0].send(f"GET {self.origin.url}/ HTTP/1.1\r\n{host}\r\n")
        waiting[1].send(f"POST {self.origin.url}/ HTTP/1.1\r\n{host}Content-Length: 4\r\n\r\nbody")
        waiting[2].send(f"POST {self.origin.url}/ HTTP/1.1\r\n{host}Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        for _ in range(3):  # windows pass
            with self.proxy.client() as client:
                client.send(f"GET {self.origin.url}/slow HTTP/1.1\r\n{host}\r\n")
                client.rest()
        answer.set()
        self.assertEqual(waiting[0].response("GET").body, b"ok")
        self.assertEqual(waiting[1].response("POST").body, b"ok")
        self.assertEqual(waiting[2].response("POST").status, 100)
        waiting[2].send(b"body")
        self.assertEqual(waiting[2].response("POST").body, b"ok")

    def test_tunnels_are_left_alone_and_so_is_all_when_it_is_off(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def serve(sock):
            head = read_head(sock)
            if b"slow" in head:
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
                return self.over.wait(60)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
            go_on.wait(60)
            sock.sendall(b"k")
        self.begin(serve, limits={"limits": {"min_body_rate": 2000}, "timeouts": {"slow_body": "50ms"}})
        client, answer = self.proxy.connect(f"127.0.0.1:{self.origin.port}")
        self.own(client)
        self.assertEqual(answer.status, 200)
        client.send("GET / HTTP/1.1\r\n\r\n")
        for _ in range(3):
            with self.proxy.client() as other:
                other.send(f"GET {self.origin.url}/slow HTTP/1.1\r\nHost: 127.0.0.1:{self.origin.port}\r\n\r\n")
                other.rest()
        self.proxy.configure(daemon={"limits": {"min_body_rate": 0}})
        self.assertEqual(self.proxy.reload()[0], 200)
        with self.proxy.client() as plain:
            plain.send(f"GET {self.origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{self.origin.port}\r\n\r\n")
            while b"\r\no" not in plain.reader.peek():
                pass
            go_on.set()
            self.assertEqual(plain.response("GET").body, b"ok")
        self.assertEqual(client.response("GET").body, b"ok")
