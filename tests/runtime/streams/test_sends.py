"""Messages reach real receivers: late ones, failing ones, and after a restart; the watcher never waits for them."""

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import trustme
from amqtt.broker import Broker, BrokerContext
from amqtt.plugins.base import BasePlugin
from amqtt.session import ApplicationMessage
from brightness import write_grey
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from patchsieve.runtime.streams import delivery
from patchsieve.runtime.streams.delivery import Delivery, UnreachableError
from patchsieve.runtime.streams.journal import Entry
from patchsieve.runtime.streams.spool import Spool


@dataclass(frozen=True)
class Identity:
    """A broker's key with its certificate, and the authority that vouches for it."""

    key: Path
    authority: Path


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    made = Identity(tmp_path / "broker.pem", tmp_path / "authority.pem")
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(made.key)
    authority.cert_pem.write_to_path(made.authority)
    return made


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE", 0.2)
    monkeypatch.setattr("patchsieve.runtime.streams.watching.GRACE", 1.0)


class Receiver:
    """An HTTP server that answers as it is told to.

    Attributes:
        answers: statuses of the next answers, then 200.
        got: headers and JSON of all requests, in order; `taken` are those answered with 200.
    """

    def __init__(self, port: int, answers: tuple[int, ...] = ()) -> None:
        self.answers = list(answers)
        self.got: list[tuple[dict[str, str], dict[str, object]]] = []
        self.taken: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.got.append((dict(self.headers), body))
                status = receiver.answers.pop(0) if receiver.answers else 200
                if status == 200:
                    receiver.taken.append(body["image"])
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Retry-After", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver(port: int) -> Iterator[Callable[..., Receiver]]:
    receivers: list[Receiver] = []

    def make(*answers: int) -> Receiver:
        receivers.append(Receiver(port, answers))
        return receivers[-1]

    yield make
    for one in receivers:
        one.close()


@pytest.fixture
def hook(port: int) -> str:
    return f"http://127.0.0.1:{port}/hook"


def test_a_webhook_that_fails_at_first_gets_everything_in_order(
    watching, incoming, receiver, hook, monkeypatch
):
    monkeypatch.setenv("PATCHSIEVE_WEBHOOK_TOKEN", "secret")
    server = receiver(503, 500, 429, 408)
    for index in range(6):
        write_grey(incoming / f"{index}.png", 200)
    run = watching(sinks=(hook,)).start()
    run.until(lambda: len(server.taken) == 6)
    run.finish()
    assert server.taken == [line["image"] for line in run.lines]
    headers, body = server.got[0]
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == body["id"]
    assert [body for _, body in server.got[4:]] == run.lines
    # Told once that it fails and once that it is back, not at every attempt.
    assert sum("503" in text for text in run.said) == 1
    assert sum("takes messages again" in text for text in run.said) == 1


def test_a_webhook_that_is_down_gets_everything_after_a_restart(watching, incoming, receiver, hook):
    for index in range(4):
        write_grey(incoming / f"{index}.png", 200)
    started = time.monotonic()
    run = watching(once=True, sinks=(hook,)).go()
    assert len(run.lines) == 4
    assert time.monotonic() - started < 9
    assert any("4 messages for" in text for text in run.said)
    assert any("wait in the journal" in text for text in watching(once=True).go().said)
    server = receiver()
    run = watching(sinks=(hook,)).start()
    run.until(lambda: len(server.taken) == 4)
    run.finish()
    assert [headers["Idempotency-Key"] for headers, _ in server.got] == [line["id"] for line in run.lines]


@pytest.mark.parametrize("status", [400, 404, 301])
def test_what_a_webhook_refuses_is_set_aside_until_the_next_start(watching, incoming, receiver, hook, status):
    server = receiver(status)
    for index in range(3):
        write_grey(incoming / f"{index}.png", 200)
    run = watching(sinks=(hook,)).start()
    run.until(lambda: len(server.got) == 3)
    time.sleep(0.2)
    run.finish()
    assert Counter(server.taken) == Counter([f"{index}.png" for index in (1, 2)])
    assert any(f"answers {status}" in text for text in run.said)
    assert any("1 messages for" in text and "set aside" in text for text in run.said)
    run = watching(sinks=(hook,)).start()
    run.until(lambda: len(server.taken) == 3)
    run.finish()
    assert len(server.got) == 4


def test_a_silent_receiver_does_not_hold_up_the_work(watching, incoming, port):
    """It takes connections and never answers."""
    with socket.create_server(("127.0.0.1", port)):
        write_grey(incoming / "a.png", 200)
        run = watching(sinks=(f"http://127.0.0.1:{port}/",)).start()
        run.until(lambda: len(run.shown) == 1, seconds=9)
        write_grey(incoming / "b.png", 200)
        run.until(lambda: len(run.shown) == 2, seconds=9)
        run.finish()


class Unreachable:
    address = "http://nowhere"

    def send(self, _message: object) -> None:
        raise UnreachableError("nobody is there")

    def close(self) -> None:
        pass


def test_a_full_spool_gives_up_the_oldest_and_says_so_once(database, journal):
    said: list[str] = []
    sender = Delivery(Unreachable(), Spool(database, journal.stream, "http://nowhere", 5), said.append)
    for number in range(1, 13):
        done = Entry(number, f"/in/{number}", None, "", "2026-11-22", "good", "{}", None, placed=True)
        journal.finish([done], [("http://nowhere", number, b"{}")])
        sender.added(1)
    spool = sender.spool
    assert [message.number for message in spool.oldest(100)] == [8, 9, 10, 11, 12]
    assert (spool.waiting, spool.dropped) == (5, 7)
    assert len(said) == 1
    assert "5 messages" in said[0]
    spool.delivered([8, 9])
    assert Spool(database, journal.stream, "http://nowhere", 5).waiting == 3


class Recorder(BasePlugin[BrokerContext]):
    """Takes down what the broker receives: a client that listens would miss what comes before it has subscribed."""

    got: ClassVar[list[dict[str, object]]] = []

    async def on_broker_message_received(self, *, client_id: str, message: ApplicationMessage) -> None:
        del client_id
        if message.topic == "plant/line7":
            self.got.append(json.loads(bytes(message.data)))


class RunningBroker:
    """An MQTT broker in a thread of its own; one at a time."""

    def __init__(self, port: int, *, accounts: Path | None = None, identity: Identity | None = None) -> None:
        plugins = {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": accounts is None},
            f"{__name__}.{Recorder.__name__}": {},
        }
        if accounts is not None:
            plugins["amqtt.plugins.authentication.FileAuthPlugin"] = {"password_file": str(accounts)}
        listener: dict[str, object] = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
        if identity is not None:
            listener |= {"ssl": True, "certfile": str(identity.key), "keyfile": str(identity.key)}
        self.config = {"listeners": {"default": listener}, "plugins": plugins}
        self.got = Recorder.got = []
        self.loop = asyncio.new_event_loop()
        self.ready, self.over = threading.Event(), asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self.serve(),), daemon=True)
        self.thread.start()
        assert self.ready.wait(60)

    async def serve(self) -> None:
        broker = Broker(self.config, loop=self.loop)
        await broker.start()
        self.ready.set()
        await self.over.wait()
        await broker.shutdown()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(60)


@pytest.fixture
def broker(port: int) -> Iterator[Callable[..., RunningBroker]]:
    brokers: list[RunningBroker] = []

    def make(**options: object) -> RunningBroker:
        brokers.append(RunningBroker(port, **options))
        return brokers[-1]

    yield make
    for one in brokers:
        if one.thread.is_alive():
            one.close()


def test_a_broker_that_is_down_at_first_and_again_later_gets_everything(watching, incoming, broker, port):
    run = watching(sinks=(f"mqtt://127.0.0.1:{port}/plant/line7",)).start()
    write_grey(incoming / "a.png", 200)
    run.until(lambda: any("cannot be reached" in text for text in run.said))
    first = broker()
    run.until(lambda: len(first.got) == 1)
    first.close()
    write_grey(incoming / "b.png", 10)
    run.until(lambda: len(run.shown) == 2)
    second = broker()
    run.until(lambda: len(second.got) >= 1)
    write_grey(incoming / "c.png", 10)
    run.until(lambda: len({str(one["id"]) for one in second.got}) == 2)
    run.finish()
    got = {str(one["id"]): one for one in [*first.got, *second.got]}
    assert list(got.values()) == run.lines


def test_a_broker_with_passwords_and_encryption(
    watching, incoming, broker, port, identity, tmp_path, monkeypatch
):
    accounts = tmp_path / "accounts"
    hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64),))
    names = {"line7": "secret"}
    accounts.write_text("".join(f"{name}:{hasher.hash(word)}\n" for name, word in names.items()))
    server = broker(accounts=accounts, identity=identity)
    write_grey(incoming / "a.png", 200)
    run = watching(sinks=(f"mqtts://127.0.0.1:{port}/plant/line7",)).start()
    run.until(lambda: any("cannot be reached" in text and "CERTIFICATE" in text for text in run.said))
    run.finish()
    monkeypatch.setenv("PATCHSIEVE_MQTT_CA", str(identity.authority))
    run = watching(sinks=(f"mqtts://127.0.0.1:{port}/plant/line7",)).start()
    run.until(lambda: any("refuses the connection" in text for text in run.said))
    monkeypatch.setenv("PATCHSIEVE_MQTT_USER", "line7")
    monkeypatch.setenv("PATCHSIEVE_MQTT_PASSWORD", "secret")
    run.until(lambda: len(server.got) == 1)
    run.finish()
