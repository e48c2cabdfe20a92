"""How calls on sockets are made: one by one, or those of many connections at once, where the system allows it."""
import ctypes
import errno
import os
import signal
import socket
import struct
import subprocess
import threading

from origins import Origin
from support import BIN, SystemTest, clean_env, until
from test_fairness import thread_states

MANY = 40


def forbid_io_uring():
    """As container runtimes do, by a seccomp filter: io_uring_setup(2) fails with EPERM."""
    load, jump, ret = 0x20, 0x15, 0x06
    io_uring_setup = 425  # on every architecture
    code = [(load, 0, 0, 0), (jump, 0, 1, io_uring_setup), (ret, 0, 0, 0x00050000 | errno.EPERM), (ret, 0, 0, 0x7FFF0000)]
    raw = b"".join(struct.pack("HBBI", *line) for line in code)
    room = ctypes.create_string_buffer(raw)
    program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(room))
    libc = ctypes.CDLL(None, use_errno=True)
    set_no_new_privs, set_seccomp, filter_mode = 38, 22, 2
    assert libc.prctl(set_no_new_privs, 1, 0, 0, 0) == 0
    assert libc.prctl(set_seccomp, filter_mode, program, 0, 0) == 0, os.strerror(ctypes.get_errno())


def batches():
    """Whether this system allows it, as it tells itself: Linux 5.17 or later, and not forbidden."""
    libc = ctypes.CDLL(None, use_errno=True)
    io_uring_setup, can_skip_results = 425, 1 << 11
    told = ctypes.create_string_buffer(120)  # struct io_uring_params
    ring = libc.syscall(io_uring_setup, 1, told)
    if ring < 0:
        return False
    os.close(ring)
    return bool(struct.unpack_from("I", told, 20)[0] & can_skip_results)


def all_at_once(proxy, act):
    """Has everything that `act` sends arrive while the daemon is stopped, so that a turn meets all of it."""
    proxy.signal(signal.SIGSTOP)
    until(lambda: set(thread_states(proxy.process.pid)) == {"T"}, "every thread has stopped")
    act()
    proxy.signal(signal.SIGCONT)


class IoTest(SystemTest):
    def both_ways(self):
        for way in ("auto", "plain"):
            with self.subTest(io=way):
                proxy = self.start(allow=["127.0.0.1"], daemon={"workers": 1, "io": way})
                said = proxy.wait_for_line(r"msg=ready .*io=(\w+)")[1]
                self.assertEqual(said, "plain" if way == "plain" or not batches() else "batched", proxy.log())
                yield proxy

    def test_requests_that_come_in_one_turn_each_get_their_own_answer(self):
        origin = self.own(Origin())
        for proxy in self.both_ways():
            clients = [self.own(proxy.client()) for _ in range(MANY)]
            for turn in range(3):  # on new connections, then on kept ones
                def ask(turn=turn):
                    for i, client in enumerate(clients):
                        client.send(f"GET http://{origin.authority}/{turn}-{i} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
                all_at_once(proxy, ask)
                for i, client in enumerate(clients):
                    self.assertEqual(client.response().json()["target"], f"/{turn}-{i}")

    def test_refusals_that_come_in_one_turn_are_all_sent_before_the_connection_is_closed(self):
        for proxy in self.both_ways():
            clients = [self.own(proxy.client()) for _ in range(MANY)]
            all_at_once(proxy, lambda: [c.send(f"GET http://no{i}.test/ HTTP/1.0\r\n\r\n") for i, c in enumerate(clients)])
            for i, client in enumerate(clients):
                answer = client.response()
                self.assertEqual((answer.status, f"no{i}.test" in answer.text()), (403, True))
                self.assertTrue(client.closed())

    def test_tunnels_carry_every_byte_both_ways_when_receivers_are_slow(self):
        size = 3_000_000
        pattern = bytes(range(256)) * (size // 256 + 1)
        listener = self.own(socket.create_server(("127.0.0.1", 0), backlog=128))
        target = "127.0.0.1:%d" % listener.getsockname()[1]

        def echo(conn, offset):
            with conn:
                got = 0
                while data := conn.recv(7_001):  # less than is sent, so that buffers fill up
                    assert data == pattern[(offset + got) % 256:][:len(data)], "bytes are in their order"
                    conn.sendall(data)
                    got += len(data)
                conn.shutdown(socket.SHUT_WR)

        def serve():
            with listener:
                for _ in range(2 * 8):
                    conn, _ = listener.accept()
                    first = conn.recv(1)
                    threading.Thread(target=echo, args=(conn, first[0]), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        for proxy in self.both_ways():
            tunnels = []
            for i in range(8):
                client, answer = proxy.connect(target)
                self.own(client)
                self.assertEqual(answer.status, 200)
                tunnels.append((client, i))

            def send(client, i):
                client.sock.sendall(bytes([i]) + pattern[i:i + size])
                client.sock.shutdown(socket.SHUT_WR)

            def receive(client, i, results):
                got = bytearray()
                while data := client.sock.recv(3_001):
                    got += data
                results[i] = bytes(got) == pattern[i:i + size]

            results = {}
            work = [threading.Thread(target=send, args=each) for each in tunnels]
            work += [threading.Thread(target=receive, args=(*each, results)) for each in tunnels]
            for each in work:
                each.start()
            for each in work:
                each.join(60)
            self.assertEqual(results, {i: True for i in range(8)})

    def test_clients_that_hang_up_in_the_turn_that_answers_them_harm_nobody(self):
        origin = self.own(Origin())
        for proxy in self.both_ways():
            stay = [self.own(proxy.client()) for _ in range(MANY)]
            leave = [proxy.client() for _ in range(MANY)]
            request = f"GET http://{origin.authority}/ HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n"

            def act():
                for a, b in zip(stay, leave):
                    a.send(request)
                    b.send(request)
                    b.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    b.close()
            all_at_once(proxy, act)
            for client in stay:
                self.assertEqual(client.response().status, 200)

    def test_a_reset_is_passed_on_as_one_whatever_is_written_in_the_same_turn(self):
        for proxy in self.both_ways():
            with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
                target = "127.0.0.1:%d" % listener.getsockname()[1]
                pairs = []
                for _ in range(MANY):
                    client, answer = proxy.connect(target)
                    self.own(client)
                    self.assertEqual(answer.status, 200)
                    origin, _ = listener.accept()
                    pairs.append((client, origin))

                def act():
                    for client, origin in pairs:
                        client.sock.sendall(b"x")
                        origin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        origin.close()
                all_at_once(proxy, act)
                for client, _ in pairs:
                    with self.assertRaises(ConnectionResetError, msg="an end would make half an answer look whole"):
                        client.sock.recv(10)

    def test_where_it_is_forbidden_calls_are_made_one_by_one_and_the_log_says_why(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"], preexec=forbid_io_uring)
        self.assertIn("Operation not permitted", proxy.wait_for_line("msg=io_plain (.*)")[1])
        proxy.wait_for_line(r"msg=ready .*io=plain")
        self.assertEqual(proxy.get(f"http://{origin.authority}/").status, 200)

    def test_whoever_insists_on_it_is_told_that_it_cannot_be(self):
        proxy = self.prepare(allow=["127.0.0.1"], daemon={"io": "batched"}, preexec=forbid_io_uring)
        proxy.launch()
        self.assertNotEqual(proxy.wait(), 0)
        self.assertRegex(proxy.log(), "io: batched is not possible here: io_uring: Operation not permitted")

    def test_check_says_what_the_machine_allows(self):
        def told(preexec=None, way="auto"):
            out = subprocess.run([BIN, "--set", f'network_proxy.io="{way}"', "check", "--verbose"], capture_output=True, text=True,
                                 env=clean_env(CODEX_HOME=self.folder("check")), preexec_fn=preexec, check=False)
            self.assertEqual(out.returncode, 0, out.stderr)
            return out.stdout

        self.assertIn("io: plain\n", told(way="plain"))
        self.assertRegex(told(), r"io: (batched|plain \(.+\))\n")
        self.assertIn("io: plain (io_uring: Operation not permitted", told(forbid_io_uring))
