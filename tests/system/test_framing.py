"""Messages that are not HTTP, or could be read in two ways: refused, and the other side never sees them."""
from origins import Origin, Scripted
from support import SystemTest

# (what is wrong, request lines after the start line; the body after an empty one)
SMUGGLED = [
    ("length and chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("chunked and length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    ("two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    ("two lengths in a list", "Content-Length: 5, 6\r\n\r\nhello!"),
    ("a signed length", "Content-Length: +5\r\n\r\nhello"),
    ("a negative length", "Content-Length: -5\r\n\r\nhello"),
    ("a hexadecimal length", "Content-Length: 0x5\r\n\r\nhello"),
    ("a length beyond 64 bits", "Content-Length: 99999999999999999999999\r\n\r\nhello"),
    ("an empty length", "Content-Length: \r\n\r\nhello"),
    ("an unknown coding", "Transfer-Encoding: gzip\r\n\r\nhello"),
    ("an unknown coding first", "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked not last", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("chunked with a control character", "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("a space before the colon", "Content-Length : 5\r\n\r\nhello"),
    ("a tab before the colon", "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    ("an obsolete fold", "X-A: b\r\n c\r\n\r\n"),
    ("a fold on the first line", " X-A: b\r\n\r\n"),
    ("bare line feeds", "X-A: b\nX-B: c\r\n\r\n"),
    ("a bare carriage return", "X-A: b\rX-B: c\r\n\r\n"),
    ("a NUL in a value", "X-A: b\x00c\r\n\r\n"),
    ("a field without a colon", "X-A\r\n\r\n"),
    ("a field without a name", ": b\r\n\r\n"),
    ("a name with a space", "X A: b\r\n\r\n"),
    ("a second Host", "Host: other.example\r\n\r\n"),
]

# A head that is fine, then a body that is not: where the first size line is bad too, the origin hears nothing.
BAD_CHUNKS = [
    ("a size with a blank behind it", "5 \r\nhello\r\n0\r\n\r\n", True),
    ("a size with many zeros", "00000000000000000000005\r\nhello\r\n0\r\n\r\n", True),
    ("a trailer that frames", "5\r\nhello\r\n0\r\nContent-Length: 7\r\n\r\n", False),
    ("a size that is none", "zz\r\nhello\r\n0\r\n\r\n", True),
    ("a size with a sign", "+5\r\nhello\r\n0\r\n\r\n", True),
    ("a size with a prefix", "0x5\r\nhello\r\n0\r\n\r\n", True),
    ("a size beyond 64 bits", "10000000000000005\r\nhello\r\n0\r\n\r\n", True),
    ("a size line that ends in a bare line feed", "5\nhello\r\n0\r\n\r\n", True),
    ("a chunk longer than its size", "3\r\nhello\r\n0\r\n\r\n", False),
    ("a chunk that ends in a bare line feed", "5\r\nhello\n0\r\n\r\n", False),
    ("a trailer that is none", "5\r\nhello\r\n0\r\nno colon\r\n\r\n", False),
]


class RequestTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        self.proxy = self.start(allow=["127.0.0.1", "localhost"])

    def answer_to(self, head):
        with self.proxy.client() as client:
            client.send(head)
            client.finish()
            return client.response()

    def test_ambiguous_requests_are_400_and_reach_nobody(self):
        for what, rest in SMUGGLED:
            with self.subTest(what):
                self.origin.requests.clear()
                answer = self.answer_to(f"POST {self.origin.url}/ HTTP/1.1\r\nHost: {self.origin.authority}\r\n{rest}")
                self.assertEqual(answer.status, 400, answer)
                self.assertEqual(self.origin.requests, [])

    def test_a_bad_chunk_is_400(self):
        for what, body, untouched in BAD_CHUNKS:
            with self.subTest(what):
                self.origin.requests.clear()
                answer = self.answer_to(f"POST {self.origin.url}/ HTTP/1.1\r\nHost: {self.origin.authority}\r\n"
                                        f"Transfer-Encoding: chunked\r\n\r\n{body}")
                self.assertEqual(answer.status, 400, answer)
                if untouched:
                    self.assertEqual(self.origin.requests, [])

    def test_requests_that_are_none_are_400(self):
        host = self.origin.authority
        for what, head in (("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"), ("no version", f"GET http://{host}/\r\n\r\n"),
                           ("version 3", f"GET http://{host}/ HTTP/3.0\r\nHost: {host}\r\n\r\n"),
                           ("two spaces", f"GET  http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                           ("garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
                           ("another scheme", f"GET ftp://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                           ("userinfo", f"GET http://user:pass@{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                           ("a control character", f"GET http://{host}/\x01 HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                           ("no host at all", "GET / HTTP/1.1\r\n\r\n"),
                           ("a bad port", "GET http://127.0.0.1:99999/ HTTP/1.1\r\nHost: 127.0.0.1:99999\r\n\r\n")):
            with self.subTest(what):
                self.assertEqual(self.answer_to(head).status, 400)
        self.assertEqual(self.origin.requests, [])

    def test_host_and_target_that_disagree_are_400(self):
        for host, status in ((self.origin.authority, 200), ("localhost:%d" % self.origin.port, 400), ("127.0.0.1", 400),
                             ("127.0.0.1:1", 400), ("", 400), ("a b", 400)):
            with self.subTest(host):
                answer = self.answer_to(f"GET {self.origin.url}/ HTTP/1.1\r\nHost: {host}\r\n\r\n")
                self.assertEqual(answer.status, status, answer)

    def test_a_head_too_large_is_431(self):
        start = f"GET {self.origin.url}/"
        for what, head in (("a long field", f"{start} HTTP/1.1\r\nHost: {self.origin.authority}\r\nX: {'a' * 70_000}\r\n\r\n"),
                           ("a long target", f"{start}{'a' * 70_000} HTTP/1.1\r\nHost: {self.origin.authority}\r\n\r\n"),
                           ("many fields", f"{start} HTTP/1.1\r\nHost: {self.origin.authority}\r\n" + "X: y\r\n" * 300 + "\r\n"),
                           ("no end in sight", f"{start} HTTP/1.1\r\nX: " + "a" * 100_000)):
            with self.subTest(what):
                self.assertEqual(self.answer_to(head).status, 431)
        self.assertEqual(self.origin.requests, [])

    def test_a_head_too_slow_is_408(self):
        proxy = self.start(allow=["127.0.0.1"], daemon={"timeouts": {"head": "2s"}})
        with proxy.client() as client:
            client.send(f"GET {self.origin.url}/ HTTP/1.1\r\nHost:")
            self.assertEqual(client.response().status, 408)
            self.assertTrue(client.closed())

    def test_a_silent_connection_is_closed_after_its_time(self):
        proxy = self.start(allow=["127.0.0.1"], daemon={"timeouts": {"keep_alive": "2s"}})
        with proxy.client() as client:
            self.assertEqual(client.request(self.origin.url).status, 200)
            self.assertTrue(client.closed())

    def test_blanks_before_a_chunk_extension_are_http(self):
        message = (f"POST {self.origin.url}/echo HTTP/1.1\r\nHost: {self.origin.authority}\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5 ;ext=1\r\nhello\r\n6\t ; a=b\r\n world\r\n0\r\n\r\n")
        self.assertEqual(self.answer_to(message).json()["body"], "hello world")

    def test_chunk_by_chunk_and_byte_by_byte_is_the_same_request(self):
        message = (f"POST {self.origin.url}/echo HTTP/1.1\r\nHost: {self.origin.authority}\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
        with self.proxy.client() as client:
            for byte in message:
                client.send(byte)
            self.assertEqual(client.response().json()["body"], "hello world")


class ResponseTest(SystemTest):
    BAD = [
        ("not HTTP", b"hello\r\n\r\n"), ("length and chunked", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        ("a space before the colon", b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello"),
        ("a bare line feed", b"HTTP/1.1 200 OK\r\nX: a\nContent-Length: 5\r\n\r\nhello"),
        ("an obsolete fold", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
        ("an unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: cow\r\n\r\nhello"),
        ("a status that is none", b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n"),
        ("an upgrade nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
        ("an endless head", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"),
        ("nothing", b""), ("half a head", b"HTTP/1.1 200 OK\r\nContent-"),
    ]

    def test_a_bad_response_is_502(self):
        proxy = self.start(allow=["127.0.0.1"])
        for what, reply in self.BAD:
            with self.subTest(what):
                origin = self.own(Scripted(reply))
                answer = proxy.get(origin.url)
                self.assertEqual(answer.status, 502, answer)
                self.assertTrue(answer.get("proxy-status").startswith("codex-network-proxy; error="), answer)

    def test_what_servers_say_oddly_and_clearly_passes(self):
        proxy = self.start(allow=["127.0.0.1"])
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        end = b"0\r\n\r\n"
        for what, reply in (("blanks behind a size", chunked + b"5  \r\nhello\r\n" + end),
                            ("blanks before an extension", chunked + b"5 ;a=b\r\nhello\r\n" + end),
                            ("blanks within an extension", chunked + b"5 ; a = \"b;c\"\r\nhello\r\n" + end),
                            ("a padded size", chunked + b"00000000000000000000005\r\nhello\r\n" + end),
                            ("a padded end", chunked + b"5\r\nhello\r\n00000000000000000000   \r\n\r\n"),
                            ("an empty element", chunked.replace(b": ", b": , ") + b"5\r\nhello\r\n" + end),
                            ("an empty element behind", chunked.replace(b"chunked", b"chunked,") + b"5\r\nhello\r\n" + end),
                            ("one length twice", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello"),
                            ("framing in the trailer", chunked + b"5\r\nhello\r\n0\r\nX-Check: good\r\nContent-Length: 7\r\n"
                                                       b"Transfer-Encoding: chunked\r\nHost: evil.test\r\n\r\n")):
            for version in ("1.1", "1.0"):
                with self.subTest(what, version=version), proxy.client() as client:
                    answer = client.request(self.own(Scripted(reply)).url, version=version)
                    self.assertEqual((answer.status, answer.body), (200, b"hello"), answer)
                    self.assertIn(answer.trailers, ([], [("X-Check", "good")]))
                    self.assertIn(answer.get("content-length"), ("", "5"))

    def test_a_trailer_that_frames_is_left_out_in_whatever_pieces_it_comes(self):
        proxy = self.start(allow=["127.0.0.1"])
        reply = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 7\r\n\r\n")
        def in_pieces(sock, _):
            for byte in reply:
                sock.sendall(bytes([byte]))
        for origin in (Scripted(reply), Scripted(serve=in_pieces)):
            answer = proxy.get(self.own(origin).url)
            self.assertEqual((answer.body, answer.trailers), (b"hello", []))

    def test_a_body_cut_short_is_never_passed_off_as_whole(self):
        proxy = self.start(allow=["127.0.0.1"])
        for what, reply in (("length", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
                            ("chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
                            ("a bad chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n\r\n")):
            with self.subTest(what):
                origin = self.own(Scripted(reply))
                with proxy.client() as client:
                    try:
                        answer = client.request(origin.url)
                    except (EOFError, ValueError):
                        continue
                    self.assertEqual(answer.status, 502, answer)

    def test_an_origin_that_never_answers_is_504(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"], daemon={"timeouts": {"response": "500ms"}})
        answer = proxy.get(origin.url + "/wait")
        self.assertEqual(answer.status, 504, answer)
        self.assertIn("http_response_timeout", answer.get("proxy-status"))
