"""`connect HOST PORT`: stdin and stdout through the proxy, which is how git gets out by SSH."""
import contextlib
import os
import shutil
import socket
import subprocess
import threading

from name_server import NameServer
from origins import Origin
from support import BIN, PATIENCE, SystemTest, clean_env, free_port


class Echo:
    """Greets, sends everything back, and says goodbye once its peer has ended, if that is how it is."""

    def __init__(self, greeting=b"hello\n"):
        self.greeting = greeting
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.echo, args=(sock,), daemon=True).start()

    def echo(self, sock):
        with sock, contextlib.suppress(OSError):  # a peer that leaves early
            sock.sendall(self.greeting)
            count = 0
            while data := sock.recv(65536):
                count += len(data)
                sock.sendall(data)
            sock.sendall(b"\nbye %d" % count)

    def close(self):
        self.listener.close()


class ConnectTest(SystemTest):
    def setUp(self):
        super().setUp()
        names = self.own(NameServer({"allowed.test": ["127.0.0.1"]}))
        self.echo = self.own(Echo())
        self.proxy = self.start(allow=["allowed.test"], daemon=names.settings,
                                network={"enable_socks5": True, "socks_url": "socks5://127.0.0.1:0"})
        self.ways = {"http": self.proxy.url, "socks5h": "socks5h://%s:%d" % self.proxy.address("socks")}

    def connect(self, *args, given=b"", code=0, **env):
        done = subprocess.run([BIN, "connect", *map(str, args)], input=given, capture_output=True, timeout=4 * PATIENCE,
                              env=clean_env(HOME=self.tmp, **env))
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_bytes_go_both_ways_and_ends_are_passed_on(self):
        given = os.urandom(3_000_000)
        for name, url in self.ways.items():
            with self.subTest(name):
                done = self.connect("allowed.test", self.echo.port, given=given, ALL_PROXY=url)
                self.assertEqual(done.stdout, b"hello\n" + given + b"\nbye %d" % len(given))

    def test_the_other_variables_do_where_all_proxy_is_not_set(self):
        for name in ("all_proxy", "HTTPS_PROXY", "https_proxy"):
            self.connect("allowed.test", self.echo.port, **{name: self.proxy.url})
        done = self.connect("allowed.test", self.echo.port, code=1)
        self.assertIn(b"ALL_PROXY", done.stderr)
        done = self.connect("allowed.test", self.echo.port, code=1, ALL_PROXY="https://user:secret@127.0.0.1:1")
        self.assertNotIn(b"secret", done.stderr)

    def test_a_refusal_is_told(self):
        for name, url in self.ways.items():
            done = self.connect("refused.test", 22, code=1, ALL_PROXY=url)
            self.assertIn(b"refused.test:22", done.stderr)
            self.assertIn(b"not_allowed" if name == "http" else b"not allowed", done.stderr)
            self.assertEqual(done.stdout, b"")
        port = free_port()
        for url in self.ways.values():
            done = self.connect("allowed.test", port, code=1, ALL_PROXY=url)
            self.assertRegex(done.stderr, rb"refused")
        self.connect("allowed.test", 22, code=1, ALL_PROXY=f"http://127.0.0.1:{port}")

    def test_misuse_is_told(self):
        for args in ([], ["allowed.test"], ["allowed.test", 0], ["allowed.test", 65536], ["a", 1, "--unix", "/x"]):
            self.connect(*args, code=2, ALL_PROXY=self.proxy.url)
        self.connect("no host", 1, code=1, ALL_PROXY=self.proxy.url)
        self.assertIn(b"ProxyCommand", self.connect("--help").stdout)

    def test_a_unix_socket(self):
        path = os.path.join(self.tmp, "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            thread = threading.Thread(target=lambda: self.echo.echo(listener.accept()[0]))
            thread.start()
            self.assertEqual(self.connect("--unix", path, given=b"x").stdout, b"hello\nx\nbye 1")
            thread.join()
        self.connect("--unix", path + "-gone", code=1)

    def test_a_login_is_shown(self):
        names = self.own(NameServer({"allowed.test": ["127.0.0.1"]}))
        proxy = self.start(allow=["allowed.test"], daemon={**names.settings, "socks_users": {"bob": "env:P"}},
                           network={"enable_socks5": True, "socks_url": "socks5://127.0.0.1:0"}, env={"P": "p@ss /word"})
        for scheme, listener in (("http", "http"), ("socks5h", "socks")):
            address = "%s:%d" % proxy.address(listener)
            self.connect("allowed.test", self.echo.port, ALL_PROXY=f"{scheme}://bob:p%40ss%20%2Fword@{address}")
            for login in ("", "bob:wrong@"):
                done = self.connect("allowed.test", self.echo.port, code=1, ALL_PROXY=f"{scheme}://{login}{address}")
                self.assertNotIn(b"wrong", done.stderr)

    def run_git(self, *args, binary=BIN, code=0, **env):
        done = self.run_tool(binary, "--config", self.proxy.config_file, "run", "--", "git", *args,
                             env=clean_env(HOME=self.tmp, CODEX_HOME=self.folder("home"), GIT_CONFIG_NOSYSTEM="1", **env))
        return done

    def test_git_reaches_its_host_by_ssh_through_the_proxy(self):
        if not shutil.which("ssh"):
            self.skipTest("no ssh here (package openssh-client)")
        # What ssh says first, and what it is answered, have to arrive: then it complains of the answer.
        server = self.own(Echo(b"SSH-2.0-scripted\r\n"))
        folder = self.folder("with a blank")
        binary = shutil.copy(BIN, folder)
        for program in (BIN, binary):
            done = self.run_git("ls-remote", f"ssh://git@allowed.test:{server.port}/repo", binary=program,
                                GIT_TERMINAL_PROMPT="0")
            self.assertNotEqual(done.returncode, 0)
            self.assertNotIn("not resolve", done.stderr)
            self.assertRegex(done.stderr, "(?i)kex|packet|banner|version|corrupt|length")
        done = self.run_git("ls-remote", "ssh://git@refused.test/repo")
        self.assertIn("connect: refused.test:22", done.stderr)
        self.assertIn("not_allowed", done.stderr)

    def test_git_speaks_to_its_host_by_a_stand_in_for_ssh(self):
        """The whole protocol of git over `connect`: what stands for ssh runs it, and git's server is at the other end."""
        served = self.folder("served")
        self.run_tool("git", "init", "-q", "--bare", served, check=True)
        ssh = os.path.join(self.folder("bin"), "ssh")
        with open(ssh, "w") as script:
            script.write(f"#!/bin/sh\nexec {BIN} connect allowed.test $PORT\n")
        os.chmod(ssh, 0o755)
        listener = self.own(socket.create_server(("127.0.0.1", 0)))

        def serve():
            for _ in range(2):
                sock, _ = listener.accept()
                with sock:
                    command = ["git", "-c", "safe.directory=*", served_by.pop(0), served]
                    subprocess.run(command, stdin=sock.fileno(), stdout=sock.fileno(), env=clean_env())
                    sock.shutdown(socket.SHUT_RDWR)
        served_by = ["receive-pack", "upload-pack"]
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        work = self.folder("work")
        with open(os.path.join(work, "big"), "wb") as big:
            big.write(os.urandom(1_000_000))
        for command in (["init", "-q", work], ["-C", work, "add", "."],
                        ["-C", work, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "one"]):
            self.run_tool("git", *command, check=True, env=clean_env(HOME=self.tmp))
        env = {"PATH": f"{os.path.dirname(ssh)}:{os.environ['PATH']}", "PORT": str(listener.getsockname()[1]), "GIT_SSH_COMMAND": ssh}
        done = self.run_git("-C", work, "push", "-q", "allowed.test:repo", "HEAD:refs/heads/main", **env)
        self.assertEqual(done.returncode, 0, done.stderr)
        clone = os.path.join(self.tmp, "clone")
        done = self.run_git("clone", "-q", "-b", "main", "allowed.test:repo", clone, **env)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(clone, "big"), "rb") as got, open(os.path.join(work, "big"), "rb") as sent:
            self.assertEqual(got.read(), sent.read())
        thread.join()
