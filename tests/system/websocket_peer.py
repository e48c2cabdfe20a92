"""WebSockets by python3-websockets: `serve CERT KEY` tells its port and echoes, `call PROXY AUTHORITY PATH` talks in a tunnel."""
import asyncio
import json
import socket
import ssl
import sys

import websockets


async def echo(peer):
    async for message in peer:
        await peer.send(message)


async def serve(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    async with websockets.serve(lambda peer, *_: echo(peer), "127.0.0.1", 0, ssl=context, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


def tunnel(proxy, authority):
    host, port = proxy.split(":")
    sock = socket.create_connection((host, int(port)))
    sock.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    assert head.split()[1] == b"200", head
    return sock


async def call(proxy, authority, path):
    seen = {}
    try:
        async with websockets.connect(f"wss://{authority}{path}", sock=tunnel(proxy, authority), ssl=ssl.create_default_context(),
                                      server_hostname=authority.split(":")[0], max_size=None) as peer:
            for name, message in (("text", "hello"), ("binary", b"x" * 1_000_000)):
                await peer.send(message)
                seen[name] = len(await peer.recv())
            await (await peer.ping())
            await peer.close(1000, "done")
            seen["closed"] = peer.close_code
    except websockets.InvalidStatusCode as refusal:
        seen = {"status": refusal.status_code, "error": refusal.headers.get("x-proxy-error")}
    print(json.dumps(seen))


asyncio.run({"serve": serve, "call": call}[sys.argv[1]](*sys.argv[2:]))
