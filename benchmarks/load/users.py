"""Locust's users: callers of the API and visitors of the page, each behind an address of their own.

`locust -f benchmarks/load/users.py --host http://localhost:8501 Small` runs them by hand, with Locust's own options and
web page. The environment says what Locust has no option for:

    PICTURES                 a folder with small.jpg and large.jpg
    SMALL, LARGE, VISITORS   how many there are of each kind
    RATE                     requests a second of all SMALL together, answered or not; without a pause if unset
    THINK                    seconds for which a visitor looks at the bars, 5 if unset
    RECORD                   a file that gets a line for each request: when, what, ms, and what went wrong, as JSON
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import os
import random
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from locust import FastHttpUser, User, events, task
from websockets.exceptions import InvalidStatus

from benchmarks.visitor import Answer, Tab, another, opened

RATE = float(os.environ.get("RATE", "0"))
THINK = float(os.environ.get("THINK", "5"))
RECORD = os.environ.get("RECORD")
GAP = int(os.environ.get("SMALL", "0")) / RATE if RATE else 0.0
"""Mean of the seconds between two requests of a caller where arrivals have a rate."""
PICTURES: dict[str, Any] = {path.stem: path.read_bytes() for path in Path(os.environ["PICTURES"]).glob("*.jpg")}
EVENTS: Any = events  # without types
_REFUSED = (429, 503)
_NETWORK = ipaddress.ip_network("198.18.0.0/15")  # for benchmarks: RFC 2544
_NUMBERS = itertools.count(random.randrange(_NETWORK.num_addresses))  # noqa: S311  (no secret)
"""From an address on that no load had lately: whoever has used much would wait longer than the others."""


def _address() -> dict[str, str]:
    """The header by which a proxy names the next free address."""
    return {"X-Forwarded-For": str(_NETWORK[next(_NUMBERS) % _NETWORK.num_addresses])}


class Caller(FastHttpUser):
    """Sends a picture, and the next as soon as it has its labels; keeps its connection, and comes back when told to."""

    abstract = True
    picture = ""
    network_timeout = connection_timeout = 60.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """With an address of its own."""
        super().__init__(*arguments, **options)
        self.headers = {"Content-Type": "image/jpeg", **_address()}

    def on_start(self) -> None:
        """Comes at a moment of its own where arrivals have a rate, and is there at once where they have not."""
        self._next = time.time()
        time.sleep(self.wait_time())

    def wait_time(self) -> float:
        """Seconds until the next request: at once, or as those come that know nothing of each other."""
        self._next += random.expovariate(1 / GAP) if RATE else 0
        return max(0.0, self._next - time.time())

    @task
    def classify(self) -> None:
        """One request."""
        with self.client.post(
            "/api/v1/classify",
            data=PICTURES[self.picture],
            headers=self.headers,
            name=self.picture,
            catch_response=True,
        ) as response:
            if response.status_code == 200:
                if not response.json()["results"][0]["predictions"]:
                    response.failure("no labels")
                return
            if response.status_code in _REFUSED and "Retry-After" in response.headers:
                response.request_meta["name"] += " refused"
                response.success()
        if not RATE and response.status_code in _REFUSED:
            time.sleep(float(response.headers["Retry-After"]))


class Small(Caller):
    """Sends 640 x 480 pixels."""

    picture = "small"
    fixed_count = int(os.environ.get("SMALL", "0"))


class Large(Caller):
    """Sends 12 megapixels."""

    picture = "large"
    fixed_count = int(os.environ.get("LARGE", "0"))


class Visitor(User):
    """Opens the page, hands in a photo, looks at its bars for a while and hands in the next."""

    fixed_count = int(os.environ.get("VISITORS", "0"))

    def on_start(self) -> None:
        """Opens the page, at a moment of its own."""
        time.sleep(random.random() * THINK)  # noqa: S311  (no secret)
        self.stack = ExitStack()
        self.tab: Tab | None = self._timed("page", lambda: self.stack.enter_context(opened(str(self.host), _address())))

    def on_stop(self) -> None:
        """Closes the page."""
        self.stack.close()

    @task
    def show(self) -> None:
        """One photo; nothing more from who was told that there are too many visitors."""
        answer = self._timed("bars", partial(self._until_bars, self.tab)) if self.tab else None
        if answer and not answer.labels:
            EVENTS.request.fire(
                request_type="WS", name="bars", response_time=0, response_length=0, exception=ValueError(answer.refusal)
            )
        time.sleep(THINK * (0.5 + random.random()))  # noqa: S311

    def _until_bars(self, tab: Tab) -> Answer:
        picture = another(PICTURES["small"])
        answer = tab.show(picture)
        while answer.later is not None:
            time.sleep(answer.later)
            answer = tab.show(picture)
        return answer

    def _timed(self, name: str, work: Any) -> Any:
        start = time.perf_counter()
        failure: Exception | None = None
        result = None
        try:
            result = work()
        except InvalidStatus as error:
            refused = error.response.status_code in _REFUSED
            name, failure = (f"{name} refused", None) if refused else (name, error)
        except Exception as error:
            failure = error
        taken = (time.perf_counter() - start) * 1000
        EVENTS.request.fire(request_type="WS", name=name, response_time=taken, response_length=0, exception=failure)
        return result


if RECORD:
    # Line by line, for Locust's own statistics round the times.
    _FILE = open(RECORD, "w", encoding="utf-8")  # noqa: SIM115  (until the process ends)

    def _record(name: str, response_time: float, exception: BaseException | None = None, **_: Any) -> None:
        print(json.dumps([time.time(), name, response_time, str(exception or "")]), file=_FILE)

    EVENTS.request.add_listener(_record)
    EVENTS.quitting.add_listener(lambda **_: _FILE.close())
