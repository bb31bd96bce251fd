"""`python -m benchmarks.hostile [ATTACK...]`: how an honest client fares beside a hostile one.

The hostile client is at 127.0.0.1, in a process of its own, and the honest one at 127.0.0.2. The honest one sends a
photo again and again, on a new connection each time: alone, then beside each attack. The table shows how many of its
requests were answered with 200, and the time that 95 % of them took, as a multiple of the time alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.server import serving

HOSTILE, HONEST = "127.0.0.1", "127.0.0.2"

# A lossless WebP file of 7070 x 7070 pixels in one colour: as many as are allowed, and 0.7 s of work.
SLOW_PICTURE = bytes.fromhex("5249464614000000574542505650384c080000002f9d5be706888808")
_PATH = "/api/v1/classify"
_SECONDS = 30.0  # until an honest client gives up
_PAUSE = 0.05  # seconds between two of its requests

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Served:
    """What the honest client got.

    Attributes:
        statuses: of each request; 0 if there was no answer.
        seconds: that each took.
    """

    statuses: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def share(self) -> float:
        """The part that was answered with 200."""
        return self.statuses.count(200) / len(self.statuses)

    @property
    def p95(self) -> float:
        """Seconds that at most one request in twenty exceeded."""
        return sorted(self.seconds)[int(0.95 * (len(self.seconds) - 1))]


def _request(body: bytes, announced: int | None = None, path: str = _PATH) -> bytes:
    length = len(body) if announced is None else announced
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer, read to its end."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    await reader.readexactly(int(headers.get("content-length", 0)))
    return int(first.split()[1]), headers


async def _honest(address: Address, photo: bytes, requests: int) -> Served:
    statuses, seconds = [], []
    for _ in range(requests):
        begin, status = time.perf_counter(), 0
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_SECONDS):
                reader, writer = await asyncio.open_connection(*address, local_addr=(HONEST, 0))
                writer.write(_request(photo))
                status, _ = await _answer(reader)
                writer.close()
        statuses.append(status)
        seconds.append(time.perf_counter() - begin)
        await asyncio.sleep(_PAUSE)
    return Served(tuple(statuses), tuple(seconds))


async def _slow_pictures(address: Address, seen: Counter[str]) -> None:
    """Sends pictures that take as long as any, one after the other."""
    reader, writer = await asyncio.open_connection(*address)
    while True:
        writer.write(_request(SLOW_PICTURE))
        status, headers = await _answer(reader)
        seen[f"{status}{'' if status == 200 or 'retry-after' in headers else ' without Retry-After'}"] += 1
        if headers.get("connection") == "close":
            return


async def _abandoned(address: Address, seen: Counter[str]) -> None:
    """Sends such pictures and goes away."""
    _, writer = await asyncio.open_connection(*address)
    writer.write(_request(SLOW_PICTURE))
    await writer.drain()
    await asyncio.sleep(0.02)
    writer.close()
    seen["abandoned"] += 1
    await asyncio.sleep(0.2)


async def _announced(address: Address, seen: Counter[str]) -> None:
    """Announces a large body and sends a byte of it."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(_request(b"x", announced=19_000_000))
    status, _ = await _answer(reader)
    seen[str(status)] += 1


async def _large_bodies(address: Address, seen: Counter[str]) -> None:
    """Sends large bodies that never end."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(_request(bytes(18_000_000), announced=19_000_000))
    with suppress(ConnectionError):
        await writer.drain()
    status, _ = await _answer(reader)
    seen[str(status)] += 1


async def _idle(address: Address, seen: Counter[str]) -> None:
    """Opens connections and says nothing."""
    reader, _ = await asyncio.open_connection(*address)
    seen["opened"] += 1
    await reader.read()
    seen["closed"] += 1


async def _near_boundaries(address: Address, seen: Counter[str]) -> None:
    """Sends forms whose content almost ends at each byte."""
    head = b'--bx\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head + b"\r\n--b" * 3_000_000 + b"\r\n--bx--\r\n"
    reader, writer = await asyncio.open_connection(*address)
    sent = _request(body).replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/form-data; boundary=bx\r\n\r\n", 1)
    writer.write(sent)
    status, _ = await _answer(reader)
    seen[str(status)] += 1
    writer.close()


ATTACKS: dict[str, tuple[int, Callable[[Address, Counter[str]], Awaitable[None]]]] = {
    "slow_pictures": (40, _slow_pictures),
    "abandoned": (40, _abandoned),
    "announced": (20, _announced),
    "large_bodies": (20, _large_bodies),
    "idle": (1100, _idle),
    "near_boundaries": (4, _near_boundaries),
}
"""On how many connections at once, and what each does, again and again."""


async def _hostile(name: str, address: Address) -> None:
    """Attacks until standard input ends, then prints what came back as a JSON object."""
    connections, attack = ATTACKS[name]
    seen: Counter[str] = Counter()

    async def again() -> None:
        while True:
            try:
                await attack(address, seen)
            except (OSError, asyncio.IncompleteReadError) as error:
                seen[type(error).__name__] += 1
                await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(again()) for _ in range(connections)]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    print(json.dumps(seen))


@contextmanager
def attacking(name: str, address: Address) -> Iterator[Counter[str]]:
    """An attack goes on during the `with` block; after it, what came back is in the counter."""
    seen: Counter[str] = Counter()
    command = [sys.executable, "-m", "benchmarks.hostile", "--attack", name, *map(str, address)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        time.sleep(1)  # until it is under way
        try:
            yield seen
        finally:
            answer, _ = process.communicate()
            seen.update(json.loads(answer))


def honest(address: str, photo: bytes, requests: int) -> Served:
    """What the honest client gets from the server at this address."""
    with ThreadPoolExecutor(1) as pool:  # a thread without an event loop, which the caller's may have
        return pool.submit(asyncio.run, _honest(place(address), photo, requests)).result()


def place(address: str) -> Address:
    """Host and port of a URL."""
    parts = urlsplit(address)
    return str(parts.hostname), int(parts.port or 80)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__.splitlines()[0])
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"of {', '.join(ATTACKS)}; all if none")
    parser.add_argument("--requests", type=int, default=100, help="how often the honest client asks")
    parser.add_argument("--photo", type=Path, default=Path("tests/photos/bucket.webp"), help="what it sends")
    parser.add_argument("--attack", nargs=3, metavar=("NAME", "HOST", "PORT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.attack:
        name, host, port = args.attack
        asyncio.run(_hostile(name, (host, int(port))))
        return
    photo = args.photo.read_bytes()
    print("| attack | answered with 200 | p95 | times p95 alone | the attacker got |\n|---|---|---|---|---|")
    command = [sys.executable, "-m", "classifier", "serve", "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        for name in args.attacks or ATTACKS:
            with serving(Path(folder, "log.txt"), command) as (_, address):
                honest(address, photo, 20)
                alone = honest(address, photo, args.requests)
                with attacking(name, place(address)) as got:
                    beside = honest(address, photo, args.requests)
            answers = ", ".join(f"{count} x {what}" for what, count in sorted(got.items()))
            print(
                f"| {name} | {beside.share:.0%} | {beside.p95 * 1000:.0f} ms | {beside.p95 / alone.p95:.1f} x "
                f"| {answers} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
