"""UDP ASSOCIATE: datagrams under the policy, by the name the client gave."""
import os
import socket
import threading

import socks_client as socks
from name_server import NameServer
from support import SystemTest, until


class Echo:
    """Sends every datagram back to where it came from."""

    def __init__(self, host="127.0.0.1"):
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.port, self.seen = self.sock.getsockname()[1], []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            data, peer = self.sock.recvfrom(70000)
            if data == b"end":
                return
            self.seen.append(data)
            self.sock.sendto(data, peer)

    def close(self):
        self.sock.sendto(b"end", self.sock.getsockname()[:2])
        self.thread.join(5)
        self.sock.close()


class Associating:
    """For tests with a proxy: clients of its UDP relay."""

    def associate(self, host="0.0.0.0", port=0):
        """(control connection, UDP socket connected to the relay)"""
        control = self.own(socks.SocksClient(self.proxy.address("socks")))
        control.greet()
        code, relay = control.ask(socks.ASSOCIATE, host, port)
        self.assertEqual(code, socks.SUCCESS)
        return control, self.udp(relay)

    def udp(self, relay):
        sock = self.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.settimeout(20)
        sock.connect(relay)
        return sock


class UdpTest(Associating, SystemTest):
    def begin(self, allow=("127.0.0.1", "localhost"), network=None, **kw):
        self.proxy = self.start(allow=allow, **kw,
                                network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0", **(network or {})})

    def dropped(self, cause):
        for line in self.proxy.admin("GET", "/metrics")[2].splitlines():
            if line.startswith('codex_network_proxy_udp_dropped_total{cause="%s"}' % cause):
                return int(float(line.split()[-1]))
        self.fail("no such counter")

    def test_datagrams_go_there_and_back_with_the_address_the_client_used(self):
        echo = self.own(Echo())
        self.begin()
        _, sock = self.associate()
        for host in ("127.0.0.1", "localhost"):
            head = b"\0\0\0" + socks.address(host, echo.port)
            for size in (0, 1, 1200, 9000, 60000):
                data = os.urandom(size)
                sock.send(head + data)
                self.assertEqual(sock.recv(70000), head + data)

    def test_a_name_is_judged_as_a_name_and_resolved_once(self):
        echo = self.own(Echo())
        names = self.own(NameServer(lambda *_: ["127.0.0.1"]))
        self.begin(allow=["good.test"], daemon=names.settings)
        _, sock = self.associate()
        head = b"\0\0\0" + socks.address("good.test", echo.port)
        for i in range(20):
            sock.send(head + b"%d" % i)
        got = {sock.recv(100) for _ in range(8)}
        self.assertLessEqual(got, {head + b"%d" % i for i in range(20)})
        self.assertEqual(names.asked("good.test", "A"), 1)

    def test_ipv6_targets_and_a_name_server_behind_the_relay(self):
        echo = self.own(Echo("::1"))
        names = self.own(NameServer(lambda *_: ["192.0.2.7"]))
        self.begin(allow=["::1", "127.0.0.1"])
        _, sock = self.associate()
        head = b"\0\0\0" + socks.address("::1", echo.port)
        sock.send(head + b"six")
        self.assertEqual(sock.recv(100), head + b"six")
        host, port = names.address.rsplit(":", 1)
        head = b"\0\0\0" + socks.address(host, int(port))
        question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\0\x01\0\x01"
        sock.send(head + question)
        answer = sock.recv(600)
        self.assertTrue(answer.startswith(head + b"\x12\x34"))
        self.assertIn(bytes([192, 0, 2, 7]), answer)

    def test_many_associations_at_once(self):
        echo = self.own(Echo())
        self.begin()
        head = b"\0\0\0" + socks.address("127.0.0.1", echo.port)
        live = [self.associate() for _ in range(300)]
        for i, (_, sock) in enumerate(live):
            sock.send(head + b"%d" % i)
        for i, (_, sock) in enumerate(live):
            sock.settimeout(2)
            self.assertEqual(self.insist(sock, head + b"%d" % i), head + b"%d" % i)

    def insist(self, sock, datagram, tries=10):
        """What comes back; asks again, as every client of UDP does, when a full buffer has dropped one."""
        for _ in range(tries):
            try:
                return sock.recv(100)
            except TimeoutError:
                sock.send(datagram)
        return sock.recv(100)

    def test_refused_targets_get_nothing_and_are_recorded_once(self):
        echo = self.own(Echo())
        self.begin(allow=["localhost"], network={"allow_local_binding": False})
        _, sock = self.associate()
        for host in ("example.org", "10.1.2.3", "127.0.0.1", "169.254.169.254"):
            for _ in range(5):
                sock.send(b"\0\0\0" + socks.address(host, echo.port) + b"secret")
        until(lambda: self.dropped("refused") >= 20, "all are dropped")
        self.assertEqual(echo.seen, [])
        told = [(b["host"], b["protocol"]) for b in self.proxy.blocked()["blocked"]]
        self.assertEqual(told, [(h, "socks5_udp") for h in ("example.org", "10.1.2.3", "127.0.0.1",
                                                           "169.254.169.254")])

    def test_fragments_malformed_and_foreign_datagrams_are_dropped(self):
        echo = self.own(Echo())
        self.begin()
        _, sock = self.associate()
        good = socks.address("127.0.0.1", echo.port)
        first = b"\0\0\0" + good + b"first"
        sock.send(first)
        self.assertTrue(self.insist(sock, first).endswith(b"first"))
        sock.send(b"\0\0\x01" + good + b"x")
        until(lambda: self.dropped("fragment") == 1, "the fragment is dropped")
        for bad in (b"", b"\0\0", b"\1\0\0" + good, b"\0\0\0\x09abc", b"\0\0\0\x03\0\0\x50", b"\0\0\0" + good[:5]):
            sock.send(bad)
        until(lambda: self.dropped("malformed") == 6, "the malformed ones are dropped")
        self.udp(sock.getpeername()).send(b"\0\0\0" + good + b"stranger")
        until(lambda: self.dropped("foreign") == 1, "the stranger's is dropped")
        self.assertEqual(set(echo.seen), {b"first"})

    def test_only_the_port_that_was_named_may_send(self):
        echo = self.own(Echo())
        self.begin()
        mine = self.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        mine.settimeout(20)
        mine.bind(("127.0.0.1", 0))
        _, other = self.associate(*mine.getsockname())
        head = b"\0\0\0" + socks.address("127.0.0.1", echo.port)
        other.send(head + b"other")
        until(lambda: self.dropped("foreign") == 1, "another port is refused")
        mine.sendto(head + b"mine", other.getpeername())
        self.assertEqual(mine.recv(100), head + b"mine")

    def bound(self, host="127.0.0.1"):
        """A UDP socket of the client's own."""
        sock = self.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.settimeout(20)
        sock.bind((host, 0))
        return sock

    def begin_with_users(self, login=(b"alice", b"s3cret")):
        """A daemon that asks who its clients are, and how to open an association there."""
        self.begin(env={"ALICE": "s3cret"}, daemon={"socks_users": {"alice": "env:ALICE"}, "audit": {"output": "stderr"}})

        def associate(host, port):
            control = self.own(socks.SocksClient(self.proxy.address("socks")))
            control.greet(b"\x02")
            self.assertEqual(control.log_in(*login), 0)
            return control.ask(socks.ASSOCIATE, host, port)
        return associate

    def test_with_users_only_the_declared_sender_is_taken(self):
        echo = self.own(Echo())
        associate = self.begin_with_users()
        head = b"\0\0\0" + socks.address("127.0.0.1", echo.port)
        mine, elsewhere = self.bound(), self.bound("127.0.0.2")
        # (declared, who may send); an address that maps another is that other, a name says nothing of the address.
        rows = [(mine.getsockname(), mine),
                (("0.0.0.0", mine.getsockname()[1]), mine),
                (("::", mine.getsockname()[1]), mine),
                (("::ffff:127.0.0.1", mine.getsockname()[1]), mine),
                (("localhost", mine.getsockname()[1]), mine),
                (elsewhere.getsockname(), elsewhere)]
        foreign = 0
        for declared, sender in rows:
            with self.subTest(declared):
                code, relay = associate(*declared)
                self.assertEqual(code, socks.SUCCESS)
                strangers = [self.bound(), self.bound("127.0.0.3"), elsewhere if sender is mine else mine]
                for stranger in strangers:
                    stranger.sendto(head + b"stranger", relay)
                foreign += len(strangers)
                until(lambda: self.dropped("foreign") == foreign, "strangers are dropped, though first")
                sender.sendto(head + b"mine", relay)
                self.assertEqual(sender.recv(100), head + b"mine")
        self.assertNotIn(b"stranger", echo.seen)
        code, _ = associate("2001:db8::1", 5000)
        self.assertEqual(code, socks.NO_TYPE, "no datagram of the other family could come")

    def test_with_users_and_nothing_declared_the_first_sender_is_taken(self):
        echo = self.own(Echo())
        associate = self.begin_with_users()
        head = b"\0\0\0" + socks.address("127.0.0.1", echo.port)
        foreign = 0
        for declared in (("0.0.0.0", 0), ("::", 0), ("127.0.0.1", 0), ("::ffff:127.0.0.1", 0)):
            with self.subTest(declared):
                code, relay = associate(*declared)
                self.assertEqual(code, socks.SUCCESS)
                other = self.bound("127.0.0.2")
                other.sendto(head + b"other address", relay)
                foreign += 1
                until(lambda: self.dropped("foreign") == foreign, "another address is dropped")
                first, second = self.bound(), self.bound()
                first.sendto(head + b"first", relay)
                self.assertEqual(first.recv(100), head + b"first")
                second.sendto(head + b"second", relay)
                foreign += 1
                until(lambda: self.dropped("foreign") == foreign, "the second is dropped")
        self.assertEqual({data for data in echo.seen}, {b"first"})
        self.proxy.wait_for_line(r'"network.transport.protocol":"socks5_udp".*"user.name":"alice"')

    def test_what_is_no_datagram_of_socks_takes_no_association(self):
        echo = self.own(Echo())
        self.begin()
        _, sock = self.associate()
        stray = self.bound()
        head = socks.address("127.0.0.1", echo.port)
        for i, nonsense in enumerate((b"", b"\x12\x34\x81\x80 a late answer of a name server", b"\0\0\1" + head + b"a fragment")):
            stray.sendto(nonsense, sock.getpeername())
            until(lambda: self.dropped("malformed") + self.dropped("fragment") == i + 1, "it is dropped")
        sock.send(b"\0\0\0" + head + b"mine")
        self.assertEqual(sock.recv(100), b"\0\0\0" + head + b"mine")
        stray.sendto(b"\0\0\0" + head + b"not mine", sock.getpeername())
        until(lambda: self.dropped("foreign") == 1, "by now it is known whose it is")

    def test_without_users_a_declared_address_is_believed_only_where_the_client_is(self):
        echo = self.own(Echo())
        self.begin()
        head = b"\0\0\0" + socks.address("127.0.0.1", echo.port)
        mine = self.bound()
        # Behind an address translator a client knows neither its address nor its port.
        for declared in (("192.0.2.7", 5000), ("0.0.0.0", 5000), ("2001:db8::1", 5000)):
            _, sock = self.associate(*declared)
            sock.send(head + b"x")
            self.assertEqual(sock.recv(100), head + b"x")
        foreign = self.dropped("foreign")
        for declared in (mine.getsockname(), ("::ffff:127.0.0.1", mine.getsockname()[1])):
            _, sock = self.associate(*declared)
            sock.send(head + b"x")
            foreign += 1
            until(lambda: self.dropped("foreign") == foreign, "another port is dropped")
            mine.sendto(head + b"mine", sock.getpeername())
            self.assertEqual(mine.recv(100), head + b"mine")

    def test_it_ends_with_its_connection_and_leaves_nothing_open(self):
        echo = self.own(Echo())
        self.begin()
        before = self.proxy.open_files()
        controls = []
        for _ in range(50):
            control, sock = self.associate()
            sock.send(b"\0\0\0" + socks.address("127.0.0.1", echo.port) + b"x")
            sock.recv(100)
            controls.append(control)
        for control in controls:
            control.close()
        # The admin connection that asks is one more.
        until(lambda: self.proxy.open_files() <= before + 1, "the sockets are closed")

    def test_limited_mode_and_a_new_policy_end_what_they_refuse(self):
        echo = self.own(Echo())
        self.begin()
        control, sock = self.associate()
        head = b"\0\0\0" + socks.address("127.0.0.1", echo.port)
        sock.send(head + b"a")
        self.assertEqual(sock.recv(100), head + b"a")
        self.proxy.configure(deny=["127.0.0.1"])
        self.assertEqual(self.proxy.reload()[0], 200)
        sock.send(head + b"b")
        until(lambda: self.dropped("refused") >= 1, "the target is refused now")
        self.assertEqual(echo.seen, [b"a"])
        self.assertEqual(self.proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        self.assertTrue(control.closed())
        again = self.own(socks.SocksClient(self.proxy.address("socks")))
        again.greet()
        self.assertEqual(again.ask(socks.ASSOCIATE, "0.0.0.0", 0)[0], socks.NOT_ALLOWED)

    def test_a_new_policy_judges_every_address_of_a_name(self):
        echo = self.own(Echo())
        names = self.own(NameServer(lambda *_: ["127.0.0.1", "127.0.0.2"]))
        self.begin(allow=["two.test"], daemon=names.settings)
        _, sock = self.associate()
        head = b"\0\0\0" + socks.address("two.test", echo.port)
        sock.send(head + b"a")
        self.assertEqual(sock.recv(100), head + b"a")
        self.proxy.configure(deny=["127.0.0.2"])
        self.assertEqual(self.proxy.reload()[0], 200)
        sock.send(head + b"b")
        until(lambda: self.dropped("refused") >= 1, "the target is refused now")
        self.assertEqual(echo.seen, [b"a"])

    def test_without_udp_the_command_is_unknown(self):
        self.begin(network={"enable_socks5_udp": False})
        control = self.own(socks.SocksClient(self.proxy.address("socks")))
        control.greet()
        self.assertEqual(control.ask(socks.ASSOCIATE, "0.0.0.0", 0)[0], socks.NO_COMMAND)

    def test_many_targets_make_room_for_each_other(self):
        echoes = [self.own(Echo()) for _ in range(6)]
        self.begin(daemon={"limits": {"max_udp_targets": 2}})
        _, sock = self.associate()
        for _ in range(3):
            for echo in echoes:
                head = b"\0\0\0" + socks.address("127.0.0.1", echo.port)
                sock.send(head + b"x")
                self.assertEqual(sock.recv(100), head + b"x")

    def test_datagrams_that_wait_for_a_name_are_few_and_small(self):
        echo = self.own(Echo())
        answer = threading.Event()
        self.addCleanup(answer.set)
        names = self.own(NameServer(lambda *_: answer.wait(20) and ["127.0.0.1"]))
        self.begin(allow=["*.test"], daemon={**names.settings, "timeouts": {"dns": "20s"}})
        _, sock = self.associate()
        head = b"\0\0\0" + socks.address("a.test", echo.port)
        sock.send(head + b"x" * 60_000)
        for count in range(1, 8):
            sock.send(b"\0\0\0" + socks.address(f"{'abcd'[count % 4]}.test", echo.port) + b"y" * 60_000)
            until(lambda: self.dropped("refused") == count, "there is no room for more")
        answer.set()
        self.assertTrue(sock.recv(70000).endswith(b"x" * 60_000))
