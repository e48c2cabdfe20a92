"""What a daemon tells of its decisions, compared in the audit trail, in /blocked and in the counters."""
import os
import re
import tempfile

import socks_client as socks
from name_server import NameServer
from origins import Origin
from support import audit_events, free_port, until
from test_http2 import Http2

HOST, GUARD, STATE = ("domain", "baseline_policy"), ("non_domain", "mode_guard"), ("non_domain", "proxy_state")


def allow(protocol, method, host="good.test"):
    return ("allow", "allow", *HOST, protocol, method, host)


def deny(protocol, method, reason, host="good.test", by=HOST):
    return ("deny", reason, *by, protocol, method, host)


class Recorded(Http2):
    """Compares what a daemon with one worker tells of what a test did. Names are answered by `names`:

    good.test leads to the origins, local.test to an address that is never allowed, net.test into a denied network,
    none.test nowhere; evil.test is denied and other.test not listed.
    """

    def setUp(self):
        super().setUp()
        self.plain = self.own(Origin())
        self.answers = {"good.test": ["127.0.0.1"], "local.test": ["169.254.169.254"], "net.test": ["127.9.9.9"],
                        "evil.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]}
        self.names = self.own(NameServer(lambda name, *_: self.answers.get(name, "nxdomain")))
        self.closed = free_port()

    def tls(self):
        return self.authority.server("localhost", "127.0.0.1", "good.test", "flip.test")

    def recording(self, mode="full", network=None, daemon=None, **more):
        self.trail = os.path.join(tempfile.mkdtemp(dir=self.tmp), "audit.jsonl")
        names = ["good.test", "local.test", "net.test", "none.test", "evil.test", "flip.test", "hooked.test",
                 "127.0.0.1"]
        self.proxy = self.intercepting(
            mode, more.pop("mitm", False), allow=names, deny=["evil.test", "127.9.0.0/16"],
            network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0", **(network or {})},
            daemon={"workers": 1, "audit": {"output": "file:" + self.trail}, **self.names.settings,
                    **(daemon or {})}, **more)
        self.seen = self.told()
        return self.proxy

    def told(self):
        """All events so far, the number of refusals, and the counts of decisions."""
        # What is refused now is recorded behind everything else: there is one worker.
        marker = f"m{os.urandom(8).hex()}.test"
        self.proxy.get(f"http://{marker}/")
        def read():
            lines = audit_events(self.trail)
            return lines if lines and lines[-1]["server.address"] == marker else None
        events = [event for event in until(read, "the marker is written")
                  if event["event.name"] == "codex.network_proxy.policy_decision"  # what went wrong is another event
                  and not re.match(r"m[0-9a-f]{16}\.", event["server.address"])]
        blocked = [b for b in self.proxy.blocked()["blocked"] if not re.match(r"m[0-9a-f]{16}\.", b["host"])]
        counts = {}
        for decision, reason, count in re.findall(r'decisions_total\{decision="(\w+)",reason="(\w+)",[^}]*\} (\d+)',
                                                  self.proxy.admin("GET", "/metrics")[2]):
            counts[decision, reason] = counts.get((decision, reason), 0) + int(count)
        return events, blocked, counts

    def since(self):
        """(events, blocked entries, counts) since the last look."""
        events, blocked, counts = self.told()
        before, self.seen = self.seen, (events, blocked, counts)
        changed = {key: count - before[2].get(key, 0) for key, count in counts.items()}
        changed["deny", "not_allowed"] -= 1  # the marker
        return events[len(before[0]):], blocked[len(before[1]):], {key: n for key, n in changed.items() if n}

    def check(self, *expected, counted=None):
        """That exactly these were decided since the last look.

        `counted`: less than the events, where the mode guard adds one.
        """
        events, blocked, counts = self.since()
        def short(event):
            said = [event["network.policy." + key] for key in ("decision", "reason", "scope", "source")]
            return (*said, event["network.transport.protocol"], event["http.request.method"], event["server.address"])
        self.assertEqual([short(event) for event in events], list(expected))
        refused = [e for e in expected if e[0] != "allow"]
        self.assertEqual([(b["decision"], b["reason"], b["source"], b["protocol"], b["method"] or "none", b["host"])
                          for b in blocked],
                         [(e[0], e[1], e[3], e[4], e[5], e[6]) for e in refused])
        want = {}
        for e in counted if counted is not None else expected:
            key = (e[0], "policy_denied" if e[1] == "misdirected" else e[1])
            want[key] = want.get(key, 0) + 1
        self.assertEqual(counts, want)
        ids = [event["request.id"] for event in events if event["network.policy.decision"] != "allow"]
        self.assertEqual([b["request_id"] for b in blocked], ids)

    # Ways in: each returns what the client learned.

    def get(self, host="good.test", method="GET", port=None, **kw):
        return self.proxy.get(f"http://{host}:{port or self.plain.port}/", method=method, **kw).status

    def get_tls(self, host="good.test", method="GET", port=None):
        return self.proxy.get(f"https://{host}:{port or self.origin.port}/", method=method).status

    def connect_to(self, host="good.test", _=None, port=None):
        client, answer = self.proxy.connect(f"{host}:{port or self.plain.port}")
        client.close()
        return answer.status

    def socks_to(self, host="good.test", _=None, port=None):
        client = self.own(socks.SocksClient(self.proxy.address("socks")))
        client.greet()
        return client.ask(socks.CONNECT, host, port or self.plain.port)[0]
