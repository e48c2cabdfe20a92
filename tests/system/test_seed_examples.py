"""The configurations that older implementations print as their examples: every key and value as it stands there."""
import http.client
import json
import os

from name_server import NameServer
from origins import Origin
from support import SystemTest, free_port

OLDER = """
[network_proxy]
enabled = true
proxy_url = "http://127.0.0.1:3128"
admin_url = "http://127.0.0.1:8080"
enable_socks5 = false
socks_url = "http://127.0.0.1:8081"
enable_socks5_udp = false
allow_upstream_proxy = false
dangerously_allow_non_loopback_proxy = false
dangerously_allow_non_loopback_admin = false
mode = "full" # or "limited", for read-only use

[network_proxy.policy]
allowed_domains = ["*.openai.com"]
denied_domains = ["evil.example"]
allow_local_binding = false
allow_unix_sockets = ["/tmp/example.sock"]
"""

# The same age with interception, paths relative to the file.
OLDER_MITM = OLDER.replace('mode = "full"', 'mode = "limited"') + """
[network_proxy.mitm]
enabled = true
inspect = false
max_body_bytes = 4096
ca_cert_path = "network_proxy/mitm/ca.pem"
ca_key_path = "network_proxy/mitm/ca.key"
"""

NEWER = """
default_permissions = "workspace"

[permissions.workspace.network]
enabled = true
proxy_url = "http://127.0.0.1:3128"
enable_socks5 = true
socks_url = "http://127.0.0.1:8081"
enable_socks5_udp = true
allow_upstream_proxy = true
dangerously_allow_non_loopback_proxy = false
mode = "full" # or "limited", for read-only use
mitm = false
allow_local_binding = false
dangerously_allow_all_unix_sockets = false

[permissions.workspace.network.domains]
"*.openai.com" = "allow"
"localhost" = "allow"
"127.0.0.1" = "allow"
"::1" = "allow"
"evil.example" = "deny"

[[permissions.workspace.network.mitm_hooks]]
host = "api.github.com"

[permissions.workspace.network.mitm_hooks.match]
methods = ["POST", "PUT"]
path_prefixes = ["/repos/openai/"]
headers = { "x-github-api-version" = ["2022-11-28"] }

[permissions.workspace.network.mitm_hooks.actions]
strip_request_headers = ["authorization"]

[[permissions.workspace.network.mitm_hooks.actions.inject_request_headers]]
name = "authorization"
secret_env_var = "CODEX_GITHUB_TOKEN"
prefix = "Bearer "

[permissions.workspace.network.unix_sockets]
"/tmp/example.sock" = "allow"
"""

LISTS = """
allowed_domains = ["*.openai.com", "localhost", "127.0.0.1", "::1"]
denied_domains = ["evil.example"]
allow_unix_sockets = ["/tmp/example.sock"]
"""


def with_lists(text):
    """The newer example as an age before wrote it: lists instead of maps."""
    begin, end = text.index("[permissions.workspace.network.domains]"), text.index("[[permissions.workspace.network.mitm_hooks]]")
    text = text[:begin] + text[end:text.index("[permissions.workspace.network.unix_sockets]")]
    return text.replace("dangerously_allow_all_unix_sockets = false\n", "dangerously_allow_all_unix_sockets = false" + LISTS)


class SeedExampleTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())

    def served(self, text):
        """The daemon with this file; other ports by flags, as those of the file may be taken."""
        names = self.own(NameServer({}))
        sets = ['proxy_url="http://127.0.0.1:0"', 'socks_url="http://127.0.0.1:0"', 'network_proxy.admin_url="http://127.0.0.1:0"',
                f'network_proxy.dns.servers={json.dumps(names.settings["dns"]["servers"])}']
        proxy = self.prepare(env={"CODEX_GITHUB_TOKEN": "t0ken"}, args=[word for one in sets for word in ("--set", one)])
        proxy.write(text)
        return proxy.start()

    def check(self, text, *args, code=0):
        path = os.path.join(self.tmp, "example.toml")
        with open(path, "w") as out:
            out.write(text)
        done = self.cli("--config", path, "check", "--no-secrets", *args)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def assertGuards(self, proxy):
        for url, reason in (("http://evil.example/", "denied"), ("http://other.example/", "not_allowed"),
                            ("http://openai.com/", "not_allowed"), ("http://10.0.0.1/", "not_allowed_local")):
            with self.subTest(url):
                answer = proxy.get(url)
                self.assertEqual((answer.status, answer.json()["reason"]), (403, reason))
        self.assertEqual(proxy.admin("GET", "/health")[::2], (200, "ok"))
        self.assertIn("*.openai.com", proxy.admin("GET", "/patterns")[2]["allowed"])
        told = proxy.admin("GET", "/explain?url=http://api.openai.com/")[2]
        self.assertEqual(told["decision"], "allow", told)

    def test_the_older_one_serves_as_it_stands(self):
        proxy = self.served(OLDER)
        self.assertGuards(proxy)
        self.assertNotIn("listener=socks", proxy.log())
        self.check(OLDER)

    def test_so_it_does_with_interception_and_paths_relative_to_the_file(self):
        proxy = self.served(OLDER_MITM)
        self.assertTrue(os.path.exists(os.path.join(proxy.folder, "network_proxy/mitm/ca.pem")))
        self.assertEqual(proxy.get("http://api.openai.com/", method="POST", body=b"x").status, 403)
        self.assertEqual(proxy.admin("GET", "/ca.pem")[0], 200)

    def test_the_newer_one_says_which_line_to_change(self):
        for text in (NEWER, with_lists(NEWER)):
            told = self.check(text, code=78)
            line = text.split("\n").index("mitm = false") + 1
            self.assertRegex(told, rf"example\.toml:{line}:\d+: error: network\.mitm_hooks requires network\.mitm = true \(write true here")

    def test_with_that_line_changed_it_serves_and_check_tells_of_the_dead_hook(self):
        for text in (NEWER, with_lists(NEWER)):
            text = text.replace("mitm = false", "mitm = true")
            proxy = self.served(text)
            self.assertGuards(proxy)
            self.assertEqual(proxy.get(self.origin.url).status, 200, "127.0.0.1 is listed by itself")
            self.assertIn("listener=socks", proxy.log())
            shown = json.dumps(proxy.admin("GET", "/config")[2])
            self.assertIn('"prefix": "Bearer "', shown)
            self.assertNotIn("t0ken", shown + proxy.log())
            told = self.check(text)
            self.assertRegex(told, r'example\.toml:\d+:\d+: warning: .*"api\.github\.com": no request ever reaches the hooks')
            self.assertNotIn("no request ever reaches", self.check(text.replace('"*.openai.com"', '"api.github.com"')))
            self.assertNotIn("no request ever reaches", self.check(text.replace('"*.openai.com"', '"**.github.com"')))

    def test_on_the_ports_of_the_file_if_they_were_free(self):
        http_port, admin_port = free_port(), free_port()
        proxy = self.prepare()
        proxy.write(OLDER.replace("3128", str(http_port)).replace("8080", str(admin_port)))
        proxy.start()
        connection = http.client.HTTPConnection("127.0.0.1", http_port)
        connection.request("GET", "http://evil.example/")
        self.assertEqual(connection.getresponse().getheader("x-proxy-error"), "blocked-by-denylist")
        connection.close()
