"""HTTPS before a server, as hosting platforms have it, with a certificate that nobody signed."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


def certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """Makes a certificate for hosts; its file, and that of its key."""
    made, key = folder / "tls.crt", folder / "tls.key"
    subject = ("-subj", f"/CN={names[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*command, *subject], check=True, capture_output=True)
    return made, key


@dataclass
class Front:
    """What ends TLS."""

    port: int = 0
    sent: bytearray = field(default_factory=bytearray)
    """all that browsers said to the server behind it"""


@contextmanager
def fronted(address: str, files: tuple[Path, Path]) -> Iterator[Front]:
    """Ends TLS on a port of this machine and passes everything on to a server, websockets included."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    behind, front = urlsplit(address), Front()
    loop = asyncio.new_event_loop()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, copy: bytearray) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(65536):
                    copy += data
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(behind.hostname, behind.port)
        await asyncio.gather(pump(reader, back, front.sent), pump(there, writer, bytearray()))

    async def serve() -> asyncio.Server:
        return await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)

    async def stop() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # In a thread of its own: Playwright has a loop in the tests'.
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(serve(), loop).result(30)
        front.port = server.sockets[0].getsockname()[1]
        yield front
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
