"""Faults are seen: each answer of ours that names one is a log line, a count, and an event of the audit trail."""
import json
import os
import re

from client import Client
from name_server import NameServer
from origins import Scripted
from support import SystemTest, audit_events, free_port, until


class FaultTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.names = self.own(NameServer({"good.test": ["127.0.0.1"]}))
        self.audit = os.path.join(self.tmp, "audit.jsonl")

    def faulty(self, daemon=None, **network):
        return self.start(allow=["good.test", "gone.test", "127.0.0.1"], network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0", **network},
                          daemon={**self.names.settings, "log": {"access": True}, "audit": {"output": "file:" + self.audit},
                                  **(daemon or {})})

    def faults(self, count):
        def read():
            found = [e for e in audit_events(self.audit) if e["event.name"] == "network.fault"]
            return found if len(found) >= count else None
        return until(read, f"{count} faults in the audit trail")

    def counted(self, proxy, kind):
        text = proxy.admin("GET", "/metrics")[2]
        return float(re.search(rf'^codex_network_proxy_faults_total{{kind="{kind}"}} (\S+)$', text, re.M)[1])

    def test_each_is_a_line_a_count_and_an_event(self):
        broken = self.own(Scripted(b"HTTP/1.1 twohundred\r\n\r\n"))
        proxy = self.faulty()
        closed = free_port()
        rows = [("http://gone.test/secret?path", "dns_error", 502, "gone.test", 80),
                (f"http://good.test:{closed}/secret?path", "connection_refused", 502, "good.test", closed),
                (f"http://127.0.0.1:{broken.port}/secret?path", "http_protocol_error", 502, "127.0.0.1", broken.port)]
        for count, (url, kind, status, host, port) in enumerate(rows, 1):
            answer = proxy.get(url)
            self.assertEqual((answer.status, answer.get("x-proxy-error")), (status, ""), answer)
            self.assertIn(f"error={kind}", answer.get("proxy-status"))
            line = proxy.wait_for_line(f"level=info msg=fault host={host} port={port} error={kind} status={status} cause=\".+\" .*"
                                       f"request_id={answer.get('x-request-id')}$").string
            self.assertNotIn("secret", line)
            self.assertEqual(self.counted(proxy, kind), 1)
            event = self.faults(count)[-1]
            self.assertEqual((event["network.fault.kind"], event["server.address"], event["server.port"],
                              event["http.response.status_code"], event["request.id"], event["http.request.method"]),
                             (kind, host, port, status, answer.get("x-request-id"), "GET"))
            self.assertTrue(event["network.fault.cause"])
            self.assertNotIn("secret", json.dumps(event))
            proxy.wait_for_line(f"msg=connection .*target={re.escape(host)}:{port} .*end=fault")

    def test_what_clients_do_wrong_is_seen_too(self):
        proxy = self.faulty(daemon={"timeouts": {"head": "2s"}, "limits": {"max_head_bytes": "1KiB"}})
        for sent, kind, status in ((b"GET / HTTP/1.1\r\nbad header\r\n\r\n", "malformed", 400),
                                   (b"GET http://a.test/" + b"a" * 2000 + b" HTTP/1.1\r\n\r\n", "head_too_large", 431),
                                   (b"GET http://a.test/ HTTP/1.1\r\n", "request_timeout", 408),
                                   (b"CONNECT a.test HTTP/1.1\r\n\r\n", "malformed", 400)):
            with self.subTest(kind):
                client = self.own(proxy.client())
                client.send(sent)
                answer = client.response()
                self.assertEqual(answer.status, status)
                proxy.wait_for_line(f"msg=fault .*error={kind} status={status} .*request_id={answer.get('x-request-id')}$")
        self.assertEqual(self.counted(proxy, "malformed"), 2)
        self.assertEqual({e["network.fault.kind"] for e in self.faults(4)}, {"malformed", "head_too_large", "request_timeout"})

    def test_socks_has_no_words_but_the_log_has(self):
        proxy = self.faulty()
        client = self.own(Client(proxy.address("socks")))
        client.send(b"\5\1\0")
        client.read(2)
        client.send(b"\5\1\0\3\x09gone.test\0\x50")
        self.assertEqual(client.read(2), b"\5\4")
        proxy.wait_for_line("msg=fault host=gone.test port=80 error=dns_error .*protocol=socks5_tcp")
        proxy.wait_for_line("msg=connection .*protocol=socks5_tcp target=gone.test:80 .*end=fault")

    def test_a_tunnel_that_cannot_be_reached(self):
        proxy = self.faulty()
        client, answer = proxy.connect(f"good.test:{free_port()}")
        self.own(client)
        self.assertEqual((answer.status, answer.get("x-proxy-error")), (502, ""))
        proxy.wait_for_line("msg=fault host=good.test .*error=connection_refused .*protocol=https_connect method=CONNECT")

    def test_access_lines_name_what_was_refused(self):
        proxy = self.faulty()
        proxy.get("http://refused.test:81/")
        proxy.wait_for_line("msg=connection .*protocol=http target=refused.test:81 .*end=refused")
        client, _ = proxy.connect("refused.test:443")
        client.close()
        proxy.wait_for_line("msg=connection .*protocol=https_connect target=refused.test:443 .*end=(refused|client_gone)")
