"""A SOCKS5 client that says exactly what a test wants (RFC 1928, 1929)."""
import socket
import struct

SUCCESS, FAILURE, NOT_ALLOWED, REFUSED, NO_COMMAND, NO_TYPE = 0, 1, 2, 5, 7, 8
CONNECT, BIND, ASSOCIATE = 1, 2, 3


def address(host, port):
    """An address field: IPv4 and IPv6 literals in binary, all else as a name."""
    for kind, family in ((1, socket.AF_INET), (4, socket.AF_INET6)):
        try:
            return bytes([kind]) + socket.inet_pton(family, host) + struct.pack(">H", port)
        except (OSError, ValueError):
            pass
    name = host.encode()
    return b"\x03" + bytes([len(name)]) + name + struct.pack(">H", port)


def request(command, host, port):
    return bytes([5, command, 0]) + address(host, port)


class SocksClient:
    def __init__(self, proxy_address, timeout=20):
        self.sock = socket.create_connection(proxy_address, timeout)

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def read(self, size):
        """Exactly `size` bytes, fewer when the stream ends."""
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                break
            data += more
        return data

    def greet(self, methods=b"\x00"):
        """The method that the proxy chose."""
        self.send(bytes([5, len(methods)]) + methods)
        return self.read(2)[1]

    def log_in(self, user, password):
        self.send(b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password)
        return self.read(2)[1]

    def ask(self, command, host, port):
        self.send(request(command, host, port))
        return self.reply()

    def reply(self):
        """(code, (host, port)); code None when the proxy closed without one."""
        head = self.read(4)
        if len(head) < 4:
            return None, None
        family, size = (socket.AF_INET, 4) if head[3] == 1 else (socket.AF_INET6, 16)
        host = socket.inet_ntop(family, self.read(size))
        return head[1], (host, struct.unpack(">H", self.read(2))[0])

    def closed(self):
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True
