"""Whoever the proxy cannot do without ends it: nobody is served any more, the log says who is lost, exit code 70."""
import os
import signal
import tempfile

from origins import Origin
from support import BIN, Proxy, SystemTest, until

LOSING_BIN = os.environ.get("PROXY_LOSING_BIN") or os.path.join(os.path.dirname(BIN), "tests/system/proxy_that_loses_actors")

ACTORS = ("policy_store", "policy_source", "listener_owner", "audit", "ca", "socket_dialer", "address_watch", "worker 0",
          "worker 1", "resolver of worker 1", "listener of worker 0")


class LostActorTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())

    def begin(self):
        folder = tempfile.mkdtemp(dir=self.tmp)
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)
        admin = os.path.join(folder, "admin.sock")
        proxy = self.own(Proxy(folder, binary=LOSING_BIN, allow=["127.0.0.1"], env={"LOSES_FROM": fifo},
                               daemon={"workers": 2, "admin_url": f"unix://{admin}"})).start()
        lose = self.own(open(fifo, "w", buffering=1))
        return proxy, admin, lambda name: print(name, file=lose)

    def test_each_loss_ends_the_daemon(self):
        for name in ACTORS:
            with self.subTest(name):
                proxy, admin, lose = self.begin()
                open_tunnel, answer = proxy.connect(self.origin.authority)
                self.assertEqual(answer.status, 200)
                self.assertTrue(os.path.exists(admin))
                lose(name)
                self.assertTrue(open_tunnel.closed(), "nobody is served any more")
                self.assertEqual(proxy.wait(), 70, proxy.log())
                self.assertRegex(proxy.log(), rf'msg=actor_lost actor="?{name}"? error=')
                self.assertFalse(os.path.exists(admin), "the socket file goes with the listener")

    def test_a_loss_while_the_proxy_drains_is_told_too(self):
        proxy, _, lose = self.begin()
        open_tunnel, answer = proxy.connect(self.origin.authority)
        self.assertEqual(answer.status, 200)
        proxy.signal(signal.SIGTERM)
        proxy.wait_for_line("msg=draining")
        lose("audit")
        self.assertTrue(open_tunnel.closed())
        self.assertEqual(proxy.wait(), 70, proxy.log())

    def test_a_name_of_nobody_changes_nothing(self):
        proxy, _, lose = self.begin()
        lose("nobody")
        self.assertEqual(proxy.get(self.origin.url).status, 200)
        proxy.signal(signal.SIGTERM)
        until(lambda: proxy.process.poll() is not None, "the daemon ends")
        self.assertEqual(proxy.wait(), 0)
