"""A policy that changes while a request is under way: what was acknowledged holds for all that begins after it."""
import threading

from name_server import NameServer
from origins import Scripted
from support import SystemTest, until


class Paced(Scripted):
    """An origin whose answers wait for `go`; each is what `answers` gives for the n-th request."""

    def __init__(self, *answers):
        self.go, self.answers = threading.Event(), list(answers)
        super().__init__(serve=self._answer)

    def _answer(self, sock, _):
        reply = self.answers.pop(0)
        self.go.wait(20)
        if reply:
            sock.sendall(reply)
            sock.recv(1)  # stays open until the proxy closes


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class MeanwhileTest(SystemTest):
    def begin(self, origin, path="/", fields=""):
        """A client whose request has reached the origin."""
        client = self.own(self.proxy.client())
        client.send(f"GET {origin.url}{path} HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\n{fields}\r\n")
        seen = len(origin.heads)
        until(lambda: len(origin.heads) > seen or origin.heads, "the request reaches the origin")
        return client

    def test_a_connection_of_the_old_policy_serves_no_request_of_the_new(self):
        origin = self.own(Paced(OK))
        names = self.own(NameServer(lambda *_: ["127.0.0.1"]))
        self.proxy = self.start(allow=["local.test"], network={"allow_local_binding": True}, daemon=names.settings)
        url = f"http://local.test:{origin.port}/"
        with self.proxy.client() as client:
            client.send(f"GET {url} HTTP/1.1\r\nHost: local.test:{origin.port}\r\n\r\n")
            until(lambda: origin.heads, "the request reaches the origin")
            self.proxy.configure(network={"allow_local_binding": False})
            self.assertEqual(self.proxy.reload()[0], 200)
            origin.go.set()
            self.assertEqual(client.response().body, b"ok")
        # By name it is still allowed: only its address is not, so a kept connection would let it through.
        self.assertRefused(self.proxy.get(url), "not_allowed_local")

    def test_a_switch_of_protocols_after_the_switch_to_limited_opens_no_tunnel(self):
        origin = self.own(Paced(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nraw"))
        self.proxy = self.start(allow=["127.0.0.1"])
        client = self.begin(origin, fields="Connection: Upgrade\r\nUpgrade: echo\r\n")
        self.assertEqual(self.proxy.admin("POST", "/mode", b'{"mode":"limited"}')[0], 200)
        origin.go.set()
        self.assertRefused(client.response(), "method_not_allowed")

    def test_a_request_is_sent_again_only_under_the_policy_of_that_moment(self):
        go, second = threading.Event(), threading.Event()
        def one_answer(sock, _):  # then takes the next request of a kept connection, and closes without a word
            sock.sendall(OK)
            if sock.recv(65536):
                second.set()
                go.wait(20)
        for deny, status in ((["local.test"], 403), ([], 200)):
            with self.subTest(deny):
                go.clear(), second.clear()
                origin = self.own(Scripted(serve=one_answer))
                names = self.own(NameServer({"local.test": ["127.0.0.1"]}))
                proxy = self.start(allow=["local.test"], daemon={**names.settings, "workers": 1})
                url = f"http://local.test:{origin.port}/"
                with proxy.client() as client:
                    self.assertEqual(client.request(url).body, b"ok")
                    client.send(f"GET {url} HTTP/1.1\r\nHost: local.test:{origin.port}\r\n\r\n")
                    self.assertTrue(second.wait(20), "the kept connection is used again")
                    proxy.configure(deny=deny)
                    self.assertEqual(proxy.reload()[0], 200)
                    go.set()
                    answer = client.response()
                self.assertEqual(answer.status, status, answer)
                if deny:
                    self.assertRefused(answer, "denied")
                    self.assertEqual(proxy.blocked()["blocked"][0]["host"], "local.test")
                self.assertEqual(origin.connections, 1 if deny else 2, "a refused host is not dialled")

    def test_disabling_while_names_are_looked_up_ends_those_requests(self):
        silent = self.own(NameServer(lambda *_: "silent"))
        proxy = self.start(allow=["slow.test"], daemon={**silent.settings, "timeouts": {"dns": "1s"}})
        clients = [self.own(proxy.client()) for _ in range(3)]
        for client in clients:
            client.send("GET http://slow.test/ HTTP/1.1\r\nHost: slow.test\r\n\r\n")
        until(lambda: silent.asked("slow.test"), "the name is looked up")
        proxy.configure(network={"enabled": False})
        self.assertEqual(proxy.reload()[0], 200)
        proxy.configure(network={"enabled": True})
        self.assertEqual(proxy.reload()[0], 200)  # alive, and no request came back to life
        until(lambda: proxy.admin("GET", "/health")[0] == 200, "the daemon is well")


class BetweenMessagesTest(SystemTest):
    def test_the_body_of_a_request_answered_here_is_no_request(self):
        origin = self.own(Scripted(OK))
        proxy = self.start(allow=["127.0.0.1"])
        inner = f"GET {origin.url}/smuggled HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\n\r\n"
        for method in ("OPTIONS", "TRACE"):
            with self.subTest(method), proxy.client() as client:
                client.send(f"{method} {origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\nMax-Forwards: 0\r\n"
                            f"Content-Length: {len(inner)}\r\nConnection: close\r\n\r\n{inner}")
                self.assertEqual(client.response().status, 200)
                self.assertEqual(client.rest(), b"")
        self.assertEqual(origin.heads, [])

    def test_requests_pipelined_behind_an_upload_are_all_answered(self):
        def drop_body(sock, head):
            while not head.endswith(b"0\r\n\r\n"):
                head = (head + sock.recv(65536))[-5:] if len(head) > 70000 else head + sock.recv(65536)
            sock.sendall(OK)
        origin = self.own(Scripted(serve=drop_body))
        proxy = self.start(allow=["127.0.0.1"])
        upload = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
        for size in (1600, 2500, 4100):
            with self.subTest(size), proxy.client() as client:
                body = upload * size + b"0\r\n\r\n"
                head = f"POST {origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
                late = "GET http://refused.example/ HTTP/1.1\r\nHost: refused.example\r\n\r\n" * 50
                threading.Thread(target=client.send, args=(head.encode() + body + late.encode(),), daemon=True).start()
                self.assertEqual(client.response().status, 200)
                for _ in range(50):
                    self.assertRefused(client.response(), "not_allowed")

    def test_an_interim_response_does_not_stand_for_the_final_one(self):
        origin = self.own(Scripted(b"HTTP/1.1 103 Early Hints\r\n\r\n"))
        proxy = self.start(allow=["127.0.0.1"])
        with proxy.client() as client:
            client.send(f"GET {origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\n\r\n")
            answer = client.response()
            while answer.status < 200:
                answer = client.response()
        self.assertEqual(answer.status, 502)

    def test_an_endless_row_of_interim_responses_is_cut(self):
        origin = self.own(Scripted(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000))
        proxy = self.start(allow=["127.0.0.1"])
        with proxy.client() as client:
            client.send(f"GET {origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\n\r\n")
            answer = client.response()
            while answer.status < 200:
                answer = client.response()
        self.assertEqual(answer.status, 502)

    def test_a_quiet_body_has_the_idle_time(self):
        def pausing(sock, _):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            try:  # longer than `response`, shorter than `idle`
                sock.settimeout(5)
                sock.recv(1)
            except TimeoutError:
                sock.sendall(b"cd")
        origin = self.own(Scripted(serve=pausing))
        proxy = self.start(allow=["127.0.0.1"], daemon={"timeouts": {"response": "3s", "idle": "20s"}})
        self.assertEqual(proxy.get(origin.url).body, b"abcd")
