"""What `run` and `env` put into the environment of a command is added to what the user has there."""
import json
import os
import shlex
import shutil

from name_server import NameServer
from origins import Authority, Origin
from support import BIN, SystemTest, clean_env, merged, toml


class Environment(SystemTest):
    """`run` behind an intercepting proxy, whose origin's certificate the user trusts by SSL_CERT_FILE or as a test says."""

    mitm = {"enabled": True, "inspect": True}

    def setUp(self):
        super().setUp()
        self.names = self.own(NameServer({"allowed.test": ["127.0.0.1"]}))
        self.authority = Authority(self.tmp)
        self.pages = {}
        self.http = self.own(Origin(pages=self.pages))
        self.https = self.own(Origin(pages=self.pages, tls=self.authority.server("allowed.test")))
        self.config = os.path.join(self.tmp, "config.toml")
        self.home = self.folder("home")
        self.codex_home = os.path.join(self.tmp, "my codex home")
        self.write({})

    def write(self, change):
        base = {"default_permissions": "test", "network_proxy": {"admin_url": "", **self.names.settings},
                "permissions": {"test": {"network": {
                    "enabled": True, "enable_socks5": False, "allow_upstream_proxy": False, "allow_local_binding": True,
                    "allowed_domains": ["allowed.test"], "mitm": self.mitm}}}}
        with open(self.config, "w") as out:
            out.write(toml(merged(base, change)))

    def env(self, **more):
        return clean_env(HOME=self.home, CODEX_HOME=self.codex_home, **more)

    def run_(self, *command, code=0, cwd=None, seconds=120, **env):
        done = self.run_tool(BIN, "--config", self.config, "run", "--", *command, env=self.env(**env), cwd=cwd or self.home,
                             seconds=seconds)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def trusting(self, *command, **kw):
        return self.run_(*command, SSL_CERT_FILE=self.authority.bundle, **kw)

    def value(self, name, **env):
        return self.run_("sh", "-c", f'printf %s "${name}"', **env).stdout

    def content(self, name, **env):
        return self.run_("sh", "-c", f'cat "${name}"', **env).stdout


class MergedTest(Environment):
    def setUp(self):
        super().setUp()
        with open(self.authority.bundle) as file:
            self.certificate = file.read().strip()

    def test_what_the_user_trusts_is_in_the_bundle(self):
        for name in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT",
                     "AWS_CA_BUNDLE", "npm_config_cafile", "CARGO_HTTP_CAINFO", "DENO_CERT", "YARN_CA_FILE_PATH",
                     "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "BUNDLE_SSL_CA_CERT"):
            with self.subTest(name):
                theirs = {name: self.authority.bundle}
                self.assertIn(self.certificate, self.content(name, **theirs))
                both = self.content("SSL_CERT_FILE", **theirs)
                self.assertIn(self.certificate, both)
                with open(os.path.join(self.codex_home, "proxy/ca.pem")) as own:
                    self.assertIn(own.read().strip(), both)

    def test_folders_and_relative_paths_count_too(self):
        roots = self.folder("home/roots")
        shutil.copy(self.authority.bundle, roots)
        self.assertIn(self.certificate, self.content("CURL_CA_BUNDLE", REQUESTS_CA_BUNDLE="./roots"))
        self.assertIn(self.certificate, self.content("CURL_CA_BUNDLE", SSL_CERT_DIR=roots))

    def test_what_cannot_be_read_is_told_and_hurts_nobody(self):
        done = self.run_("true", PIP_CERT="/nowhere/at all.pem", CONDA_SSL_VERIFY="false")
        self.assertIn("PIP_CERT /nowhere/at all.pem", done.stderr)
        self.assertNotIn("CONDA", done.stderr)

    def test_a_proxy_in_a_proxy_loses_nothing(self):
        inner = f"{shlex.quote(BIN)} --config {shlex.quote(self.config)} run -- "
        told = self.run_("sh", "-c", inner + """sh -c 'cat "$SSL_CERT_FILE"; echo "$JAVA_TOOL_OPTIONS"'""",
                         PIP_CERT=self.authority.bundle, JAVA_TOOL_OPTIONS="-Dmine=1").stdout
        self.assertIn(self.certificate, told)
        self.assertEqual(told.count(self.certificate), 1)
        options = told.splitlines()[-1]
        self.assertTrue(options.startswith("-Dmine=1 "), options)
        self.assertEqual(options.count("-Dhttp.proxyHost"), 1)

    def test_what_a_client_trusts_without_us_we_trust_for_it(self):
        told = self.run_("curl", "-sS", self.https.at("allowed.test", "/corp"), REQUESTS_CA_BUNDLE=self.authority.bundle)
        self.assertIn('"/corp"', told.stdout)
        done = self.run_("curl", "-sS", self.https.at("allowed.test", "/corp"))
        self.assertNotIn('"/corp"', done.stdout)

    def test_two_users_of_one_home_do_not_take_each_others_away(self):
        other = Authority(self.folder("other"))
        with open(other.bundle) as file:
            theirs = file.read().strip()
        inner = f"{shlex.quote(BIN)} --config {shlex.quote(self.config)} run -- true"
        told = self.run_("sh", "-c", f'PIP_CERT={shlex.quote(other.bundle)} SSL_CERT_FILE= {inner}; cat "$SSL_CERT_FILE"',
                         SSL_CERT_FILE=self.authority.bundle).stdout
        self.assertIn(self.certificate, told)
        self.assertNotIn(theirs, told)

    def test_env_merges_as_run_does(self):
        self.run_("true")  # makes the CA
        base = [BIN, "--config", self.config, "--set", 'proxy_url="http://127.0.0.1:3128"', "env"]
        env = self.env(NODE_EXTRA_CA_CERTS=self.authority.bundle, JAVA_TOOL_OPTIONS="-Dmine=1")
        told = json.loads(self.run_tool(*base, "--format", "json", env=env).stdout)
        with open(told["NODE_EXTRA_CA_CERTS"]) as file:
            self.assertIn(self.certificate, file.read())
        self.assertTrue(told["JAVA_TOOL_OPTIONS"].startswith("-Dmine=1 "))
        # A second time in a shell that has them changes nothing.
        again = json.loads(self.run_tool(*base, "--format", "json", env={**env, **told}).stdout)
        self.assertEqual(again, told)
        # Every reader takes blanks for what they are.
        shell = self.run_tool("sh", "-c", 'eval "$("$@")"; cat "$SSL_CERT_FILE"', "sh", *base, env=env)
        self.assertIn(self.certificate, shell.stdout)
        dotenv = os.path.join(self.tmp, ".env")
        with open(dotenv, "w") as out:
            out.write(self.run_tool(*base, "--format", "dotenv", env=env).stdout)
        shell = self.run_tool("sh", "-c", 'set -a; . "$1"; cat "$SSL_CERT_FILE"; printf "\\n%s" "$GIT_SSH_COMMAND"', "sh", dotenv)
        self.assertIn(self.certificate, shell.stdout)
        self.assertEqual(shell.stdout.splitlines()[-1], told["GIT_SSH_COMMAND"])
        with open(dotenv) as file:
            self.assertIn(f"SSL_CERT_FILE='{told['SSL_CERT_FILE']}'", file.read())

    def test_settings_of_wget_stay_and_are_not_shown_to_others(self):
        with open(os.path.join(self.home, ".wgetrc"), "w") as file:
            file.write(f"user_agent = mine\nca_certificate = {self.authority.bundle}\n")
        told = self.trusting("wget", "-qO-", self.https.at("allowed.test", "/wget")).stdout
        self.assertIn('"mine"', told)
        self.assertIn(self.certificate, self.content("SSL_CERT_FILE"))
        merged_file = self.value("WGETRC")
        self.assertEqual(os.stat(merged_file).st_mode & 0o777, 0o600)

    def test_other_proxies_and_their_passwords_are_not_handed_on(self):
        seen = self.run_("env", CLOUDSDK_PROXY_USERNAME="u", CLOUDSDK_PROXY_PASSWORD="hunter2secret", no_grpc_proxy="*",
                         JAVA_TOOL_OPTIONS="-Dhttp.nonProxyHosts=* -Dhttp.proxyPassword=hunter2secret -Dmine=1").stdout
        self.assertNotIn("hunter2secret", seen)
        self.assertNotIn("nonProxyHosts", seen)
        self.assertIn("-Dmine=1", seen)
        self.assertNotIn("no_grpc_proxy=*", seen)

    def test_a_users_own_ways_stay(self):
        self.assertEqual(self.value("GIT_SSH_COMMAND", GIT_SSH_COMMAND="ssh -i key"), "ssh -i key")
        self.assertEqual(self.value("GIT_SSH_COMMAND", GIT_SSH="plink"), "")
        self.assertIn("connect %h %p", self.value("GIT_SSH_COMMAND"))
        with open(os.path.join(self.home, ".gitconfig"), "w") as file:
            file.write("[core]\n\tsshCommand = ssh -i key\n")
        self.assertEqual(self.value("GIT_SSH_COMMAND"), "")
        self.assertEqual(self.value("CODEX_NETWORK_PROXY_ATTRIBUTION", CODEX_NETWORK_PROXY_ATTRIBUTION="mine"), "")

    def test_nothing_is_left_of_a_run(self):
        self.run_("true")
        left = os.listdir(os.path.join(self.codex_home, "proxy"))
        self.assertFalse([name for name in left if name.startswith("apt-")], left)
