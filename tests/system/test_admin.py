"""The admin API: every endpoint, every error, and who may ask."""
import datetime
import json
import os
import socket

from client import Client
from origins import Origin
from support import SystemTest, until


class EndpointTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        self.proxy = self.start(allow=["127.0.0.1", "**.good.example"], deny=["evil.example"])

    def test_health(self):
        self.assertEqual(self.proxy.admin("GET", "/health")[::2], (200, "ok"))

    def test_config_and_patterns_show_what_is_in_force(self):
        status, headers, config = self.proxy.admin("GET", "/config")
        self.assertEqual(status, 200)
        self.assertIn("application/json", headers["content-type"])
        self.assertIn("evil.example", json.dumps(config))
        _, _, patterns = self.proxy.admin("GET", "/patterns")
        self.assertEqual(patterns, {"allowed": ["127.0.0.1", "**.good.example"], "denied": ["evil.example"]})

    def test_metrics_count_decisions(self):
        self.proxy.get(self.origin.url)
        self.proxy.get("http://evil.example/")
        status, headers, text = self.proxy.admin("GET", "/metrics")
        self.assertEqual(status, 200)
        self.assertIn("text/plain", headers["content-type"])
        self.assertRegex(text, r'(?m)^\w*decisions_total\{[^}]*decision="allow"[^}]*\} 1$')
        self.assertRegex(text, r'(?m)^\w*decisions_total\{[^}]*reason="denied"[^}]*\} 1$')
        self.assertRegex(text, r"(?m)^\w*policy_generation(\{[^}]*\})? 1$")

    def test_explain_judges_without_asking_anybody(self):
        for url, method, decision, status in ((self.origin.url, "GET", "allow", 200), ("http://evil.example/", "GET", "deny", 403),
                                              ("http://unknown.example/", "POST", "deny", 403)):
            code, _, verdict = self.proxy.admin("GET", f"/explain?url={url}&method={method}")
            self.assertEqual((code, verdict["decision"], verdict["status"]), (200, decision, status), verdict)
        self.assertEqual(self.origin.connections, 0)
        self.assertEqual(self.proxy.admin("GET", "/explain")[0], 400)

    def test_connections_show_a_tunnel_and_its_rule(self):
        client, _ = self.proxy.connect(self.origin.authority)
        listed = self.proxy.admin("GET", "/connections")[2]
        self.assertIn("127.0.0.1", json.dumps(listed))
        self.assertIn(str(self.origin.port), json.dumps(listed))
        client.close()
        until(lambda: str(self.origin.port) not in json.dumps(self.proxy.admin("GET", "/connections")[2]), "the tunnel is gone")

    def test_errors_are_json(self):
        big = b'{"mode":"full"' + b" " * 9000 + b"}"
        for method, path, body, status, word in (
                ("GET", "/nothing", None, 404, ""), ("GET", "/", None, 404, ""), ("GET", "/health/", None, 404, ""),
                ("POST", "/mode", None, 400, "missing body"), ("POST", "/mode", b"{", 400, "invalid json"),
                ("POST", "/mode", b'{"mode":"off"}', 400, "invalid json"), ("POST", "/mode", b'{"mode":1}', 400, "invalid json"),
                ("POST", "/mode", b"[" * 5000, 400, "invalid json"), ("POST", "/mode", big, 413, "")):
            with self.subTest(path=path, body=(body or b"")[:20]):
                code, headers, answer = self.proxy.admin(method, path, body)
                self.assertEqual(code, status, answer)
                self.assertIn("application/json", headers["content-type"])
                self.assertIn(word, json.dumps(answer))

    def test_a_wrong_method_names_the_right_one(self):
        for method, path, allow in (("POST", "/health", "GET"), ("DELETE", "/config", "GET"), ("GET", "/mode", "POST"),
                                    ("GET", "/reload", "POST"), ("PUT", "/blocked", "GET")):
            with self.subTest(method + path):
                code, headers, _ = self.proxy.admin(method, path)
                self.assertEqual(code, 405)
                self.assertIn(allow, headers["allow"])


class BlockedTest(SystemTest):
    def test_refusals_are_kept_in_order_and_read_by_cursor(self):
        proxy = self.start(allow=["good.example"])
        answers = [proxy.get(f"http://host{n}.example/", fields=[("Cookie", "secret")]) for n in range(5)]
        seen, since = [], 0
        while page := (told := proxy.blocked(f"?since={since}&limit=2"))["blocked"]:
            self.assertLessEqual(len(page), 2)
            seen += page
            since = told["next"]
        self.assertEqual(told["total"], 5)
        self.assertEqual([entry["host"] for entry in seen], [f"host{n}.example" for n in range(5)])
        self.assertEqual([entry["request_id"] for entry in seen], [answer.get("x-request-id") for answer in answers])
        first = seen[0]
        self.assertEqual({k: first[k] for k in ("port", "reason", "decision", "source", "protocol", "method")},
                         {"port": 80, "reason": "not_allowed", "decision": "deny", "source": "baseline_policy",
                          "protocol": "http", "method": "GET"})
        self.assertTrue({"id", "timestamp", "mode", "client"} <= set(first))
        self.assertEqual(proxy.blocked(), proxy.blocked(), "reading does not drain")
        self.assertNotIn("secret", json.dumps(proxy.blocked()))

    def test_two_hundred_are_kept_and_all_are_counted(self):
        proxy = self.start(allow=["good.example"])
        with proxy.client() as client:
            for n in range(205):
                client.request(f"http://host{n}.example/")
        told = proxy.blocked()
        self.assertEqual((len(told["blocked"]), told["total"]), (200, 205))
        self.assertEqual((told["blocked"][0]["host"], told["blocked"][-1]["host"]), ("host5.example", "host204.example"))

    def test_without_a_cursor_the_newest_are_listed_and_times_are_text(self):
        proxy = self.start(allow=["good.example"])
        for n in range(5):
            proxy.get(f"http://host{n}.example/")
        told = proxy.blocked("?limit=3")
        self.assertEqual([entry["host"] for entry in told["blocked"]], ["host2.example", "host3.example", "host4.example"])
        self.assertEqual((told["total"], told["next"]), (5, told["blocked"][-1]["id"]))
        for entry in told["blocked"]:
            at = datetime.datetime.fromisoformat(entry["timestamp"].replace("Z", "+00:00"))
            self.assertLess(abs(datetime.datetime.now(datetime.timezone.utc) - at), datetime.timedelta(hours=1))
            self.assertRegex(entry["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(proxy.blocked(f"?since={told['next']}")["blocked"], [], "the cursor goes on from there")
        self.assertEqual([e["host"] for e in proxy.blocked("?since=0&limit=1")["blocked"]], ["host0.example"])
        self.assertEqual(len(proxy.blocked("?limit=0")["blocked"]), 0)
        self.assertEqual(len(proxy.blocked("?limit=1000")["blocked"]), 5)

    def test_bad_queries_are_400(self):
        proxy = self.start(allow=["good.example"])
        for query in ("?since=x", "?limit=-1", "?limit=99999999999999999999"):
            with self.subTest(query):
                self.assertEqual(proxy.admin("GET", "/blocked" + query)[0], 400)


class AccessTest(SystemTest):
    def test_a_foreign_host_or_origin_is_403(self):
        proxy = self.start(allow=["good.example"])
        own = "%s:%d" % proxy.address("admin")
        port = proxy.address("admin")[1]
        for headers, status in (({"Host": own}, 200), ({"Host": f"localhost:{port}"}, 200), ({"Host": f"[::1]:{port}"}, 200),
                                ({"Host": "evil.example"}, 403), ({"Host": f"evil.example:{port}"}, 403),
                                ({"Host": f"127.0.0.1.evil.example:{port}"}, 403),
                                ({"Host": own, "Origin": "http://evil.example"}, 403), ({"Host": own, "Origin": "null"}, 403),
                                ({"Host": own, "Origin": "http://" + own}, 200)):
            with self.subTest(headers):
                status_seen, answer_headers, _ = proxy.admin("GET", "/config", headers=headers)
                self.assertEqual(status_seen, status)
                self.assertNotIn("access-control-allow-origin", {k.lower() for k in answer_headers})

    def test_a_token_is_asked_for_everywhere_but_on_health(self):
        secret = os.path.join(self.tmp, "token")
        with open(secret, "w") as out:
            out.write("s3cret-token\n")
        for what, settings in (("env", {"admin_token_env": "ADMIN_TOKEN"}), ("file", {"admin_token_file": secret})):
            with self.subTest(what):
                proxy = self.start(allow=["good.example"], daemon=settings, env={"ADMIN_TOKEN": "s3cret-token"})
                self.assertEqual(proxy.admin("GET", "/health")[0], 200)
                for path in ("/config", "/patterns", "/blocked", "/metrics", "/connections"):
                    self.assertEqual(proxy.admin("GET", path)[0], 401)
                    for wrong in ("Bearer", "Bearer ", "Bearer wrong", "Basic s3cret-token", "Bearer s3cret-token2"):
                        self.assertEqual(proxy.admin("GET", path, headers={"Authorization": wrong})[0], 401, wrong)
                    self.assertEqual(proxy.admin("GET", path, headers={"Authorization": "Bearer s3cret-token"})[0], 200)
                self.assertEqual(proxy.admin("POST", "/reload")[0], 401)
                shown = json.dumps(proxy.admin("GET", "/config", headers={"Authorization": "Bearer s3cret-token"})[2])
                self.assertNotIn("s3cret-token", shown + proxy.log())

    def test_a_unix_socket_serves_the_api(self):
        path = os.path.join(self.tmp, "admin.sock")
        proxy = self.start(allow=["good.example"], daemon={"admin_url": "unix://" + path})
        def ask():
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(path)
            with Client(sock=connection) as client:
                client.send("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return client.response()
        self.assertEqual(ask().text(), "ok")
        proxy.close()
        self.assertFalse(os.path.exists(path), "the socket file goes with the daemon")

    def test_no_admin_when_turned_off(self):
        proxy = self.start(allow=["good.example"], daemon={"admin_url": ""})
        self.assertNotIn("listener=admin", proxy.log())
