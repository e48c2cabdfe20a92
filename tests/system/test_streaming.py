"""Bodies pass through: none is ever held whole, however large it is or slow its reader."""
from origins import Origin
from support import PATIENCE, SANITIZED, SystemTest, until

MIB = 1 << 20
LARGE = 256 * MIB if SANITIZED else 2048 * MIB
ALLOWED_GROWTH_KIB = 64 * 1024


class StreamingTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        self.proxy = self.start(allow=["127.0.0.1"])
        self.proxy.get(self.origin.url)
        self.before = self.proxy.status_kib("VmHWM")

    def assertSmall(self):
        self.assertLess(self.proxy.status_kib("VmHWM") - self.before, ALLOWED_GROWTH_KIB, "KiB of growth at the peak")

    def drain(self, client, size):
        """Reads so many bytes and forgets them."""
        block, left = bytearray(MIB), size
        while left and (count := client.reader.readinto(memoryview(block)[:left])):
            left -= count
        self.assertEqual(left, 0)

    def ask(self, client, path, method="GET", more=""):
        client.send(f"{method} {self.origin.url}{path} HTTP/1.1\r\nHost: {self.origin.authority}\r\n{more}\r\n")

    def test_a_large_download(self):
        with self.proxy.client() as client:
            self.ask(client, f"/bytes/{LARGE}")
            head = client.response("HEAD")
            self.assertEqual((head.status, head.get("content-length")), (200, str(LARGE)))
            self.drain(client, LARGE)
            self.assertEqual(client.request(self.origin.url).status, 200, "and the connection goes on")
        self.assertSmall()

    def test_a_large_chunked_download(self):
        size = LARGE // 8
        with self.proxy.client() as client:
            self.ask(client, f"/chunked/{size}")
            self.assertEqual(client.response("HEAD").status, 200)
            seen = 0
            while chunk := int(client.line().partition(";")[0], 16):
                self.drain(client, chunk)
                client.line()
                seen += chunk
            self.assertEqual(seen, size)
        self.assertSmall()

    def test_a_large_tunnel(self):
        client, _ = self.proxy.connect(self.origin.authority)
        with client:
            client.send(f"GET /bytes/{LARGE} HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.response("HEAD").status, 200)
            self.drain(client, LARGE)
        self.assertSmall()

    def test_a_large_upload(self):
        size, block = LARGE // 2, b"u" * MIB
        self.origin.release.set()
        with self.proxy.client() as client:
            self.ask(client, "/upload", "PUT", f"Content-Length: {size}\r\n")
            for _ in range(size // MIB):
                client.send(block)
            self.assertEqual(client.response().text(), str(size))
        self.assertSmall()

    def test_a_reader_that_stops_stops_the_origin(self):
        for way in ("request", "tunnel"):
            with self.subTest(way), self.proxy.client() as client:
                if way == "tunnel":
                    client, _ = self.proxy.connect(self.origin.authority)
                self.origin.sent = 0
                path = f"/bytes/{LARGE}"
                if way == "tunnel":
                    client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
                else:
                    self.ask(client, path)
                stalled(lambda: self.origin.sent)
                self.assertLess(self.origin.sent, LARGE // 2, "the origin was held back")
                client.close()
        self.assertSmall()

    def test_an_origin_that_stops_reading_stops_the_client(self):
        with self.proxy.client() as client:
            self.ask(client, "/upload", "PUT", f"Content-Length: {LARGE}\r\n")
            client.sock.settimeout(1)
            sent, block = 0, b"u" * 65536
            with self.assertRaises(TimeoutError):
                while sent < LARGE:
                    sent += client.sock.send(block)
            self.assertLess(sent, LARGE // 2, "the client was held back")
        self.assertSmall()


def stalled(progress, seconds=PATIENCE):
    """Waits until a count has begun and stays the same for many looks in a row."""
    seen = [0, 0]
    def still():
        seen[1] = seen[1] + 1 if progress() == seen[0] else 0
        seen[0] = progress()
        return seen[0] > 0 and seen[1] >= 50
    until(still, "the flow stops", seconds)
