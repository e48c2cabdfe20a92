"""Settings files of tools that name another proxy, or none: what runs behind `run` keeps to ours. Only the proxy knows the address of
allowed.test, so whoever reaches it went through the proxy."""
import json
import os
import shlex
import shutil
import subprocess
import sys

from support import BIN
from test_environment import Environment

NOWHERE = "http://127.0.0.1:1/"


class ToolSettings(Environment):
    def file(self, path, text):
        path = os.path.join(self.home, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            out.write(text)
        return path

    def left_behind(self):
        """Files of ours that stay when the command has ended and name a proxy."""
        found = []
        for folder, _, names in os.walk(os.path.join(self.codex_home, "proxy")):
            for name in names:
                with open(os.path.join(folder, name), errors="replace") as file:
                    found += [name] if "http://codex" in (text := file.read()) or "@127.0.0.1" in text else []
        return found

    def inside(self, *command):
        """One proxy in another."""
        return " ".join(map(shlex.quote, [BIN, "--config", self.config, "run", "--", *command]))


class Cases:
    """The same with and without interception."""

    def test_wget(self):
        url = self.origin.at("allowed.test", "/wget")
        for text in ("use_proxy = off", "Use-Proxy=off", "USEPROXY = off", f"http_proxy = {NOWHERE}\nhttps-proxy = {NOWHERE}",
                     "no_proxy = allowed.test", "noproxy=.test", "  no_proxy=allowed.test"):
            with self.subTest(text):
                self.file(".wgetrc", text + "\nuser_agent = mine\n")
                self.assertIn('"mine"', self.trusting("wget", "-qO-", "-t1", url).stdout)
                self.assertIn('"mine"', self.trusting("sh", "-c", self.inside("wget", "-qO-", "-t1", url)).stdout)

    def test_wget_by_a_file_that_a_variable_names(self):
        mine = self.file("elsewhere", "use_proxy = off\nuser_agent = mine")
        self.assertIn('"mine"', self.trusting("wget", "-qO-", "-t1", self.origin.at("allowed.test", "/wget"), WGETRC=mine).stdout)

    def test_wget_by_a_file_of_the_system(self):
        system = self.file("wgetrc of the system", f"use_proxy = off\nhttp_proxy = {NOWHERE}\nhttps_proxy = {NOWHERE}\nno_proxy = allowed.test\n")
        for own in ("", "user_agent = mine\n"):
            self.file(".wgetrc", own)
            told = self.trusting("wget", "-qO-", "-t1", self.origin.at("allowed.test", "/wget"), SYSTEM_WGETRC=system).stdout
            self.assertIn('"mine"' if own else '"/wget"', told)
        self.assertEqual(self.left_behind(), [])

    def test_curl(self):
        url = self.origin.at("allowed.test", "/curl")
        for text in ('noproxy = "*"', "--noproxy allowed.test", f"proxy = {NOWHERE}", f"-x {NOWHERE}", 'proxy=""', "socks5 = 127.0.0.1:1"):
            for place in (".curlrc", ".config/curlrc"):
                with self.subTest(text, place=place):
                    path = self.file(place, text + '\nuser-agent = "mine"')
                    self.assertIn('"mine"', self.trusting("curl", "-sS", url).stdout)
                    self.assertIn('"mine"', self.trusting("sh", "-c", self.inside("curl", "-sS", url)).stdout)
                    os.remove(path)
        self.file("other/.curlrc", 'noproxy = "*"\nuser-agent = "mine"')
        self.assertIn('"mine"', self.trusting("curl", "-sS", url, CURL_HOME=os.path.join(self.home, "other")).stdout)
        self.assertEqual(self.left_behind(), [])
        self.assertEqual(self.value("CURL_HOME"), "", "without settings of the user's there is nothing to keep")

    def test_git(self):
        url = self.origin.at("allowed.test", "/x.git")
        for keys in ({"http.proxy": ""}, {"http.proxy": NOWHERE}, {f"http.{self.origin.at('allowed.test')}.proxy": NOWHERE},
                     {"http.proxy": "", "remote.origin.proxy": NOWHERE}):
            with self.subTest(keys):
                self.origin.requests.clear()
                path = os.path.join(self.home, ".gitconfig")
                open(path, "w").close()
                for key, value in {**keys, "remote.origin.url": url}.items():
                    subprocess.run(["git", "config", "--file", path, key, value], check=True)
                own = {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "http.userAgent", "GIT_CONFIG_VALUE_0": "mine",
                       "GIT_CONFIG_KEY_1": "http.proxy", "GIT_CONFIG_VALUE_1": ""}
                for command in (["git", "ls-remote", "origin"], ["sh", "-c", self.inside("git", "ls-remote", "origin")]):
                    for more in ({}, own):
                        self.trusting(*command, GIT_CONFIG_NOSYSTEM="1", GIT_TERMINAL_PROMPT="0", code=None, **more)
                        self.assertTrue(self.origin.requests, "the origin was asked through the proxy")
                        self.origin.requests.clear()
                told = self.trusting("git", "config", "http.userAgent", GIT_CONFIG_NOSYSTEM="1", **own)
                self.assertEqual(told.stdout, "mine\n")

    def test_npm(self):
        if not shutil.which("npm"):
            self.skipTest("no npm here (package npm)")
        for text in (f"proxy={NOWHERE}\nhttps-proxy={NOWHERE}\n", "noproxy=allowed.test\n", "proxy=null\nhttps-proxy=null\n"):
            with self.subTest(text):
                self.file(".npmrc", text)
                self.origin.requests.clear()
                self.trusting("npm", "view", "tiny", "--registry", self.origin.at("allowed.test"), "--cache",
                              os.path.join(self.tmp, "cache"), "--fetch-retries=0", code=None)
                self.assertTrue(self.origin.requests)

    def test_pip(self):
        python = next((p for p in (sys.executable, "/usr/bin/python3")
                       if subprocess.run([p, "-m", "pip", "--version"], capture_output=True).returncode == 0), None)
        if not python:
            self.skipTest("no pip here (package python3-pip)")
        self.file(".config/pip/pip.conf", f"[global]\nproxy = {NOWHERE}\nretries = 0\n[index]\nproxy = {NOWHERE}\n")
        self.trusting(python, "-m", "pip", "--disable-pip-version-check", "index", "versions", "tiny", "--no-cache-dir",
                      "--trusted-host", "allowed.test", "--index-url", self.origin.at("allowed.test", "/simple"), code=None)
        self.assertTrue(self.origin.requests)

    def test_cargo(self):
        if not shutil.which("cargo") or subprocess.run(["cargo", "--version"], capture_output=True).returncode:
            self.skipTest("no cargo here (package cargo)")
        project, home = self.folder("crate"), self.folder("cargo")
        os.makedirs(os.path.join(project, "src"))
        open(os.path.join(project, "src/lib.rs"), "w").close()
        self.file(os.path.join(project, "Cargo.toml"), '[package]\nname = "p"\nversion = "0.1.0"\n[dependencies]\ntiny = "1"\n')
        self.file(os.path.join(home, "config.toml"),
                  f'[http]\nproxy = "{NOWHERE}"\n[net]\nretry = 0\n[source.crates-io]\nreplace-with = "t"\n'
                  f'[source.t]\nregistry = "sparse+{self.origin.at("allowed.test", "/index/")}"\n')
        rustup = os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup"))
        self.trusting("cargo", "fetch", cwd=project, CARGO_HOME=home, RUSTUP_HOME=rustup, code=None)
        self.assertTrue(self.origin.requests)


class PlainTest(Cases, ToolSettings):
    mitm = False

    @property
    def origin(self):
        return self.http

    def test_a_file_of_wget_that_names_no_proxy_is_left_alone(self):
        self.file(".wgetrc", "user_agent = mine\n")
        self.assertEqual(self.value("WGETRC"), "")


class InterceptedTest(Cases, ToolSettings):
    @property
    def origin(self):
        return self.https

    def test_env_is_the_same_a_second_time(self):
        self.run_("true")  # makes the CA
        self.file(".wgetrc", "use_proxy = off\nuser_agent = mine\n")
        self.file(".curlrc", 'noproxy = "*"\n')
        self.file(".gitconfig", f"[http]\n\tproxy = {NOWHERE}\n")
        base = [BIN, "--config", self.config, "--set", 'proxy_url="http://127.0.0.1:3128"', "env", "--format", "json"]
        env = self.env(GIT_CONFIG_NOSYSTEM="1")
        told = json.loads(self.run_tool(*base, env=env, cwd=self.home).stdout)
        self.assertEqual(told["GIT_CONFIG_VALUE_0"], "http://127.0.0.1:3128")
        again = json.loads(self.run_tool(*base, env={**env, **told}, cwd=self.home).stdout)
        self.assertEqual(again, told)
        for path in (told["WGETRC"], os.path.join(told["CURL_HOME"], ".curlrc")):
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
