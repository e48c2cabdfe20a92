"""What is shown to Prometheus: its own tools and the server itself take the metrics, the alerts and the dashboard."""
import json
import os
import re
import subprocess
import urllib.parse
import urllib.request

from alert_cases import CASES, unit_tests
from origins import Origin
from support import ROOT, SystemTest, clean_env, free_port, until

OBSERVE = os.path.join(ROOT, "config", "observe")
ALERTS = os.path.join(OBSERVE, "alerts.yml")
DASHBOARD = os.path.join(OBSERVE, "dashboard.json")
METRIC = r"\b(?:codex_network_proxy|process)_[a-z0-9_]+"


def text_of(path):
    with open(path) as file:
        return file.read()


def series_of(page):
    """The names of all series on a page of metrics, those that histograms are made of too."""
    return set(re.findall(r"^([a-z0-9_]+)(?:\{| )", page, re.M))


def selected(text):
    """Metric, label and value of each selector: one for each alternative. Values that a dashboard's user chooses are left out."""
    for metric, labels in re.findall(r"\b(codex_network_proxy_[a-z0-9_]+){([^}]*)}", text.replace('\\"', '"')):
        for label, values in re.findall(r'(\w+)=~?"([^"]*)"', labels):
            for value in values.split("|"):
                if label != "job" and "$" not in value:
                    yield metric, label, value


class MetricsTest(SystemTest):
    def page(self, proxy):
        status, _, text = proxy.admin("GET", "/metrics")
        self.assertEqual(status, 200)
        return text

    def intercepting(self):
        """With everything on that has metrics of its own."""
        return self.start(allow=["127.0.0.1"], network={"mitm": True})

    def test_promtool_finds_nothing_to_say(self):
        origin, proxy = self.own(Origin()), self.intercepting()
        proxy.get(origin.url)
        proxy.get("http://refused.example/")
        done = subprocess.run(["promtool", "check", "metrics"], input=self.page(proxy), capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_what_alerts_and_dashboard_ask_for_is_there(self):
        there = series_of(self.page(self.intercepting()))
        for path in (ALERTS, DASHBOARD):
            asked = set(re.findall(METRIC, text_of(path)))
            self.assertGreater(len(asked), 20)
            self.assertEqual(asked - there, set(), path)

    def test_so_are_the_labels_that_they_ask_for(self):
        page = self.page(self.intercepting())
        for path in (ALERTS, DASHBOARD):
            asked = set(selected(text_of(path)))
            self.assertGreater(len(asked), 1)
            for metric, label, value in asked:
                with self.subTest(metric=metric, label=label, value=value):
                    self.assertRegex(page, rf'(?m)^{metric}{{(?:.*,)?{label}="{re.escape(value)}"')

    def test_no_client_makes_a_series(self):
        proxy = self.start(allow=["127.0.0.1"])
        for warm in range(2):
            proxy.get(f"http://warm{warm}.example/")
        before = self.page(proxy).count("\n")
        for number in range(2000):
            proxy.get(f"http://host{number}.example:{1 + number}/path{number}", method=f"M{number}" if number % 2 else "GET")
        self.assertEqual(self.page(proxy).count("\n"), before)


class AlertsTest(SystemTest):
    def test_each_alert_fires_and_clears(self):
        path = os.path.join(self.tmp, "alerts_test.yml")
        with open(path, "w") as out:
            json.dump(unit_tests(ALERTS), out)
        done = self.run_tool("promtool", "test", "rules", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_no_alert_is_without_a_case_and_without_words(self):
        text = text_of(ALERTS)
        alerts = re.findall(r"- alert: (\w+)", text)
        self.assertEqual(len(alerts), len(set(alerts)))
        self.assertEqual(set(alerts), {case.alert for case in CASES})
        for words in ("summary", "description", "action"):
            self.assertEqual(len(re.findall(rf"^ +{words}: \S", text, re.M)), len(alerts), words)

    def test_promtool_takes_the_rules_and_the_configuration(self):
        for command in (["check", "rules", ALERTS], ["check", "config", os.path.join(OBSERVE, "prometheus.yml")]):
            done = self.run_tool("promtool", *command)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class ServerTest(SystemTest):
    def ask(self, path, **query):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=30) as got:
            return json.load(got)["data"]

    def value(self, expression):
        got = self.ask("query", query=expression)["result"]
        return float(got[0]["value"][1]) if got else None

    def watch(self, proxy):
        """A Prometheus with the shipped configuration, but for the target and how often it asks."""
        config = text_of(os.path.join(OBSERVE, "prometheus.yml"))
        config = config.replace("127.0.0.1:8080", f"127.0.0.1:{proxy.address('admin')[1]}").replace("15s", "1s").replace("alerts.yml", ALERTS)
        path = os.path.join(self.tmp, "prometheus.yml")
        with open(path, "w") as out:
            out.write(config)
        self.port = free_port()
        log = open(os.path.join(self.tmp, "prometheus.log"), "w")
        self.addCleanup(log.close)
        server = subprocess.Popen(["prometheus", f"--config.file={path}", f"--storage.tsdb.path={self.folder('tsdb')}",
                                   f"--web.listen-address=127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  env=clean_env())
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        until(lambda: self.try_value("up") == 1, "a scrape by Prometheus", 60)

    def try_value(self, expression):
        try:
            return self.value(expression)
        except OSError:
            return None

    def test_a_server_scrapes_and_its_alerts_see_what_happens(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"])
        self.watch(proxy)
        proxy.get(origin.url)
        proxy.get("http://refused.example/")
        until(lambda: self.value('codex_network_proxy_decisions_total{decision="deny",reason="not_allowed"} > 0') == 1, "a refusal")
        self.assertEqual(self.value('codex_network_proxy_connect_duration_seconds_count{result="ok"}'), 1)
        groups = self.ask("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        self.assertEqual({rule["name"] for rule in rules}, {case.alert for case in CASES})
        self.assertEqual([rule["name"] for rule in rules if rule["health"] == "err"], [])
        # A live one: the last reload was refused, until one is not.
        good = text_of(proxy.config_file)
        proxy.write("nonsense = [")
        self.assertEqual(proxy.admin("POST", "/reload")[0], 422)
        pending = 'ALERTS{alertname="CodexProxyReloadFailed"}'
        until(lambda: self.value(pending) == 1, "the alert")
        proxy.write(good)
        self.assertEqual(proxy.admin("POST", "/reload")[0], 200)
        until(lambda: self.value(pending) is None, "its end")
