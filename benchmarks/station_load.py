"""The station under load: a real server process, real uploads, and what became of every single one.

    python benchmarks/station_load.py --seconds 20
    python benchmarks/station_load.py --model line7.sieve --images line7/today --database postgresql://...

Without --model a SoftPatch is fitted on the generated demo set. In one run, on one machine, after each other:

1. bare: `predict` of the same model on the same files in this process, one file at a time and all at once.
2. one client: one upload after the other; latency.
3. clients: as many as --clients at a time, each waiting for its answer; throughput, beside that of bare.
4. overload: uploads arrive at 10 times that throughput for --overload-seconds. Those refused with 429 come again after
   Retry-After, each with its Idempotency-Key, until all are answered or --patience seconds have passed.
5. killed: as 4, but the server is killed by SIGKILL in the middle and started again on the same data; uploads that got
   no answer come again as well.

At the end of 4 and 5 the history is read back: every upload that was answered must stand in it exactly once, under the
id that the client was told, and none twice that clients gave up. --database takes an empty one. The exit status says
whether that is so. The clients take processor time from the server: on a machine with few cores throughput is lower
than the server's alone.
"""

import argparse
import asyncio
import contextlib
import csv
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from time import perf_counter, sleep

import httpx
import numpy as np
import psutil

from patchsieve.detectors import SoftPatch
from patchsieve.images import read_images
from patchsieve.images.synthetic import write_demo_set
from patchsieve.runtime import open_model

OVERLOAD = 10
LINE = "load"


@dataclass
class Seen:
    """What the clients of a phase saw."""

    seconds: list[float] = field(default_factory=list)
    answered: dict[str, str] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)
    statuses: Counter[str] = field(default_factory=Counter)
    retry_after: list[int] = field(default_factory=list)
    took: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.answered) / self.took

    def latency(self) -> tuple[float, float, float]:
        p50, p95, p99 = np.percentile(self.seconds, [50, 95, 99]) * 1000
        return float(p50), float(p95), float(p99)


class Server:
    """`patchsieve serve` as a process of its own."""

    def __init__(self, model: Path, data: Path, database: str | None, queue: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._log = data.with_suffix(".log").open("ab")
        self._command = [
            *(str(Path(sys.executable).with_name("patchsieve")), "serve", str(model), "--data", str(data)),
            *("--port", str(self.port), "--queue", str(queue)),
            *(("--database", database) if database else ()),
        ]
        self.most_memory = 0
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)
        deadline = perf_counter() + 120
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.address}/readyz").status_code == 200:
                    return
            if self.process.poll() is not None or perf_counter() > deadline:
                sys.exit(f"the server did not start; see {self._log.name}")
            sleep(0.1)

    def memory(self) -> int:
        """Return the bytes that the server and its children hold now."""
        total = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            for process in (parent, *parent.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += process.memory_info().rss
        self.most_memory = max(self.most_memory, total)
        return total

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> float:
        """Stop it as Ctrl+C does and return how long that took."""
        started = perf_counter()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        return perf_counter() - started


class Clients:
    """Uploads to one server; each upload is a part with a name of its own."""

    def __init__(self, server: Server, files: list[Path]) -> None:
        self._server = server
        self._bodies = cycle([file.read_bytes() for file in files])
        self._ending = files[0].suffix
        self._count = 0

    async def one_after_the_other(self, at_a_time: int, seconds: float) -> Seen:
        """Let each client send its next upload when it has its answer."""
        seen = Seen()
        started = perf_counter()
        async with self._client() as client:

            async def work() -> None:
                while perf_counter() - started < seconds:
                    await self._send(client, seen)

            await asyncio.gather(*(work() for _ in range(at_a_time)))
        seen.took = perf_counter() - started
        return seen

    async def at_rate(self, rate: float, seconds: float, patience: float, *, kill: bool) -> Seen:
        """Let uploads arrive at a rate, whatever becomes of those before, and wait until no client waits any more."""
        seen = Seen()
        started = perf_counter()
        async with self._client() as client:
            sent: list[asyncio.Task[None]] = []
            killing = asyncio.create_task(self._kill_and_start(seconds / 2)) if kill else None
            while (due := perf_counter() - started) < seconds:
                while len(sent) < due * rate:
                    sent.append(asyncio.create_task(self._send(client, seen, started + seconds + patience)))
                self._server.memory()
                await asyncio.sleep(0.02)
            await asyncio.gather(*sent)
            if killing is not None:
                await killing
        seen.took = perf_counter() - started
        return seen

    async def _kill_and_start(self, after: float) -> None:
        await asyncio.sleep(after)
        self._server.kill()
        await asyncio.to_thread(self._server.start)

    async def _send(self, client: httpx.AsyncClient, seen: Seen, until: float = float("inf")) -> None:
        """Send one upload until it is answered, or its time is over."""
        self._count += 1
        name = f"part-{self._count:06}{self._ending}"
        body = next(self._bodies)
        headers = {"Idempotency-Key": f"key-{name}"}
        started = perf_counter()
        while perf_counter() < until:
            try:
                answer = await client.post(
                    f"/api/v1/lines/{LINE}/predict", files={"image": (name, body)}, headers=headers
                )
            except httpx.TransportError as error:
                seen.statuses[type(error).__name__] += 1
                await asyncio.sleep(0.5)
                continue
            seen.statuses[str(answer.status_code)] += 1
            if answer.status_code == 200:
                seen.seconds.append(perf_counter() - started)
                seen.answered[name] = answer.json()["id"]
                return
            if answer.status_code not in (429, 503):
                sys.exit(f"{name}: {answer.status_code} {answer.text}")
            wait = int(answer.headers["Retry-After"])
            if answer.status_code == 429:
                seen.retry_after.append(wait)
            await asyncio.sleep(wait)
        seen.given_up.add(name)

    def _client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        return httpx.AsyncClient(base_url=self._server.address, limits=limits, timeout=120)


def history(server: Server) -> dict[str, list[str]]:
    """Return the ids of all inspections by the names of their images."""
    text = httpx.get(f"{server.address}/api/v1/inspections/export.csv", timeout=300).text
    found: dict[str, list[str]] = {}
    for row in csv.DictReader(text.removeprefix("\ufeff").splitlines()):
        found.setdefault(row["image_name"], []).append(row["id"])
    return found


def judged(server: Server, answered: dict[str, str], given_up: set[str]) -> tuple[int, int, int]:
    """Return how many uploads are lost, doubled, and in the history though nobody was told or has given up."""
    found = history(server)
    lost = sum(inspection not in found.get(name, []) for name, inspection in answered.items())
    doubled = sum(len(ids) - 1 for ids in found.values())
    return lost, doubled, len(found.keys() - answered.keys() - given_up)


def bare(model_file: Path, files: list[Path], seconds: float) -> tuple[Seen, float]:
    """Return the latency of one file at a time, and the throughput of all at once."""
    model = open_model(model_file)
    model.predict(files[:4])
    seen = Seen()
    for file in cycle(files):
        started = perf_counter()
        model.predict([file])
        seen.seconds.append(perf_counter() - started)
        if sum(seen.seconds) > seconds / 2:
            break
    seen.took = sum(seen.seconds)
    seen.answered = {str(place): "" for place in range(len(seen.seconds))}
    started, count = perf_counter(), 0
    while perf_counter() - started < seconds / 2:
        count += len(model.predict(files).scores)
    return seen, count / (perf_counter() - started)


@contextlib.contextmanager
def prepared(arguments: argparse.Namespace) -> Iterator[tuple[Path, list[Path], Path]]:
    """Yield the model, the files to upload and a folder for the station."""
    with tempfile.TemporaryDirectory(prefix="station-load-") as folder:
        work = Path(folder)
        model = work / f"{LINE}.sieve"
        images = arguments.images
        if arguments.model is None:
            write_demo_set(work / "demo")
            fitted = SoftPatch(image_size=arguments.image_size, crop=None).fit(read_images(work / "demo"))
            fitted.save(model)
            images = images or work / "demo" / "test" / "good"
        else:
            model.symlink_to(arguments.model.resolve())
        files = [record.path for record in read_images(images) if record.path is not None]
        yield model, files[: arguments.files], work / "station"


def row(name: str, seen: Seen, *more: str) -> None:
    p50, p95, p99 = seen.latency()
    figures = f"{len(seen.answered):>7} {seen.rate:>9.1f} {p50:>9.1f} {p95:>9.1f} {p99:>9.1f}"
    print(f"{name:<22}{figures}  {'; '.join(more)}", flush=True)


async def load(server: Server, arguments: argparse.Namespace, files: list[Path], best: float) -> bool:
    """Run the phases against a server; return whether every upload was accounted for."""
    clients = Clients(server, files)
    everything: dict[str, str] = {}
    given_up: set[str] = set()
    alone = await clients.one_after_the_other(1, arguments.seconds)
    row("one client", alone)
    many = await clients.one_after_the_other(arguments.clients, arguments.seconds)
    row(f"{arguments.clients} clients", many, f"{many.rate / best:.0%} of bare")
    everything |= alone.answered | many.answered
    before = server.memory()
    right = True
    for name, kill in (("overload", False), ("killed", True)):
        seen = await clients.at_rate(
            OVERLOAD * many.rate, arguments.overload_seconds, arguments.patience, kill=kill
        )
        everything |= seen.answered
        given_up |= seen.given_up
        lost, doubled, untold = judged(server, everything, given_up)
        right &= not (lost or doubled or untold)
        waits = (
            f"Retry-After {min(seen.retry_after)} to {max(seen.retry_after)} s" if seen.retry_after else ""
        )
        told = ", ".join(f"{count} x {status}" for status, count in seen.statuses.most_common())
        gone = f"given up {len(seen.given_up)}, lost {lost}, doubled {doubled}, untold {untold}"
        row(f"{name}, {OVERLOAD} x", seen, told, waits, gone)
    print(
        f"memory of the server: {before / 2**20:.0f} MiB before the overload, "
        f"{server.most_memory / 2**20:.0f} MiB at most"
    )
    return right


def main() -> int:
    arguments = parse()
    with prepared(arguments) as (model, files, data):
        print(
            f"{os.cpu_count()} cores; {len(files)} files, the first of {files[0].stat().st_size / 1024:.0f} KiB"
        )
        print(f"{'':<22}{'images':>7} {'images/s':>9} {'p50 ms':>9} {'p95 ms':>9} {'p99 ms':>9}")
        single, best = bare(model, files, arguments.seconds)
        row("bare, one at a time", single, f"all at once {best:.1f} images/s")
        server = Server(model, data, arguments.database, arguments.queue)
        try:
            if history(server):
                sys.exit("the database has inspections already, which cannot be told from those of this run")
            right = asyncio.run(load(server, arguments, files, best))
            print(f"stopped in {server.stop():.1f} s")
        finally:
            server.process.kill()
    print(
        "every upload that was answered is in the history once" if right else "UPLOADS WERE LOST OR DOUBLED"
    )
    return 0 if right else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="a .sieve file; default: fitted on the demo set")
    parser.add_argument("--images", type=Path, help="what is uploaded; default: the demo's good test images")
    parser.add_argument(
        "--files", type=int, default=64, help="how many different images are uploaded at most"
    )
    parser.add_argument("--image-size", type=int, default=256, help="of the model fitted on the demo set")
    parser.add_argument("--seconds", type=float, default=20, help="of bare, one client and clients each")
    parser.add_argument("--overload-seconds", type=float, default=3, help="in which uploads arrive too fast")
    parser.add_argument(
        "--patience",
        type=float,
        default=60,
        help="seconds after that until clients give up what is not answered",
    )
    parser.add_argument("--clients", type=int, default=16, help="at a time")
    parser.add_argument("--queue", type=int, default=64, help="of the server")
    parser.add_argument("--database", help="URL of an empty PostgreSQL database; default: SQLite")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
