"""The log as a program reads it: values that end where they seem to, and JSON whose members have types."""
import json
import os
import re
import signal

from origins import Origin
from support import Proxy, SystemTest

VALUE = re.compile(r'\s*(?:([A-Za-z0-9_.]+)=)?(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)')


def members(line):
    """The pairs of a text line; fails where it is not made of pairs."""
    out, at = {}, 0
    while at < len(line):
        hit = VALUE.match(line, at)
        if not hit or hit.end() == at or hit[1] is None:
            raise AssertionError(f"no pair at {line[at:]!r} in {line!r}")
        out[hit[1]] = re.sub(r"\\(.)", r"\1", hit[2]) if hit[2] is not None else hit[3]
        at = hit.end()
    return out


class JsonProxy(Proxy):
    """A daemon whose log is JSON."""

    def start(self):
        self.launch()
        self.wait_for_line('"msg":"ready"')
        return self

    def address(self, listener="http"):
        told = [line for line in map(json.loads, self.log().splitlines()) if line["msg"] == "listening" and line["listener"] == listener]
        host, _, port = told[-1]["address"].rpartition(":")
        return host, int(port)


class LogTest(SystemTest):
    EVIL = 'x" level=error msg="forged'

    def daemon(self, *args, kind=Proxy, **kw):
        """A daemon in a folder whose name is all that log lines have to be careful about."""
        folder = os.path.join(self.tmp, self.EVIL)
        os.makedirs(folder, exist_ok=True)
        kw.setdefault("daemon", {"log": {"access": True}})
        return self.own(kind(folder, allow=["127.0.0.1"], args=args, **kw))

    def visited(self, proxy):
        """Makes it log all it can without interception, and ends it."""
        origin = self.own(Origin())
        self.assertEqual(proxy.get(origin.url).status, 200)
        self.assertEqual(proxy.get("http://true/").status, 403)
        self.assertEqual(proxy.get("http://refused.example/", method="DELETE").status, 403)
        self.assertIn(proxy.get("http://127.0.0.1:1/").status, (502, 504))
        proxy.write("nonsense = [\n")
        self.assertEqual(proxy.reload()[0], 422)
        proxy.configure(network={"proxy_url": "http://0.0.0.0:0"})
        self.assertEqual(proxy.reload()[0], 200)
        proxy.configure(network={"enabled": False})
        self.assertEqual(proxy.reload()[0], 200)
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 0)
        return [line for line in proxy.log().splitlines() if line]

    def test_text_lines_are_pairs_whatever_is_in_them(self):
        lines = [members(line) for line in self.visited(self.daemon().start())]
        told = {line["msg"] for line in lines}
        self.assertTrue({"listening", "ready", "blocked", "connection", "reload_refused", "config_warning", "reloaded", "disabled",
                         "stopped"} <= told, told)
        self.assertNotIn("forged", told)
        for line in lines:
            if line["msg"] in ("reload_refused", "config_warning"):
                self.assertIn(self.EVIL, line["detail"])

    def test_json_lines_have_numbers_and_booleans(self):
        lines = [json.loads(line) for line in self.visited(self.daemon("--log-format", "json", kind=JsonProxy).start())]
        of = {}
        for line in lines:
            of.setdefault(line["msg"], []).append(line)
        self.assertIs(of["reloaded"][0]["enabled"], True)
        self.assertIs(of["reloaded"][-1]["enabled"], False)
        self.assertIs(of["stopped"][0]["drained"], True)
        for msg, names in (("ready", ("generation", "workers")), ("reloaded", ("generation", "closed_tunnels")), ("blocked", ("port",)),
                           ("connection", ("id", "requests", "bytes_up", "bytes_down", "ms"))):
            for line in of[msg]:
                for name in names:
                    self.assertIs(type(line[name]), int, line)
        for line in of["blocked"]:
            for name in ("host", "reason", "method", "client", "request_id", "rule"):
                self.assertIs(type(line[name]), str, line)
        self.assertIn("true", [line["host"] for line in of["blocked"]], "a host of that name is no boolean")
        self.assertIn(self.EVIL, of["reload_refused"][0]["detail"])
        self.assertNotIn("forged", of)
