"""The launcher: what it does about packages, with stand-ins for the programs that install and build."""
import os
import stat

from support import ROOT, SystemTest, clean_env

LOCKED = ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 42 (unattended-upgr)",
          "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?",
          "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 42 (apt-get)\nE: Unable to lock directory /var/lib/apt/lists/",
          "dpkg: error: dpkg frontend lock was locked by another process with pid 42")


class PackagesTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.bin = self.folder("bin")
        self.calls = os.path.join(self.tmp, "calls")
        self.program("dpkg-query", "")  # nothing is installed
        self.program("cmake", "")
        self.program("sudo", 'exec "$@"')

    def program(self, name, script):
        path = os.path.join(self.bin, name)
        with open(path, "w") as out:
            out.write("#!/bin/bash\n" + script + "\n")
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)

    def apt_get(self, *answers):
        """apt-get that complains with these, one a call ("" is success), and succeeds from then on."""
        for number, text in enumerate(answers):
            with open(os.path.join(self.tmp, f"answer{number}"), "w") as out:
                out.write(text)
        self.program("apt-get", f'''echo "$*" >>{self.calls}
number=$(($(wc -l <{self.calls}) - 1))
[[ -s {self.tmp}/answer$number ]] || exit 0
cat {self.tmp}/answer$number >&2
exit 100''')

    def build(self):
        env = clean_env(PATH=self.bin + ":" + os.environ["PATH"], DEV_LOCK_PAUSE="0")
        return self.run_tool(os.path.join(ROOT, "dev"), "build", env=env)

    def called(self):
        with open(self.calls) as lines:
            return ["update" if "update" in line.split() else "install" for line in lines]

    def test_the_program_alone_is_built_of_what_it_needs(self):
        self.apt_get()
        self.program("cmake", f'echo "$*" >>{self.tmp}/built')
        done = self.build()
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.tmp, "built")) as lines:
            self.assertRegex(lines.read(), r"--build --preset release -j \d+ --target codex-network-proxy\n$")
        with open(self.calls) as lines:
            installed = lines.read()
        self.assertIn("libcaf-dev", installed)
        self.assertNotRegex(installed, "llhttp|python3|nodejs")

    def test_a_lock_of_another_program_is_waited_for(self):
        self.apt_get(*LOCKED)
        done = self.build()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.called(), ["install"] * 5)
        self.assertEqual(done.stderr.count("waiting for another program"), 1, done.stderr)

    def test_so_it_is_while_the_lists_are_updated(self):
        self.apt_get("E: Unable to locate package g++", LOCKED[2], LOCKED[2], "", LOCKED[0], "")
        done = self.build()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.called(), ["install", "update", "update", "update", "install", "install"])

    def test_what_cannot_be_installed_is_told(self):
        self.apt_get("E: Unable to locate package x", "", "E: Unable to locate package libnowhere-dev")
        done = self.build()
        self.assertEqual(done.returncode, 1)
        self.assertIn("libnowhere-dev", done.stderr)
        self.assertEqual(self.called(), ["install", "update", "install"])
