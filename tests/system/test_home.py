"""Where the user's files are: an empty variable is none, and never a path in the root of the file system."""
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

from support import BIN, SystemTest, toml

STRANGER = 54321  # a user that no database knows
CONFIG = {"default_permissions": "test", "network_proxy": {"admin_url": ""},
          "permissions": {"test": {"network": {"enabled": True, "enable_socks5": False, "allow_upstream_proxy": False,
                                               "proxy_url": "http://127.0.0.1:0", "mitm": True,
                                               "allowed_domains": ["good.example"]}}}}


class HomeTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.config = os.path.join(self.tmp, "config.toml")
        with open(self.config, "w") as out:
            out.write(toml(CONFIG))

    def alone(self, *args, config=True, **env):
        """The binary in an environment that holds PATH and what is given."""
        command = [BIN, *(["--config", self.config] if config else []), *args]
        return subprocess.run(command, env={"PATH": os.environ["PATH"], **env}, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, cwd=self.tmp)

    def test_the_ca_lands_below_home(self):
        home = self.folder("home")
        for empty in ({}, {"CODEX_HOME": ""}):
            done = self.alone("run", "--", "true", HOME=home, **empty)
            self.assertEqual(done.returncode, 0, done.stderr)
            key = os.path.join(home, ".codex/proxy/ca.key")
            self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)

    def test_a_relative_home_is_one_for_children_elsewhere_too(self):
        done = self.alone("run", "--", "sh", "-c", "cd / && cat $SSL_CERT_FILE", CODEX_HOME="here")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("BEGIN CERTIFICATE", done.stdout)

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user, which needs root")
    def test_who_has_no_home_is_told_what_to_set(self):
        for variables in ({}, {"HOME": "", "CODEX_HOME": ""}):
            for command in (["serve"], ["run", "--", "true"], ["check"], ["init"], ["trust", "--dry-run"]):
                with self.subTest(command, variables=variables):
                    done = self.stranger(*command, **variables)
                    self.assertNotEqual(done.returncode, 0)
                    self.assertIn("CODEX_HOME", done.stderr)
        self.assertFalse(os.path.exists("/proxy"))

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user, which needs root")
    def test_a_home_that_cannot_be_written_is_told_as_such(self):
        done = self.stranger("run", "--", "true", CODEX_HOME="/nowhere")
        self.assertIn("/nowhere: Permission denied", done.stderr)
        self.assertIn("CODEX_HOME", done.stderr)

    def stranger(self, *args, **env):
        """The binary run by a user that no database knows."""
        os.chmod(self.tmp, 0o755)
        # The binary may lie where this user may not go.
        place = tempfile.mkdtemp(prefix="proxy-", dir="/tmp")
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        os.chmod(place, 0o755)
        return subprocess.run([shutil.copy(BIN, place), "--config", self.config, *args], stdin=subprocess.DEVNULL, cwd="/",
                              env={"PATH": os.environ["PATH"], **env}, capture_output=True, text=True, timeout=60,
                              user=STRANGER, group=STRANGER, extra_groups=[])

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user, which needs root")
    def test_without_interception_no_home_is_needed(self):
        done = self.stranger("--set", "mitm=false", "run", "--", "printenv", "HTTP_PROXY")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("http://127.0.0.1:", done.stdout)

    def test_what_a_fresh_machine_is_told(self):
        home = self.folder("fresh")
        done = self.alone("trust", "--dry-run", config=False, HOME=home)
        self.assertIn(os.path.join(home, ".codex/proxy/ca.pem"), done.stdout)
        if shutil.which("update-ca-certificates"):
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("update-ca-certificates", done.stdout)
        self.assertEqual(os.listdir(home), [], "it only says so")
        done = self.alone("run", "--", "true", config=False, HOME=home)
        self.assertEqual(done.returncode, 125)
        self.assertIn("init --write-config", done.stderr)
        self.assertIn(os.path.join(home, ".codex/config.toml"), done.stderr)
