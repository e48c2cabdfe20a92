"""For each alert of config/observe/alerts.yml, how the series go that make it fire and clear again: by the minute, in the
notation of `promtool test rules` (`5x3` is 5 four times, `0+2x3` is 0 2 4 6)."""

PREFIX = "codex_network_proxy_"
JOB = 'job="codex-network-proxy", instance="a"'


class Case:
    """Fires at one minute, and does not at another one."""

    def __init__(self, alert, fires, clears, **series):
        self.alert, self.fires, self.clears = alert, fires, clears
        self.series = {self.name(name): values for name, values in series.items()}

    @staticmethod
    def name(text):
        """`name__label__value` with our prefix; those of the process and `up` have none."""
        name, *labels = text.split("__")
        pairs = [f'{key}="{value}"' for key, value in zip(labels[::2], labels[1::2])]
        if not name.startswith("process_") and name != "up":
            name = PREFIX + name
        return name + "{" + ", ".join([JOB, *pairs]) + "}"


def growth(alert, **series):
    """One that fires when a counter has grown within ten minutes."""
    name, = series or ("",)
    return Case(alert, 5, 40, **{name: "0 5x60"})


def level(alert, high, low):
    """One that fires when a level stays for five minutes."""
    return Case(alert, 8, 20, **{name: f"{value}x9 {low[name]}x30" for name, value in high.items()})


BUCKETS = "connect_duration_seconds_bucket__result__ok__le__"
CONNECTS = "connect_duration_seconds_count__result__"
LOOK_UPS = "dns_duration_seconds_count__result__"
HANDSHAKES = "tls_handshake_duration_seconds_count__side__upstream__result__"

CASES = [
    level("CodexProxyDown", {"up": 0}, {"up": 1}),
    Case("CodexProxyRestarts", 5, 60, process_start_time_seconds="1 2 3 4x80"),
    level("CodexProxyDisabled", {"enabled": 0}, {"enabled": 1}),
    level("CodexProxyWorkerBehind", {"worker_answer_seconds__worker__0": 2}, {"worker_answer_seconds__worker__0": 0.001}),
    level("CodexProxyDescriptorsNearLimit", {"process_open_fds": 90, "process_max_fds": 100}, {"process_open_fds": 10, "process_max_fds": 100}),
    growth("CodexProxyAcceptPauses", accept_pauses_total=1),
    level("CodexProxyMemoryNearLimit", {"memory_held_bytes": 90, "memory_limit_bytes": 100}, {"memory_held_bytes": 10, "memory_limit_bytes": 100}),
    growth("CodexProxyRequestsRefusedForMemory", requests_refused_total=1),
    Case("CodexProxyConnectionsRefused", 12, 40, connections_refused_total="0+60x15 900x40"),
    level("CodexProxyConnectionsNearLimit",
          {"connections_active__protocol__http": 50, "connections_active__protocol__socks5": 40, "connections_limit": 100},
          {"connections_active__protocol__http": 1, "connections_active__protocol__socks5": 2, "connections_limit": 100}),
    Case("CodexProxyFaults", 18, 50, faults_total__kind__dns_error="0+30x20 600x40", requests_total="0+60x60"),
    growth("CodexProxyOwnFaults", faults_total__kind__system=1),
    growth("CodexProxyDeciderSilent", decisions_total__reason__decider_timeout=1),
    growth("CodexProxyDeciderSilent", decisions_total__reason__decider_failed=1),
    level("CodexProxyQuestionsPile", {"pending_questions": 200}, {"pending_questions": 0}),
    level("CodexProxyReloadFailed", {"config_last_reload_successful": 0}, {"config_last_reload_successful": 1}),
    Case("CodexProxyCaExpires", 90, 180, ca_not_after_timestamp_seconds="86400x120 99999999x100"),
    growth("CodexProxyLeavesFail", leaf_certificates_total__result__failed=1),
    growth("CodexProxyAuditDropped", events_dropped_total__subscriber__audit=1),
    growth("CodexProxyLogDropped", events_dropped_total__subscriber__log=1),
    growth("CodexProxyOtlpDropped", events_dropped_total__subscriber__otlp=1),
    Case("CodexProxyConnectSlow", 18, 50, **{BUCKETS + "1": "0x20 60+60x40", BUCKETS + "5": "0+60x60", BUCKETS + "+Inf": "0+60x60",
                                             CONNECTS + "ok": "0+60x60"}),
    Case("CodexProxyConnectFails", 18, 50, **{CONNECTS + "timeout": "0+30x20 600x40", CONNECTS + "ok": "0+30x60"}),
    Case("CodexProxyDnsFails", 18, 50, **{LOOK_UPS + "timeout": "0+30x20 600x40", LOOK_UPS + "ok": "0+30x60"}),
    Case("CodexProxyTlsFails", 18, 50, **{HANDSHAKES + "error": "0+30x20 600x40", HANDSHAKES + "ok": "0+30x60"}),
]


def unit_tests(rules):
    """The file for `promtool test rules`, which is JSON: YAML is a superset of it."""
    def one(case):
        def expect(minute, fires):
            samples = [{"labels": f'{{alertname="{case.alert}"}}', "value": 1}] if fires else []
            return {"expr": f'count by (alertname) (ALERTS{{alertname="{case.alert}", alertstate="firing"}})',
                    "eval_time": f"{minute}m", "exp_samples": samples}
        return {"name": case.alert, "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                "promql_expr_test": [expect(case.fires, True), expect(case.clears, False)]}
    return {"rule_files": [rules], "evaluation_interval": "1m", "tests": [one(case) for case in CASES]}
