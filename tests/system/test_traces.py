"""Spans of requests and tunnels, as a collector of traces gets them from the daemon."""
import signal

from collector import Collector, attributes
from origins import Origin
from support import SystemTest, until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SERVER, CLIENT = 2, 3


class TraceTest(SystemTest):
    def traced(self, **otel):
        self.origin = self.own(Origin())
        self.collector = self.own(Collector())
        settings = {"endpoint": self.collector.url, "traces": True, "delay": "10ms", **otel}
        return self.start(allow=["127.0.0.1"], daemon={"otel": settings})

    def spans(self):
        return [item for request in self.collector.of("/v1/traces") for item in request.items()]

    def wait_for(self, count):
        until(lambda: len(self.spans()) >= count, f"{count} spans")
        return self.spans()

    def test_a_request_has_two_spans_and_the_origin_is_told_of_the_lower_one(self):
        for protocol in ("http/protobuf", "http/json"):
            with self.subTest(protocol):
                proxy = self.traced(protocol=protocol)
                with proxy.client() as client:
                    answer = client.request(self.origin.url + "/secret?token=x",
                                            fields=[("traceparent", f"00-{TRACE}-{PARENT}-01"), ("tracestate", "a=b")])
                self.assertEqual(answer.status, 200)
                by_kind = {span["kind"]: span for span in self.wait_for(2)}
                served, sent = by_kind[SERVER], by_kind[CLIENT]
                self.assertEqual((served["traceId"], served["parentSpanId"]), (TRACE, PARENT))
                self.assertEqual((sent["traceId"], sent["parentSpanId"]), (TRACE, served["spanId"]))
                told = {name.lower(): value for name, value in answer.json()["fields"]}
                self.assertEqual(told["traceparent"], f"00-{TRACE}-{sent['spanId']}-01")
                self.assertEqual(told["tracestate"], "a=b")
                self.assertEqual(served["name"], "GET")
                self.assertLessEqual(int(served["startTimeUnixNano"]), int(sent["startTimeUnixNano"]))
                self.assertGreaterEqual(int(served["endTimeUnixNano"]), int(sent["endTimeUnixNano"]))
                self.assertEqual(attributes(served), {
                    "http.request.method": "GET", "http.response.status_code": 200, "server.address": "127.0.0.1",
                    "server.port": self.origin.port, "url.scheme": "http", "network.protocol.name": "http",
                    "network.protocol.version": "1.1", "client.address": "127.0.0.1"})
                for request in self.collector.of("/v1/traces"):
                    self.assertNotIn(b"secret", request.body)

    def test_what_ends_with_the_daemon_is_told_before_it_has_gone(self):
        proxy = self.traced(delay="1h")
        client, _ = proxy.connect(self.origin.authority)
        self.addCleanup(client.close)
        proxy.signal(signal.SIGTERM)
        client.close()
        self.assertEqual(proxy.wait(), 0)
        self.assertEqual([(span["name"], attributes(span)["http.response.status_code"]) for span in self.spans()],
                         [("CONNECT", 200)])

    def test_without_traces_nothing_is_recorded_and_the_field_is_the_clients(self):
        proxy = self.traced(traces=False)
        field = f"00-{TRACE}-{PARENT}-01"
        with proxy.client() as client:
            answer = client.request(self.origin.url, fields=[("traceparent", field)])
        told = {name.lower(): value for name, value in answer.json()["fields"]}
        self.assertEqual(told["traceparent"], field)
        until(lambda: self.collector.of("/v1/logs"), "the decision is told")
        self.assertEqual(self.collector.of("/v1/traces"), [])
        record = self.collector.of("/v1/logs")[0].items()[0]
        self.assertEqual((record["traceId"], record["spanId"]), (TRACE, PARENT))
