"""The audit trail and the log: one event per decision, nothing secret in either."""
import json
import os
import re
import signal

from origins import Origin
from support import SystemTest, audit_events, until

ALWAYS = {"event.name", "event.timestamp", "network.policy.scope", "network.policy.decision", "network.policy.source",
          "network.policy.reason", "network.transport.protocol", "server.address", "server.port", "http.request.method",
          "client.address", "network.policy.override", "request.id", "network.policy.rule", "network.policy.generation"}


class AuditTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        self.path = os.path.join(self.tmp, "audit.jsonl")
        self.proxy = self.start(allow=["127.0.0.1"], deny=["evil.example"], daemon={"audit": {"output": "file:" + self.path}})

    def events(self, count, path=None):
        """The first `count` events, once they are written."""
        def read():
            written = audit_events(path or self.path)
            return written if len(written) >= count else None
        return until(read, f"{count} audit events")

    def test_every_decision_is_one_event(self):
        self.proxy.get(self.origin.url + "/path?query=secret", fields=[("Authorization", "Bearer secret")])
        refused = self.proxy.get("http://evil.example/")
        client, _ = self.proxy.connect("other.example:443")
        client.close()
        allow, deny, tunnel = self.events(3)
        for event in (allow, deny, tunnel):
            self.assertEqual(event["event.name"], "codex.network_proxy.policy_decision")
            self.assertRegex(event["event.timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertLessEqual(ALWAYS, set(event), ALWAYS - set(event))
            self.assertIs(event["network.policy.override"], False)
        def told(event):
            return tuple(event["network.policy." + k] for k in ("scope", "decision", "source", "reason"))
        self.assertEqual(told(allow), ("domain", "allow", "baseline_policy", "allow"))
        self.assertEqual((allow["server.address"], allow["server.port"], allow["http.request.method"],
                          allow["network.transport.protocol"]), ("127.0.0.1", self.origin.port, "GET", "http"))
        self.assertEqual(told(deny), ("domain", "deny", "baseline_policy", "denied"))
        self.assertEqual(deny["request.id"], refused.get("x-request-id"))
        self.assertIn("evil.example", deny["network.policy.rule"])
        self.assertEqual((tunnel["server.address"], tunnel["server.port"], tunnel["network.transport.protocol"],
                          tunnel["http.request.method"]), ("other.example", 443, "https_connect", "CONNECT"))
        with open(self.path) as trail:
            self.assertNotRegex(trail.read(), "secret|/path")

    def test_the_mode_guard_adds_an_event_of_its_own(self):
        self.proxy.admin("POST", "/mode", '{"mode":"limited"}')
        self.proxy.get(self.origin.url, method="POST", body=b"x")
        domain, guard = self.events(2)
        self.assertEqual((domain["network.policy.scope"], domain["network.policy.decision"]), ("domain", "allow"))
        self.assertEqual((guard["network.policy.scope"], guard["network.policy.source"], guard["network.policy.reason"]),
                         ("non_domain", "mode_guard", "method_not_allowed"))

    def test_sigusr1_reopens_the_file(self):
        self.proxy.get("http://evil.example/1")
        self.events(1)
        os.rename(self.path, self.path + ".1")
        self.proxy.signal(signal.SIGUSR1)
        until(lambda: os.path.exists(self.path), "the file is opened again")
        self.proxy.get("http://evil.example/2")
        self.assertEqual(len(self.events(1)), 1)
        self.assertEqual(len(self.events(1, self.path + ".1")), 1, "the renamed file is left alone")

    def test_a_file_that_cannot_be_opened_stops_the_start(self):
        proxy = self.prepare(daemon={"audit": {"output": "file:" + os.path.join(self.tmp, "no/such/folder/audit")}})
        self.assertEqual(proxy.launch().wait(), 78)
        self.assertIn("no/such/folder", proxy.log())


class LogTest(SystemTest):
    def test_one_line_ends_each_connection(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"], daemon={"log": {"access": True}})
        client, _ = proxy.connect(origin.authority)
        client.send("GET /bytes/5000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        client.rest()
        client.close()
        line = proxy.wait_for_line(rf"level=info .*127\.0\.0\.1:{origin.port}.*")[0]
        fields = dict(re.findall(r"(\w+)=(\"[^\"]*\"|\S+)", line))
        self.assertTrue(any(v.isdigit() and int(v) > 5000 for v in fields.values()), "bytes are counted: " + line)
        self.assertIn("rule", fields)

    def test_a_refusal_is_logged_with_its_reason(self):
        proxy = self.start(allow=["good.example"])
        answer = proxy.get("http://refused.example/path?token=secret")
        line = proxy.wait_for_line(r".*refused\.example.*")[0]
        self.assertIn("not_allowed", line)
        self.assertIn(answer.get("x-request-id"), line)
        self.assertNotIn("secret", proxy.log())

    def test_json_logs_are_json(self):
        proxy = self.prepare(allow=["good.example"], args=["--log-format", "json"]).launch()
        proxy.wait_for_line('"ready"')
        proxy.close()
        for line in proxy.log().splitlines():
            self.assertIn("level", json.loads(line), line)

    def test_a_value_cannot_forge_a_log_line(self):
        proxy = self.start(allow=["good.example"])
        proxy.get('http://refused.example/', fields=[("User-Agent", 'x" level=error msg="forged')], method="FORGED")
        proxy.wait_for_line(r"refused\.example")
        self.assertNotIn("level=error", proxy.log())
