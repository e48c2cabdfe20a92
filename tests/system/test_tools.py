"""Real tools behind `run`, told nothing but the variables it sets. The folder of its files has a blank in its name."""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import unittest

from support import BIN, clean_env
from test_clients import tar
from test_environment import Environment
from test_intercept_clients import JAVA_FETCH

HERE = os.path.dirname(os.path.abspath(__file__))
#: Tools of npm that a test does not fetch itself: `npm install --prefix DIR yarn2@npm:@yarnpkg/cli-dist@2 …`.
NPM_TOOLS = os.environ.get("PROXY_NPM_TOOLS", "")


def npm_tool(name, path):
    """A program of a package that was installed under this name; skips where it was not."""
    found = os.path.join(NPM_TOOLS, "node_modules", name, path)
    if not NPM_TOOLS or not os.path.exists(found):
        raise unittest.SkipTest(f"no {name} here: PROXY_NPM_TOOLS names a folder with node_modules/{name} in it")
    return found


class PlainTest(Environment):
    """Without interception: the proxy alone."""

    mitm = False

    def test_java_learns_of_the_proxy(self):
        options = self.value("JAVA_TOOL_OPTIONS", JAVA_TOOL_OPTIONS="-Dmine=1")
        self.assertRegex(options, r"^-Dmine=1 -Dhttp\.proxyHost=127\.0\.0\.1 -Dhttp\.proxyPort=\d+ -Dhttps\.")
        self.assertNotIn("trustStore", options)
        if shutil.which("java"):
            ToolsTest.java(self, self.http)

    def test_no_trust_is_touched(self):
        self.assertEqual(self.value("SSL_CERT_FILE", SSL_CERT_FILE=self.authority.bundle), self.authority.bundle)
        self.assertEqual(self.value("WGETRC"), "")

    def test_apt_over_http(self):
        ToolsTest.apt(self, self.http)


class ToolsTest(Environment):
    def test_npm(self):
        self.npm("npm")

    def test_npm_10(self):
        self.npm("node", npm_tool("npm10", "bin/npm-cli.js"))

    def npm(self, *program):
        if not shutil.which(program[0]):
            self.skipTest("no npm here (package npm)")
        self.serve_npm()
        done = self.trusting(*program, "config", "get", "registry")
        self.assertEqual(done.stderr, "", "no warning of a name that npm does not know")
        project = self.folder("npm")
        done = self.trusting(*program, "install", "tiny", "--registry", self.https.at("allowed.test"), "--cache",
                             os.path.join(project, "cache"), "--no-audit", "--no-fund", "--fetch-retries=0", cwd=project)
        self.assertNotIn("warn", done.stderr.lower())
        self.assertTrue(os.path.exists(os.path.join(project, "node_modules/tiny/package.json")))

    def serve_npm(self):
        tarball = tar({"package/package.json": json.dumps({"name": "tiny", "version": "1.0.0"})})
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
        version = {"name": "tiny", "version": "1.0.0",
                   "dist": {"tarball": self.https.at("allowed.test", "/tiny/-/tiny-1.0.0.tgz"), "integrity": integrity,
                            "shasum": hashlib.sha1(tarball).hexdigest()}}
        packument = {"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        self.pages["/tiny"] = lambda request: request.reply(json.dumps(packument).encode(), fields=[("Content-Type", "application/json")])
        self.pages["/tiny/-/tiny-1.0.0.tgz"] = lambda request: request.reply(tarball)

    def test_yarn_1(self):
        if yarn := shutil.which("yarnpkg"):
            command = [yarn]
        else:
            command = ["node", npm_tool("yarn1", "bin/yarn.js")]
        self.serve_npm()
        project = self.folder("yarn1")
        self.trusting(*command, "add", "tiny", "--registry", self.https.at("allowed.test"), "--cache-folder",
                      os.path.join(project, "cache"), cwd=project)
        self.assertTrue(os.path.exists(os.path.join(project, "node_modules/tiny/package.json")))

    def berry(self, name):
        yarn = npm_tool(name, "bin/yarn.js")
        self.serve_npm()
        project = self.folder(name)
        with open(os.path.join(project, "package.json"), "w") as file:
            file.write('{"name": "project", "version": "1.0.0"}')
        open(os.path.join(project, "yarn.lock"), "w").close()
        done = self.trusting("node", yarn, "add", "tiny", cwd=project, YARN_NPM_REGISTRY_SERVER=self.https.at("allowed.test"),
                             YARN_ENABLE_TELEMETRY="0", YARN_GLOBAL_FOLDER=os.path.join(project, "global"))
        with open(os.path.join(project, "yarn.lock")) as lock:
            self.assertIn("tiny", lock.read(), done.stdout + done.stderr)

    def test_yarn_2(self):
        self.berry("yarn2")

    def test_yarn_3(self):
        self.berry("yarn3")

    def test_yarn_4(self):
        self.berry("yarn4")

    def test_deno(self):
        done = self.trusting(npm_tool("deno", "bin.cjs"), "eval",
                             f"console.log(await (await fetch({json.dumps(self.https.at('allowed.test', '/deno'))})).text())",
                             DENO_DIR=self.folder("deno"), DENO_NO_UPDATE_CHECK="1")
        self.assertIn('"/deno"', done.stdout)

    def test_bun(self):
        bun = npm_tool("bun", "bin/bun.exe")
        done = self.trusting(bun, "-e", f"console.log(await (await fetch({json.dumps(self.https.at('allowed.test', '/bun'))})).text())")
        self.assertIn('"/bun"', done.stdout)
        self.serve_npm()
        project = self.folder("bun")
        with open(os.path.join(project, "package.json"), "w") as file:
            file.write('{"name": "project", "version": "1.0.0"}')
        self.trusting(bun, "add", "tiny", "--registry", self.https.at("allowed.test"), cwd=project,
                      BUN_INSTALL_CACHE_DIR=os.path.join(project, "cache"))
        self.assertTrue(os.path.exists(os.path.join(project, "node_modules/tiny/package.json")))

    def test_pip(self):
        python = next((p for p in (sys.executable, "/usr/bin/python3")
                       if subprocess.run([p, "-m", "pip", "--version"], capture_output=True).returncode == 0), None)
        if not python:
            self.skipTest("no pip here (package python3-pip)")
        self.pages["/simple/tiny/"] = lambda request: request.reply(b'<a href="/tiny-1.0.tar.gz">tiny-1.0.tar.gz</a>',
                                                                     fields=[("Content-Type", "text/html")])
        # Asks the index and no more: a download would build.
        done = self.trusting(python, "-m", "pip", "--disable-pip-version-check", "index", "versions", "tiny", "--no-cache-dir",
                             "--index-url", self.https.at("allowed.test", "/simple"))
        self.assertIn("tiny", done.stdout)

    def test_cargo(self):
        if not shutil.which("cargo") or subprocess.run(["cargo", "--version"], capture_output=True).returncode:
            self.skipTest("no cargo here (package cargo)")
        version = subprocess.run(["cargo", "--version"], capture_output=True, text=True).stdout.split()[1]
        if tuple(map(int, version.split(".")[:2])) < (1, 68):
            self.skipTest(f"cargo {version} knows no index over HTTP (1.68 does)")
        crate = tar({"tiny-1.0.0/Cargo.toml": '[package]\nname = "tiny"\nversion = "1.0.0"\n', "tiny-1.0.0/src/lib.rs": ""})
        entry = {"name": "tiny", "vers": "1.0.0", "deps": [], "cksum": hashlib.sha256(crate).hexdigest(), "features": {}, "yanked": False}
        url = self.https.at("allowed.test")
        self.pages["/index/config.json"] = lambda request: request.reply(json.dumps({"dl": url + "/{crate}.crate"}).encode())
        self.pages["/index/ti/ny/tiny"] = lambda request: request.reply(json.dumps(entry).encode())
        self.pages["/tiny.crate"] = lambda request: request.reply(crate)
        project, home = self.folder("crate"), self.folder("cargo")
        os.makedirs(os.path.join(project, "src"))
        open(os.path.join(project, "src/lib.rs"), "w").close()
        with open(os.path.join(project, "Cargo.toml"), "w") as file:
            file.write('[package]\nname = "p"\nversion = "0.1.0"\n[dependencies]\ntiny = "1"\n')
        with open(os.path.join(home, "config.toml"), "w") as file:
            file.write(f'[source.crates-io]\nreplace-with = "t"\n[source.t]\nregistry = "sparse+{url}/index/"\n')
        # Where cargo comes from rustup, that has to find its home.
        rustup = os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup"))
        self.trusting("cargo", "fetch", cwd=project, CARGO_HOME=home, RUSTUP_HOME=rustup)
        with open(os.path.join(project, "Cargo.lock")) as lock:
            self.assertIn('name = "tiny"', lock.read())

    def test_java(self):
        if not shutil.which("java"):
            self.skipTest("no Java here (package default-jre-headless)")
        self.java(self.https)

    def java(self, origin, **env):
        listed = subprocess.run(["java", "--list-modules"], capture_output=True, text=True).stdout
        if "jdk.compiler" not in listed:
            self.skipTest("this Java has no compiler (package default-jdk-headless)")
        source = os.path.join(self.tmp, "Fetch.java")
        with open(source, "w") as file:
            file.write(JAVA_FETCH)
        done = self.run_("java", source, origin.at("allowed.test", "/java"), SSL_CERT_FILE=self.authority.bundle,
                         JAVA_TOOL_OPTIONS="-Dmine='a b'", **env)
        self.assertIn('"/java"', done.stdout, done.stderr)
        self.assertIn("Picked up JAVA_TOOL_OPTIONS: -Dmine='a b' -Dhttp.proxyHost", done.stderr)

    def test_java_with_a_trust_store_of_the_user(self):
        if not shutil.which("java") or not shutil.which("keytool"):
            self.skipTest("no Java here (package default-jdk-headless)")
        for kind in ("PKCS12", "JKS"):
            store = os.path.join(self.folder("my java"), kind)
            self.run_tool("keytool", "-importcert", "-noprompt", "-alias", "corp", "-file", self.authority.bundle, "-keystore", store,
                          "-storetype", kind, "-storepass", "my secret", check=True)
            options = f"-Djavax.net.ssl.trustStore='{store}' -Djavax.net.ssl.trustStorePassword='my secret'"
            with open(self.authority.bundle) as file:
                certificate = file.read().strip()
            for name in ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"):
                self.assertIn(certificate, self.content("SSL_CERT_FILE", **{name: options}))
        self.java(self.https, _JAVA_OPTIONS=options + " -Dhttps.proxyHost=nowhere.test")

    def test_apt(self):
        ToolsTest.apt(self, self.https)

    def apt(self, origin):
        if not (shutil.which("dpkg-deb") and shutil.which("apt-get")):
            self.skipTest("not a Debian system")
        index = "Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\nDescription: tiny\nFilename: ./tiny.deb\nSize: 1\nSHA256: " + "0" * 64 + "\n"
        self.pages["/flat/./Packages"] = lambda request: request.reply(index.encode())
        for name in ("InRelease", "Release", "Packages.xz", "Packages.gz", "Packages.bz2", "Packages.lzma", "Packages.lz4",
                     "Packages.zst", "en", "Translation-en"):
            self.pages["/flat/./" + name] = lambda request: request.reply(b"no such file", 404)
        root = self.folder("apt")
        for path in ("state/lists/partial", "cache/archives/partial", "etc/sources.list.d", "etc/preferences.d"):
            os.makedirs(os.path.join(root, path), exist_ok=True)
        open(os.path.join(root, "state/status"), "a").close()
        with open(os.path.join(root, "etc/sources.list"), "w") as sources:
            sources.write(f"deb [trusted=yes] {origin.at('allowed.test', '/flat')} ./\n")
        # The user's own file, which goes on to count; as root, apt's methods run as another user.
        mine = os.path.join(self.folder("my apt"), "apt.conf")
        options = {"Dir::State": root + "/state", "Dir::State::status": root + "/state/status", "Dir::Cache": root + "/cache",
                   "Dir::Etc": root + "/etc", "Dir::Etc::parts": root + "/etc/preferences.d", "Acquire::Retries": "0",
                   "Acquire::Languages": "none"}
        with open(mine, "w") as file:
            file.write("".join(f'{k} "{v}";\n' for k, v in options.items()))
        for folder, _, _ in os.walk(root):
            os.chmod(folder, 0o777)
        os.chmod(self.tmp, 0o755)
        done = self.run_("sh", "-c", "unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY; exec apt-get update",
                         SSL_CERT_FILE=self.authority.bundle, APT_CONFIG=mine)
        self.assertNotIn("\nW:", done.stderr)
        self.assertTrue(any(name.endswith("Packages") for name in os.listdir(os.path.join(root, "state/lists"))), done.stdout)

    def test_aws(self):
        if not shutil.which("aws") or subprocess.run(["aws", "--version"], capture_output=True).returncode:
            self.skipTest("no aws here (package awscli)")
        told = b"<ListAllMyBucketsResult><Buckets><Bucket><Name>tiny</Name></Bucket></Buckets></ListAllMyBucketsResult>"
        self.pages["/"] = self.pages["/?x-id=ListBuckets"] = lambda request: request.reply(told, fields=[("Content-Type", "application/xml")])
        done = self.trusting("aws", "--endpoint-url", self.https.at("allowed.test"), "s3api", "list-buckets", "--region", "eu-west-1",
                             AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_EC2_METADATA_DISABLED="true")
        self.assertIn('"tiny"', done.stdout)

    def test_grpc(self):
        python = next((p for p in (sys.executable, "/usr/bin/python3")
                       if subprocess.run([p, "-c", "import grpc"], capture_output=True).returncode == 0), None)
        if not python:
            self.skipTest("no Python here has the module grpc (package python3-grpcio)")
        self.authority.server("allowed.test")
        script = os.path.join(HERE, "http2_grpc.py")
        stem = os.path.join(self.tmp, "allowed.test")
        server = subprocess.Popen([python, script, "serve", stem + ".pem", stem + ".key"], stdout=subprocess.PIPE, text=True,
                                  env=clean_env())
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        port = int(server.stdout.readline())
        done = self.trusting(python, script, "call", f"allowed.test:{port}")
        self.assertEqual(json.loads(done.stdout)["echo"], "hello")

    def test_gcloud(self):
        if not shutil.which("gcloud"):
            self.skipTest("no gcloud here")
        token = os.path.join(self.tmp, "token")
        with open(token, "w") as file:
            file.write("secret")
        done = self.trusting("gcloud", "projects", "list", "--format=value(projectId)", CLOUDSDK_CONFIG=self.folder("gcloud"),
                             CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=token, CLOUDSDK_CORE_DISABLE_PROMPTS="1",
                             CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER=self.https.at("allowed.test", "/"),
                             CLOUDSDK_CORE_DISABLE_USAGE_REPORTING="true", code=None)
        self.assertTrue([r for r in self.https.requests if r.startswith("GET /v1/projects")], done.stderr)

    def carry_out(self, command, path=os.environ["PATH"]):
        """What `trust` or `untrust` would do to the user's own databases; the system's stay out of this."""
        env = {**self.env(), "PATH": path}
        told = self.run_tool(BIN, "--config", self.config, command, "--dry-run", env=env)
        lines = [line for line in told.stdout.splitlines() if self.home in line and not line.startswith("#")]
        for line in lines:
            self.run_tool("sh", "-c", line, env=env, check=True)
        return lines

    def test_databases_of_browsers(self):
        if not shutil.which("certutil"):
            self.skipTest("no certutil here (package libnss3-tools)")
        programs = self.folder("programs")
        with open(os.path.join(programs, "chromium"), "w") as script:
            script.write("#!/bin/sh\n")
        os.chmod(script.name, 0o755)
        firefox = self.folder("home/.mozilla/firefox/x y.default")
        self.run_tool("certutil", "-d", "sql:" + firefox, "-N", "--empty-password", check=True)
        self.trusting("true")  # makes the CA
        databases = [os.path.join(self.home, ".pki/nssdb"), firefox]
        has = lambda: [self.run_tool("certutil", "-d", "sql:" + d, "-L", "-n", "codex-network-proxy").returncode == 0 for d in databases]
        for _ in range(2):  # once more does no harm
            self.assertTrue(self.carry_out("trust", programs + ":" + os.environ["PATH"]))
            self.assertEqual(has(), [True, True])
        for _ in range(2):
            self.assertTrue(self.carry_out("untrust"))
            self.assertEqual(has(), [False, False])
        done = self.run_tool(BIN, "--config", self.config, "trust", "--dry-run", env={**self.env(), "PATH": programs})
        if not os.path.exists("/usr/sbin/certutil"):
            self.assertIn("libnss3-tools", done.stderr)

    def test_chromium(self):
        chromium = shutil.which("chromium")
        if not chromium or not shutil.which("certutil"):
            self.skipTest("no Chromium or no certutil here (packages chromium, libnss3-tools)")
        self.trusting("true")  # makes the CA
        self.carry_out("trust")
        done = self.trusting(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                             f"--user-data-dir={self.folder('chromium')}", "--dump-dom", self.https.at("allowed.test", "/chromium"),
                             XDG_CONFIG_HOME=self.folder("xdg"))
        self.assertIn("/chromium", done.stdout, done.stderr)
