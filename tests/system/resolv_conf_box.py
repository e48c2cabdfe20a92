"""Run in network and mount namespaces of its own: a resolv.conf, the name server it names, and what `explain` makes of both."""
import subprocess
import sys

from name_server import NameServer

conf, binary, config = sys.argv[1:]


def write(domain):
    with open(conf, "w") as out:
        out.write(f"nameserver 127.0.0.1\nsearch {domain}\noptions ndots:5\n")


write("ns.test")
for command in (["ip", "link", "set", "lo", "up"], ["mount", "--bind", conf, "/etc/resolv.conf"]):
    if subprocess.run(command).returncode != 0:
        sys.exit(77)
server = NameServer({"svc.ns.test": ["127.0.0.1"], "svc.other.test": ["127.0.0.1"]}, port=53)
for domain in ("ns.test", "other.test"):
    write(domain)
    subprocess.run([binary, "--config", config, "explain", "http://svc/"])
    if domain == "ns.test":
        print("----", flush=True)
server.close()
