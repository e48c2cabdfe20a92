"""One client must not hold up the others of its loop, and a process without descriptors still says so."""
import os
import re
import resource
import signal
import subprocess
import threading
from contextlib import ExitStack

from client import Client
from http2_frames import END_HEADERS, END_STREAM, HEADERS, block, frame
from origins import Origin
from support import BIN, SystemTest, clean_env, until
from test_http2 import Http2


def refused_in_order(proxy, count):
    """The hosts that the log says were refused, once there are so many."""
    proxy.wait_for_line("msg=blocked", count=count)
    return re.findall(r"msg=blocked host=(\S+)", proxy.log())


def thread_states(pid):
    """The state of each thread, a letter as in proc(5). A signal that stops a process reaches one thread after the other."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8") as stat:
            yield stat.read().rpartition(") ")[2][0]


def together(proxy, many, one):
    """Has both sends arrive while the daemon is stopped, so that its loop meets them in one turn."""
    proxy.signal(signal.SIGSTOP)
    until(lambda: set(thread_states(proxy.process.pid)) == {"T"}, "every thread has stopped")
    many()
    one()
    proxy.signal(signal.SIGCONT)


class TurnTest(SystemTest):
    def test_a_client_that_pipelines_refused_requests_gives_way(self):
        proxy = self.start(allow=(), daemon={"workers": 1})
        many, one = self.own(proxy.client()), self.own(proxy.client())
        for client in (many, one):
            self.assertEqual(client.request("http://first.test/").status, 403)
        count = 1000
        request = "GET http://{0}/ HTTP/1.1\r\nHost: {0}\r\n\r\n"
        reader = threading.Thread(target=lambda: [many.response() for _ in range(count)])
        together(proxy, lambda: many.send(request.format("many.test") * count), lambda: one.send(request.format("one.test")))
        reader.start()
        order = refused_in_order(proxy, count + 3)[2:]
        reader.join(60)
        self.assertEqual(order.count("many.test"), count)
        # Its share of a turn or two goes before; not all of it.
        self.assertLess(order.index("one.test"), 100)

    def test_the_same_on_the_admin_port(self):
        proxy = self.start(allow=(), daemon={"workers": 1})
        admin, one = self.own(Client(proxy.address("admin"))), self.own(proxy.client())
        count = 500
        request = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        admin.send(request)
        self.assertEqual(admin.response().status, 200)
        self.assertEqual(one.request("http://first.test/").status, 403)
        together(proxy, lambda: admin.send(request * count),
                 lambda: one.send("GET http://one.test/ HTTP/1.1\r\nHost: one.test\r\n\r\n"))
        self.assertEqual(one.response().status, 403)
        for _ in range(count):
            self.assertEqual(admin.response().status, 200)


class StreamTurnTest(Http2):
    def test_streams_that_are_refused_give_way(self):
        proxy = self.intercepting("limited", daemon={"workers": 1})
        wire, one = self.wire(proxy), self.own(proxy.client())
        self.assertEqual(one.request("http://first.test/").status, 403)
        count = 90
        head = block((":method", "POST"), (":scheme", "https"), (":authority", f"localhost:{self.origin.port}"), (":path", "/"))
        streams = b"".join(frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, head) for n in range(count))
        together(proxy, lambda: wire.send(streams), lambda: one.send("GET http://one.test/ HTTP/1.1\r\nHost: one.test\r\n\r\n"))
        order = refused_in_order(proxy, count + 2)[1:]
        self.assertEqual(order.count("localhost"), count)
        self.assertLess(order.index("one.test"), 60)


def limit_descriptors(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class DescriptorTest(SystemTest):
    def fill(self, proxy, clients):
        """Opens connections that each have been served until one is turned away: its answer."""
        for _ in range(200):
            client = clients.enter_context(proxy.client())
            answer = client.request("http://refused.test/")
            if answer.status == 503:
                return answer
            self.assertEqual(answer.status, 403)
        self.fail("nobody was turned away")

    def test_the_default_of_max_connections_follows_the_descriptors(self):
        proxy = self.start(allow=(), daemon={"workers": 1}, preexec=limit_descriptors(128, 128))
        with ExitStack() as clients:
            answer = self.fill(proxy, clients)
            self.assertIn("limits.max_connections = 48", answer.text())
            self.assertTrue(answer.get("retry-after"))
            self.assertEqual(proxy.admin("GET", "/health")[0], 200)

    def test_without_descriptors_clients_are_told_and_the_admin_api_lives(self):
        origin = self.own(Origin())
        proxy = self.start(allow=("127.0.0.1",), preexec=limit_descriptors(96, 96),
                           daemon={"workers": 1, "limits": {"max_connections": 1000}})
        with ExitStack() as clients:
            answer = self.fill(proxy, clients)
            self.assertIn("out of file descriptors (96)", answer.text())
            self.assertTrue(answer.get("retry-after"))
            for _ in range(10):  # one after the other, each on the same reserve
                self.assertEqual(proxy.get("http://refused.test/").status, 503)
                self.assertEqual(proxy.admin("GET", "/health")[0], 200)
            status, _, told = proxy.admin("GET", "/connections")
            self.assertEqual(status, 200)
            self.assertGreater(len(told["connections"]), 30)
        until(lambda: proxy.get(origin.url + "/status/200").status == 200, "all is as before")

    def test_an_upstream_without_a_descriptor_is_503(self):
        origin = self.own(Origin())
        proxy = self.start(allow=("127.0.0.1",), preexec=limit_descriptors(96, 96),
                           daemon={"workers": 1, "limits": {"max_connections": 1000}})
        with ExitStack() as clients:
            first = clients.enter_context(proxy.client())
            self.assertEqual(first.request("http://refused.test/").status, 403)
            self.fill(proxy, clients)
            answer = first.request(origin.url + "/status/200")
            self.assertEqual(answer.status, 503, answer)
            self.assertIn("Too many open files", answer.text())

    def limit_in(self, text):
        return [int(n) for n in re.search(r"Max open files\s+(\d+)\s+(\d+)", text).groups()]

    def test_the_soft_limit_is_raised_to_the_hard_one(self):
        proxy = self.start(preexec=limit_descriptors(256, 2048))
        with open(f"/proc/{proxy.process.pid}/limits") as limits:
            self.assertEqual(self.limit_in(limits.read()), [2048, 2048])

    def test_what_run_starts_has_the_limit_of_before(self):
        proxy = self.prepare()
        out = subprocess.run([BIN, "--config", proxy.config_file, "run", "--", "sh", "-c",
                              "ulimit -Sn; ulimit -Hn; "
                              # It is as low in the parent for the moment in which the child is made.
                              "while grep -q 'open files  *256' /proc/$PPID/limits; do :; done; cat /proc/$PPID/limits"],
                             env=clean_env(CODEX_HOME=proxy.folder), cwd=self.tmp, capture_output=True, text=True, timeout=60,
                             preexec_fn=limit_descriptors(256, 2048))
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertEqual(out.stdout.split()[:2], ["256", "2048"])
        self.assertEqual(self.limit_in(out.stdout), [2048, 2048])
