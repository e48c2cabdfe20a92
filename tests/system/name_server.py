"""A name server over UDP whose answers a test decides, and which counts the questions."""
import socket
import struct
import threading

A, AAAA = 1, 28


class NameServer:
    """`answer(name, kind, count)` gives a list of addresses, or "nxdomain", "servfail", "refused", "silent".

    `kind` is "A" or "AAAA"; `count` says how often this very question has come before. Addresses of the other
    kind are left out of an answer, so one list serves both questions. A question that is repeated, since its answer
    was slow, counts once: it has the same number still. With `late_a` the answer for A waits until AAAA is asked for, and both
    are sent together.
    """

    def __init__(self, answer, port=0, late_a=False):
        self.answer = answer if callable(answer) else lambda name, *_: answer.get(name, "nxdomain")
        self.questions, self.counts = [], {}
        self.late_a, self.held = late_a, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def settings(self):
        """What a daemon needs to ask this server and nobody else."""
        return {"dns": {"servers": [self.address], "hosts_file": ""}}

    def asked(self, name, kind=None):
        return sum(1 for n, k in self.questions if n == name and kind in (None, k))

    def _serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            if not query:
                return  # the wake-up of close
            name, kind, reply = self._reply(query)
            self.held += [(reply, peer)] if reply else []
            if self.late_a and kind == "A" and not self.asked(name, "AAAA"):
                continue
            try:
                for reply, peer in self.held:
                    self.socket.sendto(reply, peer)
            except OSError:
                if self.socket.fileno() < 0:
                    return  # closed meanwhile
                raise
            self.held = []

    def _reply(self, query):
        identity, = struct.unpack_from("!H", query)
        labels, at = [], 12
        while size := query[at]:
            labels.append(query[at + 1:at + 1 + size].decode())
            at += 1 + size
        number, = struct.unpack_from("!H", query, at + 1)
        question = query[12:at + 5]
        name, kind = ".".join(labels).lower(), {A: "A", AAAA: "AAAA"}.get(number, str(number))
        if (number, identity, name) not in self.counts:
            self.counts[number, identity, name] = self.asked(name, kind)
            self.questions.append((name, kind))
        answer = self.answer(name, kind, self.counts[number, identity, name])
        if answer == "silent":
            return name, kind, None
        code = {"servfail": 2, "nxdomain": 3, "refused": 5}.get(answer if isinstance(answer, str) else "", 0)
        family = socket.AF_INET6 if number == AAAA else socket.AF_INET
        wanted = [] if code else [ip for ip in answer if (":" in ip) == (number == AAAA)]
        # A TTL of 0: nothing a test changes may be hidden by a cache. 0xc00c points at the question's name.
        records = b"".join(struct.pack("!HHHIH", 0xc00c, number, 1, 0, len(data)) + data
                           for data in (socket.inet_pton(family, ip) for ip in wanted))
        return name, kind, struct.pack("!HHHHHH", identity, 0x8180 | code, 1, len(wanted), 0, 0) + question + records

    def close(self):
        self.socket.sendto(b"", self.socket.getsockname())
        self.socket.close()
