"""Time, chance and the network come from the machine that a loop runs on (`actors/loop/system/machine.hpp`): nothing else
below actors/ reads a clock, draws a random number or makes a call on a socket.

    machine_only.py ROOT
"""
import os
import re
import sys

CLOCKS = ("_clock::now", "clock_gettime", "gettimeofday", "timespec_get", "::time", "std::time")
CHANCE = ("random_device", "mt19937", "minstd_rand", "default_random_engine", "RAND_bytes", "RAND_priv_bytes", "getrandom",
          "getentropy", "arc4random", "std::rand", "::rand")
CALLS = ("socket", "connect", "accept", "accept4", "bind", "listen", "send", "sendto", "sendmsg", "sendmmsg", "recv", "recvfrom",
         "recvmsg", "recvmmsg", "getsockname", "getpeername", "getsockopt", "shutdown", "splice")
WORD = re.compile("(?:" + "|".join(r"\b" * w[0].isalpha() + re.escape(w) for w in CLOCKS + CHANCE) + r")\b")
CALL = re.compile(r"(?<![\w:])::(?:" + "|".join(CALLS) + r")\s*\(")


def faults_of(text):
    """(line, what) of each place that goes past the machine."""
    code = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    for number, line in enumerate(code.split("\n"), 1):
        line = line.split("//")[0]
        for hit in [*WORD.finditer(line), *CALL.finditer(line)]:
            yield number, hit[0]


def check_itself():
    """A check that finds nothing must at least find these."""
    for bad in ("auto t = std::chrono::steady_clock::now();", "std::random_device d;", "auto fd = ::socket(AF_INET, 1, 0);", "x = ::recv (fd, b, 1, 0);",
                "std::mt19937 chance;", "auto t = ::time(nullptr);", "if (::connect(fd, a, s) != 0)", "::splice(a, b);"):
        assert list(faults_of(bad)), bad
    for good in ("loop.now()", "// steady_clock::now()", "net.connect(fd, a, s)", "system_clock::time_point at;", "listener::listen(x)", "by.send(queue)",
                 "std::chrono::steady_clock::time_point t;"):
        assert not list(faults_of(good)), good


def main(root):
    check_itself()
    found = []
    for where, _, files in os.walk(os.path.join(root, "actors")):
        path = os.path.relpath(where, root)
        if path.split(os.sep)[1:2] == ["loop"]:
            continue
        for name in sorted(files):
            if name.endswith((".cpp", ".hpp")):
                with open(os.path.join(where, name), encoding="utf-8") as file:
                    found += [f"{path}/{name}:{line}: {what}" for line, what in faults_of(file.read())]
    print("\n".join(found) or "all by way of the machine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
