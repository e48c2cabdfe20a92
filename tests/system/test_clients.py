"""Everyday programs through the proxy, by name, over HTTP and HTTPS: let through, and refused with the reason."""
import base64
import glob
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import unittest

from name_server import NameServer
from origins import Authority, Origin
from support import SystemTest, clean_env

NODE_FETCH = """
const http = require("http"), [proxy, url] = process.argv.slice(1), target = new URL(url);
http.get({host: proxy.split(":")[0], port: proxy.split(":")[1], path: url, headers: {host: target.host}}, reply => {
  let body = ""; reply.on("data", part => body += part);
  reply.on("end", () => console.log(reply.statusCode, reply.headers["x-proxy-error"] || "", body));
});"""
ENV_FETCH = """
fetch(process.argv[1]).then(async r => console.log(r.status, r.headers.get("x-proxy-error") || "", await r.text()),
                            e => console.log("failed", e.cause || e));"""
PYTHON_REQUESTS = """
import requests, sys
reply = requests.get(sys.argv[1])
print(reply.status_code, reply.headers.get("x-proxy-error", ""), reply.text)"""
PYTHON_URLLIB = """
import sys, urllib.error, urllib.request
try: reply = urllib.request.urlopen(sys.argv[1])
except urllib.error.HTTPError as refusal: reply = refusal
print(reply.status, reply.headers.get("x-proxy-error", ""), reply.read().decode())"""


class ClientsTest(SystemTest):
    """Names resolve in the proxy alone: a client that went round it could not reach `allowed.test` at all."""

    pushes = {"chunked": []}  # as git does with more than http.postBuffer

    def setUp(self):
        super().setUp()
        self.names = self.own(NameServer({"allowed.test": ["127.0.0.1"], "refused.test": ["127.0.0.1"]}))
        self.authority = Authority(self.tmp)
        self.pages = {}
        self.http = self.own(Origin(pages=self.pages))
        self.https = self.own(Origin(pages=self.pages, tls=self.authority.server("allowed.test")))
        self.trusted = self.authority.bundle
        self.proxy = self.start_proxy()
        self.env = clean_env(HOME=self.tmp, GIT_TERMINAL_PROMPT="0", GIT_CONFIG_NOSYSTEM="1", **self.client_env())

    def start_proxy(self):
        return self.start(allow=["allowed.test"], daemon=self.names.settings)

    def client_env(self):
        return dict(http_proxy=self.proxy.url, https_proxy=self.proxy.url, HTTP_PROXY=self.proxy.url,
                    HTTPS_PROXY=self.proxy.url, SSL_CERT_FILE=self.trusted, REQUESTS_CA_BUNDLE=self.trusted,
                    NODE_EXTRA_CA_CERTS=self.trusted, GIT_SSL_CAINFO=self.trusted)

    def tool(self, *command, **env):
        return self.run_tool(*command, env={**self.env, **env})

    def tearDown(self):
        self.assertEqual(self.names.asked("refused.test"), 0, "a refused name is never looked up")

    def assertEchoed(self, done, target):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f'"target": "{target}"', done.stdout, done.stderr)

    def test_wget(self):
        for origin in (self.http, self.https):
            with self.subTest(origin.url):
                self.assertEchoed(self.tool("wget", "-qO-", "--tries=1", f"--ca-certificate={self.trusted}",
                                            origin.at("allowed.test", "/wget")), "/wget")
        refused = self.tool("wget", "-SO-", "--tries=1", self.http.at("refused.test"))
        self.assertEqual(refused.returncode, 8, "wget's code for a server that answers with an error")
        self.assertIn("403", refused.stderr)
        self.assertIn("x-proxy-error: blocked-by-allowlist", refused.stderr.lower())
        refused = self.tool("wget", "-O-", "--tries=1", self.https.at("refused.test"))
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("Blocked by policy: not_allowed refused.test", refused.stderr, "of a refused tunnel wget shows the reason phrase alone")

    def check_fetcher(self, *command):
        """A command that prints status, x-proxy-error and body of the URL it is given."""
        for origin in (self.http, self.https):
            with self.subTest(origin.url):
                done = self.tool(*command, origin.at("allowed.test", "/fetch"))
                self.assertTrue(done.stdout.startswith("200 "), done.stdout + done.stderr)
                self.assertEchoed(done, "/fetch")
        refused = self.tool(*command, self.http.at("refused.test"))
        self.assertTrue(refused.stdout.startswith("403 blocked-by-allowlist"), refused.stdout + refused.stderr)
        self.assertIn("Domain not in allowlist.", refused.stdout)
        tunnel = self.tool(*command, self.https.at("refused.test"))
        self.assertRegex(tunnel.stdout + tunnel.stderr, "403|Blocked by policy: not_allowed refused.test")  # Go shows the phrase alone

    def test_python_urllib(self):
        self.check_fetcher(sys.executable, "-c", PYTHON_URLLIB)

    def test_python_requests(self):
        for python in (sys.executable, "/usr/bin/python3"):
            if subprocess.run([python, "-c", "import requests"], capture_output=True).returncode == 0:
                return self.check_fetcher(python, "-c", PYTHON_REQUESTS)
        self.skipTest("no Python here has the module requests (package python3-requests)")

    def test_node_http_in_absolute_form(self):
        node = self.tool("node", "-e", NODE_FETCH, "%s:%d" % self.proxy.address(), self.http.at("allowed.test", "/node"))
        self.assertTrue(node.stdout.startswith("200 "), node.stdout + node.stderr)
        self.assertEchoed(node, "/node")
        node = self.tool("node", "-e", NODE_FETCH, "%s:%d" % self.proxy.address(), self.http.at("refused.test"))
        self.assertTrue(node.stdout.startswith("403 blocked-by-allowlist"), node.stdout + node.stderr)

    def test_node_fetch_by_environment(self):
        version = tuple(map(int, self.tool("node", "-p", "process.versions.node").stdout.split(".")[:2]))
        if version < (22, 21) or (24, 0) <= version < (24, 5):
            self.skipTest(f"Node {version} does not read proxy variables (22.21 and 24.5 do)")
        self.env["NODE_USE_ENV_PROXY"] = "1"
        self.check_fetcher("node", "-e", ENV_FETCH)

    def test_node_undici_proxy_agent(self):
        paths = json.dumps(["/usr/share/nodejs", "/usr/lib/nodejs", "/usr/lib/node_modules"])
        found = self.tool("node", "-p", f'require.resolve("undici", {{paths: {paths}}})')
        if found.returncode:
            self.skipTest("undici is not installed (package node-undici)")
        setup = (f"const undici = require({json.dumps(found.stdout.strip())});"
                 f"undici.setGlobalDispatcher(new undici.ProxyAgent({json.dumps(self.proxy.url)}));")
        self.check_fetcher("node", "-e", setup + ENV_FETCH.replace("fetch(", "undici.fetch("))

    def test_npm_install(self):
        tarball = tar({"package/package.json": json.dumps({"name": "tiny", "version": "1.0.0"})})
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
        for scheme, origin in (("http", self.http), ("https", self.https)):
            with self.subTest(scheme):
                version = {"name": "tiny", "version": "1.0.0",
                           "dist": {"tarball": origin.at("allowed.test", "/tiny.tgz"), "integrity": integrity}}
                packument = {"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
                self.pages["/tiny"] = lambda request, told=packument: request.reply(json.dumps(told).encode())
                self.pages["/tiny.tgz"] = lambda request: request.reply(tarball)
                done, project = self.npm(scheme, origin.at("allowed.test"))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(os.path.exists(os.path.join(project, "node_modules/tiny/package.json")))
        refused, _ = self.npm("refused", self.http.at("refused.test"))
        self.assertIn("403", refused.stderr)
        self.assertNotEqual(refused.returncode, 0)

    def npm(self, name, registry):
        project = self.folder("npm-" + name)
        done = self.run_tool("npm", "install", "tiny", "--registry", registry, "--cache", os.path.join(project, "cache"),
                             "--no-audit", "--no-fund", "--fetch-retries=0", cwd=project,
                             env={**self.env, "npm_config_cafile": self.trusted})
        return done, project

    def test_git_clone_and_push(self):
        served = self.folder("served")
        self.git("init", "-q", "--bare", os.path.join(served, "repo"))
        self.git("-C", os.path.join(served, "repo"), "config", "http.receivepack", "true")
        for path in ("/repo/info/refs?service=git-upload-pack", "/repo/git-upload-pack",
                     "/repo/info/refs?service=git-receive-pack", "/repo/git-receive-pack"):
            self.pages[path] = lambda request: git_http_backend(request, served)
        for scheme, origin in (("http", self.http), ("https", self.https)):
            with self.subTest(scheme):
                clone = os.path.join(self.tmp, "clone-" + scheme)
                self.git("clone", "-q", origin.at("allowed.test", "/repo"), clone)
                for name, options in self.pushes.items():
                    with open(os.path.join(clone, name), "wb") as big:
                        big.write(os.urandom(2_000_000))
                    self.git("-C", clone, "add", ".")
                    self.git("-C", clone, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", f"{name} by {scheme}")
                    self.git("-C", clone, *options, "push", "-q", "origin", "HEAD:main")
                self.git("-C", clone, "fetch", "-q", "origin", "main")
        refused = self.tool("git", "clone", self.http.at("refused.test", "/repo"), os.path.join(self.tmp, "no"))
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("403", refused.stderr)

    def git(self, *args):
        done = self.tool("git", "-c", "init.defaultBranch=main", *args)
        self.assertEqual(done.returncode, 0, done.stderr)

    @unittest.skipUnless(shutil.which("dpkg-deb") and shutil.which("apt-get"), "not a Debian system")
    def test_apt_get(self):
        tree = self.folder("deb/DEBIAN")
        with open(os.path.join(tree, "control"), "w") as control:
            control.write("Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\nDescription: tiny\n")
        self.run_tool("dpkg-deb", "-b", os.path.dirname(tree), os.path.join(self.tmp, "tiny.deb"), check=True)
        with open(os.path.join(self.tmp, "tiny.deb"), "rb") as built:
            package = built.read()
        index = (f"Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\nDescription: tiny\n"
                 f"Filename: ./tiny.deb\nSize: {len(package)}\nSHA256: {hashlib.sha256(package).hexdigest()}\n")
        self.pages["/flat/./Packages"] = lambda request: request.reply(index.encode())
        self.pages["/flat/./tiny.deb"] = self.pages["/flat/tiny.deb"] = lambda request: request.reply(package)
        missing = lambda request: request.reply(b"no such file", 404)
        for name in ("InRelease", "Release", "Packages.xz", "Packages.gz", "Packages.bz2", "Packages.lzma", "Packages.lz4",
                     "Packages.zst", "en", "Translation-en"):
            self.pages["/flat/./" + name] = missing
        done = self.apt("allowed.test", "update")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        done = self.apt("allowed.test", "download", "tiny")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(glob.glob(os.path.join(self.tmp, "tiny_1_*.deb")), os.listdir(self.tmp))
        refused = self.apt("refused.test", "update")
        self.assertRegex(refused.stdout + refused.stderr, r"403 +Blocked by policy: not_allowed refused.test")

    def apt(self, host, *args):
        """apt-get with every folder of its own, so that the machine's packages stay out of it."""
        root = self.folder("apt")
        for path in ("state/lists/partial", "cache/archives/partial", "etc/sources.list.d", "etc/preferences.d"):
            os.makedirs(os.path.join(root, path), exist_ok=True)
        open(os.path.join(root, "state/status"), "a").close()
        with open(os.path.join(root, "etc/sources.list"), "w") as sources:
            sources.write(f"deb [trusted=yes] {self.http.at(host, '/flat')} ./\n")
        options = {"Dir::State": root + "/state", "Dir::State::status": root + "/state/status", "Dir::Cache": root + "/cache",
                   "Dir::Etc": root + "/etc", "Dir::Etc::parts": root + "/etc/none", "APT::Sandbox::User": "",
                   "Acquire::http::Proxy": self.proxy.url, "Acquire::Retries": "0"}
        return self.tool("apt-get", *(word for k, v in options.items() for word in ("-o", f"{k}={v}")), *args)


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def git_http_backend(request, root):
    """Answers by git's own CGI program."""
    path, _, query = request.path.partition("?")
    env = clean_env(GIT_PROJECT_ROOT=root, GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path, QUERY_STRING=query,
                    REQUEST_METHOD=request.command, CONTENT_TYPE=request.headers.get("Content-Type", ""), REMOTE_USER="t",
                    HTTP_CONTENT_ENCODING=request.headers.get("Content-Encoding", ""), GIT_CONFIG_COUNT="1",
                    GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*")
    done = subprocess.run(["git", "http-backend"], env=env, input=b"".join(request.body()), capture_output=True)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    fields = re.findall(r"(?m)^([^:]+): (.*?)\r?$", head.decode())
    status = next((int(v.split()[0]) for k, v in fields if k == "Status"), 200)
    request.reply(body, status, [(k, v) for k, v in fields if k != "Status"])
