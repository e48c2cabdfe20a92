// Reads the body of a request to a collector, in protobuf, by the messages of OpenTelemetry for JavaScript.
// Usage: node otlp_decode.js ROOT_JS PATH < BODY > JSON
const fs = require('fs');
const [root, path] = process.argv.slice(2);
const { collector } = require(root).opentelemetry.proto;
const type = {
  '/v1/logs': collector.logs.v1.ExportLogsServiceRequest,
  '/v1/metrics': collector.metrics.v1.ExportMetricsServiceRequest,
  '/v1/traces': collector.trace.v1.ExportTraceServiceRequest,
}[path];
const message = type.decode(fs.readFileSync(0));
const wrong = type.verify(message);
if (wrong) throw new Error(wrong);
process.stdout.write(JSON.stringify(type.toObject(message, { longs: String, bytes: String })));
