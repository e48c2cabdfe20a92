"""Finds the functions that serve each request.

    python3 cmake/hot_functions.py BINARY > cmake/hot_functions.ld

Runs the proxy (debug information in BINARY.debug) under valgrind and makes many exchanges of each kind. What runs in
nearly every one of them is hot. The names become a linker script: what most kinds need first.
"""
import bisect
import contextlib
import os
import re
import ssl
import subprocess
import sys
import tempfile
from collections import Counter

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/system"))
from client import Client  # noqa: E402
from origins import Authority, Origin  # noqa: E402
from socks_client import CONNECT, SUCCESS, SocksClient  # noqa: E402
from support import Proxy, free_port, until  # noqa: E402

FEW, MANY = 40, 140  # exchanges: what more of them cost is theirs, and not the start's
HOT = 0.9 * (MANY - FEW)


class World:
    """A proxy, and two origins behind it."""

    def __init__(self, folder, binary):
        authority = Authority(folder)
        self.plain, self.secure = Origin(), Origin(tls=authority.server("localhost"))
        self.http, self.socks = free_port(), free_port()
        self.proxy = Proxy(folder, binary=binary, allow=[*(f"host{i}.example" for i in range(9)), "localhost"],
                           network={"proxy_url": f"http://127.0.0.1:{self.http}", "enable_socks5": True,
                                    "socks_url": f"http://127.0.0.1:{self.socks}", "mode": "full", "mitm": False},
                           daemon={"workers": 1, "io": "batched", "admin_url": "", "log": {"level": "warn"}},
                           env={"SSL_CERT_FILE": authority.bundle})

    def intercept(self):
        self.proxy.configure(network={"mode": "limited", "mitm": True})

    def start(self):
        self.proxy.launch()
        until(self.is_up, "the proxy does not listen", seconds=120)

    def is_up(self):
        with contextlib.suppress(OSError), self.client(), contextlib.closing(self.socks_client()):
            return True

    def client(self):
        return Client(("127.0.0.1", self.http), timeout=120)

    def socks_client(self):
        return SocksClient(("127.0.0.1", self.socks), timeout=120)

    def connect(self, client, origin, status=200):
        client.send(f"CONNECT {origin} HTTP/1.1\r\nHost: {origin}\r\n\r\n")
        check(client.response("CONNECT"), status)

    def secured(self, client):
        context = ssl.create_default_context(cafile=os.path.join(self.proxy.folder, "proxy/ca.pem"))
        return Client(sock=context.wrap_socket(client.sock, server_hostname="localhost"), timeout=120)

    def close(self):
        for thing in (self.proxy, self.plain, self.secure):
            thing.close()


def check(answer, status):
    if answer.status != status:
        raise SystemExit(f"the proxy answered {answer}")


def ask(client, origin, status=200, path="/status/200", scheme=""):
    send(client, origin, path, scheme)
    check(client.response(), status)


def send(client, origin, path="/status/200", scheme=""):
    client.send(f"GET {scheme}{origin if scheme else ''}{path} HTTP/1.1\r\nHost: {origin}\r\nAccept: */*\r\n\r\n")


def kept(world, count):
    with world.client() as client:
        for _ in range(count):
            ask(client, f"localhost:{world.plain.port}", scheme="http://")


def large(world, count):
    with world.client() as client:
        for _ in range(count):
            ask(client, f"localhost:{world.plain.port}", path="/bytes/65536", scheme="http://")


def fresh(world, count):
    for _ in range(count):
        kept(world, 1)


def refused(world, count):
    with world.client() as client:
        for _ in range(count):
            ask(client, "elsewhere.example", status=403, scheme="http://")


def at_once(world, count):
    """Rounds of four, whose calls on sockets are gathered: what nearly every round needs is hot."""
    origin = f"localhost:{world.plain.port}"
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(world.client()) for _ in range(4)]
        for _ in range(count):
            for client in clients:
                send(client, origin, scheme="http://")
            for client in clients:
                check(client.response(), 200)


def fresh_at_once(world, count):
    for _ in range(count):
        at_once(world, 1)


def tunnels(world, count):
    for _ in range(count):
        with world.client() as client:
            world.connect(client, f"localhost:{world.plain.port}")
            ask(client, f"localhost:{world.plain.port}")


def tunnelled(world, count):
    with world.client() as client:
        world.connect(client, f"localhost:{world.plain.port}")
        for _ in range(count):
            ask(client, f"localhost:{world.plain.port}")


def refused_tunnels(world, count):
    for _ in range(count):
        with world.client() as client:
            world.connect(client, "elsewhere.example:443", status=403)


def socks(world, count):
    for _ in range(count):
        client = world.socks_client()
        client.greet()
        if client.ask(CONNECT, "localhost", world.plain.port)[0] != SUCCESS:
            raise SystemExit("the proxy refuses SOCKS5")
        with Client(sock=client.sock, timeout=120) as inside:
            ask(inside, f"localhost:{world.plain.port}")


def intercepted(world, count):
    with world.client() as client:
        world.connect(client, f"localhost:{world.secure.port}")
        inside = world.secured(client)
        for _ in range(count):
            ask(inside, f"localhost:{world.secure.port}")


def intercepted_tunnels(world, count):
    for _ in range(count):
        intercepted(world, 1)


def executed(binary, kind, count):
    """How often each instruction of the program ran: {address: count}."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(World(folder, wrapper(folder, binary))) as world:
        if kind in (intercepted, intercepted_tunnels):
            world.intercept()
        world.start()
        kind(world, count)
        world.proxy.close()
        with open(os.path.join(folder, "counts")) as counts:
            return read_counts(counts, binary)


def wrapper(folder, binary):
    path = os.path.join(folder, "under-valgrind")
    with open(path, "w") as script:
        script.write(f"#!/bin/sh\nexec valgrind --tool=callgrind --dump-instr=yes "
                     f"--callgrind-out-file={folder}/counts {binary} \"$@\"\n")
    os.chmod(path, 0o755)
    return path


def read_counts(lines, binary):
    """Callgrind's format: objects and positions are named once, later positions are told by the difference."""
    counts, names, own, address, is_call = Counter(), {}, False, 0, False
    for line in lines:
        if named := re.match(r"c?ob=\((\d+)\)(?: (.*))?", line):
            if named[2]:
                names[named[1]] = named[2]
            if line[0] == "o":
                own = names[named[1]] == binary
        elif line.startswith("calls="):
            is_call = True  # the next line is what the callee has cost
        elif position := re.match(r"(0x[0-9a-f]+|[+-]\d+|\*) \S+(?: (\d+))?$", line):
            told = position[1]
            address = int(told, 16) if told[1:2] == "x" else address + (0 if told == "*" else int(told))
            if own and not is_call:
                counts[address] += int(position[2] or 0)
            is_call = False
    return counts


def symbols(binary):
    """The functions of the program: [(address, name)] in order."""
    told = subprocess.run(["nm", "--defined-only", binary + ".debug"], check=True, capture_output=True, text=True).stdout
    found = (line.split() for line in told.splitlines())
    return sorted((int(address, 16), name) for address, kind, name in found if kind in "tTwW")


def main(binary):
    functions = symbols(binary)
    starts = [address for address, _ in functions]
    hot = Counter()
    for kind in (kept, at_once, large, fresh, fresh_at_once, refused, tunnels, tunnelled, refused_tunnels, socks,
                 intercepted, intercepted_tunnels):
        few, many = executed(binary, kind, FEW), executed(binary, kind, MANY)
        often = (address for address in many if many[address] - few[address] >= HOT)
        here = {starts[bisect.bisect_right(starts, address) - 1] for address in often if address >= starts[0]}
        print(f"{kind.__name__}: {len(here)} functions", file=sys.stderr)
        hot.update(here)
    print("/* Made by `./dev hot`: see hot_functions.cmake. */\nSECTIONS\n{\n  .text.hot :\n  {")
    # A part of a function that the compiler has split off (NAME.part.0) goes where the function goes.
    functions.sort(key=lambda function: -hot[function[0]])  # stable: else as they stand in the program
    for name in dict.fromkeys(name.partition(".")[0] for address, name in functions if hot[address]):
        print(f"    *(.text.{name} .text.{name}.*)")
    print("  }\n}\nINSERT BEFORE .text;")


main(os.path.abspath(sys.argv[1]))
