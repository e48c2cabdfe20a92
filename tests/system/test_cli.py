"""The command line: data on stdout, talk on stderr, and exit codes a script can rely on."""
import json
import os
import shlex
import signal
import subprocess

from name_server import NameServer
from origins import Origin
from support import BIN, SystemTest, clean_env, free_port, merged, toml

CONFIG = {"default_permissions": "test", "network_proxy": {"admin_url": ""},
          "permissions": {"test": {"network": {"enabled": True, "enable_socks5": False, "allow_upstream_proxy": False,
                                               "allowed_domains": ["good.example", "*.wide.example", "127.0.0.1"],
                                               "denied_domains": ["bad.wide.example"]}}}}


class CliTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.config = self.written(CONFIG)

    def written(self, table, name="config.toml"):
        path = os.path.join(self.tmp, name)
        with open(path, "w") as out:
            out.write(table if isinstance(table, str) else toml(table))
        return path

    def ask(self, *args, code=0, config=None, **kw):
        done = self.cli("--config", config or self.config, *args, **kw)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done


class CheckTest(CliTest):
    def test_a_good_configuration_is_0(self):
        self.ask("check")

    def test_every_problem_is_named_with_its_place_and_a_hint(self):
        bad = self.written('default_permissions = "test"\n[permissions.test.network]\nenabled = "yes"\nallowed_domain = []\n'
                           'mode = "ful"\nallowed_domains = ["ok.example", "*", "10.0.0.1/8"]\n', "bad.toml")
        told = self.ask("check", code=78, config=bad)
        text = told.stdout + told.stderr
        for place, what in (("bad.toml:3:", "enabled"), ("bad.toml:4:", "allowed_domains"), ("bad.toml:5:", "mode"), ("bad.toml:6:", "*")):
            with self.subTest(what):
                self.assertTrue(any(place in line and what in line for line in text.splitlines()), text)
        self.assertIn("10.0.0.1/8", text)

    def test_doubtful_patterns_are_warned_of(self):
        doubtful = merged(CONFIG, {"permissions": {"test": {"network": {
            "allowed_domains": ["*.lonely.example", "*.com", "twice.example", "TWICE.example."]}}}})
        told = self.ask("check", config=self.written(doubtful, "doubtful.toml"))
        text = told.stdout + told.stderr
        for word in ("lonely.example", "*.com", "twice.example"):
            self.assertTrue(any(word in line.lower() and "warning" in line for line in text.splitlines()), text)

    def test_tables_of_others_are_ignored(self):
        self.ask("check", config=self.written(merged(CONFIG, {"model": {"name": "x"}, "tui": {"network": 1}}), "more.toml"))

    def test_set_and_several_files_lie_over_one_another(self):
        over = self.written({"permissions": {"test": {"network": {"allowed_domains": ["over.example"]}}}}, "over.toml")
        self.ask("--config", over, "explain", "http://over.example/", "--resolve", "over.example=93.184.216.34")
        self.ask("--config", over, "explain", "http://good.example/", code=1)
        self.ask("--set", 'allowed_domains=["set.example"]', "explain", "http://set.example/", "--resolve", "set.example=93.184.216.34")
        self.ask("--set", 'permissions.test.network.mode="limited"', "explain", "POST", "http://good.example/", code=1)
        self.assertIn("nonsense", self.ask("--set", "nonsense=1", "check", code=78).stderr)


class ExplainTest(CliTest):
    def verdict(self, *args, code=0):
        return json.loads(self.ask("explain", "--json", *args, code=code).stdout)

    def test_an_allowed_target(self):
        told = self.verdict("http://good.example/path", "--resolve", "good.example=93.184.216.34")
        self.assertEqual({k: told[k] for k in ("decision", "status", "x_proxy_error", "host", "port", "protocol", "method", "mode",
                                               "scope", "mitm", "hook", "addresses")},
                         {"decision": "allow", "status": 200, "x_proxy_error": None, "host": "good.example", "port": 80,
                          "protocol": "http", "method": "GET", "mode": "full", "scope": "domain", "mitm": False, "hook": None,
                          "addresses": ["93.184.216.34"]})
        self.assertEqual(told["rule"]["text"], "good.example")
        self.assertTrue(told["rule"]["file"].endswith("config.toml"))
        with open(self.config) as lines:
            self.assertIn("good.example", lines.read().splitlines()[told["rule"]["line"] - 1])
        self.assertTrue(told["steps"])

    def test_what_is_refused_and_why(self):
        for args, reason, header in (
                (["http://other.example/"], "not_allowed", "blocked-by-allowlist"),
                (["http://bad.wide.example/"], "denied", "blocked-by-denylist"),
                (["http://10.0.0.1/"], "not_allowed_local", "blocked-by-allowlist"),
                (["http://0x7f.2/"], "not_allowed_local", "blocked-by-allowlist"),
                (["http://good.example/", "--resolve", "good.example=10.0.0.1"], "not_allowed_local", "blocked-by-allowlist"),
                (["POST", "http://good.example/", "--mode", "limited"], "method_not_allowed", "blocked-by-method-policy"),
                (["good.example:443", "--protocol", "https_connect", "--mode", "limited"], "mitm_required", "blocked-by-mitm-required")):
            with self.subTest(args):
                told = self.verdict(*args, code=1)
                self.assertEqual((told["decision"], told["reason"], told["status"], told["x_proxy_error"]), ("deny", reason, 403, header))

    def test_a_name_without_a_canned_answer_does_not_resolve(self):
        told = self.verdict("http://good.example/", "--resolve", "other.example=93.184.216.34", code=1)
        self.assertEqual(told["status"], 502)

    def test_the_request_inside_a_tunnel_meets_its_hooks(self):
        with open(self.config) as file:
            text = file.read()
        with open(self.config, "w") as file:
            file.write(text.replace("[permissions.test.network]\n", "[permissions.test.network]\nmitm = true\nmitm_hooks = ["
                                    '{host = "good.example", match = {methods = ["GET"], path_prefixes = ["/v1/"], '
                                    'headers = {x-team = ["blue"]}}}]\n'))
        known = ("--resolve", "good.example=93.184.216.34")
        told = self.verdict("https://good.example/v1/x", "--header", "X-Team: blue", *known)
        self.assertEqual((told["mitm"], told["hook"], told["status"]), (True, 0, 200))
        told = self.verdict("https://good.example/v1/x", *known, code=1)
        self.assertEqual((told["mitm"], told["hook"], told["x_proxy_error"]), (True, None, "blocked-by-mitm-hook"))

    def test_people_get_text(self):
        text = self.ask("explain", "http://bad.wide.example/", code=1).stdout
        for word in ("denied", "bad.wide.example", "config.toml:", "blocked-by-denylist"):
            self.assertIn(word, text)
        self.assertNotIn("\x1b", text)

    def test_the_live_proxy_says_the_same(self):
        proxy = self.start(allow=["127.0.0.1", "good.example"], deny=["bad.example"])
        for url in ("http://bad.example/", "http://other.example/", "http://169.254.169.254/"):
            with self.subTest(url):
                live = proxy.get(url)
                told = json.loads(self.ask("explain", "--json", url, code=1, config=proxy.config_file).stdout)
                self.assertEqual((live.status, live.json()["reason"], live.get("x-proxy-error")),
                                 (told["status"], told["reason"], told["x_proxy_error"]))


class SmallCommandsTest(CliTest):
    def test_version_and_help(self):
        self.assertRegex(self.cli("version").stdout, r"codex-network-proxy \d+\.\d+\.\d+")
        for command in ([], ["serve"], ["init"], ["check"], ["explain"], ["env"], ["run"], ["version"]):
            with self.subTest(command):
                done = self.cli(*command, "--help")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("--config" if not command else "--help", done.stdout)

    def test_init_writes_a_config_that_check_accepts(self):
        home = self.folder("fresh")
        env = clean_env(CODEX_HOME=home)
        self.assertEqual(self.cli("init", env=env).returncode, 0)
        self.assertTrue(os.path.isdir(os.path.join(home, "proxy")))
        self.assertFalse(os.path.exists(os.path.join(home, "config.toml")))
        self.assertEqual(self.cli("init", "--write-config", env=env).returncode, 0)
        self.assertEqual(self.cli("check", env=env).returncode, 0)
        path = os.path.join(home, "config.toml")
        with open(path, "a") as config:
            config.write("# mine\n")
        self.cli("init", "--write-config", env=env)
        with open(path) as config:
            self.assertIn("# mine", config.read(), "an existing config is never replaced")

    def test_env_speaks_every_dialect(self):
        url = "http://127.0.0.1:3128"
        shell = self.run_tool("sh", "-c", f"eval \"$({BIN} --config {shlex.quote(self.config)} env)\"; echo $HTTP_PROXY $https_proxy",
                              env=clean_env(CODEX_HOME=self.tmp))
        self.assertEqual(shell.stdout.split(), [url, url], shell.stderr)
        self.assertEqual(json.loads(self.ask("env", "--format", "json").stdout)["HTTPS_PROXY"], url)
        self.assertIn("HTTP_PROXY", self.ask("env", "--format", "fish").stdout)
        self.assertRegex(self.ask("env", "--format", "dotenv").stdout, rf"(?m)^HTTP_PROXY=[\"']?{url}")


class RunTest(CliTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        names = self.own(NameServer({"allowed.test": ["127.0.0.1"]}))
        self.config = self.written(merged(CONFIG, {"network_proxy": names.settings, "permissions": {"test": {"network": {
            "allow_local_binding": True, "allowed_domains": ["allowed.test"]}}}}))

    def test_the_command_runs_behind_a_proxy_of_its_own(self):
        done = self.ask("run", "--", "curl", "-sSf", self.origin.at("allowed.test", "/inside"))
        self.assertEqual(json.loads(done.stdout)["target"], "/inside")

    def test_the_summary_names_what_was_refused(self):
        done = self.ask("run", "--", "sh", "-c", "curl -s http://refused.example/ >/dev/null; echo out")
        self.assertEqual(done.stdout, "out\n", "stdout belongs to the command")
        self.assertIn("refused.example", done.stderr)
        self.assertIn("not_allowed", done.stderr)

    def test_the_childs_code_is_passed_on(self):
        script = self.written("#!/bin/sh\n", "not-executable")
        for command, code in ((["sh", "-c", "exit 7"], 7), (["true"], 0), (["no-such-command-anywhere"], 127), ([script], 126),
                              (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM)):
            with self.subTest(command):
                self.ask("run", "--", *command, code=code)

    def test_two_at_once_do_not_collide(self):
        command = [BIN, "--config", self.config, "run", "--", "curl", "-sSf", self.origin.at("allowed.test", "/wait")]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                 env=clean_env(CODEX_HOME=self.tmp)) for _ in range(2)]
        self.origin.release.set()
        for process in both:
            _, error = process.communicate(timeout=30)
            self.assertEqual(process.returncode, 0, error)

    def test_attach_uses_the_running_daemon(self):
        # Ports are given here: a daemon is found by its configuration.
        port = free_port()
        proxy = self.prepare(allow=["127.0.0.1"], network={"proxy_url": f"http://127.0.0.1:{port}"}).start()
        done = self.ask("run", "--attach", "--", "sh", "-c", "echo $HTTP_PROXY", config=proxy.config_file)
        self.assertEqual(done.stdout.strip(), f"http://127.0.0.1:{port}")

    def attached(self, *command, admin, code=0, **daemon):
        port = free_port()
        proxy = self.prepare(allow=["allowed.test"], network={"proxy_url": f"http://127.0.0.1:{port}"},
                             daemon={"admin_url": admin, **daemon}, env={"P": "password", "TOKEN": "a-long-admin-token"}).start()
        proxy.get("http://before.example/")
        self.ask("run", "--attach", "--", "curl", "-s", "http://warm.example/", config=proxy.config_file,
                 env=clean_env(CODEX_HOME=self.tmp, P="password"))
        return self.ask("run", "--attach", "--", *command, config=proxy.config_file, code=code,
                        env=clean_env(CODEX_HOME=self.tmp, P="password", TOKEN="a-long-admin-token"))

    def test_attach_tells_what_the_daemon_refused_meanwhile(self):
        command = ["sh", "-c", "curl -s http://refused.example/ http://refused.example/ http://other.example/; exit 7"]
        for name, admin, daemon in (("tcp", f"http://127.0.0.1:{free_port()}", {}),
                                    ("unix", f"unix://{self.tmp}/admin", {}),
                                    ("token", f"http://127.0.0.1:{free_port()}", {"admin_token_env": "TOKEN"}),
                                    ("users", f"http://127.0.0.1:{free_port()}", {"socks_users": {"bob": "env:P"}})):
            with self.subTest(name):
                told = self.attached(*command, admin=admin, code=7, **daemon).stderr
                self.assertIn("3 requests were refused", told)
                self.assertIn("2 x GET refused.example:80 not_allowed", told)
                self.assertIn("1 x GET other.example:80 not_allowed", told)
                self.assertNotIn("before.example", told)
                self.assertNotIn("warm.example", told)
                self.assertEqual("for all its clients" in told, name != "users", told)

    def test_attach_says_why_there_is_no_summary(self):
        told = self.attached("true", admin="").stderr
        self.assertIn("no summary of what was refused: the admin API is off", told)
        told = self.attached("true", admin="http://127.0.0.1:0").stderr
        self.assertIn("admin_url is chosen at start", told)
        told = self.attached("true", admin=f"http://127.0.0.1:{free_port()}").stderr
        self.assertEqual(told, "")
