"""gRPC without generated code, messages being bytes: `serve CERT KEY` tells its port, `call AUTHORITY` prints what it got."""
import json
import sys
import threading
from concurrent import futures

import grpc


class Service(grpc.GenericRpcHandler):
    def service(self, details):
        return {"/test/Echo": grpc.unary_unary_rpc_method_handler(lambda message, _: message),
                "/test/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
                "/test/Count": grpc.unary_stream_rpc_method_handler(lambda message, _: (b"%d" % n for n in range(int(message)))),
                "/test/Join": grpc.stream_unary_rpc_method_handler(lambda messages, _: b" ".join(messages)),
                "/test/Chat": grpc.stream_stream_rpc_method_handler(self.chat)}.get(details.method)

    def fail(self, _, context):
        context.set_trailing_metadata((("x-detail", "why"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")

    def chat(self, messages, context):
        context.send_initial_metadata((("x-begin", "yes"),))
        for message in messages:
            yield message.upper()


def serve(cert, key):
    with open(cert, "rb") as chain, open(key, "rb") as private:
        credentials = grpc.ssl_server_credentials([(private.read(), chain.read())])
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((Service(),))
    print(server.add_secure_port("127.0.0.1:0", credentials), flush=True)
    server.start()
    server.wait_for_termination()


def call(authority):
    channel, seen = grpc.secure_channel(authority, grpc.ssl_channel_credentials()), {}
    seen["echo"] = channel.unary_unary("/test/Echo")(b"hello", timeout=20).decode()
    seen["large"] = len(channel.unary_unary("/test/Echo")(b"x" * 3_000_000, timeout=20))
    seen["count"] = [word.decode() for word in channel.unary_stream("/test/Count")(b"500", timeout=20)]
    seen["join"] = channel.stream_unary("/test/Join")(iter([b"a", b"b", b"c"]), timeout=20).decode()
    for path in ("/test/Fail", "/test/Nothing"):
        try:
            channel.unary_unary(path)(b"", timeout=20)
        except grpc.RpcError as error:
            seen[path] = [error.code().name, error.details(), dict(error.trailing_metadata())]
    turns, answers = [threading.Event() for _ in range(20)], []
    def words():  # each goes out only once the one before was answered
        for count, turn in enumerate(turns):
            yield b"word %d" % count
            turn.wait(20)
    chat = channel.stream_stream("/test/Chat")(words(), timeout=20)
    for answer, turn in zip(chat, turns):
        answers.append(answer.decode())
        turn.set()
    seen["chat"], seen["begin"] = answers, dict(chat.initial_metadata()).get("x-begin")
    held = channel.unary_stream("/test/Count")(b"1000000000", timeout=20)
    next(held)
    held.cancel()
    seen["after"] = channel.unary_unary("/test/Echo")(b"still here", timeout=20).decode()
    print(json.dumps(seen))


{"serve": serve, "call": call}[sys.argv[1]](*sys.argv[2:])
