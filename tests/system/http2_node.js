// Node's HTTP/2 as server and as client: `serve CERT KEY insist|both` tells its port and echoes, `ask PROXY AUTHORITY` makes
// a tunnel, asks a few things inside, and prints what it saw.
const http = require("http"), http2 = require("http2"), tls = require("tls"), fs = require("fs"), crypto = require("crypto");

function serve(cert, key, manner) {
  const options = {cert: fs.readFileSync(cert), key: fs.readFileSync(key), allowHTTP1: manner === "both",
                   settings: {enableConnectProtocol: true}};
  const server = http2.createSecureServer(options);
  server.on("request", (request, reply) => {
    let size = 0;
    request.on("data", part => size += part.length);
    request.on("end", () => {
      reply.addTrailers({"x-check": "good"});
      reply.end(JSON.stringify({version: request.httpVersion, method: request.method, target: request.url, size}));
    });
  });
  server.on("upgrade", (request, socket) => {
    const proof = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
                 crypto.createHash("sha1").update(proof).digest("base64") + "\r\n\r\n");
    socket.pipe(socket);
  });
  server.on("connect", (_, reply) => {  // an extended one (RFC 8441)
    reply.writeHead(200);
    reply.stream.pipe(reply.stream);
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

function tunnel(proxy, authority) {
  const [host, port] = proxy.split(":");
  return new Promise((resolve, reject) => {
    http.request({host, port, method: "CONNECT", path: authority, headers: {host: authority}})
      .on("connect", (_, socket) => resolve(tls.connect({socket, servername: authority.split(":")[0], ALPNProtocols: ["h2"]})))
      .on("error", reject).end();
  });
}

function exchange(session, head, body) {
  return new Promise((resolve, reject) => {
    const stream = session.request(head, {endStream: body === undefined}), got = {interim: [], trailers: {}, body: ""};
    stream.setEncoding("utf8");
    stream.on("headers", fields => got.interim.push(fields[":status"]));
    stream.on("response", fields => Object.assign(got, {status: fields[":status"], fields}));
    stream.on("trailers", fields => Object.assign(got.trailers, fields));
    stream.on("data", part => got.body += part);
    stream.on("end", () => resolve(got));
    stream.on("error", reject);
    if (body !== undefined)
      stream.end(body);
  });
}

async function ask(proxy, authority) {
  const socket = await tunnel(proxy, authority);
  const session = http2.connect("https://" + authority, {createConnection: () => socket});
  await new Promise(resolve => session.once("remoteSettings", resolve));
  const seen = {};
  seen.get = await exchange(session, {":path": "/get"});
  seen.head = await exchange(session, {":method": "HEAD", ":path": "/head"});
  seen.post = await exchange(session, {":method": "POST", ":path": "/post"}, Buffer.alloc(1 << 20, "u"));
  seen.many = await Promise.all(Array.from({length: 60}, (_, n) => exchange(session, {":path": "/" + n})));
  seen.websocket = await exchange(session, {":method": "CONNECT", ":protocol": "websocket", ":path": "/ws",
                                            "sec-websocket-version": "13"}, "echo");
  session.close(() => console.log(JSON.stringify(seen)));
}

const [what, ...args] = process.argv.slice(2);
if (what === "serve")
  serve(...args);
else
  ask(...args).catch(error => { console.error(error); process.exit(1); });
