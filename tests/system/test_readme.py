"""What the README prints is what happens: its configurations serve, its commands do what their comments say,
its programs are those of tests/embedding/."""
import os
import re
import shlex

from origins import Origin
from support import BIN, ROOT, SystemTest, clean_env


def readme():
    with open(os.path.join(ROOT, "README.md")) as file:
        return file.read()


class SamplesTest(SystemTest):
    def samples(self, whole=True):
        """The configurations, or (not whole) what is shown of some more: a key or two below a table."""
        return [text for text in re.findall(r"^```toml\n(.*?)^```", readme(), re.S | re.M) if ("default_permissions" in text) == whole]

    def test_every_configuration_serves(self):
        samples = self.samples()
        self.assertGreaterEqual(len(samples), 2)
        origin = self.own(Origin())
        for text in samples:
            with self.subTest(text):
                sets = ['proxy_url="http://127.0.0.1:0"', 'socks_url="http://127.0.0.1:0"', 'network_proxy.admin_url="http://127.0.0.1:0"']
                proxy = self.prepare(env={"GITHUB_TOKEN": "t0ken"}, args=[word for one in sets for word in ("--set", one)])
                proxy.write(text)
                proxy.start()
                self.assertNotIn("msg=disabled", proxy.log())
                self.assertEqual(proxy.get("http://other.example/").json()["reason"], "not_allowed")
                self.assertEqual(proxy.get(origin.url).status, 403)
                done = self.cli("--config", proxy.config_file, "check", "--no-secrets")
                self.assertEqual((done.returncode, [line for line in done.stderr.splitlines() if "error" in line]), (0, []), done.stderr)
                self.assertNotIn("t0ken", proxy.log())

    def test_what_is_shown_in_part_loads(self):
        path = os.path.join(self.tmp, "part.toml")
        for text in self.samples(whole=False):
            with self.subTest(text):
                with open(path, "w") as out:
                    out.write('default_permissions = "work"\n' + text + ("" if "[permissions" in text else "[permissions.work.network]\n"))
                done = self.cli("--config", path, "check", "--no-secrets")
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_commands_beside_the_hook_need_no_token(self):
        sample = next(text for text in self.samples() if "mitm_hooks" in text)
        with open(os.path.join(self.tmp, "hooks.toml"), "w") as out:
            out.write(sample)
        commands = re.findall(r"^    codex-network-proxy (--config hooks\.toml .*?)(?: +# (.*))?$", readme(), re.M)
        self.assertGreaterEqual(len(commands), 3)
        env = clean_env(CODEX_HOME=self.folder("home"))
        env.pop("GITHUB_TOKEN", None)
        for command, said in commands:
            with self.subTest(command):
                done = self.run_tool(BIN, *shlex.split(command), env=env)
                if not said:
                    self.assertEqual(done.returncode, 0, done.stderr)
                    continue
                self.assertRegex(done.stdout, r"\s+".join(map(re.escape, said.split())))
                self.assertEqual(done.returncode, 0 if said.startswith("hook") else 1)

    def test_every_program_is_one_that_is_built_and_run(self):
        folder = os.path.join(ROOT, "tests", "embedding")
        known = {}
        for name in os.listdir(folder):
            if name.endswith(".cpp"):
                with open(os.path.join(folder, name)) as file:
                    known[name] = file.read()
        shown = re.findall(r"^```cpp\n(.*?)^```", readme(), re.S | re.M)
        self.assertGreaterEqual(len(shown), 3)
        self.assertEqual([text for text in shown if text not in known.values()], [])

    def test_it_names_what_is_not_checked(self):
        with open(os.path.join(ROOT, "SECURITY.md")) as file:
            security = file.read()
        for text in (readme(), security):
            self.assertRegex(text, r"(?i)revocation of upstream certificates is not checked")

    def test_the_commands_for_prometheus_take_what_is_shipped(self):
        commands = re.findall(r"^    (prom\w+ .*?config/observe/\S+)(?: +# (.*))?$", readme(), re.M)
        self.assertEqual([command.split()[0] for command, _ in commands], ["prometheus", "promtool"])
        for command, said in commands:
            with self.subTest(command):
                tool, *args = shlex.split(command)
                if tool == "prometheus":  # only looked at: it would go on for ever
                    tool, args = "promtool", ["check", "config", args[0].split("=", 1)[1]]
                done = self.run_tool(tool, *args, cwd=ROOT)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertRegex(done.stdout, "24 rules")
                self.assertTrue(tool == "promtool" and said)
