"""Starting, stopping, and running out of things."""
import os
import resource
import select
import shutil
import signal
import socket
import threading
import time
import unittest

from name_server import NameServer
from origins import Origin
from support import BIN, SANITIZED, Proxy, SystemTest, until

LONELY_USER = 61_423  # nobody's


class StartTest(SystemTest):
    def test_a_bad_configuration_is_78(self):
        proxy = self.prepare(allow=["*"])
        self.assertEqual(proxy.launch().wait(), 78)
        self.assertRegex(proxy.log(), r"config\.toml:\d+:\d+")

    def test_no_configuration_is_78_and_names_init(self):
        done = self.cli()
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("init", done.stderr)

    def test_a_port_in_use_is_69(self):
        taken = self.own(socket.create_server(("127.0.0.1", 0)))
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        for settings in ({"network": {"proxy_url": "http://" + address}}, {"daemon": {"admin_url": "http://" + address}}):
            with self.subTest(settings):
                proxy = self.prepare(**settings)
                self.assertEqual(proxy.launch().wait(), 69)
                self.assertIn(address, proxy.log())

    def test_wrong_usage_is_2(self):
        for args in (["--no-such-flag"], ["no-such-command"], ["env", "--format", "no-such-format"], ["explain"]):
            with self.subTest(args):
                self.assertEqual(self.cli(*args).returncode, 2)

    def test_a_wide_bind_is_clamped_with_a_warning(self):
        proxy = self.start(network={"proxy_url": "http://0.0.0.0:0"})
        self.assertEqual(proxy.address()[0], "127.0.0.1")
        self.assertRegex(proxy.log(), r"level=warn.*clamp")


    def test_a_signal_while_the_configuration_is_read_ends_it_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                proxy = self.prepare(allow=["127.0.0.1"])
                os.remove(proxy.config_file)
                os.mkfifo(proxy.config_file)
                proxy.launch()
                with open(proxy.config_file, "w"):  # it is being read, and nothing comes
                    proxy.signal(number)
                    self.assertEqual(proxy.wait(20), 0, "not once whoever writes it has had his time")
                self.assertRegex(proxy.log(), rf'level=info .*msg=stopped detail="{number.name} while the configuration was read')
                self.assertNotIn("msg=listening", proxy.log())

    def test_what_else_comes_while_the_configuration_is_read_waits(self):
        proxy = self.prepare(allow=["127.0.0.1"])
        with open(proxy.config_file) as file:
            text = file.read()
        os.mkfifo(proxy.config_file + ".fifo")
        os.replace(proxy.config_file + ".fifo", proxy.config_file)
        proxy.launch()
        with open(proxy.config_file, "w") as fifo:
            proxy.signal(signal.SIGHUP)
            proxy.signal(signal.SIGUSR1)
            proxy.write(text)  # what the reload will read
            fifo.write(text)
        proxy.wait_for_line("msg=reloaded generation=2")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 0)


class StopTest(SystemTest):
    def start_with_request(self, **daemon):
        """A daemon with one request on its way, which its origin has not answered yet."""
        self.origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"], daemon=daemon)
        client = proxy.client()
        self.addCleanup(client.close)
        client.send(f"GET {self.origin.url}/wait HTTP/1.1\r\nHost: {self.origin.authority}\r\n\r\n")
        until(lambda: self.origin.requests, "the request reaches its origin")
        return proxy, client

    def refuses(self, address):
        with socket.socket() as probe:
            return probe.connect_ex(address) != 0

    def test_term_finishes_what_is_in_flight(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                proxy, client = self.start_with_request(shutdown_grace="30s")
                idle = proxy.client()
                self.addCleanup(idle.close)
                idle.request(self.origin.url)
                proxy.signal(number)
                until(lambda: self.refuses(proxy.address()), "no new connections are taken")
                self.assertTrue(idle.closed(), "an idle connection is not waited for")
                self.assertIsNone(proxy.process.poll(), "the request is")
                self.origin.release.set()
                answer = client.response()
                self.assertEqual((answer.status, answer.json()["target"]), (200, "/wait"))
                self.assertEqual(proxy.wait(), 0)

    def test_the_grace_ends(self):
        proxy, client = self.start_with_request(shutdown_grace="300ms")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(30), 0)

    def ask_as_it_ends(self):
        """A daemon that ends but for who asks its admin API, who that is, and what lets it be answered."""
        gate = threading.Event()
        self.addCleanup(gate.set)
        names = self.own(NameServer(lambda *_: gate.wait(30) and ["127.0.0.1"]))
        proxy = self.start(allow=["slow.test"], daemon=names.settings)
        asker = self.own(socket.create_connection(proxy.address("admin")))
        asker.settimeout(30)
        asker.sendall(b"GET /explain?url=http://slow.test/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: names.asked("slow.test"), "the name is asked for")
        proxy.signal(signal.SIGTERM)
        proxy.wait_for_line("msg=stopped")
        return proxy, asker, gate

    def test_who_asks_the_admin_api_as_it_ends_is_answered(self):
        proxy, asker, gate = self.ask_as_it_ends()
        gate.set()
        with asker.makefile("rb") as file:
            self.assertRegex(file.read(), rb"^HTTP/1.1 200 (?s:.*)decision")
        self.assertEqual(proxy.wait(), 0)

    def test_a_second_signal_says_not_to_wait_for_that(self):
        def seconds():
            proxy, _, _ = self.ask_as_it_ends()
            began = time.monotonic()
            proxy.signal(signal.SIGTERM)
            self.assertEqual(proxy.wait(60), 0)
            return time.monotonic() - began
        took = min(seconds() for _ in range(3))
        if not SANITIZED:  # where a check for leaks follows, the time says nothing
            self.assertLess(took, 4)  # if the second signal were ignored, each would take 5 s

    def test_a_second_term_ends_at_once(self):
        proxy, client = self.start_with_request(shutdown_grace="10m")
        proxy.signal(signal.SIGTERM)
        until(lambda: self.refuses(proxy.address()), "it drains")
        self.assertIsNone(proxy.process.poll())
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(40), 0)  # the origin answers after 60 s
        self.assertIn("msg=stopped drained=false", proxy.log())

    def test_term_under_load_cuts_nobody_off(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"], daemon={"shutdown_grace": "20s"})
        cut, served, going = [], [], threading.Event()
        def work():
            while True:
                try:
                    client = proxy.client()
                except OSError:
                    return  # not listening any more
                with client:
                    try:
                        client.send(f"GET {origin.url}/bytes/20000 HTTP/1.1\r\nHost: {origin.authority}\r\nConnection: close\r\n\r\n")
                        if not client.reader.peek(1):
                            return  # taken into the queue of a listener that was about to close
                        served.append(client.response().status)
                        going.set()
                    except ConnectionError:
                        return
                    except (EOFError, ValueError) as error:
                        cut.append(error)
        workers = [threading.Thread(target=work) for _ in range(8)]
        for worker in workers:
            worker.start()
        self.assertTrue(going.wait(10))
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 0, proxy.log())
        for worker in workers:
            worker.join(10)
        self.assertEqual(cut, [], "a response that began is finished")
        self.assertEqual(set(served), {200})


class LimitTest(SystemTest):
    def test_too_many_connections_are_told_to_come_back(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"], daemon={"limits": {"max_connections": 2}})
        first, second = proxy.client(), proxy.client()
        self.assertEqual([c.request(origin.url).status for c in (first, second)], [200, 200])
        with proxy.client() as third:
            answer = third.request(origin.url)
        self.assertEqual(answer.status, 503, answer)
        self.assertTrue(answer.get("retry-after").isdigit(), answer)
        self.assertEqual(first.request(origin.url).status, 200, "those inside are still served")
        first.close()
        second.close()
        until(lambda: proxy.get(origin.url).status == 200, "there is room again")

    @unittest.skipIf(SANITIZED, "sanitizers have threads of their own, and see what such a start does not give back")
    @unittest.skipIf(os.geteuid() != 0, "who is limited is a user that has no other process")
    def test_a_start_without_enough_threads_says_so_and_ends(self):
        folder = self.folder("limited")
        os.chmod(os.path.dirname(folder), 0o755)
        binary = shutil.copy(BIN, folder)
        proxy = Proxy(folder, daemon={"workers": 2}, binary=binary)
        for path in (folder, binary, proxy.config_file):
            os.chown(path, LONELY_USER, LONELY_USER)

        def only(threads):
            resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))
            os.setgroups([])
            os.setgid(LONELY_USER)
            os.setuid(LONELY_USER)

        self.addCleanup(proxy.close)
        for threads in range(1, 30):
            with self.subTest(threads=threads):
                proxy.lines, proxy.preexec = [], lambda: only(threads)
                until(lambda: launched(proxy), "what ran before is not counted any more")
                try:
                    until(lambda: proxy.process.poll() is not None or "msg=ready" in proxy.log(), "it is ready, or has ended")
                finally:
                    proxy.signal(signal.SIGTERM if "msg=ready" in proxy.log() else signal.SIGKILL)
                code = proxy.wait()
                if code == 0:
                    break
                self.assertEqual(code, 70, proxy.log())
                self.assertRegex(proxy.log(), r"does not allow \d+ threads more \(ulimit -u")
        self.assertGreater(threads, 6, "it was tried with too few")
        self.assertLess(threads, 29, "and with enough")

    @unittest.skipIf(SANITIZED, "sanitizers need descriptors of their own")
    def test_running_out_of_descriptors_is_survived_in_peace(self):
        origin = self.own(Origin())
        few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        proxy = self.start(allow=["127.0.0.1"], daemon={"workers": 1}, preexec=few)
        crowd = [socket.create_connection(proxy.address()) for _ in range(120)]
        until(lambda: proxy.open_files() >= 60, "every descriptor is taken")
        before = proxy.cpu_seconds()
        select.select([], [], [], 1.5)  # how much it works in a given time is the question here
        self.assertLess(proxy.cpu_seconds() - before, 0.5, "waiting for a free descriptor must not spin")
        for sock in crowd:
            sock.close()
        until(lambda: served(proxy, origin), "it serves again once there is room")

    def test_descriptors_are_given_back(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"], daemon={"workers": 1})
        proxy.get(origin.url)
        idle = proxy.open_files()
        for n in range(50):
            proxy.get(origin.url + "/until-close/10")
            client, _ = proxy.connect(origin.authority)
            client.close()
            proxy.get("http://refused.example/")
        until(lambda: proxy.open_files() <= idle + 2, f"no more than the {idle} descriptors of before stay open")


def launched(proxy):
    try:
        return proxy.launch()
    except BlockingIOError:
        return None


def served(proxy, origin):
    try:
        return proxy.get(origin.url).status == 200
    except (OSError, EOFError):
        return False
