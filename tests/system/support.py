"""What every system test stands on: the daemon with a configuration of its own, and waiting.

A test starts the real binary (PROXY_BIN) on port 0, reads the addresses from its log, and talks to it over
sockets or with real clients. Nothing here sleeps for a fixed time: it polls a condition until a deadline.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from client import Client

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("PROXY_BIN") or os.path.join(ROOT, "build/release/codex-network-proxy")
SANITIZED = bool(os.environ.get("PROXY_SANITIZED"))
PATIENCE = 30 if SANITIZED else 15


def until(condition, what, seconds=PATIENCE):
    """Polls until the condition holds and returns its value; fails with `what` when it never does."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"gave up after {seconds} s: {what}")
        time.sleep(0.01)  # the pause between two looks
    return value


def audit_events(path):
    """The events of an audit trail that are wholly written: a reader may see the start of a line before its end."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as trail:
        *whole, _ = trail.read().split(b"\n")
    return [json.loads(line) for line in whole]


def clean_env(**more):
    """This environment without anything that would steer a client or the daemon past the test."""
    unwanted = re.compile(r"(?i).*_proxy$|^npm_config_.*proxy$|^SSL_CERT_|^CODEX_|^OTEL_|^NODE_USE_ENV")
    env = {k: v for k, v in os.environ.items() if not unwanted.match(k)}
    env.update(LC_ALL="C.UTF-8", **more)
    return env


def toml_value(value):
    """JSON's strings, numbers and booleans are TOML's too."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {toml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value)


def toml(table, path=()):
    """A TOML document of a nested dict."""
    scalars = [f"{k} = {toml_value(v)}" for k, v in table.items() if not isinstance(v, dict)]
    text = (f"[{'.'.join(path)}]\n" if path else "") + "\n".join(scalars) + "\n"
    return text + "".join(toml(v, (*path, k)) for k, v in table.items() if isinstance(v, dict))


def merged(base, change):
    """`base` with the tables of `change` laid over it, as configuration layers are."""
    out = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


class Proxy:
    """The daemon, in the newer configuration layout. `network` goes to the profile, `daemon` to [network_proxy]."""

    def __init__(self, folder, *, allow=(), deny=(), network=None, daemon=None, env=None, args=(), preexec=None,
                 binary=BIN):
        self.folder, self.args, self.preexec, self.binary = folder, list(args), preexec, binary
        self.config_file = os.path.join(folder, "config.toml")
        self.env = clean_env(CODEX_HOME=folder, **(env or {}))
        self.network = {"enabled": True, "proxy_url": "http://127.0.0.1:0", "enable_socks5": False,
                        "allow_upstream_proxy": False, "allow_local_binding": True}
        self.daemon = {"admin_url": "http://127.0.0.1:0", "shutdown_grace": "5s"}
        self.process = None
        self.lines = []
        self.news = threading.Condition()
        self.configure(allow=allow, deny=deny, network=network, daemon=daemon)

    def configure(self, *, allow=None, deny=None, network=None, daemon=None):
        """Changes the configuration file and nothing else: a reload makes it effective."""
        if allow is not None:
            self.network["allowed_domains"] = list(allow)
        if deny is not None:
            self.network["denied_domains"] = list(deny)
        self.network = merged(self.network, network or {})
        self.daemon = merged(self.daemon, daemon or {})
        self.write(toml({"default_permissions": "test", "network_proxy": self.daemon,
                         "permissions": {"test": {"network": self.network}}}))

    def write(self, text):
        with open(self.config_file + ".new", "w") as out:
            out.write(text)
        os.replace(self.config_file + ".new", self.config_file)

    def launch(self):
        """Starts the process without waiting for it."""
        self.process = subprocess.Popen([self.binary, "--config", self.config_file, *self.args], env=self.env, cwd=self.folder,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        preexec_fn=self.preexec)
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        return self

    def start(self):
        self.launch()
        self.wait_for_line(r"msg=ready")
        return self

    def _read(self, stream):
        for raw in stream:
            with self.news:
                self.lines.append(raw.decode(errors="replace").rstrip("\n"))
                self.news.notify_all()
        stream.close()
        with self.news:
            self.news.notify_all()

    def log(self):
        with self.news:
            return "\n".join(self.lines)

    def wait_for_line(self, pattern, count=1, seconds=PATIENCE):
        """Waits for the count-th log line that matches, and returns its match."""
        def found():
            hits = [m for m in map(re.compile(pattern).search, self.lines) if m]
            return hits[count - 1] if len(hits) >= count else None
        with self.news:
            self.news.wait_for(lambda: found() or not self.reader.is_alive(), seconds)
            hit = found()
        if not hit:
            raise AssertionError(f"no line {count} like {pattern!r} in the log of the daemon:\n{self.log()}")
        return hit

    def address(self, listener="http"):
        """(host, port) of a listener, as last announced."""
        with self.news:
            told = [m for m in (re.search(rf"msg=listening .*listener={listener} .*address=(\S+)", line)
                                for line in self.lines) if m]
        if not told:
            raise AssertionError(f"listener {listener} was never announced:\n{self.log()}")
        host, _, port = told[-1][1].rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def url(self):
        return "http://%s:%d" % self.address()

    def client(self, **kw):
        return Client(self.address(), **kw)

    def get(self, url, **kw):
        """One absolute-form request on a connection of its own."""
        with self.client() as client:
            return client.request(url, **kw)

    def connect(self, authority):
        """A CONNECT: (client, response)."""
        client = self.client()
        client.send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n")
        return client, client.response("CONNECT")

    def admin(self, method, path, body=None, headers=None):
        """Asks the admin API: (status, headers, JSON or text)."""
        connection = http.client.HTTPConnection(*self.address("admin"), timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            text = reply.read().decode()
            is_json = "json" in reply.getheader("content-type", "")
            return reply.status, reply.headers, json.loads(text) if is_json and text else text
        finally:
            connection.close()

    def reload(self):
        """POST /reload: (status, JSON)."""
        status, _, answer = self.admin("POST", "/reload")
        return status, answer

    def blocked(self, query=""):
        return self.admin("GET", "/blocked" + query)[2]

    def status_kib(self, field):
        """A size of the process in KiB, e.g. VmRSS or VmHWM."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(rf"^{field}:\s+(\d+) kB", status.read(), re.M)[1])

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE):
        """The exit code, once the process has ended and its log is read."""
        code = self.process.wait(seconds)
        self.reader.join(seconds)
        return code

    def close(self):
        """Ends the daemon; anything but a clean end (a crash, a sanitizer's report) fails the test."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.wait()
                raise AssertionError("the daemon ignored SIGTERM:\n" + self.log()) from None
            if self.process.returncode != 0:
                raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.log()}")
        if re.search(r"ERROR: \w+Sanitizer|runtime error:", self.log()):
            raise AssertionError("a sanitizer complained:\n" + self.log())


class SystemTest(unittest.TestCase):
    """A test with a folder of its own; what it opens through `own` is closed in reverse order."""

    maxDiff = None

    def setUp(self):
        self.assertTrue(os.access(BIN, os.X_OK), f"{BIN} is not built: set PROXY_BIN or run ./dev build")
        self.tmp = tempfile.mkdtemp(prefix="proxy-")
        self.addCleanup(shutil.rmtree, self.tmp, ignore_errors=True)

    def own(self, thing):
        self.addCleanup(thing.close)
        return thing

    def folder(self, name):
        path = os.path.join(self.tmp, name)
        os.makedirs(path, exist_ok=True)
        return path

    def prepare(self, **kw):
        """A daemon that is configured but not started."""
        return self.own(Proxy(tempfile.mkdtemp(dir=self.tmp), **kw))

    def start(self, **kw):
        """A running daemon."""
        return self.prepare(**kw).start()

    def run_tool(self, *command, env=None, seconds=60, **kw):
        """Runs a program to its end; its output is text, both streams apart."""
        return subprocess.run(command, env=env or clean_env(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=seconds, cwd=kw.pop("cwd", self.tmp), **kw)

    def cli(self, *args, env=None, **kw):
        """Runs the binary with a home of its own."""
        return self.run_tool(BIN, *args, env=env or clean_env(CODEX_HOME=self.folder("home")), **kw)

    def assertRefused(self, response, reason, status=403):
        """A refusal as SPEC tells it: status, reason in Proxy-Status, id, and the reason in the body."""
        self.assertEqual(response.status, status, response)
        self.assertIn(reason, response.get("proxy-status"))
        self.assertTrue(response.get("x-request-id"), response)
        self.assertEqual(response.get("cache-control"), "no-store")
        self.assertIn(reason, response.text())


def free_port(host="127.0.0.1"):
    """A port of this address where nobody listens. Nobody else is given it; on Linux, who sets SO_REUSEADDR can listen there."""
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind((host, 0))
    port = probe.getsockname()[1]
    probe.detach()  # it stays bound until this process ends
    return port
