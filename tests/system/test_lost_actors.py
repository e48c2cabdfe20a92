"""Whoever the proxy cannot do without ends it: nobody is served any more, the log says who is lost, exit code 70."""
import http.client
import os
import signal
import socket
import tempfile
import threading
import time

from name_server import NameServer
from origins import Origin
from support import BIN, Proxy, SystemTest, until

LOSING_BIN = os.environ.get("PROXY_LOSING_BIN") or os.path.join(os.path.dirname(BIN), "tests/system/proxy_that_loses_actors")

ACTORS = ("supervisor", "policy_store", "policy_source", "listener_owner", "audit", "ca", "socket_dialer", "address_watch", "worker 0",
          "worker 1", "resolver of worker 1", "http listener of worker 0", "admin listener of worker 1")


class UnixConnection(http.client.HTTPConnection):
    """To the admin API at a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class LostActorTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())

    def prepare_losing(self, allow=("127.0.0.1",), daemon=None, **env):
        folder = tempfile.mkdtemp(dir=self.tmp)
        self.admin = os.path.join(folder, "admin.sock")
        return self.own(Proxy(folder, binary=LOSING_BIN, allow=list(allow), env=env,
                              daemon={"workers": 2, "admin_url": f"unix://{self.admin}", "shutdown_grace": "10m", **(daemon or {})}))

    def begin(self, **settings):
        """A daemon that serves, and what kills its actors by name."""
        fifo = os.path.join(tempfile.mkdtemp(dir=self.tmp), "fifo")
        os.mkfifo(fifo)
        proxy = self.prepare_losing(LOSES_FROM=fifo, **settings).start()
        names = self.own(open(fifo, "w", buffering=1))
        return proxy, lambda *lost: names.write("".join(name + "\n" for name in lost))

    def open_tunnel(self, proxy):
        client, answer = proxy.connect(self.origin.authority)
        self.addCleanup(client.close)
        self.assertEqual(answer.status, 200)
        return client

    def assertLost(self, proxy, name, tunnel=None):
        """Nobody is served any more, and the log names who is lost, last of all."""
        if tunnel is not None:
            self.assertTrue(tunnel.closed(), "nobody is served any more")
        self.assertEqual(proxy.wait(), 70, proxy.log())
        self.assertRegex(proxy.log(), rf'msg=actor_lost actor="?{name}"? error=')
        self.assertRegex(proxy.log(), rf'msg=stopped lost="?{name}: ')
        self.assertNotIn("drained=", proxy.log())

    def test_each_loss_ends_the_daemon(self):
        for name in ACTORS:
            with self.subTest(name):
                proxy, lose = self.begin()
                tunnel = self.open_tunnel(proxy)
                self.assertTrue(os.path.exists(self.admin))
                lose(name)
                self.assertLost(proxy, name, tunnel)
                self.assertFalse(os.path.exists(self.admin), "the socket file goes with the listener")

    def test_each_loss_at_the_start_ends_the_daemon(self):
        for name in ACTORS:
            with self.subTest(name):
                self.assertLost(self.prepare_losing(LOSES_AT_ONCE=name).launch(), name)

    def test_a_loss_while_the_proxy_drains_is_told_too(self):
        for name in ("supervisor", "audit", "policy_store", "worker 0", "worker 1"):
            with self.subTest(name):
                proxy, lose = self.begin()
                tunnel = self.open_tunnel(proxy)
                proxy.signal(signal.SIGTERM)
                proxy.wait_for_line("msg=draining")
                lose(name)
                self.assertLost(proxy, name, tunnel)

    def test_a_signal_to_end_after_a_loss_does_not_hide_it(self):
        for signals in (1, 2):
            with self.subTest(signals):
                proxy, lose = self.begin()
                tunnel = self.open_tunnel(proxy)
                lose("ca")
                proxy.wait_for_line("msg=actor_lost")
                for _ in range(signals):
                    proxy.signal(signal.SIGTERM)
                self.assertTrue(tunnel.closed())
                self.assertEqual(proxy.wait(), 70, proxy.log())
                self.assertRegex(proxy.log(), "msg=stopped lost=.*ca: ")

    def begin_with_an_asker(self):
        """A daemon that serves, what kills its actors by name, who asks it something, and what lets that be answered."""
        gate = threading.Event()
        self.addCleanup(gate.set)
        names = self.own(NameServer(lambda *_: gate.wait(30) and ["127.0.0.1"]))
        proxy, lose = self.begin(allow=["127.0.0.1", "slow.test"], daemon={**names.settings, "timeouts": {"dns": "60s"}})
        asker = self.own(UnixConnection(self.admin))
        asker.request("GET", "/explain?url=http://slow.test/")  # its answer is under way: the end waits for it
        until(lambda: names.asked("slow.test"), "the name is asked for")
        return proxy, lose, asker, gate

    def test_the_loss_of_the_supervisor_is_logged_before_the_last_answers(self):
        def is_answered():
            proxy, lose, asker, gate = self.begin_with_an_asker()
            lose("supervisor")
            proxy.wait_for_line('msg=actor_lost actor="?supervisor"? error=')
            gate.set()
            self.assertEqual(proxy.wait(), 70, proxy.log())
            self.assertEqual(proxy.log().count("msg=actor_lost"), 1)
            self.assertEqual(proxy.log().count("msg=stopped"), 1)
            try:
                return asker.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                return False
        # Last answers have 5 s. If the loss were logged after them, the gate would always open too late for this one.
        self.assertTrue(any(is_answered() for _ in range(3)))

    def test_two_losses_are_both_told_and_end_it_once(self):
        proxy, lose, _, gate = self.begin_with_an_asker()
        tunnel = self.open_tunnel(proxy)
        for name in ("audit", "worker 1"):
            lose(name)
            proxy.wait_for_line(f'msg=actor_lost actor="?{name}"? error=')
        gate.set()
        self.assertTrue(tunnel.closed())
        self.assertEqual(proxy.wait(), 70, proxy.log())
        self.assertEqual(proxy.log().count("msg=actor_lost"), 2)
        self.assertEqual(proxy.log().count("msg=stopped"), 1)

    def end_in_a_reload(self, askers, end):
        """What those get who ask for a reload while `end(proxy, lose)` ends the proxy: (status, text), or the error."""
        proxy, lose = self.begin()
        os.mkfifo(proxy.config_file + ".fifo")
        os.replace(proxy.config_file + ".fifo", proxy.config_file)
        answers = []

        def reload():
            admin = UnixConnection(self.admin)
            try:
                admin.request("POST", "/reload")
                answer = admin.getresponse()
                answers.append((answer.status, answer.read().decode()))
            except (OSError, http.client.HTTPException) as error:
                answers.append(error)
            finally:
                admin.close()
        asking = [threading.Thread(target=reload) for _ in range(askers)]
        for each in asking:
            each.start()
        with open(proxy.config_file, "w"):  # the source waits for what is written, and nothing comes
            end(proxy, lose)
            for each in asking:
                each.join(30)
                self.assertFalse(each.is_alive())
        self.assertEqual(len(answers), askers)
        return answers

    def lose_in_a_reload(self, name, askers):
        def end(proxy, lose):
            lose(name)
            self.assertLost(proxy, name)
        return self.end_in_a_reload(askers, end)

    def test_who_asked_for_a_reload_is_told_of_a_loss(self):
        for name in ("listener_owner", "audit", "supervisor"):
            with self.subTest(name):
                (status, text), = self.lose_in_a_reload(name, 1)
                self.assertEqual(status, 422)
                self.assertIn(f"{name} is lost: the proxy ends", text)

    def test_who_asked_for_a_reload_is_told_of_the_end(self):
        def end(proxy, _):
            proxy.signal(signal.SIGTERM)
            proxy.wait_for_line("msg=stopped")
            proxy.wait_for_line("msg=reload_refused")
            proxy.signal(signal.SIGTERM)  # what it reads never comes
            self.assertEqual(proxy.wait(60), 0, proxy.log())
        (status, text), = self.end_in_a_reload(1, end)
        self.assertEqual(status, 422)
        self.assertIn("the proxy is shutting down", text)

    def test_who_asked_for_a_reload_is_told_of_the_loss_of_another_worker(self):
        for name in ("worker 0", "worker 1") * 10:  # until it is one that does not serve all who ask
            answers = [answer for answer in self.lose_in_a_reload(name, 4) if not isinstance(answer, Exception)]
            for status, text in answers:
                self.assertEqual(status, 422)
                self.assertRegex(text, f"{name} has ended|a worker is lost|{name} is lost")  # under way, or waiting behind it
            if answers:
                return
        self.fail("nobody was answered")

    def test_who_asked_for_a_reload_is_told_of_the_loss_of_the_store(self):
        (status, text), = self.lose_in_a_reload("policy_store", 1)
        self.assertEqual(status, 422)
        self.assertIn("the policy store is lost", text)
        for answer in self.lose_in_a_reload("policy_store", 4):
            if not isinstance(answer, Exception):  # who comes later finds the sockets closed
                self.assertIn(answer[0], (422, 503))  # 503: the store was lost before it heard of it
                self.assertIn("the policy store is lost", answer[1])

    def test_a_source_that_still_reads_is_no_loss_and_is_not_waited_for_long(self):
        def seconds(signals):
            proxy, _ = self.begin()
            os.mkfifo(proxy.config_file + ".fifo")
            os.replace(proxy.config_file + ".fifo", proxy.config_file)
            proxy.signal(signal.SIGHUP)
            with open(proxy.config_file, "w"):  # it is being read, and nothing comes
                proxy.signal(signal.SIGTERM)
                proxy.wait_for_line("msg=stopped")
                began = time.monotonic()
                if signals > 1:
                    proxy.signal(signal.SIGTERM)
                self.assertEqual(proxy.wait(60), 0, proxy.log())
            self.assertIn("msg=stopped drained=true", proxy.log())
            self.assertNotIn("lost", proxy.log())
            return time.monotonic() - began
        self.assertLess(seconds(1), 25)  # not until the source gives up, which is after 30 s
        # If the second signal were ignored, each would take 10 s: one that is quick shows that it is not.
        self.assertTrue(any(seconds(2) < 9 for _ in range(3)))

    def test_a_name_of_nobody_changes_nothing(self):
        proxy, lose = self.begin()
        lose("nobody")
        self.assertEqual(proxy.get(self.origin.url).status, 200)
        proxy.signal(signal.SIGTERM)
        until(lambda: proxy.process.poll() is not None, "the daemon ends")
        self.assertEqual(proxy.wait(), 0)
