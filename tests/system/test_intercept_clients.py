"""Everyday programs through an intercepting proxy, with the variables that `env` prints and no others."""
import json
import os
import shutil

import test_clients
from support import BIN, clean_env

JAVA_FETCH = """
import java.net.*;
public class Fetch {
  public static void main(String[] args) throws Exception {
    var reply = (HttpURLConnection) new URL(args[0]).openConnection();
    System.out.println(reply.getResponseCode() + " " + new String(reply.getInputStream().readAllBytes()));
  }
}"""

GO_FETCH = """
package main
import ("fmt"; "io"; "net/http"; "os")
func main() {
  reply, err := http.Get(os.Args[1])
  if err != nil { fmt.Println("failed", err); os.Exit(1) }
  body, _ := io.ReadAll(reply.Body)
  fmt.Println(reply.StatusCode, reply.Header.Get("x-proxy-error"), string(body))
}"""


class Intercepted:
    """A proxy that reads every request, and clients that know of it what `env` prints."""

    def start_proxy(self):
        proxy = self.start(allow=["allowed.test"], daemon=self.names.settings,
                           network={"mitm": {"enabled": True, "inspect": True}}, env={"SSL_CERT_FILE": self.authority.bundle})
        self.trusted = os.path.join(proxy.folder, "proxy/ca-bundle.pem")
        return proxy

    def client_env(self):
        told = self.run_tool(BIN, "--config", self.proxy.config_file, "--set", f'proxy_url="{self.proxy.url}"', "env",
                             "--format", "json", env=clean_env(CODEX_HOME=self.proxy.folder))
        self.assertEqual(told.returncode, 0, told.stderr)
        return json.loads(told.stdout)


class InterceptedClientsTest(Intercepted, test_clients.ClientsTest):
    """What test_clients.py sees, seen again while the proxy reads every request."""

    # Chunked over HTTP/2, git may wait forever: where the flow-control window cuts the last write of
    # a body short, libcurl 7.88 asks for more once after git has said that this was all.
    pushes = {"chunked": ["-c", "http.version=HTTP/1.1"], "whole": ["-c", "http.postBuffer=4000000"]}

    def tearDown(self):
        super().tearDown()
        for line in self.proxy.log().splitlines():
            self.assertNotIn("client_tls_failed", line)

    def test_curl(self):
        self.assertEchoed(self.tool("curl", "-sS", self.https.at("allowed.test", "/curl")), "/curl")
        self.assertEchoed(self.tool("curl", "-sS", "--http2", self.https.at("allowed.test", "/curl")), "/curl")
        self.proxy.wait_for_line("msg=inspected host=allowed.test .*method=GET ")

    def test_wget_needs_no_option(self):
        told = self.tool("wget", "-qO-", "--tries=1", self.https.at("allowed.test", "/wget"))
        self.assertEchoed(told, "/wget")

    def test_java(self):
        if not shutil.which("java") or self.tool("java", "--list-modules").stdout.find("jdk.compiler") < 0:
            self.skipTest("no Java with a compiler here (package default-jdk-headless)")
        source = os.path.join(self.tmp, "Fetch.java")
        with open(source, "w") as file:
            file.write(JAVA_FETCH)
        self.assertEchoed(self.tool("java", source, self.https.at("allowed.test", "/java")), "/java")

    def test_go(self):
        if not shutil.which("go"):
            self.skipTest("no Go here (package golang-go)")
        source, program = os.path.join(self.tmp, "fetch.go"), os.path.join(self.tmp, "fetch")
        with open(source, "w") as file:
            file.write(GO_FETCH)
        built = self.run_tool("go", "build", "-o", program, source, env=clean_env(HOME=self.tmp, GO111MODULE="off"), seconds=240)
        self.assertEqual(built.returncode, 0, built.stderr)
        self.check_fetcher(program)

    def test_the_bundle_is_what_the_platform_trusts_and_our_ca(self):
        with open(self.trusted) as file:
            bundle = file.read()
        with open(os.path.join(self.proxy.folder, "proxy/ca.pem")) as file:
            self.assertTrue(bundle.endswith(file.read()))
        with open(self.authority.bundle) as file:
            self.assertIn(file.read().strip(), bundle)
        status, fields, pem = self.proxy.admin("GET", "/ca.pem")
        self.assertEqual((status, fields["content-type"]), (200, "application/x-pem-file"))
        self.assertIn(pem.strip(), bundle)

    def test_trust_says_what_it_would_do(self):
        told = self.run_tool(BIN, "--config", self.proxy.config_file, "trust", "--dry-run",
                             env=clean_env(CODEX_HOME=self.proxy.folder))
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn(os.path.join(self.proxy.folder, "proxy/ca.pem"), told.stdout)
        self.assertIn("update-ca-certificates", told.stdout)

    def test_run_gives_a_command_all_of_it(self):
        done = self.run_tool(BIN, "--config", self.proxy.config_file, "run", "--", "curl", "-sS",
                             self.https.at("allowed.test", "/run"),
                             env=clean_env(CODEX_HOME=self.proxy.folder, SSL_CERT_FILE=self.authority.bundle))
        self.assertEchoed(done, "/run")
