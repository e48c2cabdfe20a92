"""Secrets of the configuration: the command of `run` gets none of them, and nobody reads them out of our processes."""
import json
import os
import pwd
import shutil
import subprocess
import tempfile

from origins import Origin
from support import BIN, SystemTest, clean_env, free_port, until

HOOK = {"host": "h.test", "match": {"methods": ["GET"], "path_prefixes": ["/"]}}


def hook(variable):
    return {**HOOK, "actions": {"inject_request_headers": [{"name": "authorization", "prefix": "Bearer ", "secret_env_var": variable}]}}


def inline(value):
    """TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {inline(v)}" for k, v in value.items()) + "}"
    return "[" + ", ".join(map(inline, value)) + "]" if isinstance(value, list) else json.dumps(value)


CONFIG = f"""
default_permissions = "test"
[permissions.test.network]
enabled = true
allowed_domains = ["127.0.0.1", "h.test"]
allow_local_binding = true
mitm = true
mitm_hooks = {inline([hook("TOK")])}
[permissions.other.network]
mitm = true
mitm_hooks = {inline([hook("OTHER_TOK")])}
[network_proxy]
admin_token_env = "ADMTOK"
socks_users = {{ alice = "env:ALICEPW", bob = "env:BOBPW" }}
"""

SECRETS = {"TOK": "S3CRET-HOOK", "OTHER_TOK": "S3CRET-OTHER", "ADMTOK": "S3CRET-ADMIN", "ALICEPW": "S3CRET-ALICE",
           "BOBPW": "S3CRET-BOB", "SAME_AS_TOK": "S3CRET-HOOK",
           "HTTP_PROXY": "http://me:S3CRET-CORP@127.0.0.1:9", "https_proxy": "http://me:S3CRET-CORP@127.0.0.1:9",
           "rsync_proxy": "me:S3CRET-CORP@127.0.0.1:9", "SOCKS_PROXY": "socks5h://me:S3CRET-CORP@127.0.0.1:9",
           "CODEX_PROXY_ADMIN": "S3CRET-ADMIN-URL"}


class SecretsTest(SystemTest):
    def setUp(self):
        super().setUp()
        # Root may read everything: as an ordinary user it shows what is protected.
        self.home = tempfile.mkdtemp(prefix="proxy-home-")
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.user = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        # A copy: the folder of the build may be closed to others.
        self.bin = shutil.copy(BIN, os.path.join(self.home, "codex-network-proxy"))
        self.config = self.write("config.toml", CONFIG)
        if self.user:
            os.chown(self.home, self.user["user"], self.user["group"])
        self.env = {**clean_env(CODEX_HOME=self.home, HOME=self.home), **SECRETS}

    def write(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o644)
        return path

    def ours(self, *args, config=None, env=None, code=0, **kw):
        command = [self.bin, "--config", config or self.config, *args]
        done = subprocess.run(command, env=env or self.env, cwd=self.home, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=60, **self.user, **kw)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def child(self, script, *args, **kw):
        done = self.ours(*args, "run", "--", "sh", "-c", script, **kw)
        return done.stdout

    def test_the_command_gets_no_variable_that_a_configuration_names(self):
        base = self.write("base.toml", f'[permissions.test.network]\nmitm_hooks = {inline([hook("LOWER_TOK")])}\n')
        out = self.ours("--config", self.config, "run", "--", "sh", "-c", "env", config=base,
                        env={**self.env, "LOWER_TOK": "S3CRET-LOWER"}).stdout
        self.assertNotIn("S3CRET", out)
        names = {line.partition("=")[0] for line in out.splitlines()}
        self.assertEqual(names & (SECRETS.keys() - {"HTTP_PROXY", "https_proxy"}), set())
        self.assertIn("PATH", names)
        out = self.child("env; echo $ALSO $NOT", "--set", 'network_proxy.socks_users={carol="env:ALSO"}',
                         env={**self.env, "ALSO": "S3CRET-FLAG", "NOT": "kept"})
        self.assertNotIn("S3CRET", out)
        self.assertIn("kept", out)

    def test_nothing_of_ours_is_left_open_to_the_command(self):
        script = """
          for f in environ mem maps fd auxv io; do
            if cat /proc/$PPID/$f >/dev/null 2>&1 || ls /proc/$PPID/$f/ 2>/dev/null | grep -q .; then echo "readable $f"; fi
          done
          ls -l /proc/self/fd | grep -v ' 3 -> /proc/' | grep -o ' [0-9]* -> .*'
          echo core $(ulimit -c) $(ulimit -H -c)
          awk '/core file/ {print "ours", $5}' /proc/$PPID/limits"""
        if os.getuid() == 0 and not self.user:
            self.skipTest("root reads everything")
        before = self.run_tool("sh", "-c", "echo core $(ulimit -c) $(ulimit -H -c)").stdout.strip()
        out = self.child(script).splitlines()
        self.assertEqual([line for line in out if line.startswith("readable")], [])
        self.assertEqual([line.split()[0] for line in out if "->" in line], ["0", "1", "2"])
        self.assertIn(before, out, "the command's own limit is what it was")
        self.assertIn("ours 0", out)

    def test_the_environment_we_were_started_with_is_wiped(self):
        """Even for a command that may read it: one of root's."""
        done = subprocess.run([self.bin, "--config", self.config, "run", "--", "sh", "-c",
                               "cat /proc/$PPID/environ 2>/dev/null | tr '\\0' '\\n'"], env=self.env, cwd=self.home,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("S3CRET", done.stdout)
        if os.getuid() == 0:
            self.assertIn("ALICEPW=", done.stdout)

    def test_a_traced_process_is_out_of_reach(self):
        if os.getuid() == 0 and not self.user:
            self.skipTest("root traces everything")
        out = self.child("""python3 - $PPID <<'E'
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
seize = 0x4206
print("attached" if libc.ptrace(seize, int(sys.argv[1]), 0, 0) == 0 else "refused")
E""")
        self.assertEqual(out.strip(), "refused")

    def test_the_command_logs_in_with_a_password_of_its_own(self):
        origin = self.own(Origin())
        # The child's NO_PROXY names loopback: say where to go.
        out = self.child(f"NO_PROXY= no_proxy= curl -sS -o /dev/null -w '%{{http_code}} ' {origin.url}/; "
                         "NO_PROXY= no_proxy= curl -sS -o /dev/null -w '%{http_code} ' -x http://${HTTP_PROXY##*@} " + origin.url + "/; "
                         "echo $HTTP_PROXY $ALL_PROXY $JAVA_TOOL_OPTIONS")
        first, second, url, everything, *java = out.split()
        self.assertEqual((first, second), ("200", "407"))
        self.assertRegex(url, r"^http://run:[0-9a-f]{32}@127\.0\.0\.1:\d+$")
        self.assertEqual(url, everything)
        self.assertNotIn(url.partition("run:")[2][:32], " ".join(java), "Java prints its options")
        self.assertIn("-Dhttp.proxyHost=127.0.0.1", java)
        other = self.child("echo $HTTP_PROXY").strip()
        self.assertNotEqual(other[:43], url[:43])

    def test_without_users_there_are_no_credentials(self):
        config = self.write("open.toml", '[network_proxy]\nenabled = true\n[network_proxy.policy]\nallowed_domains = ["a.test"]\n')
        self.assertRegex(self.child("echo $HTTP_PROXY", config=config).strip(), r"^http://127\.0\.0\.1:\d+$")

    def daemon(self, text, env):
        process = subprocess.Popen([self.bin, "--config", self.write("daemon.toml", text)], env=env, cwd=self.home,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **self.user)

        def end():
            process.terminate()
            process.wait(20)
            process.stderr.close()
        self.addCleanup(end)
        for line in process.stderr:
            if b"msg=ready" in line:
                return process
        self.fail("the daemon did not start")

    def dumpable(self, process):
        """Whether the process is open to others of its user: its files in /proc then belong to that user."""
        return os.stat(f"/proc/{process.pid}/environ").st_uid == (self.user.get("user", os.getuid()))

    def test_the_daemon_is_out_of_reach_while_it_holds_secrets(self):
        if os.getuid() == 0 and not self.user:
            self.skipTest("files of root's processes are root's")
        base = '[network_proxy]\nenabled = true\nproxy_url = "http://127.0.0.1:0"\nsocks_url = "http://127.0.0.1:0"\nadmin_url = ""\n'
        plain = {k: v for k, v in self.env.items() if not k.lower().endswith("_proxy")}
        self.assertTrue(self.dumpable(self.daemon(base, plain)))
        for text, env in ((base + 'admin_token_env = "ADMTOK"\n', plain),
                          (base + 'socks_users = {alice = "env:ALICEPW"}\n', plain),
                          (base + "[network_proxy.mitm]\nenabled = true\n", plain),
                          (base, self.env)):
            with self.subTest(text, env=len(env)):
                process = self.daemon(text, env)
                self.assertFalse(self.dumpable(process))
                with open(f"/proc/{process.pid}/limits") as limits:
                    self.assertEqual([x for x in limits if "core file" in x][0].split()[4], "0")
        # A secret that a reload brings.
        process = self.daemon(base, plain)
        self.assertTrue(self.dumpable(process))
        self.write("daemon.toml", base + 'socks_users = {alice = "env:ALICEPW"}\n')
        process.send_signal(1)
        until(lambda: not self.dumpable(process), "the reload closes it")

    def attach_config(self, users):
        port = free_port()
        text = CONFIG.replace("[network_proxy]", '[network_proxy]\nadmin_url = ""', 1)
        text = text.replace("enabled = true", f'enabled = true\nproxy_url = "http://127.0.0.1:{port}"\nenable_socks5 = false', 1)
        return port, text.replace('alice = "env:ALICEPW", bob = "env:BOBPW"', users)

    def test_clients_of_the_daemon_log_in_as_a_user_and_need_no_other_secret(self):
        port, text = self.attach_config('alice = "env:ALICEPW", bob = "env:BOBPW"')
        self.daemon(text, self.env)
        config = os.path.join(self.home, "daemon.toml")
        bobs = {**clean_env(CODEX_HOME=self.home, HOME=self.home), "BOBPW": SECRETS["BOBPW"]}
        url = f"http://bob:S3CRET-BOB@127.0.0.1:{port}"
        self.assertEqual(json.loads(self.ours("env", "--format", "json", config=config, env=bobs).stdout)["HTTPS_PROXY"], url)
        out = self.ours("run", "--attach", "--", "sh", "-c", "echo $HTTP_PROXY $BOBPW", config=config, env=bobs).stdout
        self.assertEqual(out.split(), [url])
        out = self.ours("env", "--user", "bob", config=config).stdout
        self.assertIn(url, out)
        out = self.ours("run", "--attach", "--user", "bob", "--", "env", config=config).stdout
        for name in ("HOOK", "OTHER", "ADMIN", "ALICE", "CORP"):
            self.assertNotIn("S3CRET-" + name, out)
        nobody = clean_env(CODEX_HOME=self.home, HOME=self.home)
        told = self.ours("env", config=config, env=nobody, code=1)
        self.assertIn("socks_users", told.stderr)
        self.assertEqual(told.stdout, "")
        self.assertIn("socks_users", self.ours("run", "--attach", "--", "true", config=config, env=nobody, code=125).stderr)
        self.assertIn("carol", self.ours("env", "--user", "carol", config=config, code=1).stderr)

    def test_odd_passwords_are_escaped(self):
        port, text = self.attach_config('"ä b" = "env:ALICEPW"')
        config = self.write("odd.toml", text)
        out = self.ours("env", "--format", "json", config=config, env={**self.env, "ALICEPW": "p@ss:/w%?#"}).stdout
        self.assertEqual(json.loads(out)["HTTP_PROXY"], f"http://%C3%A4%20b:p%40ss%3A%2Fw%25%3F%23@127.0.0.1:{port}")

    def test_check_tells_what_a_name_with_a_colon_cannot(self):
        config = self.write("colon.toml", self.attach_config('"a:b" = "env:ALICEPW"')[1])
        done = self.ours("check", config=config)
        self.assertIn("SOCKS5 only", done.stderr + done.stdout)
