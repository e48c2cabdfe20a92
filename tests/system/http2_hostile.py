"""What tests of abuse over HTTP/2 begin with: a proxy, a client that did nothing wrong, and frames of a request."""
import struct

from http2_frames import END_HEADERS, END_STREAM, HEADERS, PUSH_PROMISE, block, frame
from support import SANITIZED
from test_http2 import Http2

ALLOWED_GROWTH_KIB = 24 * 1024
LONGEST = 2**31 - 1  # of a window
WHOLE = END_HEADERS | END_STREAM
GIVEN_UP = tuple(f"goaway {code}" for code in ("ENHANCE_YOUR_CALM", "PROTOCOL_ERROR", "INTERNAL_ERROR", "NO_ERROR"))


class Hostile(Http2):
    def setUp(self):
        super().setUp()
        self.guard(self.inspecting())

    def guard(self, proxy):
        """Watches over this proxy and a client that has done nothing wrong."""
        self.proxy = proxy
        self.bystander = self.connect(proxy)
        self.assertEqual(self.bystander.ask().status, 200)
        self.origin.requests.clear()
        self.before = proxy.status_kib("VmHWM")

    def assertUnharmed(self):
        self.assertEqual(self.bystander.ask().status, 200, "who was there before")
        self.assertEqual(self.connect(self.proxy).ask().status, 200, "who comes now")
        if not SANITIZED:
            growth = self.proxy.status_kib("VmHWM") - self.before
            self.assertLess(growth, ALLOWED_GROWTH_KIB, "KiB of growth at the peak")

    def head(self, path="/", method="GET", **changed):
        """The pseudo-fields of a request; one that is None is left out."""
        fields = {":method": method, ":scheme": "https", ":authority": f"localhost:{self.origin.port}", ":path": path,
                  **{f":{name}": value for name, value in changed.items()}}
        return [(name, value) for name, value in fields.items() if value is not None]

    def begin(self, stream=1, path="/", end=True, flags=END_HEADERS):
        """A frame that begins an honest request."""
        return frame(HEADERS, flags | (END_STREAM if end else 0), stream, block(*self.head(path)))

    def promise(self, stream):
        """A frame that announces a push."""
        return frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack("!I", 2) + block(*self.head()))

    def begin_at(self, origin, stream, path):
        return frame(HEADERS, WHOLE, stream, block(*self.head(path, authority=f"localhost:{origin.port}")))
