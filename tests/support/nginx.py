"""The shipped nginx on ports of this machine, so that clients of several addresses reach it; and a server behind it."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from benchmarks.docker import detached, docker
from tests.support.photos import ROOT
from tests.support.wire import answer

IMAGE = "image-classifier:nginx"
ATTACKER, HONEST, PROXY = "127.0.0.1", "127.0.0.2", "127.0.0.9"


@dataclass
class Upstream:
    """A server that answers everything, or nothing while it is held, and remembers the heads of all requests.

    Attributes:
        port: where it listens.
        heads: of all requests, but for those of nginx itself, which asks whether it is ready.
        held: whether it answers only that.
        readiness: the status that it gives for it.
        broken: whether it closes a connection instead of answering.
        name: what it answers.
    """

    port: int = 0
    heads: list[str] = field(default_factory=list)
    held: bool = False
    readiness: int = 200
    broken: bool = False
    name: str = "ok"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError, ValueError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                if re.match(r"GET \S*/readyz HTTP/1\.0\r\n", head):
                    writer.write(b"HTTP/1.0 %d \r\nConnection: close\r\n\r\n" % self.readiness)
                    break
                self.heads.append(head)
                if re.search(r"\r\nupgrade: websocket\r\n", head, re.I):
                    writer.write(
                        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
                    )
                    await reader.read()
                    break
                while self.held:
                    await asyncio.sleep(0.02)
                await _skip_body(reader, head)
                if self.broken:
                    break
                said = self.name.encode()
                cached = b"Cache-Control: public, immutable\r\n" if "/static/" in head.split()[1] else b""
                writer.write(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (cached, len(said), said))
        writer.close()

    def run(self, ready: threading.Event) -> None:
        """Serves until its thread's process ends."""

        async def main() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await server.serve_forever()

        asyncio.run(main())


async def _skip_body(reader: asyncio.StreamReader, head: str) -> None:
    if length := re.search(r"\r\ncontent-length: *(\d+)\r\n", head, re.I):
        await reader.readexactly(int(length[1]))
    elif re.search(r"\r\ntransfer-encoding: *chunked\r\n", head, re.I):
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)


def upstream(name: str = "ok") -> Upstream:
    """Starts one; it ends with this process."""
    server, ready = Upstream(name=name), threading.Event()
    threading.Thread(target=server.run, args=(ready,), daemon=True).start()
    assert ready.wait(10)
    return server


@dataclass(frozen=True)
class Nginx:
    """A running nginx."""

    container: str
    port: int

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def logs(self) -> str:
        """What it printed."""
        command = ["docker", "logs", self.container]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout


@contextmanager
def nginx(
    folder: Path, servers: int | Sequence[int], port: int, tls: Path | None = None, **variables: str
) -> Iterator[Nginx]:
    """The image, hardened as in compose.yaml, before servers on ports of this machine.

    Only the port in its file is changed, since it shares this machine's.
    """
    _build()
    text = (ROOT / "deploy/nginx/nginx.conf").read_text("utf-8")
    changed = text.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    assert changed.count("127.0.0.1") == 1
    ports = [servers] if isinstance(servers, int) else servers
    variables = {"UPSTREAM": ",".join(f"127.0.0.1:{each}" for each in ports), **variables}
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(changed, "utf-8")
    options = ["--network", "host", "--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop", "ALL"]
    options += ["--security-opt", "no-new-privileges", "--memory", "128m", "--ulimit", "nofile=16384:16384"]
    options += ["--volume", f"{folder / 'nginx.conf'}:/etc/nginx/nginx.conf:ro"]
    options += ["--volume", f"{tls}:/tls:ro"] if tls else []
    options += [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
    with detached(IMAGE, *options) as container:
        end = time.monotonic() + 30
        while not _listens(port):
            assert time.monotonic() < end, docker("logs", container)
            time.sleep(0.05)
        yield Nginx(container, port)


@cache
def _build() -> None:
    docker("build", "--quiet", "--tag", IMAGE, str(ROOT / "deploy/nginx"))


def _listens(port: int) -> bool:
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return any(line.split()[1] == f"0100007F:{port:04X}" and line.split()[3] == "0A" for line in lines[1:])


def connected(port: int, source: str = HONEST) -> socket.socket:
    """A connection from one of this machine's addresses, each of which is a client."""
    return socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))


def get(port: int, path: str = "/", source: str = HONEST, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Asks for a path exactly as it is written."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    with connected(port, source) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n{''.join(lines)}\r\n".encode())
        got = answer(connection, "GET")
        return got.status, {name.lower(): value for name, value in got.headers.items()}, got.body


def post(port: int, path: str, body: bytes, chunked: bool = False) -> tuple[int, dict[str, str], bytes]:
    """Sends a body in one piece."""
    framing, sent = f"Content-Length: {len(body)}", body
    if chunked:
        framing, sent = "Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with connected(port) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n".encode() + sent)
        got = answer(connection, "POST")
        return got.status, {name.lower(): value for name, value in got.headers.items()}, got.body
