"""The READMEs of the folders name what is there: each `file:function` stands in that file, each file that is named exists. So do the
tests that SECURITY.md names, and all that CONTRIBUTING.md does."""
import os
import re
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = r"(?:cpp|hpp|py|toml|html|js|sh)"
# `forward.cpp:forward`, `control/policy_store.cpp:change`, `shard.cpp:atom::install` (what handles the message of that name)
STEP = re.compile(rf"`([\w./-]+\.{SOURCES}):([\w:~]+)`")
NAMED = re.compile(rf"`([\w./-]+\.{SOURCES})(?::[\w:~]+)?`")
# `tests/policy/decide.cpp: "name of the test"`
TEST = re.compile(r'`(tests/[\w./-]+\.(?:cpp|py)): "([^"]+)"`')
# Whole paths: CONTRIBUTING.md stands at the root. `policy/rule.{hpp,cpp}` are two, `tests/fuzz/TARGET.cpp` is a form and none.
PATH = re.compile(r"`((?:[\w.-]+/)*[\w.-]*(?:\{[\w,]+\})?[\w.-]*\.(?:cpp|hpp|py|md|toml|txt|json|yml|\{[\w,]+\}))(?::[\w:~]+)?`")
FORM = re.compile(r"(?<![A-Za-z])[A-Z]{2,}(?![A-Za-z]).*\.(?!md)")
# One of each kind, a screen long: what is read first by whoever does not know the code.
WALKS = {"One request": "serve", "One reload": "control", "One UDP datagram": "serve"}
SCREEN = 45


def read(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def files():
    """All that belongs to the repository, or will."""
    told = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True)
    if told.returncode == 0:
        return [path for path in told.stdout.splitlines() if os.path.exists(os.path.join(ROOT, path))]
    return [os.path.relpath(os.path.join(folder, name), ROOT) for folder, inner, names in os.walk(ROOT)
            for name in names if f"{os.sep}build{os.sep}" not in folder]


def defines(text, function, header):
    """Whether a source defines a function, or handles a message, of this name. (One that is only called is not meant.)"""
    name = re.escape(function)
    if function.startswith("atom::"):
        return re.search(rf"\]\({name}[,)]", text) is not None
    if re.search(rf"^(?!\s|//|#)[^;\n]*?(?<![\w:.>]){name}\(", text, re.M):  # definitions begin at the margin
        return True
    declared = rf"^\s+(?!return |co_|else )[^\n=().;]*?(?<![\w:.>]){name}\("
    return header and re.search(declared, text, re.M) is not None


def tests_in(text):
    """The names of the tests that a source has: suites of CAF, methods of unittest, and cases that must not compile."""
    names = re.findall(r"^CAF_TEST\((.*?)\)\s*\{", text, re.M | re.S)
    return {" ".join(name.split()) for name in names} | set(re.findall(r"^    def (test_\w+)\(", text, re.M)) | set(
        re.findall(r"defined\((\w+)\)", text))


def spread(path):
    """`a.{hpp,cpp}` is `a.hpp` and `a.cpp`."""
    before, brace, rest = path.partition("{")
    if not brace:
        return [path]
    inner, _, after = rest.partition("}")
    return [before + one + after for one in inner.split(",")]


class DocsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = files()
        cls.known = set(cls.files)
        cls.readmes = [path for path in cls.files if os.path.basename(path) == "README.md" and path != "README.md"]

    def find(self, readme, name):
        """The file that a README calls so: a path from its folder or from one around it, or the end of the only path below one of these."""
        folder = os.path.dirname(readme)
        while True:
            if (path := os.path.normpath(os.path.join(folder, name))) in self.known:
                return path
            below = [path for path in self.files if path.startswith(folder + "/") and path.endswith("/" + name)]
            if len(below) == 1:
                return below[0]
            if not folder:
                return None
            folder = os.path.dirname(folder)

    def test_every_step_that_is_named_stands_in_its_file(self):
        wrong = []
        for readme in self.readmes:
            for name, function in STEP.findall(read(readme)):
                path = self.find(readme, name)
                if path is None:
                    wrong.append(f"{readme}: there is no {name}")
                elif not defines(read(path), function, path.endswith(".hpp")):
                    wrong.append(f"{readme}: {name} does not define {function}")
        self.assertEqual(wrong, [])

    def test_every_file_that_is_named_exists(self):
        wrong = []
        for readme in self.readmes:
            folder = os.path.dirname(readme) + "/"
            for name in NAMED.findall(read(readme)):
                # Tables name siblings by their last part.
                inside = any(path.startswith(folder) and path.endswith("/" + name) for path in self.files)
                if not inside and self.find(readme, name) is None:
                    wrong.append(f"{readme}: there is no {name}")
        self.assertEqual(wrong, [])

    def check_tests(self, page):
        wrong = [f"{path} has no test {name!r}" for path, name in TEST.findall(page)
                 if path not in self.known or name not in tests_in(read(path))]
        self.assertEqual(wrong, [])

    def test_every_trick_of_the_security_page_has_a_test_that_is_there(self):
        page = read("SECURITY.md")
        tricks = page[page.index("\n## Tricks"):]
        rows = [line for line in tricks.splitlines() if line.startswith("|") and not re.match(r"\|(-|\s*trick\s*\|)", line)]
        self.assertGreater(len(rows), 30)
        self.assertEqual([row for row in rows if not TEST.search(row)], [])
        self.assertEqual(tricks.count("`tests/"), len(TEST.findall(tricks)) + tricks.count("`tests/system/test_docs.py`"), "all are of one form")
        self.check_tests(page)

    def test_what_the_guide_for_changes_names_exists(self):
        page = read("CONTRIBUTING.md")
        named = [path for found in PATH.findall(page) if not FORM.search(found) for path in spread(found)]
        self.assertGreater(len(named), 40)
        self.assertEqual(sorted({path for path in named if path not in self.known}), [])
        wrong = [f"{path} does not define {function}" for path, function in STEP.findall(page)
                 if path in self.known and not defines(read(path), function, path.endswith(".hpp"))]
        self.assertEqual(wrong, [])
        self.check_tests(page)

    def test_a_request_a_reload_and_a_datagram_are_told_step_by_step(self):
        for title, room in WALKS.items():
            text = read("actors", room, "README.md")
            with self.subTest(title):
                walk = re.search(rf"^## {title}\b.*?\n(.*?)(?=^## )", text, re.M | re.S)
                self.assertIsNotNone(walk, "it has a section of its own")
                self.assertGreaterEqual(len(STEP.findall(walk[1])), 8)
                self.assertLessEqual(walk[1].count("\n"), SCREEN, "it fits a screen")
                steps = [int(number) for number in re.findall(r"^ ?(\d+)\. ", walk[1], re.M)]
                self.assertEqual(steps, list(range(1, len(steps) + 1)))

    def test_the_check_knows_a_definition_from_a_call(self):
        text = ("task<after> forward(client& c) {\n  co_return co_await refuse(c);\n}\n"
                "bool stream::enter(stream_event what) {\n  step(what);\n}\n"
                "  [self](atom::reload, int x) { return change(x); },\n")
        for function, expected in (("forward", True), ("refuse", False), ("stream::enter", True), ("enter", False), ("step", False),
                                   ("atom::reload", True), ("atom::drain", False), ("change", False), ("ward", False)):
            with self.subTest(function):
                self.assertEqual(defines(text, function, False), expected)
        self.assertEqual(tests_in("CAF_TEST(one\n  and more) {\n}\n  CAF_TEST(no) {\n    def test_two(self):\ndef test_no(self):\n"),
                         {"one and more", "test_two"})
        self.assertEqual(spread("a/b.{hpp,cpp}"), ["a/b.hpp", "a/b.cpp"])
        self.assertTrue(defines("class a {\n  [[nodiscard]] bool is_over() const noexcept {\n", "is_over", True))
        self.assertFalse(defines("class a {\n  bool b() { return is_over(); }\n", "is_over", True))


if __name__ == "__main__":
    unittest.main()
