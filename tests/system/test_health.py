"""Probes of health: what a supervisor of processes and a load balancer ask the daemon."""
import signal

from origins import Origin
from support import SystemTest, until

PROBES = ("/livez", "/readyz", "/healthz")


class HealthTest(SystemTest):
    def test_a_daemon_that_serves_is_live_and_ready(self):
        proxy = self.start(allow=["127.0.0.1"], network={"mitm": True})
        for path in PROBES:
            with self.subTest(path):
                self.assertEqual(proxy.admin("GET", path)[::2], (200, "ok"))
                status, headers, _ = proxy.admin("HEAD", path)
                self.assertEqual((status, headers["content-length"]), (200, "2"))
                status, _, told = proxy.admin("GET", path + "?verbose=json")
                self.assertEqual((status, told["status"]), (200, "ok"))
                self.assertTrue(all(check["ok"] and check["detail"] for check in told["checks"]), told)
        lines = proxy.admin("GET", "/readyz?verbose")[2].splitlines()
        self.assertEqual([line.split(":")[0] for line in lines],
                         ["[+]loops ok", "[+]listeners ok", "[+]policy ok", "[+]ca ok", "[+]shutdown ok"])

    def test_a_daemon_that_drains_is_live_and_no_longer_ready_while_a_tunnel_lives(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"], daemon={"shutdown_grace": "30s"})
        client, answer = proxy.connect(origin.authority)
        self.addCleanup(client.close)
        self.assertEqual(answer.status, 200)
        self.assertEqual(proxy.admin("GET", "/readyz")[0], 200)
        proxy.signal(signal.SIGTERM)
        until(lambda: proxy.admin("GET", "/readyz")[0] == 503, "the drain is told")
        status, _, told = proxy.admin("GET", "/readyz")
        self.assertEqual((status, told), (503, "failed: listeners, shutdown"))
        self.assertEqual(proxy.admin("GET", "/livez")[::2], (200, "ok"))
        client.send(f"GET / HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
        self.assertEqual(client.response().status, 200, "the tunnel goes on")
        self.assertIsNone(proxy.process.poll())
        client.close()
        self.assertEqual(proxy.wait(), 0)
        self.assertIn("msg=stopped drained=true", proxy.log())

    def test_details_need_the_token_where_there_is_one(self):
        proxy = self.start(allow=["127.0.0.1"], daemon={"admin_token_env": "ADMIN_TOKEN"}, env={"ADMIN_TOKEN": "s3cret-token"})
        for path in PROBES:
            with self.subTest(path):
                self.assertEqual(proxy.admin("GET", path)[::2], (200, "ok"))
                self.assertEqual(proxy.admin("GET", path + "?verbose")[0], 401)
                shown = {"Authorization": "Bearer s3cret-token"}
                status, _, told = proxy.admin("GET", path + "?verbose", headers=shown)
                self.assertEqual(status, 200)
                self.assertIn("[+]loops ok: ", told)
