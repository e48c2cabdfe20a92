"""How the command line reads its words: options, `--`, versions, help, and what was probably meant."""
import json
import os
import re

from support import SystemTest, merged, toml
from test_cli import CONFIG, CliTest

KNOWN = ("--resolve", "good.example=93.184.216.34")


class WordsTest(CliTest):
    def explained(self, *args, code):
        return json.loads(self.ask("explain", *args, code=code).stdout)

    def test_a_word_in_brackets_is_a_target(self):
        for word, host, port in (("[::1]", "::1", 443), ("[::1]:8443", "::1", 8443), ("[2001:db8::1]", "2001:db8::1", 443),
                                 ("http://[::1]", "::1", 80), ("[::ffff:10.0.0.1]", "::ffff:10.0.0.1", 443)):
            with self.subTest(word):
                told = self.explained("--json", word, code=1)
                self.assertEqual((told["host"], told["port"]), (host, port))

    def test_words_that_look_like_lists_stay_words(self):
        for word in ("[a,b]", "{}", "[]", "[", "]", "[[::1]]"):
            with self.subTest(word):
                self.assertEqual(self.explained("--json", word, code=1)["status"], 400)
                self.assertEqual(self.explained("--json", "GET", word, code=1)["status"], 400)
        for option in ("--config", "--set"):
            for word in ("{}", "[]", "[a,b]"):
                with self.subTest(option + word):
                    self.assertIn(word, self.cli(option, word, "check").stderr)
        self.assertEqual(self.explained("--json", "http://good.example/", *KNOWN, "--header", "[a,b]", code=1)["status"], 400)
        self.ask("explain", "http://good.example/", "--resolve", "[good.example=1.1.1.1]", code=2)

    def test_two_dashes_end_the_options(self):
        for args in (("--json", "--", "http://good.example/"), ("--json", "--", "GET", "http://good.example/"),
                     ("--json", "GET", "--", "http://good.example/")):
            with self.subTest(args):
                self.assertEqual(self.explained(*KNOWN, *args, code=0)["decision"], "allow")
        for host in ("--help", "-x.example"):
            self.assertEqual(self.explained("--json", "--", host, code=1)["host"], host)
        self.ask("explain", "--", "GET", "http://good.example/", "--json", code=2)
        self.ask("check", "--")
        self.ask("check", "--", "check", code=2)

    def test_the_command_of_run_is_its_own(self):
        for args, out in ((("--", "echo", "[1,2]", "--json", "--", "{}"), "[1,2] --json -- {}"),
                          (("echo", "[1,2]", "--help", "-n", "++", "check"), "[1,2] --help -n ++ check"),
                          (("--log-level", "warn", "echo", "--", "x"), "-- x"),
                          (("--log-level=warn", "--", "echo", "--log-level"), "--log-level"),
                          (("--", "echo", "run", "--", "run"), "run -- run")):
            with self.subTest(args):
                self.assertEqual(self.ask("run", *args).stdout.strip(), out)
        self.assertEqual(self.ask("--set", "mode=\"limited\"", "run", "echo", "--set").stdout.strip(), "--set")
        self.ask("run", code=2)
        self.ask("run", "--", code=2)


class HelpTest(CliTest):
    def test_versions(self):
        said = {self.cli(*args).stdout for args in (["version"], ["--version"], ["-V"], ["check", "--version"], ["explain", "-V"])}
        self.assertEqual(len(said), 1, said)
        self.assertRegex(said.pop(), r"^codex-network-proxy \d+\.\d+\.\d+\n$")
        for args in (["version"], ["--version"], ["-V"]):
            self.assertEqual(self.cli(*args).returncode, 0)

    def test_help(self):
        for args in (["help"], ["--help"], ["-h"]):
            with self.subTest(args):
                done = self.cli(*args)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                for word in ("serve", "check", "explain", "--version", "help"):
                    self.assertIn(word, done.stdout)
        done = self.cli("help", "explain")
        self.assertEqual((done.returncode, done.stdout), (0, self.cli("explain", "--help").stdout))
        self.assertIn("--no-secrets", done.stdout)
        done = self.cli("help", "explian")
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean explain?", done.stderr)

    def test_near_misses_are_hinted(self):
        for args, meant in ((["chek"], "check"), (["chekc", "--config", "x"], "check"), (["explian", "http://x/"], "explain"),
                            (["Check"], "check"), (["sevre"], "serve"), (["versoin"], "version"), (["rnu", "--", "ls"], "run"),
                            (["untrsut"], "untrust"), (["--confg", "x", "check"], "--config"), (["--verison"], "--version"),
                            (["check", "--no-secret"], "--no-secrets"), (["explain", "--jsno", "http://x/"], "--json"),
                            (["explain", "--reslove=x=1.1.1.1", "http://x/"], "--resolve"), (["--log-levle=warn", "check"], "--log-level")):
            with self.subTest(args):
                done = self.cli(*args)
                self.assertEqual(done.returncode, 2)
                self.assertIn(f"did you mean {meant}?", done.stderr)
                self.assertEqual(done.stdout, "")
        self.assertNotIn("did you mean", self.cli("frobnicate").stderr)
        self.assertEqual(self.cli("frobnicate").returncode, 2)


class NoSecretsTest(CliTest):
    def setUp(self):
        super().setUp()
        self.config = self.written(merged(CONFIG, {
            "network_proxy": {"admin_token_file": "/not/there", "socks_users": {"alice": "env:NOT_THERE", "bob": "file:/not/there"}},
            "permissions": {"test": {"network": {"mitm": {"enabled": True, "ca_cert_path": "ca.pem", "ca_key_path": "ca.key"}}}}}))
        with open(self.config, "a") as out:
            out.write('[[permissions.test.network.mitm_hooks]]\nhost = "good.example"\nmatch = {methods = ["GET"], path_prefixes = ["/v1"]}\n'
                      'actions = {inject_request_headers = [{name = "authorization", prefix = "Bearer ", secret_env_var = "NOT_THERE"}]}\n')

    def test_check_and_explain_do_without(self):
        self.ask("check", code=78)
        self.ask("explain", "https://good.example/v1", *KNOWN, code=78)
        self.assertIn("ok: ", self.ask("check", "--no-secrets").stdout)
        told = json.loads(self.ask("explain", "--no-secrets", "--json", "https://good.example/v1", *KNOWN).stdout)
        self.assertEqual((told["hook"], told["mitm"], told["status"]), (0, True, 200))
        told = json.loads(self.ask("explain", "--no-secrets", "--json", "https://good.example/", *KNOWN, code=1).stdout)
        self.assertEqual(told["reason"], "mitm_hook_denied")

    def test_a_ca_without_its_key_is_nothing_to_them(self):
        with open(os.path.join(self.tmp, "ca.pem"), "w") as out:
            out.write("no certificate\n")
        self.ask("check", "--no-secrets")
        self.ask("explain", "--no-secrets", "https://good.example/v1", *KNOWN)

    def test_every_other_mistake_is_still_one(self):
        with open(self.config) as file:
            text = file.read()
        for old, new, told in (('"/v1"', '""', "path_prefixes"), ('"Bearer "', '"B\\u0007"', "injected header"),
                               ("enabled = true", "enabledd = true", "unknown key"), ("env:NOT_THERE", "password", "env:NAME")):
            with self.subTest(told):
                self.assertIn(old, text)
                done = self.ask("check", "--no-secrets", code=78, config=self.written(text.replace(old, new, 1), "broken.toml"))
                self.assertIn(told, done.stderr)


class DoubtsTest(CliTest):
    """What `check` warns of; the wordings are for the table in tests/config."""

    def warnings(self, network):
        told = self.ask("check", config=self.written(merged(CONFIG, {"permissions": {"test": {"network": network}}}), "doubtful.toml"))
        return [line for line in told.stderr.splitlines() if "warning" in line]

    def test_each_is_told_with_its_place(self):
        for network, word in (({"allowed_domains": []}, "allowed_domains"), ({"mode": "limited"}, "limited"),
                              ({"allowed_domains": ["0.0.0.0/0"]}, "0.0.0.0/0"), ({"allowed_domains": ["::/0"]}, "::/0"),
                              ({"denied_domains": ["0.0.0.0/0"]}, "0.0.0.0/0"), ({"allowed_domains": ["169.254.169.254"]}, "169.254.169.254"),
                              ({"allowed_domains": ["fd00:ec2::254"]}, "fd00:ec2::254")):
            with self.subTest(network):
                self.assertTrue([line for line in self.warnings(network) if word in line and re.search(r"doubtful\.toml:\d+:\d+: ", line)])
        self.assertFalse([line for line in self.warnings({"mode": "limited", "mitm": True}) if "limited" in line])
