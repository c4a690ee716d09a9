"""One attempt on the wire: which address it goes to, what it says, and how long it may take."""

import asyncio
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from django.utils import timezone

from config.stack import certificate
from merchants.rules import targets
from merchants.services.webhooks import sending
from merchants.services.webhooks.leases import Parcel
from merchants.wire import webhooks as wire

SECRET = wire.new_secret()


class Names:
    """A name server of the test: each question is answered with the next of its answers."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def __call__(self, host, port):
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def attempt(url, *, names=None, total_s=None):
    """Make one attempt at ``url`` and return its outcome."""
    parcel = Parcel(1, timezone.now(), 1, 1, 1, url, "evt_MER-1_1", '{"seq":1}', (SECRET,))

    async def run():
        async with sending.client_of(sending.trust(), places=4) as client:
            return await sending.send(
                parcel=parcel,
                client=client,
                resolve=names or Names(["127.0.0.1"]),
                clock=timezone.now,
            )

    return asyncio.run(run())


@contextmanager
def bare(answer):
    """A TCP listener that runs ``answer(connection)`` for each caller, and counts them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        callers = []

        def serve():
            while True:
                try:
                    connection, _where = listener.accept()
                except OSError:
                    return
                callers.append(connection)
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], callers
        listener.close()
        for connection in callers:
            connection.close()


@pytest.fixture
def known(serve):
    """A receiver that knows the secret at ``/hook``."""
    server = serve()
    server.secrets["/hook"] = [SECRET]
    return server


class TestWhere:
    def test_the_name_is_asked_once_and_that_address_is_used(self, known, settings):
        names = Names(["127.0.0.1"], ["192.0.2.1"])
        settings.WEBHOOK_ALLOW = {f"localhost:{known.port}"}

        outcome = attempt(f"https://localhost:{known.port}/hook", names=names)

        assert (outcome.status, outcome.error) == (204, "")
        assert names.asked == [("localhost", known.port)]

    @pytest.mark.parametrize(
        "address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:127.0.0.1"]
    )
    def test_a_name_that_leads_inside_is_not_connected_to(self, known, address, monkeypatch):
        monkeypatch.setattr(targets, "PORTS", {known.port})

        outcome = attempt(f"https://rebound.example:{known.port}/hook", names=Names([address]))

        assert (outcome.status, outcome.error) == (None, "target_refused")
        assert not known.receiver.messages

    def test_a_name_that_was_public_when_saved_is_judged_anew(self, known, monkeypatch):
        monkeypatch.setattr(targets, "PORTS", {known.port})
        names = Names(["8.8.8.8"], ["127.0.0.1"])
        asyncio.run(names("rebound.example", 443))

        outcome = attempt(f"https://rebound.example:{known.port}/hook", names=names)

        assert outcome.error == "target_refused"
        assert not known.receiver.messages

    def test_without_the_judgement_it_would_get_there(self, known, monkeypatch):
        """Negative control: the tests above fail without the fence after the resolution."""
        monkeypatch.setattr(targets, "PORTS", {known.port})
        monkeypatch.setattr(targets, "is_public", lambda _address: True)

        outcome = attempt(f"https://localhost.localdomain:{known.port}/hook")

        assert outcome.error == "certificate"  # the connection was made

    def test_the_system_resolver_reads_odd_numbers_and_the_fence_still_holds(self, known):
        for odd in ("2130706433", "0x7f000001", "017700000001", "127.1"):
            found = socket.getaddrinfo(odd, known.port, type=socket.SOCK_STREAM)
            assert found[0][4][0] == "127.0.0.1"
            assert attempt(f"https://{odd}:{known.port}/hook").error == "target_refused"

    def test_an_unknown_name_is_told_as_such(self, settings):
        async def nobody(_host, _port):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        assert attempt("https://nobody.example/", names=nobody).error == "name_unknown"


class TestWhatItSays:
    def test_sni_host_and_certificate_are_of_the_name(self, serve, settings, tmp_path):
        named = serve(allow=False)
        settings.WEBHOOK_ALLOW = {f"shop.example:{named.port}"}

        outcome = attempt(f"https://shop.example:{named.port}/hook")

        assert outcome.error == "certificate"  # it is of 127.0.0.1 and localhost

    def test_a_certificate_nobody_vouches_for_is_refused(self, known, settings):
        settings.WEBHOOK_TRUST = ""

        assert attempt(known.url()).error == "certificate"

    def test_a_redirect_is_not_followed(self, serve):
        server = serve(lambda _path, _id: 307)
        server.secrets["/hook"] = [SECRET]

        outcome = attempt(server.url())

        assert (outcome.status, outcome.error) == (307, "redirect")
        assert len(server.receiver.messages) == 1

    def test_no_proxy_of_the_environment_is_used(self, known, monkeypatch):
        for name in ("HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")

        assert attempt(known.url()).status == 204


class TestHowLong:
    @pytest.fixture(autouse=True)
    def hasty(self, monkeypatch):
        monkeypatch.setattr(sending, "TOTAL_S", 1.0)

    def open_to(self, settings, port):
        settings.WEBHOOK_ALLOW = {f"127.0.0.1:{port}"}
        began = time.monotonic()
        outcome = attempt(f"https://127.0.0.1:{port}/hook")
        assert time.monotonic() - began < 3
        return outcome.error

    def test_who_never_shakes_hands_times_out(self, settings):
        with bare(lambda connection: connection.recv(1)) as (port, _callers):
            assert self.open_to(settings, port) == "timeout"

    def test_who_takes_the_message_and_says_nothing_times_out(self, serve):
        server = serve()
        server.secrets["/hook?wait=5"] = [SECRET]

        began = time.monotonic()
        outcome = attempt(server.url("/hook?wait=5"))

        assert outcome.error == "timeout"
        assert time.monotonic() - began < 3

    def test_a_name_server_that_does_not_answer_times_out(self, settings):
        async def silent(_host, _port):
            await asyncio.sleep(60)

        assert attempt("https://shop.example/", names=silent).error == "timeout"

    def test_who_does_not_speak_tls_is_told_as_such(self, settings):
        with bare(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")) as (port, _):
            assert self.open_to(settings, port) == "tls"

    def test_nobody_there_is_told_as_such(self, settings):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]

        assert self.open_to(settings, port) == "unreachable"


def test_an_endless_answer_is_read_no_further_than_its_beginning(settings, pem):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    settings.WEBHOOK_TRUST = str(pem)
    sent = []

    def pour(connection):
        with suppress(OSError), tls.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(4096)
            wrapped.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            while True:
                sent.append(wrapped.send(b"x" * 65536))

    with bare(pour) as (port, _callers):
        settings.WEBHOOK_ALLOW = {f"127.0.0.1:{port}"}
        outcome = attempt(f"https://127.0.0.1:{port}/")

    assert (outcome.status, outcome.error, outcome.answer) == (200, "", b"x" * 500)
    assert sum(sent) < 8 * 2**20


def test_the_certificate_of_tests_is_for_its_owner_alone(pem):
    assert pem.name == certificate.FILE
    assert pem.stat().st_mode & 0o777 == 0o600
