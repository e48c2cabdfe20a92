"""Everyday programs through SOCKS5, by name: the proxy alone can resolve what they ask for."""
import os
import shutil
import subprocess
import unittest

from name_server import NameServer
from origins import Authority, Origin, Scripted
from support import SystemTest, clean_env
from test_clients import git_http_backend

PYTHON_SOCKS = """
import socks, sys
s = socks.socksocket()
s.set_proxy(socks.SOCKS5, sys.argv[1], int(sys.argv[2]), rdns=True)
try:
    s.connect((sys.argv[3], int(sys.argv[4])))
    s.sendall(b"GET /python HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n")
    data = b""
    while more := s.recv(4096): data += more
    print(data.decode())
except socks.ProxyError as e:
    print("refused:", e)"""


def imports_socks(python):
    return os.path.exists(python) and subprocess.run([python, "-c", "import socks"], capture_output=True).returncode == 0


class SocksClientsTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.names = self.own(NameServer({"allowed.test": ["127.0.0.1"], "refused.test": ["127.0.0.1"]}))
        self.authority = Authority(self.tmp)
        self.pages = {}
        self.http = self.own(Origin(pages=self.pages))
        self.https = self.own(Origin(pages=self.pages, tls=self.authority.server("allowed.test")))
        self.proxy = self.start(allow=["allowed.test"], daemon=self.names.settings,
                                network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0"})
        self.host, self.port = self.proxy.address("socks")
        self.url = f"socks5h://{self.host}:{self.port}"
        self.env = clean_env(ALL_PROXY=self.url, all_proxy=self.url, HOME=self.tmp, GIT_TERMINAL_PROMPT="0",
                             GIT_CONFIG_NOSYSTEM="1", GIT_SSL_CAINFO=self.authority.bundle,
                             SSL_CERT_FILE=self.authority.bundle)

    def tool(self, *command, **kw):
        return self.run_tool(*command, env=self.env, **kw)

    def test_curl_by_all_proxy(self):
        for origin in (self.http, self.https):
            done = self.tool("curl", "-sS", "--cacert", self.authority.bundle, origin.at("allowed.test", "/echo"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn('"target": "/echo"', done.stdout)
        done = self.tool("curl", "-sS", self.http.at("refused.test"))
        self.assertEqual(done.returncode, 97)
        self.assertIn("(2)", done.stderr, "the code of a refusal by policy")

    def test_git_clone(self):
        served = self.folder("served")
        repo = os.path.join(served, "repo")
        self.tool("git", "init", "-q", "--bare", repo)
        for path in ("/repo/info/refs?service=git-upload-pack", "/repo/git-upload-pack"):
            self.pages[path] = lambda request: git_http_backend(request, served)
        for scheme, origin in (("http", self.http), ("https", self.https)):
            done = self.tool("git", "clone", "-q", origin.at("allowed.test", "/repo"), os.path.join(self.tmp, scheme))
            self.assertEqual(done.returncode, 0, done.stderr)
        done = self.tool("git", "clone", "-q", self.http.at("refused.test", "/repo"), os.path.join(self.tmp, "no"))
        self.assertNotEqual(done.returncode, 0)

    @unittest.skipUnless(shutil.which("nc"), "no nc")
    def test_netcat(self):
        server = self.own(Scripted(serve=lambda sock, _: sock.sendall(b"bye\r\n")))
        done = subprocess.run(["nc", "-X", "5", "-x", f"{self.host}:{self.port}", "allowed.test", str(server.port)],
                              input="hello\r\n\r\n", env=self.env, capture_output=True, text=True, timeout=60)
        self.assertIn("bye", done.stdout, done.stderr)

    @unittest.skipUnless(shutil.which("proxychains4"), "no proxychains4")
    def test_proxychains(self):
        with open(os.path.join(self.tmp, "chain.conf"), "w") as conf:
            conf.write(f"strict_chain\nproxy_dns\n[ProxyList]\nsocks5 {self.host} {self.port}\n")
        done = self.run_tool("proxychains4", "-q", "-f", os.path.join(self.tmp, "chain.conf"), "curl", "-sS",
                             self.http.at("allowed.test", "/chained"), env=clean_env())
        self.assertIn('"target": "/chained"', done.stdout, done.stderr)

    @unittest.skipUnless(imports_socks("/usr/bin/python3"), "no python3-socks")
    def test_python_socks(self):
        def reach(host):
            return self.run_tool("/usr/bin/python3", "-c", PYTHON_SOCKS, self.host, str(self.port), host,
                                 str(self.http.port), env=clean_env()).stdout
        self.assertIn('"target": "/python"', reach("allowed.test"))
        self.assertIn("0x02: Connection not allowed by ruleset", reach("refused.test"))
