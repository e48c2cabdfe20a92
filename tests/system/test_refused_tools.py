"""What tools print when they are refused, as the README's table says it: each fragment there has to be in what the tool really prints."""
import os
import re
import shutil
import subprocess
import sys

from support import BIN, ROOT
from test_environment import Environment
from test_intercept_clients import GO_FETCH, JAVA_FETCH
from test_tools import npm_tool

REFUSED = "refused.test"
REQUESTS = "import requests, sys; requests.get(sys.argv[1]).raise_for_status()"
NODE = """
require(process.argv[1].split(":")[0]).get(process.argv[1], reply => {
  let body = ""; reply.on("data", part => body += part);
  reply.on("end", () => console.log(reply.statusCode, reply.statusMessage, body));
}).on("error", error => console.log(error.message));"""
GRPC = """
import grpc, sys
try: grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials()).unary_unary("/test/Echo")(b"", timeout=20)
except grpc.RpcError as error: print(error.code(), error.details())"""


def printed():
    """The README's table: {tool: (fragments over HTTP, fragments over HTTPS)}."""
    with open(os.path.join(ROOT, "README.md")) as file:
        table = file.read().partition("| tool | over HTTP | over HTTPS |\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[1:]]
    return {row[0]: tuple(re.findall(r"`([^`]+)`", cell.replace("example.org", REFUSED)) for cell in row[1:]) for row in rows}


class RefusedToolsTest(Environment):
    def check(self, tool, *command, target=lambda url: [url], schemes=("http", "https"), **env):
        """Runs a command with what it is to ask for behind it, over HTTP and over HTTPS."""
        told = printed()[tool]
        for scheme in schemes:
            with self.subTest(tool, scheme=scheme):
                done = self.run_(*command, *target(f"{scheme}://{REFUSED}"), code=None, **env)
                output = done.stdout + done.stderr
                # `run` says it below, whatever the tool does.
                self.assertRegex(output, rf"\d+ x \S+ {REFUSED}:(80|443) not_allowed")
                output = output.partition("codex-network-proxy: ")[0]
                for fragment in told[scheme == "https"]:
                    self.assertIn(fragment, output)

    def test_every_tool_is_in_the_table(self):
        self.assertEqual(list(printed()), ["curl", "git", "wget", "pip", "npm", "cargo", "go", "requests", "Java", "Node", "aws",
                                           "gRPC", "apt", "Chromium"])

    def needs(self, program, package):
        if not shutil.which(program) or subprocess.run([program, "--version"], capture_output=True).returncode:
            self.skipTest(f"no {program} here (package {package})")

    def python_with(self, module, package):
        for python in (sys.executable, "/usr/bin/python3"):
            if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0:
                return python
        self.skipTest(f"no Python here has the module {module} (package {package})")

    def test_curl(self):
        self.check("curl", "curl", "-sS")

    def test_git(self):
        self.check("git", "git", "ls-remote", GIT_TERMINAL_PROMPT="0", GIT_CONFIG_NOSYSTEM="1")

    def test_wget(self):
        self.check("wget", "wget", "-O-", "--tries=1")

    def test_pip(self):
        python = self.python_with("pip", "python3-pip")
        self.check("pip", python, "-m", "pip", "--disable-pip-version-check", "download", "--retries", "0", "--no-cache-dir",
                   "--trusted-host", REFUSED, target=lambda url: [url + "/tiny-1.0.tar.gz"])

    def test_npm(self):
        self.needs("npm", "npm")
        self.check("npm", "npm", "view", "tiny", "--fetch-retries=0", "--registry")

    def test_cargo(self):
        self.needs("cargo", "cargo")
        project, home = self.folder("crate"), self.folder("cargo")
        os.makedirs(os.path.join(project, "src"), exist_ok=True)
        open(os.path.join(project, "src/lib.rs"), "w").close()
        with open(os.path.join(project, "Cargo.toml"), "w") as file:
            file.write('[package]\nname = "p"\nversion = "0.1.0"\n[dependencies]\ntiny = "1"\n')
        rustup = os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup"))

        def configured(url):
            with open(os.path.join(home, "config.toml"), "w") as file:
                file.write(f'[source.crates-io]\nreplace-with = "t"\n[source.t]\nregistry = "sparse+{url}/index/"\n')
            return ["--manifest-path", os.path.join(project, "Cargo.toml")]
        self.check("cargo", "cargo", "fetch", target=configured, CARGO_HOME=home, RUSTUP_HOME=rustup, CARGO_NET_RETRY="0")

    def test_go(self):
        if not shutil.which("go"):
            self.skipTest("no Go here (package golang-go)")
        source, program = os.path.join(self.tmp, "fetch.go"), os.path.join(self.tmp, "fetch")
        with open(source, "w") as file:
            file.write(GO_FETCH.replace("reply.StatusCode", "reply.Status"))
        built = self.run_tool("go", "build", "-o", program, source, env=self.env(GO111MODULE="off"), seconds=240)
        self.assertEqual(built.returncode, 0, built.stderr)
        self.check("go", program)

    def test_requests(self):
        self.check("requests", self.python_with("requests", "python3-requests"), "-c", REQUESTS)

    def test_java(self):
        self.needs("java", "default-jdk-headless")
        if "jdk.compiler" not in subprocess.run(["java", "--list-modules"], capture_output=True, text=True).stdout:
            self.skipTest("this Java has no compiler (package default-jdk-headless)")
        source = os.path.join(self.tmp, "Fetch.java")
        with open(source, "w") as file:
            file.write(JAVA_FETCH.replace("reply.getInputStream()", "reply.getErrorStream()")
                       .replace('" " + new', '" " + reply.getResponseMessage() + " " + new'))
        self.check("Java", "java", source)

    def test_node(self):
        node = shutil.which("node")
        version = self.run_tool("node", "-p", "process.versions.node").stdout if node else "0.0"
        if tuple(map(int, version.split(".")[:2])) < (22, 21):
            node = npm_tool("node24", "bin/node")
        self.check("Node", node, "-e", NODE)

    def test_aws(self):
        self.needs("aws", "awscli")
        self.check("aws", "aws", "dynamodb", "list-tables", "--region", "eu-west-1", "--endpoint-url", AWS_ACCESS_KEY_ID="a",
                   AWS_SECRET_ACCESS_KEY="b", AWS_EC2_METADATA_DISABLED="true", AWS_MAX_ATTEMPTS="1")

    def test_grpc(self):
        self.check("gRPC", self.python_with("grpc", "python3-grpcio"), "-c", GRPC, target=lambda _: [REFUSED + ":443"],
                   schemes=["https"])

    def test_apt(self):
        if not shutil.which("apt-get"):
            self.skipTest("not a Debian system")
        root = self.folder("apt")
        for path in ("state/lists/partial", "cache/archives/partial", "etc/parts", "etc/sources.list.d", "etc/preferences.d"):
            os.makedirs(os.path.join(root, path), exist_ok=True)
        open(os.path.join(root, "state/status"), "a").close()
        options = {"Dir::State": root + "/state", "Dir::State::status": root + "/state/status", "Dir::Cache": root + "/cache",
                   "Dir::Etc": root + "/etc", "Dir::Etc::parts": root + "/etc/parts", "Acquire::Retries": "0",
                   "APT::Sandbox::User": ""}

        def listed(url):
            with open(os.path.join(root, "etc/sources.list"), "w") as sources:
                sources.write(f"deb [trusted=yes] {url}/flat ./\n")
            return ["update"]
        self.check("apt", "apt-get", *(word for k, v in options.items() for word in ("-o", f"{k}={v}")), target=listed)

    def test_chromium(self):
        if not shutil.which("chromium") or not shutil.which("certutil"):
            self.skipTest("no Chromium or no certutil here (packages chromium, libnss3-tools)")
        self.run_("true")  # makes the CA
        told = self.run_tool(BIN, "--config", self.config, "trust", "--dry-run", env=self.env()).stdout
        for line in told.splitlines():
            if self.home in line and not line.startswith("#"):
                self.run_tool("sh", "-c", line, env=self.env(), check=True)
        self.check("Chromium", "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                   f"--user-data-dir={self.folder('chromium')}", "--dump-dom", XDG_CONFIG_HOME=self.folder("xdg"))
