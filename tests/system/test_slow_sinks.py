"""What is told is told in order and whole, and somebody who does not listen costs what is told, never a request."""
import os
import re
import signal
import threading

from support import Proxy, SystemTest, until


class Unread(Proxy):
    """A daemon whose stderr is read only while the test says so."""

    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        self.listening = threading.Event()
        self.listening.set()

    def _read(self, stream):
        def lines():
            for raw in stream:
                self.listening.wait()
                yield raw
            stream.close()
        super()._read(Closing(lines()))

    def close(self):
        self.listening.set()
        super().close()


class Closing:
    """An iterator with the `close` of a stream."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return self.items

    def close(self):
        self.items.close()


class SlowSinksTest(SystemTest):
    def dropped(self, subscriber):
        text = self.proxy.admin("GET", "/metrics")[2]
        return int(re.search(rf'events_dropped_total\{{subscriber="{subscriber}"\}} (\d+)', text)[1])

    def refusals(self, count, start=0):
        """So many on one connection; each is answered."""
        with self.proxy.client() as client:
            for i in range(start, start + count):
                self.assertEqual(client.request(f"http://h{i}.test/").status, 403)

    def unread(self, **daemon):
        folder = self.folder("unread")
        self.proxy = self.own(Unread(folder, allow=["good.test"], daemon={"workers": 1, **daemon})).start()
        return self.proxy

    def test_every_refusal_is_logged_once_and_in_order_up_to_the_end(self):
        self.unread()
        self.refusals(300)
        self.proxy.signal(signal.SIGTERM)
        self.assertEqual(self.proxy.wait(), 0)
        lines = self.proxy.log().splitlines()
        hosts = [m[1] for m in (re.search(r"msg=blocked host=(\S+)", line) for line in lines) if m]
        self.assertEqual(hosts, [f"h{i}.test" for i in range(300)])
        self.assertIn("msg=stopped", lines[-1])
        times = [re.match(r"time=(\S+)", line)[1] for line in lines if "msg=blocked" in line]
        self.assertEqual(times, sorted(times), "a line has the time of what it tells, not of its writing")

    def test_a_log_that_nobody_reads_holds_up_no_request(self):
        self.unread()
        self.proxy.listening.clear()
        said = 0
        while self.dropped("log") == 0:
            self.refusals(100, said)
            said += 100
            self.assertLess(said, 100_000, "the log has no end")
        self.refusals(100, said)
        said += 100
        self.proxy.listening.set()
        until(lambda: "log_lines_lost" in self.proxy.log() or self.refusals(1, said), "the log tells what it lost")
        self.proxy.signal(signal.SIGTERM)
        self.assertEqual(self.proxy.wait(), 0)
        told = sum(map(int, re.findall(r"level=warn msg=log_lines_lost count=(\d+)", self.proxy.log())))
        self.assertGreater(told, 0)
        hosts = [int(n) for n in re.findall(r"msg=blocked host=h(\d+)\.test", self.proxy.log())]
        self.assertEqual(hosts, sorted(hosts), "what is left is in order")
        self.assertGreaterEqual(told + len(hosts), said, "what is missing is counted")
        for line in self.proxy.log().splitlines():
            self.assertRegex(line, r"^time=\S+ level=\w+ msg=", "lines are whole")

    def test_the_end_does_not_wait_for_somebody_who_does_not_read(self):
        self.unread()
        self.proxy.listening.clear()
        said = 0
        while self.dropped("log") == 0:
            self.refusals(100, said)
            said += 100
        self.proxy.signal(signal.SIGTERM)
        self.assertEqual(self.proxy.process.wait(60), 0)

    def test_an_audit_trail_that_nobody_reads_holds_up_no_request(self):
        path = os.path.join(self.tmp, "trail")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.unread(audit={"output": "file:" + path, "queue_size": 100})
        said = 0
        while self.dropped("audit") == 0:
            self.refusals(100, said)
            said += 100
            self.assertLess(said, 100_000, "the audit trail has no end")
        self.assertEqual(self.proxy.blocked()["total"], said, "others hear of all")
        self.proxy.wait_for_line(rf"msg=blocked host=h{said - 1}\.test")
        self.assertEqual(self.dropped("log"), 0)
        metrics = self.proxy.admin("GET", "/metrics")[2]
        self.assertRegex(metrics, r"\ncodex_network_proxy_audit_dropped_total [1-9]\d*\n")
