"""Tunnels whose client has said nothing yet when another policy comes: it holds for what is said then."""
import ssl
import threading

from client import Client
from first_bytes import INSPECT, FirstBytes
from name_server import NameServer
from origins import Greeter
from socks_client import CONNECT, SUCCESS, SocksClient, request


class MeanwhileTest(FirstBytes):
    def test_a_mode_or_a_hook_that_comes_while_the_client_is_silent_holds_for_what_it_says(self):
        def limited(proxy):
            self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)

        def hooked(proxy):
            match = {"methods": ["GET"], "path_prefixes": ["/repos/"]}
            self.write_hooks(proxy, [{"host": "localhost", "match": match}])
            self.assertEqual(proxy.reload()[0], 200)

        for change, refused in ((limited, "method_not_allowed"), (hooked, "mitm_hook_denied")):
            proxy = self.inspecting()
            clients = [self.open(proxy) for _ in range(3)]
            change(proxy)
            inside = self.secure(proxy, clients[0])
            self.assertRefused(self.ask(inside, "POST", path="/repos/a", body=b"x"), refused)
            self.assertEqual(self.ask(inside, path="/repos/a").status, 200)
            clients[1].send(b"SSH-2.0-x\r\n")
            self.assertTrue(clients[1].closed())
            self.assertEqual(self.reasons(proxy)[-1], "mitm_required")
            greeter = self.own(Greeter())
            silent = self.open(proxy, greeter.port)
            silent.send(b"EHLO a\r\n")
            self.assertTrue(silent.closed())  # not a word of the server
            self.assertEqual(greeter.heard, b"")

    def test_a_greeting_that_comes_after_the_change_is_not_passed_on(self):
        proxy = self.inspecting(daemon={"timeouts": {"tls_handshake": "500ms"}})
        greeter = self.own(Greeter())
        greeter.release.clear()
        client = self.open(proxy, greeter.port)
        self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        greeter.release.set()
        self.assertTrue(client.closed())

    def test_a_tunnel_whose_server_has_spoken_ends_when_it_has_to_be_read(self):
        proxy = self.inspecting()
        greeter = self.own(Greeter())
        client = self.open(proxy, greeter.port)
        self.assertEqual(client.line(), "220 ready")
        self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        self.assertTrue(client.closed())
        self.assertEqual(self.reasons(proxy), ["mitm_required"])

    def test_a_reload_that_denies_the_host_or_its_address_ends_silent_tunnels(self):
        for deny, allow in ((["localhost"], None), (["127.0.0.0/8"], None)):
            proxy = self.inspecting()
            client = self.open(proxy)
            proxy.configure(deny=deny)
            status, answer = proxy.reload()
            self.assertEqual((status, answer["closed_tunnels"]), (200, 1))
            self.assertTrue(client.closed())
            self.assertEqual(self.reasons(proxy), ["denied"])

    def test_inspection_that_comes_while_a_tunnel_is_dialled_reads_it(self):
        asked, go = threading.Event(), threading.Event()

        def answer(*_):
            asked.set()
            go.wait(20)
            return ["127.0.0.1"]

        for socks in (False, True):
            asked.clear(), go.clear()
            names = self.own(NameServer(answer))
            proxy = self.intercepting("full", True, allow=["local.test"], daemon=names.settings, network={
                "allow_local_binding": True, "enable_socks5": True, "socks_url": "http://127.0.0.1:0"})
            if socks:
                client = self.own(SocksClient(proxy.address("socks")))
                self.assertEqual(client.greet(), 0)
                client.send(request(CONNECT, "local.test", self.origin.port))
            else:
                client = self.own(proxy.client())
                at = f"local.test:{self.origin.port}"
                client.send(f"CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\n")
            self.assertTrue(asked.wait(20))
            proxy.configure(network={"mitm": INSPECT})
            self.assertEqual(proxy.reload()[0], 200)
            go.set()
            if socks:
                self.assertEqual(client.reply()[0], SUCCESS)
            else:
                self.assertEqual(client.response("CONNECT").status, 200)
            self.assertEqual(self.ask(self.secure(proxy, client, "elsewhere.test"), host="elsewhere.test").status, 421)

    def test_what_is_no_longer_inspected_goes_on_unread(self):
        proxy = self.inspecting()
        greeter = self.own(Greeter())
        clients = [self.open(proxy) for _ in range(2)]
        proxy.configure(network={"mitm": {"enabled": True, "inspect": False}})
        self.assertEqual(proxy.reload()[0], 200)
        context = ssl.create_default_context(cafile=self.authority.bundle)
        inside = self.own(Client(sock=context.wrap_socket(clients[0].sock, server_hostname="localhost")))
        self.assertEqual(self.ask(inside).status, 200)
        proxy.configure(network={"mitm": False})
        self.assertEqual(proxy.reload()[0], 200)
        inside = self.own(Client(sock=context.wrap_socket(clients[1].sock, server_hostname="localhost")))
        self.assertEqual(self.ask(inside).status, 200)
        self.assertNotIn("msg=inspected", proxy.log())
