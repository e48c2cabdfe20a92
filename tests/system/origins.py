"""Servers that stand for the internet: a well-behaved HTTP origin, scripted ones, and their certificates."""
import base64
import hashlib
import http.server
import json
import os
import socket
import socketserver
import ssl
import subprocess
import threading

BLOCK = b"x" * 65536


def websocket_accept(key):
    """The proof that a server has understood a WebSocket handshake (RFC 6455 §4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path; any other path is an echo of the request as JSON."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def handle_any(self):
        origin = self.server.origin
        path, _, argument = self.path.strip("/").partition("/")
        # The request counts from its head on: a test may wait for it while the body is still on its way.
        origin.requests.append(self.requestline)
        page, serve = origin.pages.get(self.path), getattr(self, "serve_" + path.replace("-", "_"), None)
        if page:
            page(self)
        else:
            (serve or self.serve_echo)(argument)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_PROPFIND = handle_any

    def body(self):
        """The request body in blocks, trailers left in `self.trailers`."""
        self.trailers = []
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while (line := self.rfile.readline().strip()):
                self.trailers.append(line.decode())
            return
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            block = self.rfile.read(min(left, len(BLOCK)))
            if not block:
                return
            left -= len(block)
            yield block

    def reply(self, body=b"", status=200, fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    def serve_echo(self, _):
        body = b"".join(self.body())
        told = {"method": self.command, "target": self.path, "version": self.request_version,
                "fields": self.headers.items(), "body": body.decode("latin-1"), "trailers": self.trailers}
        self.reply(json.dumps(told).encode(), fields=[("Content-Type", "application/json")])

    def serve_wait(self, argument):
        """Answers once the test says so."""
        self.server.origin.release.wait(60)
        self.serve_echo(argument)

    def serve_status(self, argument):
        list(self.body())
        self.reply(b"status", int(argument), [("ETag", '"e"')])

    def serve_bytes(self, argument):
        """A body of so many bytes with Content-Length, made on the way."""
        self.send_response(200)
        self.send_header("Content-Length", argument)
        self.end_headers()
        left = int(argument)
        while left > 0 and self.command != "HEAD":
            self.wfile.write(BLOCK[:left])
            left -= len(BLOCK)
            self.server.origin.sent += min(len(BLOCK), left + len(BLOCK))

    def serve_chunked(self, argument):
        """A chunked body of so many bytes, then a trailer."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "X-Check")
        self.end_headers()
        left = int(argument)
        while left > 0:
            block = BLOCK[:left]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))
            left -= len(block)
        self.wfile.write(b"0\r\nX-Check: good\r\n\r\n")

    def serve_until_close(self, argument):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(BLOCK[:int(argument)])

    def serve_upload(self, _):
        """Counts what is sent, keeps nothing; reads only when the test lets it."""
        self.server.origin.release.wait(60)
        count = 0
        for block in self.body():
            count += len(block)
        self.reply(str(count).encode())

    def serve_hop(self, _):
        """A response with fields that must not leave the proxy."""
        self.reply(b"hop", fields=[("Connection", "X-One"), ("Connection", "X-Two, Keep-Alive"), ("X-One", "1"), ("X-Two", "2"),
                                   ("X-Three", "3"), ("Keep-Alive", "timeout=9"), ("Proxy-Authenticate", "Basic"),
                                   ("Proxy-Status", "codex-network-proxy; error=forged")])

    def serve_upgrade(self, _):
        """Switches to a protocol that sends everything back."""
        self.send_response(101)
        self.send_header("Upgrade", self.headers.get("Upgrade", ""))
        self.send_header("Connection", "Upgrade")
        if key := self.headers.get("Sec-WebSocket-Key"):
            self.send_header("Sec-WebSocket-Accept", websocket_accept(key))
        self.end_headers()
        self.close_connection = True
        while data := self.connection.recv(65536):
            self.connection.sendall(data)
        self.end_upgrade()

    def end_upgrade(self):
        """Says goodbye as TLS wants it: an end without that is an accident."""
        if self.server.origin.tls:
            self.connection.unwrap()

    def serve_chat(self, _):
        """Sends each part of the body back as a chunk at once, then a trailer."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in self.body():
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\nX-Check: good\r\n\r\n")

    def serve_hints(self, _):
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        self.serve_echo("")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, block_on_close, request_queue_size = True, False, 128

    def __init__(self, address, origin):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.origin = origin
        super().__init__(address, Handler)

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # http.server would look its name up in the DNS

    def get_request(self):
        sock, peer = super().get_request()
        self.origin.connections += 1
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock, peer

    def finish_request(self, request, client_address):
        if not self.origin.tls:
            return super().finish_request(request, client_address)
        try:  # in the connection's own thread, so that a slow handshake holds nobody up
            with self.origin.tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        except OSError:
            pass  # the client did not like the certificate, or left

    def handle_error(self, request, client_address):
        pass  # a peer that hangs up is part of many tests


class Origin:
    """An HTTP server on a free port; remembers the requests and connections it has seen."""

    server_type = Server

    def __init__(self, host="127.0.0.1", tls=None, pages=None):
        self.requests, self.connections, self.sent = [], 0, 0
        self.tls, self.pages = tls, {} if pages is None else pages
        self.release = threading.Event()
        self.server = self.server_type((host, 0), self)
        self.port = self.server.server_address[1]
        self.authority = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.authority}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def at(self, name, path="/"):
        """A URL of this origin by another name."""
        return f"{'https' if self.tls else 'http'}://{name}:{self.port}{path}"

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


def read_head(sock):
    """All that comes up to the end of a head, or of the connection."""
    head = b""
    while b"\r\n\r\n" not in head and (data := sock.recv(65536)):
        head += data
    return head


class Scripted:
    """Sends the same bytes to every request head, whatever it says, then closes; or runs `serve(socket, head)`."""

    def __init__(self, reply=b"", serve=None):
        self.reply, self.serve = reply, serve
        self.heads, self.connections = [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.settimeout(60)
        try:
            with sock:
                head = read_head(sock)
                if b"\r\n\r\n" not in head:
                    return
                self.heads.append(head)
                self.serve(sock, head) if self.serve else sock.sendall(self.reply)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Raw(Scripted):
    """Runs `serve(socket)` on each connection, from the first byte on."""

    def __init__(self, serve):
        super().__init__(serve=lambda sock, _: serve(sock))

    def _serve(self, sock):
        sock.settimeout(60)
        try:
            with sock:
                self.serve(sock, b"")
        except OSError:
            pass


class Greeter:
    """A server that speaks first: sends its greeting once the test lets it, keeps all it hears, and answers each line with it.
    With `end` it half-closes behind the greeting."""

    def __init__(self, greeting=b"220 ready\r\n", end=False):
        self.greeting, self.end = greeting, end
        self.heard, self.connections, self.ended = b"", 0, 0
        self.release = threading.Event()
        self.release.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.settimeout(60)
        self.release.wait(60)
        try:
            with sock:
                sock.sendall(self.greeting)
                if self.end:
                    sock.shutdown(socket.SHUT_WR)
                while data := sock.recv(65536):
                    self.heard += data
                    if not self.end:
                        sock.sendall(b"heard " + data)
        except OSError:
            pass
        finally:
            self.ended += 1

    def close(self):
        self.release.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Authority:
    """A certificate authority made for one test; `bundle` is what a client must trust."""

    def __init__(self, folder):
        self.folder = folder
        self.bundle = os.path.join(folder, "authority.pem")
        self.key = os.path.join(folder, "authority.key")
        self._openssl("req", "-x509", "-subj", "/CN=Test authority", "-days", "2", "-keyout", self.key, "-out", self.bundle,
                      "-addext", "keyUsage=critical,keyCertSign")

    def _openssl(self, *args):
        subprocess.run(["openssl", *args, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"], check=True,
                       capture_output=True, stdin=subprocess.DEVNULL)

    def server(self, *names):
        """A server's TLS context with a certificate for these names, which is made once."""
        stem = os.path.join(self.folder, "+".join(names))
        if not os.path.exists(stem + ".pem"):
            self._certify(stem, names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(stem + ".pem", stem + ".key")
        return context

    def _certify(self, stem, names):
        kinds = ",".join(("IP:" if n.replace(".", "").isdigit() else "DNS:") + n for n in names)
        self._openssl("req", "-subj", f"/CN={names[0]}", "-keyout", stem + ".key", "-out", stem + ".csr")
        with open(stem + ".ext", "w") as extensions:
            extensions.write(f"subjectAltName={kinds}\n")
        subprocess.run(["openssl", "x509", "-req", "-in", stem + ".csr", "-CA", self.bundle, "-CAkey", self.key, "-days", "2",
                        "-CAcreateserial", "-extfile", stem + ".ext", "-out", stem + ".pem"], check=True, capture_output=True)
