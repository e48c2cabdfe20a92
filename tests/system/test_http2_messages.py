"""What passes inside intercepted tunnels over HTTP/2: whole messages, both ways, and no faster than each side reads."""
import os
import threading

from http2_peer import Code, Setting
from support import until
from test_http2 import Http2
from test_streaming import stalled


class MessageTest(Http2):
    """What a message consists of arrives whole, whichever protocol the origin speaks."""

    def each(self):
        """(kind, client, origin) for each kind of origin."""
        proxy = self.inspecting()
        for kind, origin in self.both_origins():
            origin.release.set()
            yield kind, self.connect(proxy, origin), origin

    def test_responses_without_a_body_have_none(self):
        for kind, client, _ in self.each():
            with self.subTest(kind):
                head = client.ask("HEAD", "/bytes/1000")
                self.assertEqual((head.status, head.get("content-length"), head.body), (200, "1000", b""))
                for status in (204, 304):
                    answer = client.ask(path=f"/status/{status}")
                    self.assertEqual((answer.status, answer.get("etag"), answer.body), (status, '"e"', b""))
                self.assertEqual(client.ask(path="/status/404").body, b"status")

    def test_a_length_is_told_both_ways(self):
        for kind, client, _ in self.each():
            with self.subTest(kind):
                told = dict(self.seen(client.ask("POST", fields=[("content-length", "5")], body=b"hello"))["fields"])
                self.assertEqual((told["content-length"], "transfer-encoding" in told), ("5", False))
                self.assertEqual(client.ask(path="/bytes/70000").get("content-length"), "70000")

    def test_an_empty_body_is_no_missing_one(self):
        for kind, client, _ in self.each():
            with self.subTest(kind):
                told = self.seen(client.ask("POST", fields=[("content-length", "0")]))
                self.assertEqual((dict(told["fields"])["content-length"], told["body"]), ("0", ""))
                late = client.request("POST", end=False)
                late.send(end=True)
                self.assertEqual(self.seen(late.response())["body"], "")

    def test_trailers_pass_both_ways(self):
        for kind, client, _ in self.each():
            with self.subTest(kind):
                answer = client.ask(path="/chunked/300000")
                self.assertEqual(len(answer.body), 300000)
                self.assertEqual([(k.lower(), v) for k, v in answer.trailers], [("x-check", "good")])
                upload = client.request("POST", body=b"hello", end=False)
                upload.send_fields([("x-sum", "7")], end=True)
                told = self.seen(upload.response())
                self.assertEqual((told["body"], [line.lower() for line in told["trailers"]]), ("hello", ["x-sum: 7"]))

    def test_interim_responses_pass(self):
        for kind, client, _ in self.each():
            with self.subTest(kind):
                answer = client.ask(path="/hints")
                self.assertEqual((answer.status, len(answer.interim)), (200, 1))
                self.assertEqual([(k, v) for k, v in answer.interim[0] if k != "via"], [(":status", "103"), ("link", "</a.css>")])

    def test_a_client_that_expects_100_gets_it_before_it_sends(self):
        for kind, client, _ in self.each():
            with self.subTest(kind):
                upload = client.request("POST", fields=[("expect", "100-continue"), ("content-length", "5")], end=False)
                client.wait(lambda: upload.interim, "100 Continue")
                self.assertEqual(upload.interim[0][0], (":status", "100"))
                upload.send(b"hello", end=True)
                self.assertEqual(self.seen(upload.response())["body"], "hello")

    def test_large_bodies_arrive_whole_both_ways(self):
        for kind, client, _ in self.each():
            with self.subTest(kind):
                self.assertEqual(len(client.ask(path="/bytes/3000000").body), 3000000)
                self.assertEqual(client.ask("POST", "/upload", body=b"u" * 2000000).text(), "2000000")
                body = os.urandom(150_000).hex().encode()
                self.assertEqual(self.seen(client.ask("POST", body=body))["body"], body.decode())

    def test_both_sides_talk_at_once(self):
        for kind, client, _ in self.each():
            with self.subTest(kind):
                talk = client.request("POST", "/chat", [("te", "trailers"), ("content-type", "application/grpc")], end=False)
                said = b""
                for count in range(30):
                    word = b"ping %d " % count
                    said += word
                    talk.send(word)
                    self.assertEqual(talk.read(len(said)), said)
                talk.send(end=True)
                answer = talk.response()
                self.assertEqual([(k.lower(), v) for k, v in answer.trailers], [("x-check", "good")])

    def test_fields_of_one_hop_stay_there(self):
        client = self.connect(self.inspecting())
        answer = client.ask(path="/hop")
        self.assertEqual(answer.body, b"hop")
        self.assertFalse(answer.names() & {"connection", "keep-alive", "x-one", "x-two", "proxy-authenticate"}, answer)
        self.assertNotIn("forged", answer.get("proxy-status"))
        self.assertEqual(answer.get("x-three"), "3")

    def test_a_response_of_trailers_alone_stays_one(self):
        origin = self.h2_origin(pages={"/grpc": lambda stream: stream.send_fields(
            [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "12")], end=True)})
        answer = self.connect(self.inspecting(), origin).ask("POST", "/grpc", [("te", "trailers")], b"\0\0\0\0\0")
        self.assertEqual((answer.get("grpc-status"), answer.body, answer.trailers), ("12", b"", []))
        self.assertEqual(answer.names() - {"via"}, {"content-type", "grpc-status"})

    def test_a_length_that_nobody_told_is_not_made_up(self):
        origin = self.h2_origin(pages={"/": lambda stream: stream.send_fields([(":status", stream.get("x-status"))], end=True)})
        client = self.connect(self.inspecting(), origin)
        for method, status in (("HEAD", "200"), ("GET", "204"), ("GET", "304")):
            with self.subTest(f"{method} {status}"):
                answer = client.ask(method, fields=[("x-status", status)])
                self.assertEqual((str(answer.status), answer.get("content-length")), (status, ""))

    def test_an_answer_may_come_before_the_request_ends(self):
        def early(stream):
            origin.reply(stream, b"enough", 413)
            stream.cancel(Code.NO_ERROR)
        origin = self.h2_origin(pages={"/early": early})
        client = self.connect(self.inspecting(), origin)
        upload = client.request("POST", "/early", end=False)
        answer = upload.response()
        self.assertEqual((answer.status, answer.body), (413, b"enough"))
        self.assertEqual(client.ask().status, 200)

    def test_a_client_that_cancels_reaches_the_origin(self):
        cancelled = threading.Event()
        def h1_page(request):
            if request.connection.recv(1) == b"":
                cancelled.set()
        def h2_page(stream):
            if stream.end() is not None:
                cancelled.set()
        self.pages["/held"] = h1_page
        proxy = self.inspecting()
        for origin in (self.origin, self.h2_origin(pages={"/held": h2_page})):
            cancelled.clear()
            client = self.connect(proxy, origin)
            held = client.request("POST", "/held", end=False)
            until(lambda: origin.requests, "the request is at the origin")
            held.cancel()
            self.assertTrue(cancelled.wait(10))
            self.assertEqual(client.ask().status, 200, "the connection goes on")

    def test_an_upload_that_is_cut_is_no_whole_one(self):
        for kind, client, origin in self.each():
            with self.subTest(kind):
                told = []
                if origin is self.origin:
                    origin.pages["/cut"] = lambda request: told.append(b"".join(request.body())) or told.append("whole")
                else:
                    origin.pages["/cut"] = lambda stream: told.append(stream.read()) or stream.ended and told.append("whole")
                upload = client.request("POST", "/cut", end=False)
                upload.send(b"half")
                until(lambda: origin.requests, "the request is at the origin")
                upload.cancel()
                self.assertEqual(client.ask().status, 200)
                self.assertNotIn("whole", told)


class FlowTest(Http2):
    MUCH = 64 << 20

    def test_a_client_that_stops_reading_stops_its_origin_and_nobody_else(self):
        proxy = self.inspecting(daemon={"workers": 1})
        for kind, origin in self.both_origins():
            with self.subTest(kind):
                slow, quick = self.connect(proxy, origin, reading=False), self.connect(proxy, origin)
                slow.widen()
                held = slow.request(path=f"/bytes/{self.MUCH}")
                stalled(lambda: origin.sent)
                self.assertLess(origin.sent, self.MUCH // 2)
                self.assertEqual(slow.ask(path="/a").status, 200, "another stream of the same client")
                self.assertEqual(len(quick.ask(path="/bytes/1000000").body), 1000000)
                before = origin.sent
                slow.read_on()
                until(lambda: origin.sent > before + (1 << 20), "the origin goes on")
                held.cancel()

    def test_an_origin_that_stops_reading_stops_its_client_and_nobody_else(self):
        proxy = self.inspecting(daemon={"workers": 1})
        for kind, origin in (("http/1.1", self.origin), ("h2", self.h2_origin(reading=False))):
            with self.subTest(kind):
                client, other = self.connect(proxy, origin), self.connect(proxy, origin)
                upload = client.request("POST", "/upload", end=False)
                threading.Thread(target=upload.push, args=(bytes(self.MUCH),), daemon=True).start()
                stalled(lambda: upload.sent)
                self.assertLess(upload.sent, self.MUCH // 2)
                self.assertEqual(client.ask(path="/a").status, 200, "another stream of the same client")
                self.assertEqual(len(other.ask(path="/bytes/1000000").body), 1000000)
                before = upload.sent
                origin.release.set()
                until(lambda: upload.sent > before + (1 << 20), "the client goes on")
                upload.cancel()

    def test_padding_is_given_back_to_the_window(self):
        client = self.connect(self.inspecting())
        self.origin.release.set()
        upload = client.request("POST", "/upload", end=False)
        for _ in range(2_000):  # with the length of the padding 256 bytes each, and twice the window in all
            client.wait(lambda: upload.room() > 256, "room in the window")
            with client.news:
                client.h2.send_data(upload.number, b"u", pad_length=254)
                client.flush()
        upload.send(end=True)
        self.assertEqual(upload.response().text(), "2000")

    def test_settings_of_the_client_are_kept(self):
        client = self.connect(self.inspecting(), settings={Setting.INITIAL_WINDOW_SIZE: 1000, Setting.HEADER_TABLE_SIZE: 0})
        for _ in range(3):
            self.assertEqual(len(client.ask(path="/bytes/50000").body), 50_000)
        self.assertIsNone(client.fault)

    def test_streams_that_are_cancelled_at_any_moment_leave_the_others_whole(self):
        proxy = self.inspecting(daemon={"workers": 1})
        for kind, origin in self.both_origins():
            with self.subTest(kind):
                client = self.connect(proxy, origin)
                client.widen()
                for round in range(10):
                    streams = [client.request(path="/bytes/100000") for _ in range(20)]
                    for place, stream in enumerate(streams[::2]):
                        stream.read(place * round * 1_000)
                        stream.cancel()
                    self.assertEqual({len(stream.response().body) for stream in streams[1::2]}, {100_000})

    def test_a_quick_stream_overtakes_slow_ones(self):
        for kind, origin in self.both_origins():
            with self.subTest(kind):
                client = self.connect(self.inspecting(), origin)
                slow = [client.request(path="/wait") for _ in range(50)]
                until(lambda: len(origin.requests) == 50, "all are at the origin together")
                self.assertEqual(client.ask(path="/quick").status, 200)
                self.assertFalse(any(stream.over for stream in slow))
                origin.release.set()
                self.assertEqual({stream.response().status for stream in slow}, {200})

    def test_a_client_may_have_100_streams_and_no_more(self):
        client = self.wire(self.inspecting())
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", f"localhost:{self.origin.port}"), (":path", "/wait")]
        for number in range(101):
            client.request(2 * number + 1, *fields)
        self.assertEqual(client.outcome(201), "reset REFUSED_STREAM")
        until(lambda: len(self.origin.requests) == 100, "the others are at the origin")
        self.origin.release.set()
        self.assertEqual(client.outcome(1), "status 200")

    def test_the_limit_of_streams_is_told(self):
        client = self.connect(self.inspecting())
        client.wait(lambda: Setting.MAX_CONCURRENT_STREAMS in client.settings, "the settings")
        self.assertEqual(client.settings[Setting.MAX_CONCURRENT_STREAMS], 100)
