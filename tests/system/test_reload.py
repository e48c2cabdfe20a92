"""Change without restart: what SIGHUP, POST /reload and POST /mode promise."""
import errno
import os
import signal
import socket
import threading

from client import Client
from name_server import NameServer
from origins import Origin
from support import SystemTest, free_port, until


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class ReloadTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        self.proxy = self.start(allow=["127.0.0.1"], daemon={"workers": 2})

    def status(self, **kw):
        return self.proxy.get(self.origin.url, **kw).status

    def reloaded(self):
        status, answer = self.proxy.reload()
        self.assertEqual((status, answer["status"]), (200, "reloaded"), answer)
        return answer

    def test_post_reload_tells_what_changed(self):
        self.proxy.configure(deny=["127.0.0.1"])
        self.assertEqual(self.status(), 200, "a file that changed is not yet a policy")
        answer = self.reloaded()
        self.assertEqual(answer["generation"], 2)
        self.assertTrue(any("denied_domains" in key for key in answer["changed"]), answer)
        self.assertEqual(self.status(), 403)
        self.proxy.configure(deny=[])
        self.assertEqual(self.reloaded()["generation"], 3)
        self.assertEqual(self.status(), 200)

    def test_a_key_that_waits_for_a_restart_is_named(self):
        running = self.proxy.admin("GET", "/config")[2]["network_proxy"]["workers"]
        self.proxy.configure(allow=["127.0.0.1", "more.example"], daemon={"workers": running + 1})
        answer = self.reloaded()
        self.assertEqual(answer["needs_restart"], ["network_proxy.workers"])
        self.assertNotIn("network_proxy.workers", answer["changed"])
        self.assertTrue(any("allowed_domains" in key for key in answer["changed"]), answer)
        self.assertEqual(self.proxy.admin("GET", "/config")[2]["network_proxy"]["workers"], running, "what runs")
        self.proxy.signal(signal.SIGHUP)
        self.proxy.wait_for_line(r"level=warn.* msg=needs_restart key=network_proxy.workers", count=2)
        self.proxy.configure(daemon={"workers": running})
        self.assertEqual(self.reloaded()["needs_restart"], [])

    def test_an_audit_fifo_that_nobody_reads_is_refused_at_once_and_holds_up_no_later_change(self):
        fifo = os.path.join(self.proxy.folder, "audit.fifo")
        os.mkfifo(fifo)
        self.proxy.configure(daemon={"audit": {"output": "file:" + fifo}})
        status, answer = self.proxy.reload()
        self.assertEqual(status, 422, answer)
        self.assertIn(fifo, str(answer))
        self.proxy.configure(daemon={"audit": {"output": "none"}})
        self.reloaded()

    def test_who_asked_for_a_change_is_answered_when_the_proxy_ends(self):
        os.mkfifo(self.proxy.config_file + ".fifo")
        os.replace(self.proxy.config_file + ".fifo", self.proxy.config_file)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(self.proxy.reload()))
        asking.start()
        with open(self.proxy.config_file, "w"):  # it is being read, and nothing comes
            self.proxy.signal(signal.SIGTERM)
            asking.join(30)
        (status, answer), = answers
        self.assertEqual(status, 422)
        self.assertIn("the proxy is shutting down", str(answer))

    def test_sighup_reloads(self):
        self.proxy.configure(allow=["other.example"])
        self.proxy.signal(signal.SIGHUP)
        until(lambda: self.status() == 403, "the new policy takes effect")

    def test_a_bad_file_leaves_the_old_policy_in_force(self):
        for what, text in (("no TOML", "not = [toml"), ("an unknown key", 'default_permissions = "test"\n'
                           '[permissions.test.network]\nenabled = true\nallowed_domain = ["x.example"]\n'),
                           ("a wrong type", "[network_proxy]\nenabled = 1\n"),
                           ("a bad pattern", '[network_proxy]\nenabled = true\n[network_proxy.policy]\nallowed_domains = ["*"]\n')):
            with self.subTest(what):
                self.proxy.write(text)
                status, answer = self.proxy.reload()
                self.assertEqual((status, answer["status"]), (422, "refused"))
                self.assertIn("config.toml", str(answer["errors"]))
                self.assertEqual(self.status(), 200)
        self.proxy.write("not = [toml")
        self.proxy.signal(signal.SIGHUP)
        self.proxy.wait_for_line(r"(level=error|level=warn).*config\.toml")
        self.assertEqual(self.status(), 200)

    def test_post_mode_switches_at_once(self):
        for mode, post in (("limited", 403), ("full", 200)):
            status, _, answer = self.proxy.admin("POST", "/mode", f'{{"mode":"{mode}"}}')
            self.assertEqual((status, answer), (200, {"status": "ok", "mode": mode}))
            self.assertEqual((self.status(), self.status(method="POST", body=b"x")), (200, post))

    def test_keep_alive_connections_use_the_new_policy_from_their_next_request(self):
        with self.proxy.client() as client:
            self.assertEqual(client.request(self.origin.url).status, 200)
            self.proxy.configure(deny=["127.0.0.1"])
            self.reloaded()
            self.assertEqual(client.request(self.origin.url).status, 403)

    def test_a_request_in_flight_survives_a_reload(self):
        with self.proxy.client() as client:
            client.send(f"GET {self.origin.url}/wait HTTP/1.1\r\nHost: {self.origin.authority}\r\n\r\n")
            until(lambda: self.origin.requests, "the request is on its way")
            self.proxy.configure(allow=["127.0.0.1", "more.example"])
            self.reloaded()
            self.origin.release.set()
            self.assertEqual(client.response().status, 200)


class ListenerTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        self.proxy = self.start(allow=["127.0.0.1"])

    def test_a_listener_moves_live(self):
        _, old = self.proxy.address()
        new = free_port()
        self.proxy.configure(network={"proxy_url": f"http://127.0.0.1:{new}"})
        self.assertEqual(self.proxy.reload()[0], 200)
        until(lambda: self.proxy.address() == ("127.0.0.1", new), "the new address is in the log")
        self.assertEqual(self.proxy.get(self.origin.url).status, 200)
        until(lambda: not listens(old), "the old port is closed")

    def test_a_port_in_use_refuses_the_whole_reload(self):
        taken = self.own(socket.create_server(("127.0.0.1", 0)))
        self.proxy.configure(allow=["other.example"], network={"proxy_url": "http://127.0.0.1:%d" % taken.getsockname()[1]})
        status, answer = self.proxy.reload()
        self.assertEqual((status, answer["status"]), (422, "refused"), answer)
        self.assertEqual(self.proxy.get(self.origin.url).status, 200, "old listener and old policy hold")

    def test_a_listener_widens_and_narrows_on_its_own_port_and_refuses_nobody_meanwhile(self):
        _, port = self.proxy.address()
        over, refused = threading.Event(), []

        def connect():
            while not over.is_set():
                with socket.socket() as client:
                    if (error := client.connect_ex(("127.0.0.1", port))) == errno.ECONNREFUSED:
                        refused.append(error)
        connecting = threading.Thread(target=connect)
        connecting.start()
        try:
            for ip in ("127.0.0.1", "0.0.0.0", "127.0.0.1", "0.0.0.0"):
                self.proxy.configure(network={"proxy_url": f"http://{ip}:{port}", "dangerously_allow_non_loopback_proxy": True})
                status, answer = self.proxy.reload()
                self.assertEqual(status, 200, answer)
                until(lambda: self.proxy.address() == (ip, port), "the new address is announced")
                with Client(("127.0.0.1", port)) as client:
                    self.assertEqual(client.request(self.origin.url).status, 200)
        finally:
            over.set()
            connecting.join()
        self.assertEqual(refused, [])

    def test_two_listeners_swap_their_ports(self):
        for _ in range(2):
            (_, port), (_, admin) = self.proxy.address(), self.proxy.address("admin")
            self.proxy.configure(network={"proxy_url": f"http://127.0.0.1:{admin}"}, daemon={"admin_url": f"http://127.0.0.1:{port}"})
            status, answer = self.proxy.reload()
            self.assertEqual(status, 200, answer)
            until(lambda: (self.proxy.address()[1], self.proxy.address("admin")[1]) == (admin, port), "they are announced")
            self.assertEqual(self.proxy.get(self.origin.url).status, 200)
            self.assertEqual(self.proxy.admin("GET", "/health")[0], 200)

    def test_the_admin_api_moves_too(self):
        new = free_port()
        self.proxy.configure(daemon={"admin_url": f"http://127.0.0.1:{new}"})
        self.assertEqual(self.proxy.reload()[0], 200)
        until(lambda: self.proxy.address("admin") == ("127.0.0.1", new), "the new address is announced")
        self.assertEqual(self.proxy.admin("GET", "/health")[0], 200)

    def test_disabled_and_enabled_again(self):
        _, port = self.proxy.address()
        with self.proxy.client() as idle:
            self.proxy.configure(network={"enabled": False})
            self.proxy.signal(signal.SIGHUP)
            until(lambda: not listens(port), "the listener closes")
            self.assertTrue(idle.closed(), "open connections end")
        self.proxy.configure(network={"enabled": True})
        self.proxy.signal(signal.SIGHUP)
        self.proxy.wait_for_line(r"msg=listening .*listener=http", count=2)
        self.assertEqual(self.proxy.get(self.origin.url).status, 200)

    def test_a_daemon_that_starts_disabled_waits_for_a_reload(self):
        proxy = self.prepare(allow=["127.0.0.1"], network={"enabled": False})
        proxy.launch().wait_for_line(r"(?i)disabled|enabled")
        proxy.configure(network={"enabled": True})
        proxy.signal(signal.SIGHUP)
        proxy.wait_for_line(r"msg=listening .*listener=http")
        self.assertEqual(proxy.get(self.origin.url).status, 200)


class TunnelTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        names = self.own(NameServer({"stays.test": ["127.0.0.1"], "goes.test": ["127.0.0.1"]}))
        self.proxy = self.start(allow=["stays.test", "goes.test"], daemon=names.settings)

    def tunnel(self, name):
        client, answer = self.proxy.connect(f"{name}:{self.origin.port}")
        self.addCleanup(client.close)
        self.assertEqual(answer.status, 200, answer)
        return client

    def alive(self, client):
        client.send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        return client.response().status == 200

    def test_a_reload_closes_what_it_now_refuses_and_nothing_else(self):
        stays, goes = self.tunnel("stays.test"), self.tunnel("goes.test")
        self.assertTrue(self.alive(stays) and self.alive(goes))
        self.proxy.configure(allow=["stays.test"])
        _, answer = self.proxy.reload()
        self.assertEqual(answer["closed_tunnels"], 1, answer)
        self.assertTrue(goes.closed())
        self.assertTrue(self.alive(stays))
        self.assertIn("goes.test", [entry["host"] for entry in self.proxy.blocked()["blocked"]], "closing it is on record")

    def test_local_protection_and_limited_mode_close_tunnels(self):
        for what, change in (("local", lambda: (self.proxy.configure(network={"allow_local_binding": False}), self.proxy.reload())),
                             ("limited", lambda: self.proxy.admin("POST", "/mode", '{"mode":"limited"}'))):
            with self.subTest(what):
                client = self.tunnel("stays.test")
                self.assertTrue(self.alive(client))
                change()
                self.assertTrue(client.closed())
                self.proxy.configure(network={"allow_local_binding": True})
                self.assertEqual(self.proxy.reload()[0], 200)
                self.proxy.admin("POST", "/mode", '{"mode":"full"}')
