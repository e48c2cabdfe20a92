"""Either end of an HTTP/2 connection, as a test speaks it.

The module h2 keeps the state of the protocol and complains of a peer that breaks it; what a test sends is not checked.
"""
import contextlib
import select
import socket
import ssl
import threading

from http2_frames import Code  # which finds h2
import h2.config
import h2.connection
import h2.events
import h2.exceptions
from h2.settings import SettingCodes as Setting, Settings

from client import Response
from support import PATIENCE


class Gone(Exception):
    """The stream or its connection ended before all was sent."""


class Stream:
    """One exchange, as one end of it sees what comes."""

    def __init__(self, peer, number):
        self.peer, self.number = peer, number
        self.fields, self.interim, self.trailers, self.body = None, [], [], bytearray()
        self.ended, self.reset, self.cancelled, self.unread, self.sent = False, None, False, 0, 0

    def get(self, name):
        return next((v for k, v in self.fields or () if k == name), "")

    @property
    def over(self):
        """Nothing more comes."""
        return self.ended or self.reset is not None

    @property
    def gone(self):
        """Nothing more can be sent."""
        return self.cancelled or self.reset is not None or self.peer.closed

    def send_fields(self, fields, end=False):
        """A head, or trailers."""
        with self.peer.news:
            self._check()
            self.peer.h2.send_headers(self.number, list(fields), end_stream=end)
            self.peer.flush()

    def send(self, data=b"", end=False):
        """A part of the body, as fast as the windows allow."""
        left = memoryview(data)
        while left or end:
            with self.peer.news:
                self.peer.wait(lambda: not left or self.gone or self.room() > 0, "room in the window")
                self._check()
                part, left = left[:self.room()], left[self.room():]
                self.peer.h2.send_data(self.number, bytes(part), end_stream=end and not left)
                self.peer.flush()
                self.sent += len(part)
            if not left:
                return

    def push(self, data, end=False):
        """The same as long as somebody takes it: an answer may come before the end."""
        with contextlib.suppress(Gone):
            self.send(data, end)

    def room(self):
        """How much may be sent now."""
        return max(0, min(self.peer.h2.local_flow_control_window(self.number), self.peer.h2.max_outbound_frame_size))

    def cancel(self, code=Code.CANCEL):
        with self.peer.news:
            self._check()
            with contextlib.suppress(h2.exceptions.StreamClosedError):  # it has ended already
                self.peer.h2.reset_stream(self.number, code)
            self.cancelled = True
            self.peer.flush()
            self.peer.news.notify_all()

    def _check(self):
        if self.gone:
            raise Gone

    def read(self, size=None):
        """The body once it is whole, or has `size` bytes."""
        whole = lambda: self.over if size is None else self.over or len(self.body) >= size
        self.peer.wait(whole, f"the body of stream {self.number}, {len(self.body)} bytes so far")
        return bytes(self.body)

    def parts(self):
        """The body piece by piece, as it comes."""
        taken = 0
        while True:
            self.peer.wait(lambda: self.over or len(self.body) > taken, f"more of the body of stream {self.number}")
            if taken == len(self.body):
                return
            part, taken = bytes(self.body[taken:]), len(self.body)
            yield part

    def head(self):
        """Waits for the head: of the request, or of the final response."""
        self.peer.wait(lambda: self.fields is not None or self.over, f"the head on stream {self.number}")
        return self.fields

    def end(self, seconds=PATIENCE):
        """Waits for the end: the code of a reset, None when the message came whole."""
        self.peer.wait(lambda: self.over, f"the end of stream {self.number}", seconds)
        return None if self.ended else self.reset

    def response(self, seconds=PATIENCE):
        """The whole response."""
        if (code := self.end(seconds)) is not None:
            raise AssertionError(f"stream {self.number} was reset with {code!r} after {self.fields}")
        fields = [(k, v) for k, v in self.fields if not k.startswith(":")]
        answer = Response(int(self.get(":status")), "", fields, bytes(self.body), self.trailers)
        answer.interim = self.interim
        return answer

    def grant(self):
        """Opens the windows for what has come."""
        with self.peer.news:
            size, self.unread = self.unread, 0
            if size:
                self.peer.h2.acknowledge_received_data(size, self.number)
                self.peer.flush()


class Connection(h2.connection.H2Connection):
    def _receive_goaway_frame(self, received):
        event = h2.events.ConnectionTerminated()  # and no more: h2 would refuse what open streams may still get
        event.error_code, event.last_stream_id = received.error_code, received.last_stream_id
        return [], [event]


class Peer:
    """One end of a connection: of a client, or (`serve`, called with each new stream in a thread) of an origin.

    A thread reads all that comes, at once, and keeps it for the test to ask for. `reading` says whether that opens
    the windows again. Requests go to `authority`.
    """

    def __init__(self, sock, authority=None, serve=None, settings=None, reading=True):
        self.sock, self.authority, self.serve, self.reading = sock, authority, serve, reading
        self.news = threading.Condition()
        self.streams, self.settings = {}, {}
        self.goaway, self.closed, self.fault, self.reader = None, False, None, None
        self.h2 = Connection(h2.config.H2Configuration(
            client_side=serve is None, header_encoding="latin-1", validate_outbound_headers=False,
            normalize_outbound_headers=False, normalize_inbound_headers=False))
        initial = {Setting.MAX_CONCURRENT_STREAMS: 1000, Setting.MAX_HEADER_LIST_SIZE: 1 << 20}
        if settings and Setting.ENABLE_CONNECT_PROTOCOL in settings:
            initial[Setting.ENABLE_CONNECT_PROTOCOL] = 1  # or the first frame would say that it is not offered
        self.h2.local_settings = Settings(client=serve is None, initial_values=initial)
        self.h2.decoder.max_header_list_size = 1 << 20
        sock.setblocking(False)
        self.h2.initiate_connection()
        if settings:
            self.h2.update_settings(settings)  # in force once the peer has acknowledged them
        self.flush()

    def start(self):
        self.reader = threading.Thread(target=self.run, daemon=True)
        self.reader.start()
        return self

    def run(self):
        """Reads until the connection ends."""
        try:
            while data := self._receive():
                with self.news:
                    for event in self.h2.receive_data(data):
                        self._take(event)
                    self.flush()
                    self.news.notify_all()
        except h2.exceptions.ProtocolError as error:
            self.fault = f"{type(error).__name__}: {error}"
            self.flush()
        except OSError:
            pass  # a peer that resets the connection has ended it, too
        with self.news:
            self.closed = True
            self.news.notify_all()

    def _receive(self):
        while True:
            with self.news:  # one thread at a time may use the TLS session
                try:
                    return self.sock.recv(65536)
                except ssl.SSLWantReadError:
                    pass
            select.select([self.sock], [], [])

    def _take(self, event):
        kind, number = type(event), getattr(event, "stream_id", None)
        stream = self.streams.get(number)
        if kind is h2.events.RequestReceived:
            stream = self.streams[number] = Stream(self, number)
            stream.fields = event.headers
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()
        elif kind is h2.events.ResponseReceived:
            stream.fields = event.headers
        elif kind is h2.events.InformationalResponseReceived:
            stream.interim.append(event.headers)
        elif kind is h2.events.TrailersReceived:
            stream.trailers = event.headers
        elif kind is h2.events.DataReceived:
            stream.body += event.data
            stream.unread += event.flow_controlled_length
            if self.reading:
                stream.grant()
        elif kind is h2.events.StreamEnded:
            stream.ended = True
        elif kind is h2.events.StreamReset:
            stream.reset = event.error_code
        elif kind is h2.events.RemoteSettingsChanged:
            self.settings.update({name: change.new_value for name, change in event.changed_settings.items()})
        elif kind is h2.events.ConnectionTerminated:
            self.goaway = event

    def _serve(self, stream):
        with contextlib.suppress(Gone):
            self.serve(stream)

    def flush(self):
        with self.news:
            left = memoryview(self.h2.data_to_send())
            while left and not self.closed:
                try:
                    left = left[self.sock.send(left):]
                except ssl.SSLWantWriteError:
                    self.closed = not select.select([], [self.sock], [], PATIENCE)[1]
                except OSError:
                    self.closed = True

    def send_raw(self, data):
        """Bytes of which h2 knows nothing."""
        with self.news:
            self.h2._data_to_send += data
            self.flush()

    def wait(self, condition, what, seconds=PATIENCE):
        with self.news:
            self.news.wait_for(lambda: condition() or self.closed, seconds)
            if not (value := condition()):
                why = f"the connection ended ({self.fault or self.goaway})" if self.closed else f"{seconds} s passed"
                raise AssertionError(f"{why}; waited for {what}")
            return value

    def request(self, method="GET", path="/", fields=(), body=b"", authority=None, end=True):
        """Begins a request; with `end` it is whole."""
        stream = self.open([(":method", method), (":scheme", "https"), (":authority", authority or self.authority),
                            (":path", path), *fields], end=end and not body)
        if body:
            stream.push(body, end)
        return stream

    def ask(self, *args, **kw):
        """A request and its response."""
        return self.request(*args, **kw).response()

    def open(self, fields, end=True):
        """Begins a stream with exactly this head."""
        with self.news:
            if self.closed:
                raise Gone
            stream = Stream(self, self.h2.get_next_available_stream_id())
            self.streams[stream.number] = stream
            stream.send_fields(fields, end)
            return stream

    def ended(self):
        """Waits until the peer has closed the connection: the code of its GOAWAY, None when there was none."""
        with self.news:
            if not self.news.wait_for(lambda: self.closed, PATIENCE):
                raise AssertionError("the connection stayed open")
            return self.goaway and self.goaway.error_code

    def read_on(self):
        """Opens the windows for all that has come, and from now on for all that comes."""
        with self.news:
            self.reading = True
            for stream in self.streams.values():
                stream.grant()

    def widen(self, size=1 << 24):
        """Lets the streams together be so far ahead; each has its own window still."""
        with self.news:
            self.h2.increment_flow_control_window(size)
            self.flush()

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # closed by the other end
        if self.reader:  # else the one who runs it closes
            self.reader.join()
            self.sock.close()
