"""Serves a checkout for development: starts the server again whenever one of its files is saved.

Modules are used by page, API and loaded model alike: only a new process reloads them everywhere. An open tab keeps its
picture meanwhile, since that is in the browser; a reload shows how the page looks now.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
WATCHED = (".streamlit", "classifier", "model", "streamlit_app.py", "web")
SUFFIXES = (".css", ".html", ".js", ".json", ".py", ".toml", ".txt")

# Seconds between checks of all files. They are polled, since events of a host's files do not reach every container.
_PAUSE = 0.3
_GRACE = 1.0


def saved() -> dict[Path, int]:
    """When each file that needs a new process was saved last."""
    times = {}
    for name in WATCHED:
        for path in (ROOT / name, *(ROOT / name).rglob("*")):
            if path.suffix in SUFFIXES:
                try:
                    times[path] = path.stat().st_mtime_ns
                except OSError:  # removed just now, as editors do while they save
                    continue
    return times


def until_saved(before: dict[Path, int], server: subprocess.Popen[bytes]) -> dict[Path, int]:
    """Waits for a change; prints a message once if the server ends meanwhile, as after an error in its code."""
    ended = False
    while (now := saved()) == before:
        if not ended and server.poll() is not None:
            ended = True
            print(
                f"The server ended with status {server.returncode}; it starts again when a file is saved.", flush=True
            )
        time.sleep(_PAUSE)
    return now


def stop(server: subprocess.Popen[bytes]) -> None:
    """Ends the server; kills it after a second, as it would wait longer for the connections of open tabs."""
    server.terminate()
    try:
        server.wait(_GRACE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def end(_: int, __: FrameType | None) -> None:
    """Leaves by an exception, so that the server is ended, too."""
    sys.exit(0)


def main() -> None:
    """Runs until SIGTERM or Ctrl+C."""
    signal.signal(signal.SIGTERM, end)
    times = saved()
    while True:
        server = subprocess.Popen([sys.executable, "-m", "classifier", "serve"], cwd=ROOT)
        try:
            now = until_saved(times, server)
        finally:
            stop(server)
        changed = sorted(str(path.relative_to(ROOT)) for path, _ in now.items() ^ times.items())
        print(f"Starting again: {', '.join(dict.fromkeys(changed))}", flush=True)
        times = now


if __name__ == "__main__":
    main()
