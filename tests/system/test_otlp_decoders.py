"""What a collector gets is read by decoders that are not ours, and is what the audit trail, /metrics and the clients say."""
import datetime
import os
import re

from collector import LISTS, Collector, attributes
from origins import Origin
from otlp_decoded import Npm, Protobuf
from support import SystemTest, audit_events, free_port, until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACED = [("traceparent", f"00-{TRACE}-{PARENT}-01")]
EVENT = "codex.network_proxy.policy_decision"
INFO, WARN, CUMULATIVE, FAILED = 9, 13, 2, 2  # by their enumerations in OTLP
SERVER, CLIENT = 2, 3


def series(text):
    """A page of metrics: {(name, labels): value}."""
    found = re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", text, re.M)
    return {(name, tuple(sorted(re.findall(r'(\w+)="(.*?)"', labels)))): float(value) for name, labels, value in found}


def points(metric):
    """What a metric has counted, by its labels."""
    kind, = {"gauge", "sum", "histogram"} & set(metric)
    return metric[kind].get("dataPoints", ())


class Decoded:
    """Tests for each decoder and encoding."""

    decoder, protocol = None, "http/protobuf"

    def setUp(self):
        super().setUp()
        self.decode = self.decoder(self.tmp)
        self.origin, self.collector = self.own(Origin()), self.own(Collector())
        self.trail = os.path.join(self.tmp, "audit.jsonl")

    def serve(self, **env):
        otel = {"endpoint": self.collector.url, "protocol": self.protocol, "delay": "10ms", "traces": True}
        return self.start(allow=["127.0.0.1"], daemon={"otel": otel, "audit": {"output": "file:" + self.trail}},
                          env={"OTEL_RESOURCE_ATTRIBUTES": "team=n%C3%A4t", **env})

    def items(self, path, count):
        """At least so many of a signal. All of a signal have one resource and one scope."""
        resources, scopes, items = LISTS[path]
        until(lambda: sum(len(r.items()) for r in self.collector.of(path)) >= count, f"{count} items at {path}")
        found = []
        for request in self.collector.of(path):
            resource, = self.decode(request)[resources]
            said = attributes(resource["resource"])
            self.assertLessEqual({"service.name": "codex_network_proxy", "team": "nät"}.items(), said.items())
            self.assertLessEqual({"service.version", "service.instance.id"}, set(said))
            scope, = resource[scopes]
            self.assertEqual(scope["scope"], {"name": "codex_otel.network_proxy", "version": said["service.version"]})
            found += scope[items]
        return found

    def test_records_are_the_lines_of_the_trail(self):
        proxy = self.serve()
        proxy.get(self.origin.url, fields=TRACED)
        proxy.get("http://refused.example/")
        proxy.get(f"http://127.0.0.1:{free_port()}/")  # a decision and a fault
        # Each request may be served by another worker: what they tell may change places.
        records = sorted(self.items("/v1/logs", 4), key=lambda record: attributes(record)["request.id"])
        lines = sorted(until(lambda: len(audit_events(self.trail)) == 4 and audit_events(self.trail), "4 lines of the trail"),
                       key=lambda line: line["request.id"])
        self.assertEqual(len(records), len(lines))
        for record, line in zip(records, lines):
            self.check_record(record, line)
        traces = {}  # a request of no trace begins one, which all its events have
        for record in records:
            traces.setdefault(record["traceId"], []).append(record["eventName"])
        self.assertEqual(traces.pop(TRACE), [EVENT])
        self.assertCountEqual(map(sorted, traces.values()), [[EVENT], [EVENT, "network.fault"]])

    def check_record(self, record, line):
        self.assertEqual(line.pop("target"), "codex_otel.network_proxy")  # is the scope
        ids = [line.pop(name, None) for name in ("trace_id", "span_id")]
        self.assertEqual([record.get("traceId"), record.get("spanId")], ids)
        self.assertEqual(record.get("flags", 0), 1 if ids[0] else 0)
        self.assertEqual(attributes(record), line)
        self.assertEqual(record["eventName"], line["event.name"])
        level = (INFO, "INFO") if line["event.name"] == EVENT else (WARN, "WARN")
        self.assertEqual((record["severityNumber"], record["severityText"]), level)
        at = datetime.datetime.fromisoformat(line["event.timestamp"].replace("Z", "+00:00"))
        self.assertEqual(int(record["timeUnixNano"]) // 1_000_000, round(at.timestamp() * 1000))
        self.assertGreaterEqual(int(record["observedTimeUnixNano"]), int(record["timeUnixNano"]))

    def test_metrics_are_those_of_the_page(self):
        proxy = self.serve(OTEL_METRIC_EXPORT_INTERVAL="1000")
        proxy.get(self.origin.url)
        before = len(self.collector.of("/v1/metrics"))
        until(lambda: len(self.collector.of("/v1/metrics")) >= before + 2, "metrics that know of the request")
        # The last of each; of some there is nothing to tell yet.
        metrics = {metric["name"]: metric for metric in self.items("/v1/metrics", 1) if points(metric)}
        page = series(proxy.admin("GET", "/metrics")[2])
        histograms = {name for name, metric in metrics.items() if "histogram" in metric}
        self.assertIn("codex_network_proxy_request_duration_seconds", histograms)

        def family(name):
            base = re.sub("_(bucket|sum|count)$", "", name)
            return base if base in histograms else name
        self.assertEqual(set(metrics), {family(name) for name, _ in page})
        for metric in metrics.values():
            self.check_metric(metric, page)

    def check_metric(self, metric, page):
        kind, = {"gauge", "sum", "histogram"} & set(metric)
        if kind != "gauge":
            self.assertEqual(metric[kind]["aggregationTemporality"], CUMULATIVE)
        if kind == "sum":
            self.assertTrue(metric[kind]["isMonotonic"])
            self.assertTrue(metric["name"].endswith("_total"))
        self.assertTrue(metric["description"])
        for point in points(metric):
            labels = tuple(sorted(attributes(point).items()))
            self.assertEqual("startTimeUnixNano" in point, kind != "gauge")
            if kind == "histogram":
                self.check_histogram(metric["name"], labels, point, page)
            else:
                self.assertIn((metric["name"], labels), page)
                self.assertIn("asDouble", point)

    def check_histogram(self, name, labels, point, page):
        bounds, counts = point["explicitBounds"], [int(n) for n in point["bucketCounts"]]
        self.assertEqual(sum(counts), int(point.get("count", 0)))
        self.assertEqual(len(counts), len(bounds) + 1)
        paged = sorted(float(dict(of)["le"]) for at, of in page
                       if at == name + "_bucket" and tuple(pair for pair in of if pair[0] != "le") == labels)
        self.assertEqual(len(counts), len(paged))
        for bound, shown in zip(bounds, paged):
            self.assertAlmostEqual(bound, shown)  # the page rounds

    def test_spans_are_what_the_client_asked_for(self):
        proxy = self.serve()
        proxy.get(self.origin.url, fields=TRACED)
        proxy.get(f"http://127.0.0.1:{free_port()}/", fields=TRACED)
        spans = self.items("/v1/traces", 4)
        served = [span for span in spans if span["kind"] == SERVER]
        for span in served:
            self.assertEqual((span["traceId"], span["parentSpanId"], span["name"]), (TRACE, PARENT, "GET"))
            self.assertEqual(span["flags"] & 1, 1)
            self.assertGreaterEqual(int(span["endTimeUnixNano"]), int(span["startTimeUnixNano"]))
        self.assertCountEqual([(attributes(s)["http.response.status_code"], s.get("status", {}).get("code", 0)) for s in served],
                              [(200, 0), (502, FAILED)])
        parents = [span["parentSpanId"] for span in spans if span["kind"] == CLIENT]
        self.assertCountEqual(parents, [span["spanId"] for span in served])


class ProtobufTest(Decoded, SystemTest):
    decoder = Protobuf


class JsonTest(Decoded, SystemTest):
    decoder, protocol = Protobuf, "http/json"


class NpmTest(Decoded, SystemTest):
    decoder = Npm
