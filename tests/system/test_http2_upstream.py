"""Connections to origins that speak HTTP/2: shared, given up, replaced, and never believed too much."""
import threading

from http2_frames import END_HEADERS, END_STREAM, HEADERS, Code, block, frame, goaway
from http2_peer import Setting
from origins import Authority
from support import until
from test_http2 import Http2


def once(first, later):
    """A page that does the one thing at its first request, and the other from then on."""
    turns = iter([first])
    return lambda stream: next(turns, later)(stream)


def over_h2(page):
    """What a page does to streams alone: over HTTP/1.1 it is an echo."""
    return lambda exchange: page(exchange) if hasattr(exchange, "peer") else exchange.serve_echo("")


class UpstreamTest(Http2):
    def reach(self, pages=None, daemon=None, **kw):
        """An origin that speaks h2, and a client of it whose streams share one connection there."""
        self.far = self.h2_origin(pages=pages or {}, **kw)
        self.proxy = self.inspecting(daemon={"workers": 1, **(daemon or {})})
        return self.connect(self.proxy, self.far)

    def echo(self, stream):
        self.far.serve_echo(stream, "")

    def assertFault(self, answer, status, word):
        self.assertEqual(answer.status, status, answer)
        self.assertIn(word, answer.get("proxy-status"))
        self.assertIn(word, answer.text())

    def test_a_refused_stream_is_sent_again_whatever_its_method(self):
        refuse = lambda stream: stream.cancel(Code.REFUSED_STREAM)
        pages = {f"/{method}": once(refuse, self.echo) for method in ("GET", "DELETE", "POST")}
        client = self.reach(pages)
        for method in ("GET", "DELETE", "POST"):
            with self.subTest(method):
                self.assertEqual(self.seen(client.ask(method, f"/{method}"))["method"], method)
                self.assertEqual(self.far.requests, [f"{method} /{method} HTTP/2"] * 2)
                self.far.requests.clear()

    def test_a_stream_that_is_always_refused_is_an_error_in_the_end(self):
        client = self.reach({"/no": lambda stream: stream.cancel(Code.REFUSED_STREAM)})
        self.assertEqual(client.ask(path="/no").status, 502)
        self.assertLess(len(self.far.requests), 10)

    def test_a_refused_body_is_sent_again_as_it_came(self):
        def refuse(stream):
            stream.read(5)
            stream.cancel(Code.REFUSED_STREAM)
        client = self.reach({"/whole": once(refuse, self.echo), "/later": once(refuse, self.echo)})
        self.assertEqual(self.seen(client.ask("POST", "/whole", body=b"hello"))["body"], "hello")
        later = client.request("POST", "/later", body=b"hello", end=False)
        until(lambda: self.far.requests.count("POST /later HTTP/2") == 2, "it was refused and is sent again")
        later.send(b" world", end=True)
        self.assertEqual(self.seen(later.response())["body"], "hello world")

    def test_an_origin_that_wants_http1_gets_it_and_is_remembered(self):
        want = lambda stream: stream.cancel(Code.HTTP_1_1_REQUIRED)
        client = self.reach({"/old": over_h2(want)})
        told = self.seen(client.ask(path="/old"))
        self.assertEqual((told["version"], told["target"]), ("HTTP/1.1", "/old"))
        self.assertEqual(self.far.spoken, ["h2", "http/1.1"])
        self.assertEqual(self.seen(client.ask(path="/old"))["version"], "HTTP/1.1")
        self.assertEqual(self.seen(client.ask(path="/other"))["version"], "HTTP/1.1")
        self.assertEqual(self.far.spoken.count("h2"), 1)

    def test_a_body_goes_over_http1_as_it_came(self):
        def want(stream):
            stream.read(3)
            stream.cancel(Code.HTTP_1_1_REQUIRED)
        for fields in ([], [("content-length", "5")]):
            client = self.reach({"/old": over_h2(want)})
            told = self.seen(client.ask("POST", "/old", fields, b"hello"))
            self.assertEqual((told["version"], told["method"], told["body"]), ("HTTP/1.1", "POST", "hello"))

    def test_a_body_too_long_to_keep_is_502_and_the_next_request_goes_over_http1(self):
        def want(stream):
            stream.read(200_000)
            stream.cancel(Code.HTTP_1_1_REQUIRED)
        client = self.reach({"/old": want})
        answer = client.ask("POST", "/old", body=b"x" * 300_000)
        self.assertFault(answer, 502, "HTTP_1_1_REQUIRED")
        self.assertEqual(self.seen(client.ask())["version"], "HTTP/1.1")

    def test_a_goodbye_for_want_of_http1_means_the_same(self):
        def leave(stream):
            stream.peer.send_raw(goaway(0, Code.HTTP_1_1_REQUIRED))
            stream.peer.close()
        client = self.reach({"/old": over_h2(leave)})
        self.assertEqual(self.seen(client.ask(path="/old"))["version"], "HTTP/1.1")
        self.assertEqual(self.seen(client.ask("POST", body=b"x"))["version"], "HTTP/1.1")

    def test_an_origin_that_wants_http1_and_does_not_speak_it_is_502_with_the_code(self):
        client = self.reach({"/old": lambda stream: stream.cancel(Code.HTTP_1_1_REQUIRED)}, alpn=["h2"])
        for _ in range(2):
            self.assertFault(client.ask(path="/old"), 502, "HTTP_1_1_REQUIRED")
        self.assertEqual(client.ask().status, 200)

    def test_every_code_is_named(self):
        codes = [code for code in Code if code not in (Code.NO_ERROR, Code.REFUSED_STREAM, Code.HTTP_1_1_REQUIRED)]
        client = self.reach({f"/{code.name}": lambda stream, code=code: stream.cancel(code) for code in codes})
        for code in codes:
            with self.subTest(code.name):
                self.assertFault(client.ask("POST", f"/{code.name}"), 502, code.name)
        self.assertFault(self.reach({"/odd": lambda stream: stream.cancel(0x77)}).ask("POST", "/odd"), 502, "error 119")

    def test_the_code_and_the_words_of_a_goodbye_are_told(self):
        def leave(stream):
            stream.peer.send_raw(goaway(stream.number, Code.ENHANCE_YOUR_CALM, b"too_many\x1b_pings"))
            stream.peer.close()
        client = self.reach({"/calm": leave})
        answer = client.ask("POST", "/calm")
        self.assertFault(answer, 502, "ENHANCE_YOUR_CALM")
        self.assertIn("too_many?_pings", answer.text())
        self.assertEqual(client.ask().status, 200)

    def test_a_code_in_the_middle_of_a_response_reaches_the_client(self):
        def begin_and(code):
            def serve(stream):
                stream.send_fields([(":status", "200")])
                stream.send(b"half")
                stream.cancel(code)
            return serve
        same = [Code.CANCEL, Code.ENHANCE_YOUR_CALM, Code.INADEQUATE_SECURITY]
        ours = [Code.PROTOCOL_ERROR, Code.FLOW_CONTROL_ERROR, Code.REFUSED_STREAM, Code.INTERNAL_ERROR]
        client = self.reach({f"/{code.name}": begin_and(code) for code in same + ours})
        for code in same + ours:
            with self.subTest(code.name):
                self.assertEqual(client.request(path=f"/{code.name}").end(), code if code in same else Code.INTERNAL_ERROR)

    def test_a_post_that_a_goodbye_takes_in_is_not_sent_twice(self):
        def leave(stream):
            stream.peer.send_raw(goaway(stream.number, Code.HTTP_1_1_REQUIRED))
            stream.peer.close()
        client = self.reach({"/pay": leave})
        self.assertFault(client.ask("POST", "/pay"), 502, "HTTP_1_1_REQUIRED")

    def test_a_field_of_one_exchange_is_not_told_in_the_faults_of_others(self):
        def bad(stream):
            head = block((":status", "204"), ("set-cookie", "sid=S3CRET\x01"))
            stream.peer.send_raw(frame(HEADERS, END_HEADERS | END_STREAM, stream.number, head))
        client = self.reach({"/bad": bad, "/leave": lambda stream: stream.peer.close()})
        self.assertEqual(client.ask(path="/bad").status, 502)
        answer = self.connect(self.proxy, self.far).ask("POST", "/leave")
        self.assertEqual(answer.status, 502)
        for told in (answer.text(), answer.get("proxy-status"), self.proxy.log()):
            self.assertNotIn("S3CRET", told)

    def test_what_goaway_leaves_out_goes_to_a_new_connection(self):
        def leave(stream):
            stream.peer.send_raw(goaway(stream.number - 2))
            stream.peer.close()
        client = self.reach({"/left": once(leave, self.echo)})
        self.assertEqual(client.ask().status, 200)
        self.assertEqual(self.seen(client.ask("POST", "/left"))["target"], "/left")
        self.assertEqual(self.far.spoken, ["h2"] * 2)

    def test_what_goaway_takes_in_finishes_and_what_is_new_goes_elsewhere(self):
        client = self.reach()
        waiting = client.request(path="/wait")
        until(lambda: self.far.requests, "the request is at the origin")
        self.far.peers[0].send_raw(goaway(2**31 - 1))
        until(lambda: client.ask().status == 200 and len(self.far.peers) == 2, "a new connection is used")
        self.assertFalse(waiting.over)
        self.far.release.set()
        self.assertEqual(waiting.response().status, 200)
        self.far.peers[0].ended()  # nobody uses it any more

    def test_an_idle_connection_that_the_origin_closes_is_replaced(self):
        client = self.reach()
        self.assertEqual(client.ask().status, 200)
        self.far.peers[0].close()
        self.assertEqual(client.ask().status, 200)
        self.assertEqual(self.far.spoken, ["h2"] * 2)

    def test_a_connection_that_dies_loses_what_may_not_be_sent_twice(self):
        die = lambda stream: stream.peer.close()
        client = self.reach({"/get": once(die, self.echo), "/post": once(die, self.echo)})
        self.assertEqual(client.ask().status, 200)
        self.assertEqual(client.ask(path="/get").status, 200)
        lost = client.ask("POST", "/post", body=b"x")
        self.assertEqual(lost.status, 502, lost)
        self.assertEqual(self.far.requests.count("POST /post HTTP/2"), 1)
        self.assertEqual(client.ask().status, 200)

    def test_an_unused_connection_is_closed_after_its_time(self):
        client = self.reach(daemon={"timeouts": {"upstream_idle": "300ms"}})
        self.assertEqual(client.ask().status, 200)
        self.assertIn(self.far.peers[0].ended(), (Code.NO_ERROR, None))
        self.assertEqual(client.ask().status, 200)

    def test_no_more_streams_are_opened_than_the_origin_allows(self):
        client = self.reach(settings={Setting.MAX_CONCURRENT_STREAMS: 2})
        client.ask()
        streams = [client.request(path="/wait") for _ in range(10)]
        until(lambda: len(self.far.requests) > 2, "the first are at the origin")
        self.far.release.set()
        self.assertEqual([stream.response().status for stream in streams], [200] * 10)
        self.assertEqual([peer.fault for peer in self.far.peers], [None] * len(self.far.peers))

    def test_settings_of_the_origin_are_kept(self):
        client = self.reach(settings={Setting.INITIAL_WINDOW_SIZE: 1000, Setting.HEADER_TABLE_SIZE: 0})
        self.far.release.set()
        client.ask()
        for _ in range(3):
            self.assertEqual(client.ask("POST", "/upload", [("x-same", "again")], b"u" * 100_000).text(), "100000")
        self.assertIsNone(self.far.peers[0].fault)

    def test_a_stream_reset_before_its_head_is_502(self):
        client = self.reach({"/broken": lambda stream: stream.cancel(Code.INTERNAL_ERROR)})
        self.assertFault(client.ask("POST", "/broken"), 502, "http_protocol_error")
        self.assertEqual(client.ask().status, 200)

    def test_a_response_that_is_cut_is_no_whole_one(self):
        def reset(stream):
            stream.send_fields([(":status", "200")])
            stream.send(b"half")
            stream.cancel(Code.INTERNAL_ERROR)
        def short(stream):
            stream.send_fields([(":status", "200"), ("content-length", "100")])
            stream.send(b"half", end=True)
        def long(stream):
            stream.send_fields([(":status", "200"), ("content-length", "4")])
            stream.send(b"half and more", end=True)
        def lost(stream):
            stream.send_fields([(":status", "200")])
            stream.send(b"half")
            stream.peer.close()
        client = self.reach({"/reset": reset, "/short": short, "/long": long, "/lost": lost})
        for path in self.far.pages:
            with self.subTest(path):
                cut = client.request(path=path)
                self.assertTrue(cut.end() is not None or cut.get(":status") == "502", cut.fields)
                self.assertEqual(client.ask().status, 200)

    def test_a_response_of_http1_that_is_cut_is_no_whole_one(self):
        def page(text):
            def serve(request):
                request.wfile.write(text)
                request.close_connection = True
            return serve
        self.pages.update({"/length": page(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
                           "/chunked": page(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
                           "/garbled": page(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n")})
        client = self.connect(self.inspecting())
        for path in self.pages:
            with self.subTest(path):
                cut = client.request(path=path)
                self.assertTrue(cut.end() is not None or cut.get(":status") == "502", cut.fields)
                self.assertEqual(client.ask().status, 200)

    def test_a_response_that_is_none_is_502(self):
        ok = (":status", "200")
        heads = {"/no-status": [("x", "y")], "/no-number": [(":status", "2x0")], "/two": [ok, ok], "/upper": [ok, ("X-Up", "1")],
                 "/connection": [ok, ("connection", "close")], "/coding": [ok, ("transfer-encoding", "chunked")],
                 "/pseudo": [ok, (":path", "/")], "/late": [("x", "y"), ok], "/nul": [ok, ("x", "a\0b")],
                 "/line": [ok, ("x", "a\r\nset-cookie: b=c")], "/lengths": [ok, ("content-length", "1"), ("content-length", "2")],
                 "/switch": [(":status", "101")]}
        client = self.reach({path: lambda stream, head=head: stream.send_fields(head, end=head[0][1] != "101")
                             for path, head in heads.items()})
        for path in heads:
            with self.subTest(path):
                self.assertFault(client.ask("POST", path), 502, "http_protocol_error")
        self.assertEqual(client.ask().status, 200)

    def test_a_head_beyond_the_limits_is_502(self):
        def answer(*fields):
            return lambda stream: stream.send_fields([(":status", "200"), *fields], end=True)
        client = self.reach({"/long": answer(("x", "a" * 70_000)), "/many": answer(*[("x", "y")] * 300),
                             "/fine": answer(("x", "a" * 60_000))})
        self.assertEqual([client.ask(path=path).status for path in self.far.pages], [502, 502, 200])

    def test_an_interim_response_does_not_stand_for_the_final_one(self):
        def hints(count):
            def serve(stream):
                for _ in range(count):
                    stream.send_fields([(":status", "103")])
                stream.cancel(Code.NO_ERROR)
            return serve
        client = self.reach({"/one": hints(1), "/endless": hints(1000)})
        self.assertEqual(client.ask(path="/one").status, 502)
        endless = client.ask(path="/endless")
        self.assertEqual((endless.status, len(endless.interim) < 1000), (502, True))

    def test_an_origin_that_never_answers_is_504(self):
        client = self.reach(daemon={"timeouts": {"response": "3s"}})
        self.assertFault(client.ask(path="/wait"), 504, "http_response_timeout")
        self.assertEqual(client.ask().status, 200)

    def test_an_origin_that_cannot_be_believed_is_told_on_the_stream(self):
        wrong = self.own(type(self.h2_origin())(self.authority.server("other.test")))
        stranger = self.own(type(wrong)(Authority(self.folder("stranger")).server("localhost")))
        proxy = self.inspecting()
        for origin, word in ((wrong, "hostname"), (stranger, "issuer")):
            answer = self.connect(proxy, origin).ask()
            self.assertFault(answer, 502, "tls_certificate_error")
            self.assertIn(word, answer.text().lower())
        self.assertEqual(wrong.requests + stranger.requests, [])

    def test_an_origin_that_has_gone_is_502_on_the_stream(self):
        client = self.reach()
        self.assertEqual(client.ask().status, 200)
        self.far.close()
        self.assertFault(client.ask(), 502, "connection_refused")

    def test_many_clients_at_once_get_their_own_answers(self):
        client = self.reach()
        clients, wrong = [client, *(self.connect(self.proxy, self.far) for _ in range(3))], []
        def work(peer, name):
            for round in range(10):
                paths = [f"/{name}/{round}/{n}" for n in range(5)]
                for path, stream in [(path, peer.request("POST", path, body=name.encode() * 500)) for path in paths]:
                    told = stream.response().json()
                    if (told["target"], told["body"]) != (path, name * 500):
                        wrong.append(told)
        workers = [threading.Thread(target=work, args=(peer, str(n))) for n, peer in enumerate(clients)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)
        self.assertEqual((wrong, len(self.far.requests)), ([], 200))


class AddressTest(Http2):
    def test_a_connection_of_the_old_policy_serves_no_stream_of_the_new(self):
        origin = self.h2_origin()
        proxy = self.inspecting(allow=["localhost", "127.0.0.1"])
        client = self.connect(proxy, origin, "127.0.0.1")
        self.assertEqual(client.ask().status, 200)
        proxy.configure(deny=["127.0.0.1"])
        self.assertEqual(proxy.reload()[0], 200)
        client.ended()
        count = len(origin.requests)
        self.assertEqual(proxy.connect(client.authority)[1].status, 403)
        self.assertEqual(len(origin.requests), count)
