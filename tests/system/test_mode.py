"""A mode set over the admin API: how long it holds, where it is shown, and what ends it."""
import json
import os
import signal

from origins import Origin
from support import SystemTest, until


class OverrideTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        self.proxy = self.start(allow=["127.0.0.1"])

    def set_mode(self, word):
        status, _, answer = self.proxy.admin("POST", "/mode", json.dumps({"mode": word}))
        self.assertEqual(status, 200, answer)
        return answer

    def post(self):
        return self.proxy.get(self.origin.url, method="POST", body=b"x").status

    def shown(self):
        config = self.proxy.admin("GET", "/config")[2]
        self.assertEqual(config["permissions"]["test"]["network"]["mode"], config["mode"]["in_force"])
        return config["mode"]

    def test_it_survives_reloads_until_it_is_lifted(self):
        self.assertEqual(self.shown(), {"in_force": "full", "override": None, "file": "full"})
        self.assertEqual(self.set_mode("limited"), {"status": "ok", "mode": "limited"})
        for reload in (self.proxy.reload, self.proxy.reload, lambda: self.hang_up()):
            reload()
            self.assertEqual(self.shown(), {"in_force": "limited", "override": "limited", "file": "full"})
            self.assertEqual(self.post(), 403)
        answer = self.set_mode("config")
        self.assertEqual((answer["status"], answer["mode"]), ("ok", "full"))
        self.assertEqual(self.shown(), {"in_force": "full", "override": None, "file": "full"})
        self.assertEqual(self.post(), 200)

    def hang_up(self):
        self.proxy.signal(signal.SIGHUP)
        self.proxy.wait_for_line("msg=reloaded", count=4)

    def test_what_the_file_says_meanwhile_is_seen_and_holds_afterwards(self):
        self.set_mode("full")
        self.proxy.configure(network={"mode": "limited"})
        self.assertEqual(self.proxy.reload()[0], 200)
        self.assertEqual(self.shown(), {"in_force": "full", "override": "full", "file": "limited"})
        self.assertEqual(self.post(), 200)
        self.assertEqual(self.set_mode("config")["mode"], "limited")
        self.assertEqual(self.post(), 403)
        self.set_mode("config")  # nothing left to lift
        self.assertEqual(self.shown(), {"in_force": "limited", "override": None, "file": "limited"})

    def test_a_refused_reload_keeps_it(self):
        self.set_mode("limited")
        self.proxy.write("not = [toml")
        self.assertEqual(self.proxy.reload()[0], 422)
        self.assertEqual(self.shown()["override"], "limited")
        self.assertEqual(self.post(), 403)

    def test_unknown_words_are_told_the_known_ones(self):
        for body in ({"mode": "off"}, {"mode": "FULL"}, {"mode": 1}, {"mode": None}, {"mode": ["full"]}, {}, [], "full", {"Mode": "full"}):
            with self.subTest(body):
                status, _, answer = self.proxy.admin("POST", "/mode", json.dumps(body))
                self.assertEqual(status, 400)
                for word in ("full", "limited", "config"):
                    self.assertIn(word, answer["error"])
        status, _, answer = self.proxy.admin("GET", "/explain?url=http://x.example/&protocol=gopher")
        self.assertEqual(status, 400)
        for word in ("http", "https_connect", "socks5_tcp", "socks5_udp"):
            self.assertIn(word, answer["error"])


class DisabledTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())

    def sockets(self, proxy):
        """Whether the process listens anywhere."""
        return self.run_tool("ss", "-Hltnp").stdout.count(f"pid={proxy.process.pid},")

    def test_a_start_with_enabled_false_binds_nothing(self):
        proxy = self.prepare(allow=["127.0.0.1"], network={"enabled": False, "enable_socks5": True, "socks_url": "http://127.0.0.1:0"})
        proxy.start()
        self.assertNotIn("msg=listening", proxy.log())
        self.assertEqual(self.sockets(proxy), 0)
        self.assertIn("SIGHUP", proxy.wait_for_line("msg=disabled.*").group())
        self.assertIn("nor is the admin API", proxy.log())
        proxy.signal(signal.SIGHUP)  # still disabled: still nothing
        proxy.wait_for_line("msg=disabled", count=2)
        self.assertEqual(self.sockets(proxy), 0)
        proxy.configure(network={"enabled": True})
        proxy.signal(signal.SIGHUP)
        for listener in ("http", "socks", "admin"):
            proxy.wait_for_line(f"msg=listening .*listener={listener}")
        self.assertEqual(proxy.get(self.origin.url).status, 200)
        self.assertEqual(proxy.admin("GET", "/health")[0], 200)

    def test_turned_off_by_a_reload_the_admin_api_stays(self):
        proxy = self.start(allow=["127.0.0.1"])
        admin = proxy.address("admin")
        proxy.configure(network={"enabled": False})
        self.assertEqual(proxy.reload()[0], 200)
        self.assertIn("the admin API stays", proxy.wait_for_line("msg=disabled.*").group())
        self.assertEqual(self.sockets(proxy), 1)
        self.assertEqual(proxy.admin("GET", "/health")[0], 200)
        self.assertEqual(proxy.reload()[0], 200)
        self.assertEqual(proxy.address("admin"), admin)
        proxy.configure(network={"enabled": True})
        told = proxy.log().count("listener=http ")
        self.assertEqual(proxy.reload()[0], 200)
        until(lambda: proxy.log().count("listener=http ") > told)
        self.assertEqual(proxy.get(self.origin.url).status, 200)

    def test_a_unix_socket_is_not_made_either(self):
        path = self.tmp + "/admin.sock"
        proxy = self.prepare(network={"enabled": False}, daemon={"admin_url": "unix://" + path}).start()
        self.assertFalse(os.path.exists(path))
        self.assertNotIn("msg=listening", proxy.log())
