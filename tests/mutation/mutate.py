"""Makes mistakes in policy/ and protocols/ one by one, and tells those that no test of the folder notices.

    mutate.py [--seconds S] [FILE...]

All mistakes are built into one test program a folder, which MUTANT tells the one to make; a mistake is tried with the suites that come by it,
until one fails. Those that change nothing are listed in equivalent.txt. The exit code is 1 when a mistake survives.
"""
import argparse
import os
import re
import shlex
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mistakes

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutate"
TREE, BUILD = WORK / "tree", WORK / "build"
# Those that decide; what only words a message is not worth the time.
DECIDING = """policy/address_index.cpp policy/containment.cpp policy/decide.cpp policy/domain_pattern.cpp policy/glob.cpp policy/hook_set.cpp
policy/ip_class.cpp policy/judge.cpp policy/mitm_hook.cpp policy/name_index.cpp policy/narrowing.cpp policy/pass.cpp policy/pattern_set.cpp
policy/query.cpp policy/request_limits.cpp policy/rule_table.cpp policy/server_name.cpp policy/unix_socket.cpp policy/value_matcher.cpp
protocols/client_hello.cpp protocols/first_bytes.cpp protocols/host.cpp protocols/ip_address.cpp protocols/http1/body_cursor.cpp
protocols/http1/chunked.cpp protocols/http1/decode.cpp protocols/http1/grammar.cpp protocols/http1/path.cpp protocols/http1/summary.cpp
protocols/http1/target.cpp protocols/socks5/address.cpp protocols/socks5/auth.cpp protocols/socks5/datagram.cpp protocols/socks5/greeting.cpp
protocols/socks5/request.cpp""".split()
CAPACITY = 1 << 16


def say(*words):
    print(*words, flush=True)


def run(*command, **options):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", **options)


def copy_tree():
    """A checkout of its own, as files are here now."""
    listed = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).stdout.splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            put(TREE / name, (ROOT / name).read_bytes())
    put(TREE / "mutation.hpp", (ROOT / "tests/mutation/mutation.hpp").read_bytes())


def put(path, content):
    """Writes a file that is not like that already: what has not changed is not built again."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def configure():
    done = run("cmake", "-S", TREE, "-B", BUILD, "-G", "Ninja", "-Wno-dev", "-DPROXY_TESTS=ON", "-DCMAKE_BUILD_TYPE=Debug",
               "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -w -D_GLIBCXX_ASSERTIONS")
    if done.returncode:
        sys.exit(done.stdout)


def commands():
    """How each source is compiled, but for its output."""
    listed = json.loads((BUILD / "compile_commands.json").read_text())
    return {os.path.relpath(e["file"], TREE): [w for w in shlex.split(e["command"])] for e in listed}


def broken_lines(name, command):
    """The lines of a source that do not compile as they are now."""
    told = run(*command[:command.index("-o")], "-fsyntax-only", "-fmax-errors=0", TREE / name, cwd=BUILD).stdout
    if "error:" not in told:
        return set()
    lines = {int(n) for n in re.findall(re.escape(str(TREE / name)) + r":(\d+):\d+:\s+(?:error:|  required from)", told)}
    return lines or sys.exit(told)


def plant(name, command, first_number):
    """Builds the mistakes of a source in, all but those with which it does not compile."""
    text = (ROOT / name).read_text()
    # Each round takes out what the compiler complains of, which may uncover more.
    left = mistakes.find(text)
    while True:
        number = first_number
        for m in left:
            m.number, number = number, number + len(m.changes)
        put(TREE / name, ('#include "mutation.hpp"\n#line 1\n' + mistakes.build_in(text, left)).encode())
        broken = broken_lines(name, command)
        if not broken:
            return text, left, number
        lines = {id(m): {text.count("\n", 0, m.begin) + 1, text.count("\n", 0, m.end) + 1} for m in left}
        kept = [m for m in left if not lines[id(m)] & broken]
        if len(kept) == len(left):
            sys.exit(f"{name}: does not compile at {sorted(broken)}, where no mistake stands")
        left = kept


def suites(folder):
    found = []
    for source in sorted((ROOT / "tests" / folder).rglob("*.cpp")):
        found += re.findall(r"^#define CAF_SUITE (\S+)", source.read_text(), re.M)
    return found


def try_suite(program, suite, environment, seconds):
    """Whether it passes."""
    try:
        done = subprocess.run([program, "-r", str(int(seconds) + 1), "-s", f"^{re.escape(suite)}$"], env={**os.environ, **environment},
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds)
        return done.returncode == 0
    except subprocess.TimeoutExpired:
        return False


def take_stock(program, folder):
    """For each suite how long it takes and which mistakes it comes by."""
    stock = []
    with tempfile.NamedTemporaryFile() as reached:
        for suite in suites(folder):
            began = time.monotonic()
            if not try_suite(program, suite, {"MUTATION_REACHED": reached.name}, 300):
                sys.exit(f"{suite} fails without a mistake")
            stock.append((time.monotonic() - began, suite, Path(reached.name).read_bytes()))
    return sorted(stock)


def equivalents():
    """What is known to change nothing: file, line and change of each."""
    blocks = (ROOT / "tests/mutation/equivalent.txt").read_text().split("\n\n")
    return {tuple(lines[:3]) for lines in (b.strip().splitlines() for b in blocks if not b.startswith("#")) if len(lines) >= 3}


def noticed(program, stock, number):
    """Whether a suite fails by a mistake; nothing where none comes by it."""
    concerned = [(took, suite) for took, suite, reached in stock if reached[number]]
    if not concerned:
        return None
    return any(not try_suite(program, suite, {"MUTANT": str(number)}, 2 + 8 * took) for took, suite in concerned)


def try_all(folder, planted, deadline):
    """Tries the mistakes of a folder; how many survived, were noticed, are known, or had no time."""
    program = BUILD / "tests" / folder / f"test_{folder}"
    stock, known = take_stock(program, folder), equivalents()
    survived = killed = excused = late = 0
    for name, (text, found, _) in planted.items():
        lines = text.splitlines()
        for number, change, at in ((m.number + i, c, m.begin) for m in found for i, c in enumerate(m.changes)):
            row = text.count("\n", 0, at)
            if (name, lines[row].strip(), change) in known:
                excused += 1
            elif time.monotonic() > deadline:
                late += 1
            elif (seen := noticed(program, stock, number)):
                killed += 1
            else:
                survived += 1
                say(f"{name}:{row + 1}: {change}{' (no test comes by it)' if seen is None else ''}\n    {lines[row].strip()}")
    return survived, killed, excused, late


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600, help="how long to try mistakes, building not counted")
    parser.add_argument("files", nargs="*", help="sources of policy/ and protocols/; default: those that decide")
    asked = parser.parse_args()
    files = asked.files or DECIDING
    if not shutil.which("cmake"):
        sys.exit("needs cmake")
    copy_tree()
    configure()
    how = commands()
    failed = False
    number = 0
    by_folder = {}
    for name in files:
        folder = name.split("/")[0]
        if name not in how or folder not in ("policy", "protocols"):
            sys.exit(f"{name} is no source of policy/ or protocols/")
        text, found, number = plant(name, how[name], number)
        by_folder.setdefault(folder, {})[name] = (text, found, number)
        say(f"{name}: {sum(len(m.changes) for m in found)} mistakes")
    if number > CAPACITY:
        sys.exit(f"more than {CAPACITY} mistakes: name fewer files")
    for folder, planted in by_folder.items():
        done = run("cmake", "--build", BUILD, "-j", os.environ.get("MUTATE_JOBS", str(os.cpu_count())), "--target", f"test_{folder}")
        if done.returncode:
            sys.exit(done.stdout)
        survived, killed, excused, late = try_all(folder, planted, time.monotonic() + asked.seconds)
        say(f"{folder}: {killed} noticed, {survived} survived, {excused} known to change nothing, {late} not tried for lack of time")
        failed |= survived > 0
    sys.exit(failed)


main()
