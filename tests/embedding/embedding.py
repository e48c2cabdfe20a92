"""Programs that embed the proxy, built against an installed package by CMake and by pkg-config, do what they are there for.

    embedding.py [-v] PREFIX
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
from origins import Origin  # noqa: E402
from support import PATIENCE, clean_env  # noqa: E402

POLICY = """
default_permissions = "test"

[permissions.test.network]
enabled = true
allow_local_binding = true
enable_socks5 = false
"""
WAYS = {"CMake, shared": ("cmake",), "CMake, static": ("cmake", "-DLINK_STATIC=ON"),
        "pkg-config, shared": ("make",), "pkg-config, static": ("make", "LINK_STATIC=1")}


def run(*command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} fails:\n{done.stdout}")
    return done.stdout


class EmbeddingTest(unittest.TestCase):
    prefix = None

    @classmethod
    def setUpClass(cls):
        cls.tmp = tempfile.mkdtemp(prefix="embedding-")
        cls.addClassCleanup(shutil.rmtree, cls.tmp, ignore_errors=True)
        cls.installed = os.path.join(cls.tmp, "moved")
        shutil.copytree(cls.prefix, cls.installed, symlinks=True)
        [pc] = [os.path.join(folder, "pkgconfig") for folder, inner, _ in os.walk(cls.installed) if "pkgconfig" in inner]
        cls.lib = os.path.dirname(pc)
        cls.env = clean_env(CMAKE_PREFIX_PATH=cls.installed, PKG_CONFIG_PATH=pc)
        cls.programs = {way: cls.build(os.path.join(cls.tmp, re.sub(r"\W+", "-", way)), *how) for way, how in WAYS.items()}

    @classmethod
    def build(cls, folder, tool, *options):
        """Builds all programs; the folder that has them."""
        if tool == "cmake":
            run("cmake", "-G", "Ninja", "-S", HERE, "-B", folder, *options, env=cls.env)
            run("cmake", "--build", folder, env=cls.env)
        else:
            os.mkdir(folder)
            run("make", "-C", HERE, f"BUILD={folder}", *options, env=cls.env)
        return folder

    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=self.tmp)
        with open(os.path.join(self.folder, "policy.toml"), "w") as out:
            out.write(POLICY)
        self.origin = Origin()
        self.addCleanup(self.origin.close)

    def in_each_way(self):
        for way, folder in self.programs.items():
            with self.subTest(way):
                yield folder

    def environment(self):
        """Of a program: with a home of its own, where nobody else's rules count."""
        return dict(self.env, LD_LIBRARY_PATH=self.lib, CODEX_HOME=os.path.join(self.folder, "home"))

    def start(self, program, *arguments):
        """Starts a program that tells where it serves in its first line: (process, URL)."""
        process = subprocess.Popen([program, *arguments], cwd=self.folder, env=self.environment(), text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)

        def end():
            process.kill()
            process.communicate()
        self.addCleanup(end)
        return process, process.stdout.readline().strip()

    def curl(self, proxy, url):
        """Asks through a proxy: (status, JSON)."""
        said = run("curl", "-s", "-m", str(PATIENCE), "-w", "\n%{http_code}", "-x", proxy, url, env=self.env)
        body, _, status = said.rpartition("\n")
        return int(status), json.loads(body)

    def test_ten_lines_serve_a_policy(self):
        for folder in self.in_each_way():
            process, proxy = self.start(os.path.join(folder, "ten_lines"))
            self.assertRegex(proxy, r"^http://127\.0\.0\.1:\d+$")
            status, said = self.curl(proxy, "http://example.org/")
            self.assertEqual((status, said["reason"]), (403, "not_allowed"))
            self.assertIsNone(process.poll())

    def test_a_decider_allows_denies_and_asks(self):
        curl = f"-s -m {PATIENCE} --noproxy ''"
        for folder in self.in_each_way():
            def decide(command):
                return json.loads(run(os.path.join(folder, "decide"), command, cwd=self.folder, env=self.environment()))
            self.assertEqual(decide(f"curl {curl} {self.origin.url}/there")["target"], "/there")
            self.assertEqual(decide(f"curl {curl} http://127.0.0.1:25/")["reason"], "no_mail")
            self.assertEqual(decide(f"exec curl {curl} {self.origin.url}")["reason"], "approval_needed")

    def test_an_answer_may_come_later(self):
        for folder in self.in_each_way():
            process, proxy = self.start(os.path.join(folder, "later"))
            for word, expected in (("y", 200), ("n", 403)):
                asking = subprocess.Popen(["curl", "-s", "-m", str(PATIENCE), "-o", os.devnull, "-w", "%{http_code}", "-x", proxy,
                                           self.origin.url], env=self.env, stdout=subprocess.PIPE, text=True)
                self.assertEqual(process.stdout.readline(), f"GET {self.origin.authority}?\n")
                process.stdin.write(word + "\n")
                process.stdin.flush()
                self.assertEqual(asking.communicate(timeout=PATIENCE)[0], str(expected))

    def test_the_example_of_the_older_implementation_works(self):
        home = self.environment()["CODEX_HOME"]
        os.mkdir(home)
        shutil.copy(os.path.join(self.folder, "policy.toml"), os.path.join(home, "config.toml"))
        for folder in self.in_each_way():
            for command, status in (("curl http://anywhere/", 200), ("", 403)):
                process, proxy = self.start(os.path.join(folder, "seed"), "127.0.0.1:0", "127.0.0.1:0", command)
                admin = process.stdout.readline().strip()
                self.assertEqual(self.curl(proxy, self.origin.url)[0], status)
                self.assertIn("allowed", self.curl("", f"http://{admin}/patterns")[1])
                process.communicate(timeout=PATIENCE)
                self.assertEqual(process.returncode, 0)

    def test_it_is_loaded_and_let_go_of_while_a_program_runs(self):
        script = """if True:
            import _ctypes, ctypes, os, sys, time
            def left():
                # The kernel wakes whoever joins a thread before it takes it off this list.
                patience = time.monotonic() + 10
                while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < patience:
                    os.sched_yield()
                return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
            after = set()
            for turn in range(10):
                plugin = ctypes.CDLL(sys.argv[1])
                assert plugin.serve_once() == 0
                _ctypes.dlclose(plugin._handle)
                after.add(left())
            assert len(after) == 1 and after.pop()[0] == 1, after
        """
        for folder in self.in_each_way():
            run(sys.executable, "-B", "-c", script, os.path.join(folder, "libplugin.so"), env=self.environment())

    def shared(self):
        return os.path.join(self.lib, "libcodex_network_proxy.so")

    def test_nothing_can_be_seen_of_the_library_but_what_it_offers(self):
        names = [line.split(maxsplit=2)[2] for line in run("nm", "-DC", "--defined-only", self.shared()).splitlines()]
        self.assertIn("codex::network_proxy::run()", names)
        self.assertEqual([name for name in names if not name.startswith("codex::")], [])

    def test_a_minor_version_has_a_name_of_its_own(self):
        with open(os.path.join(ROOT, "CMakeLists.txt")) as file:
            minor = re.search(r"^project\(.* VERSION (\d+\.\d+)\.", file.read(), re.M)[1]
        self.assertIn(f"[libcodex_network_proxy.so.{minor}]", run("readelf", "-d", self.shared()))
        self.assertTrue(os.path.exists(f"{self.shared()}.{minor}"))

    def test_a_program_needs_nothing_else_to_link_the_shared_library(self):
        needed = run("readelf", "-d", os.path.join(self.programs["pkg-config, shared"], "seed"))
        self.assertIn(os.path.basename(self.shared()), needed)
        self.assertNotRegex(needed, "caf|ssl|cares|fmt")
        self.assertNotIn("codex", run("readelf", "-d", os.path.join(self.programs["pkg-config, static"], "seed")))

    def test_it_is_a_part_of_another_project(self):
        """Whose targets are called as folders of ours are. It is not built again: configured, it knows what to link."""
        outer = os.path.join(self.folder, "outer")
        os.mkdir(outer)
        with open(os.path.join(outer, "CMakeLists.txt"), "w") as out:
            out.write("cmake_minimum_required(VERSION 3.25)\nproject(outer LANGUAGES C CXX)\nadd_library(config INTERFACE)\n"
                      f"add_subdirectory({ROOT} proxy EXCLUDE_FROM_ALL)\n")
            for name, library in (("a", "network_proxy"), ("b", "network_proxy_static")):
                out.write(f"add_executable({name} {HERE}/seed.cpp)\ntarget_link_libraries({name} PRIVATE codex::{library})\n")
        said = run("cmake", "-G", "Ninja", "-S", outer, "-B", os.path.join(outer, "build"), env=self.env)
        self.assertNotIn("Warning", said)


if __name__ == "__main__":
    EmbeddingTest.prefix = os.path.abspath(sys.argv.pop())
    unittest.main()
