"""Telemetry to a collector, over OTLP: what is decided arrives, whatever the collector does, and costs no client anything."""
import os
import re
import signal

from collector import Collector, HangsUp, garbage, hang_up, mutual, status
from origins import Authority, Origin
from support import SystemTest, audit_events, free_port, until

EVENT = "codex.network_proxy.policy_decision"


def quick(collector_url, **more):
    """Settings that make everything happen soon."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector_url, "OTEL_BLRP_SCHEDULE_DELAY": "50", "OTEL_METRICS_EXPORTER": "none",
            "OTEL_TRACES_EXPORTER": "none", **more}


class OtlpTest(SystemTest):
    def collector(self, **kw):
        return self.own(Collector(**kw))

    def serve(self, url, *, daemon=None, **env):
        self.path = os.path.join(self.tmp, "audit.jsonl")
        return self.start(allow=["127.0.0.1"], deny=["evil.example"], env=quick(url, **env),
                          daemon={"audit": {"output": "file:" + self.path}, **(daemon or {})})

    def refuse(self, proxy, count, start=0):
        """So many refusals, by the names of their hosts."""
        for number in range(start, start + count):
            proxy.get(f"http://n{number}.example/")

    def records(self, collector, count):
        until(lambda: len(collector.records()) >= count, f"{count} records at the collector")
        return collector.records()

    def dropped(self, proxy):
        text = proxy.admin("GET", "/metrics")[2]
        return int(re.search(r'^codex_network_proxy_events_dropped_total\{subscriber="otlp"\} (\d+)', text, re.M)[1])

    def drops(self, proxy, count):
        until(lambda: self.dropped(proxy) >= count, f"{count} drops on /metrics")
        self.assertEqual(self.dropped(proxy), count)


class EventTest(OtlpTest):
    def check_same(self, protocol, compression):
        collector, origin = self.collector(), self.own(Origin())
        # One worker, so that all events come in one order.
        proxy = self.serve(collector.url, daemon={"workers": 1}, OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
                           OTEL_EXPORTER_OTLP_COMPRESSION=compression,
                           OTEL_RESOURCE_ATTRIBUTES="deployment.environment=test")
        proxy.get(origin.url + "/path?query=secret", fields=[("Authorization", "Bearer secret")])
        proxy.get("http://evil.example/")
        proxy.admin("POST", "/mode", '{"mode":"limited"}')
        proxy.get(origin.url, method="POST", body=b"x")  # an event for the host and one for the mode
        sent = self.records(collector, 4)
        until(lambda: len(audit_events(self.path)) >= 4, "4 events in the trail")
        trail = audit_events(self.path)
        self.assertEqual(len(trail), 4)
        for record, line in zip(sent, trail):
            del line["target"]  # is the name of the scope
            self.assertEqual(record, line)
        request, = {r.headers["content-type"] for r in collector.of("/v1/logs")}
        self.assertEqual(request, "application/json" if protocol == "http/json" else "application/x-protobuf")
        for one in collector.of("/v1/logs"):
            self.assertEqual(one.scope()["name"], "codex_otel.network_proxy")
            self.assertEqual(one.is_gzip, compression == "gzip")
            self.assertNotIn(b"secret", one.body)
            self.assertEqual(one.resource()["service.name"], "codex_network_proxy")
            self.assertEqual(one.resource()["deployment.environment"], "test")
            self.assertLessEqual({"service.version", "service.instance.id"}, set(one.resource()))

    def test_events_are_the_decisions_of_the_trail_in_protobuf(self):
        self.check_same("http/protobuf", "gzip")

    def test_events_are_the_decisions_of_the_trail_in_json(self):
        self.check_same("http/json", "none")

    def test_events_go_without_an_audit_trail(self):
        collector, origin = self.collector(), self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"], env=quick(collector.url))
        proxy.get(origin.url)
        record, = self.records(collector, 1)
        self.assertEqual((record["event.name"], record["network.policy.decision"]), (EVENT, "allow"))

    def test_all_of_many_arrive_once(self):
        collector = self.collector()
        proxy = self.serve(collector.url)
        with proxy.client() as client:
            for number in range(2000):
                client.request(f"http://n{number}.example/")
        names = [r["server.address"] for r in self.records(collector, 2000)]
        self.assertEqual(names, [f"n{n}.example" for n in range(2000)])
        self.assertEqual(self.dropped(proxy), 0)

    def test_a_collector_that_policy_refuses_is_reached_directly(self):
        collector = self.collector()
        proxy = self.start(allow=["good.example"], deny=["127.0.0.1", "localhost"], network={"allow_local_binding": False},
                           env=quick(collector.url, HTTP_PROXY="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1"))
        proxy.get("http://evil.example/")
        self.records(collector, 1)
        self.assertIn("msg=telemetry_sent_directly", proxy.log())

    def test_headers_are_sent_and_never_shown(self):
        collector = self.collector()
        proxy = self.serve(collector.url, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20verysecret")
        proxy.get("http://evil.example/")
        self.records(collector, 1)
        self.assertEqual(collector.requests[0].headers["authorization"], "Bearer verysecret")
        shown = proxy.log() + str(proxy.admin("GET", "/config")) + str(proxy.admin("GET", "/metrics"))
        self.assertNotIn("verysecret", shown)

    def test_metrics_are_those_of_the_metrics_page(self):
        collector = self.collector()
        proxy = self.start(allow=["a.example"], env={**quick(collector.url), "OTEL_METRICS_EXPORTER": "otlp",
                                                     "OTEL_METRIC_EXPORT_INTERVAL": "1000"})
        proxy.get("http://evil.example/")

        def decided():
            sums = [m["sum"] for r in collector.of("/v1/metrics") for m in r.items()
                    if m["name"] == "codex_network_proxy_decisions_total" or m["name"] == "codex_network_proxy_decisions"]
            return any(p.get("asDouble", p.get("asInt")) == 1 for s in sums for p in s["dataPoints"])
        until(decided, "a refusal among the metrics")


class TlsTest(OtlpTest):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder("authority"))

    def trust(self, **more):
        return {"OTEL_EXPORTER_OTLP_CERTIFICATE": self.authority.bundle, **more}

    def test_a_client_certificate_is_shown(self):
        collector = self.collector(tls=mutual(self.authority.server("127.0.0.1"), self.authority))
        self.authority.server("proxy.example")
        stem = os.path.join(self.authority.folder, "proxy.example")
        proxy = self.serve(collector.url, **self.trust(OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=stem + ".pem",
                                                       OTEL_EXPORTER_OTLP_CLIENT_KEY=stem + ".key"))
        proxy.get("http://evil.example/")
        self.records(collector, 1)

    def check_fails(self, url, **env):
        proxy = self.serve(url, **env)
        proxy.get("http://evil.example/")
        proxy.wait_for_line("msg=telemetry_failing signal=logs")
        return proxy

    def test_a_certificate_of_nobody_we_trust_is_refused(self):
        collector = self.collector(tls=self.authority.server("127.0.0.1"))
        self.check_fails(collector.url)
        self.assertEqual(collector.requests + collector.refused, [])

    def test_a_certificate_for_another_name_is_refused(self):
        collector = self.collector(tls=self.authority.server("other.example"))
        self.check_fails(collector.url, **self.trust())
        self.assertEqual(collector.requests + collector.refused, [])

    def test_one_that_hangs_up_in_the_handshake_is_a_failure(self):
        self.check_fails(self.own(HangsUp()).url, **self.trust())


class FaultTest(OtlpTest):
    def test_faults_that_pass_lose_nothing(self):
        collector = self.collector()
        collector.faults = [status(503), status(429, retry_after="1"), garbage, hang_up]
        proxy = self.serve(collector.url)
        self.refuse(proxy, 3)
        proxy.wait_for_line("msg=telemetry_failing signal=logs")
        proxy.wait_for_line("msg=telemetry_resumed signal=logs", seconds=60)
        self.assertEqual([r["server.address"] for r in self.records(collector, 3)], [f"n{n}.example" for n in range(3)])
        self.assertEqual(self.dropped(proxy), 0)

    def test_what_is_refused_is_dropped_and_counted(self):
        for code in (400, 401, 404, 500):
            with self.subTest(code):
                collector = self.collector()
                collector.always = status(code)
                proxy = self.serve(collector.url)
                self.refuse(proxy, 2)
                self.drops(proxy, 2)
                self.assertRegex(proxy.wait_for_line("msg=telemetry_failing.*").group(), f"status={code}")
                collector.always = None
                self.refuse(proxy, 1, start=7)
                record, = self.records(collector, 1)
                self.assertEqual(record["server.address"], "n7.example")

    def test_a_batch_that_is_too_large_is_halved(self):
        collector = self.collector()
        collector.faults = [status(413)]
        # The first batch is sent when it is full, so it holds more than one.
        proxy = self.serve(collector.url, OTEL_BLRP_SCHEDULE_DELAY="60000", OTEL_BLRP_MAX_EXPORT_BATCH_SIZE="9")
        self.refuse(proxy, 9)
        self.assertEqual([r["server.address"] for r in self.records(collector, 9)], [f"n{n}.example" for n in range(9)])
        self.assertEqual(self.dropped(proxy), 0)

    def test_a_redirect_is_not_followed(self):
        other, collector = self.collector(), self.collector()
        collector.always = status(307, location=other.url + "/v1/logs")
        proxy = self.serve(collector.url)
        self.refuse(proxy, 1)
        self.drops(proxy, 1)
        self.assertEqual(other.requests, [])

    def test_a_stopped_collector_holds_up_nobody_and_its_drops_are_counted(self):
        collector, origin = self.collector(), self.own(Origin())
        collector.gate.clear()
        proxy = self.serve(collector.url, OTEL_BLRP_MAX_QUEUE_SIZE="100", OTEL_BLRP_MAX_EXPORT_BATCH_SIZE="10",
                           OTEL_EXPORTER_OTLP_TIMEOUT="60000")  # no second try while the collector is stopped
        with proxy.client() as client:
            for _ in range(300):
                self.assertEqual(client.request(origin.url + "/").status, 200)
        self.drops(proxy, 200)
        collector.gate.set()
        self.assertEqual(len(self.records(collector, 100)), 100)

    def test_nobody_there_is_told_once_and_found_once_there(self):
        port = free_port()
        proxy = self.serve(f"http://127.0.0.1:{port}")
        self.refuse(proxy, 2)
        proxy.wait_for_line("msg=telemetry_failing")
        collector = self.collector(port=port)
        self.assertEqual(len(self.records(collector, 2)), 2)
        self.assertEqual(proxy.log().count("msg=telemetry_failing"), 1)


class EndTest(OtlpTest):
    def test_what_waits_at_the_end_is_sent(self):
        collector = self.collector()
        proxy = self.serve(collector.url, OTEL_BLRP_SCHEDULE_DELAY="60000")
        self.refuse(proxy, 5)
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 0)
        self.assertEqual(len(collector.records()), 5)

    def test_a_collector_that_is_away_does_not_keep_it_from_ending(self):
        for collector_url in (f"http://127.0.0.1:{free_port()}", self.stopped().url):
            proxy = self.serve(collector_url, OTEL_EXPORTER_OTLP_TIMEOUT="600000")
            self.refuse(proxy, 5)
            proxy.signal(signal.SIGTERM)
            self.assertEqual(proxy.wait(60), 0)

    def stopped(self):
        collector = self.collector()
        collector.gate.clear()
        return collector


class ReloadTest(OtlpTest):
    def threads(self, proxy):
        return len(os.listdir(f"/proc/{proxy.process.pid}/task"))

    def test_another_endpoint_holds_after_a_reload_and_none_ends_the_thread(self):
        first, second = self.collector(), self.collector()
        env = quick("")
        del env["OTEL_EXPORTER_OTLP_ENDPOINT"]
        proxy = self.start(allow=["a.example"], env=env)
        before = self.threads(proxy)
        for collector in (first, second):
            proxy.configure(daemon={"otel": {"endpoint": collector.url}})
            self.assertEqual(proxy.reload()[0], 200)
            proxy.get("http://evil.example/")
            self.assertEqual(len(self.records(collector, 1)), 1)
        self.assertEqual(len(first.records()), 1)
        proxy.configure(daemon={"otel": {"endpoint": ""}})
        self.assertEqual(proxy.reload()[0], 200)
        until(lambda: self.threads(proxy) == before, "the thread has ended")
        proxy.get("http://evil.example/")
        self.assertEqual(len(second.records()), 1)
