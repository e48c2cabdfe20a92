"""Two hundred policy changes while clients are at work: nothing allowed fails, nothing refused passes."""
import threading

from name_server import NameServer
from origins import Origin
from support import SANITIZED, SystemTest

CHANGES = 40 if SANITIZED else 200


class ReloadUnderLoadTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        names = self.own(NameServer({"always.test": ["127.0.0.1"], "sometimes.test": ["127.0.0.1"]}))
        self.proxy = self.start(allow=["always.test", "sometimes.test"], daemon=names.settings)
        self.stop, self.failures, self.served = threading.Event(), [], 0

    def work(self, keep):
        """Asks for what every policy of this test allows, until told to stop."""
        client = self.proxy.client()
        while not self.stop.is_set():
            try:
                if not keep:
                    client.close()
                    client = self.proxy.client()
                answer = client.request(self.origin.at("always.test", "/status/200"))
                if answer.status != 200:
                    self.failures.append(answer)
                self.served += 1
            except (OSError, EOFError, ValueError) as error:
                self.failures.append(error)
                client = self.proxy.client()
        client.close()

    def test_two_hundred_changes(self):
        workers = [threading.Thread(target=self.work, args=(keep,)) for keep in (True, True, False)]
        for worker in workers:
            worker.start()
        self.addCleanup(self.stop.set)
        with self.proxy.client() as kept:
            for change in range(CHANGES):
                refused = change % 2 == 0
                if change % 4 < 2:  # by the lists
                    self.proxy.configure(deny=["sometimes.test"] if refused else [])
                    status, told = self.proxy.reload()
                    method = "GET"
                else:  # by the mode
                    mode = "limited" if refused else "full"
                    status, _, told = self.proxy.admin("POST", "/mode", f'{{"mode":"{mode}"}}')
                    method = "POST"
                self.assertEqual(status, 200, told)
                # The change is acknowledged: from here on every worker must hold it, on old connections and on new ones.
                expected = 403 if refused else 200
                url = self.origin.at("sometimes.test", "/status/200")
                self.assertEqual(kept.request(url, method=method).status, expected, f"change {change}, kept connection")
                for _ in range(3):
                    self.assertEqual(self.proxy.get(url, method=method).status, expected, f"change {change}, new connection")
        self.stop.set()
        for worker in workers:
            worker.join(30)
        self.assertEqual(self.failures[:3], [])
        self.assertGreater(self.served, CHANGES, "the load was there all along")
