"""The real server, whose models change while callers ask: nobody fails, and each sees the change once."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from classifier.machine.process import memory_of
from tests.support import waiting
from tests.support.changing import swap, write
from tests.support.hostile import encode, gradient
from tests.support.packages import LITE0
from tests.support.server import started
from tests.support.watch import descendants
from tests.support.workers import linux

PICTURE = encode(gradient(), "PNG")


class Caller:
    """Asks again and again over one connection, and keeps what was answered."""

    def __init__(self, address: str, path: str) -> None:
        self.answers: list[str] = []
        self.failures: list[str] = []
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        self._path = path

    def ask(self) -> None:
        self._connection.request("POST", self._path, PICTURE, {"Content-Type": "image/png"})
        response = self._connection.getresponse()
        body = response.read()
        if response.status == 200:
            self.answers.append(self.said(json.loads(body)))
        else:
            self.failures.append(f"{response.status} {body.decode()}")

    def close(self) -> None:
        self._connection.close()

    def said(self, answer: Any) -> str:
        return json.dumps([one["score"] for one in answer["results"][0]["predictions"]])


@contextmanager
def asking(callers: list[Caller]) -> Iterator[None]:
    """All callers ask without a pause within the `with` block, and a few times more."""
    stop = threading.Event()

    def run(caller: Caller) -> None:
        while not stop.is_set():
            caller.ask()
        for _ in range(3):
            caller.ask()

    threads = [threading.Thread(target=run, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(120)
        for caller in callers:
            caller.close()


def reached(callers: list[Caller], enough: list[int]) -> bool:
    return all(len(caller.answers) >= most for caller, most in zip(callers, enough, strict=True))


def get(address: str, path: str) -> str:
    with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def listed(address: str) -> dict[str, Any]:
    return dict(json.loads(get(address, "/api/v1/models")))


def until(address: str, condition: Callable[[dict[str, Any]], bool], seconds: float = 90) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while not condition(found := listed(address)):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def title(name: str, wanted: str) -> Callable[[dict[str, Any]], bool]:
    return lambda found: any(one["name"] == name and one["title"] == wanted for one in found["models"])


def settings(folder: Path, **more: str) -> dict[str, str]:
    return {"CLASSIFIER_MODELS": str(folder), "CLASSIFIER_MODEL": "mine", "CLASSIFIER_RELOAD": "0.2", **more}


@pytest.mark.parametrize("change", [write, swap], ids=["written over", "link"])
def test_eight_callers_see_a_change_once_and_no_failure(tmp_path: Path, change: Callable[[Path, int], object]) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    change(folder / "mine", 1)
    with started(tmp_path / "log.txt", settings(folder, CLASSIFIER_CLIENT_SHARE="1")) as (_, address):
        first = until(address, title("mine", "Edition 1"))["models"][0]
        assert (first["state"], len(first["version"])) == ("loaded", 16)
        callers = [Caller(address, "/api/v1/classify?top_k=3") for _ in range(8)]
        with asking(callers):
            waiting.until(partial(reached, callers, [1] * 8), 90)
            for edition in (2, 3):
                change(folder / "mine", edition)
                until(address, title("mine", f"Edition {edition}"))
                enough = [len(caller.answers) + 2 for caller in callers]
                waiting.until(partial(reached, callers, enough), 90)
        last = listed(address)["models"][0]
    assert [caller.failures for caller in callers] == [[]] * 8
    seen = [[answer for answer, _ in groupby(caller.answers)] for caller in callers]
    assert [len(each) for each in seen] == [3] * 8, "an old answer came after a new one, or none of one edition"
    assert seen == [seen[0]] * 8
    assert last["version"] != first["version"]
    assert (tmp_path / "log.txt").read_text().count("is now version") == 2


def test_an_answer_about_many_pictures_is_of_one_version(tmp_path: Path) -> None:
    class Many(Caller):
        def ask(self) -> None:
            boundary = "x"
            part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + PICTURE + b"\r\n"
            body = part * 40 + b"--x--\r\n"
            headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
            self._connection.request("POST", self._path, body, headers)
            answer = json.loads(self._connection.getresponse().read())
            found = {json.dumps([p["score"] for p in one["predictions"]]) for one in answer["results"]}
            self.answers.append(f"{len(found)}")

    folder = tmp_path / "models"
    write(folder / "mine", 1)
    with started(tmp_path / "log.txt", settings(folder)) as (_, address):
        caller = Many(address, "/api/v1/classify")
        with asking([caller]):
            for edition in (2, 3, 4):
                write(folder / "mine", edition)
                until(address, title("mine", f"Edition {edition}"))
    assert set(caller.answers) == {"1"}


def test_the_open_inference_protocol_follows_too(tmp_path: Path) -> None:
    def probabilities(address: str) -> list[float]:
        headers = {"Inference-Header-Content-Length": "0"}
        with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)) as connection:
            connection.request("POST", "/v2/models/mine/infer", PICTURE, headers)
            response = connection.getresponse()
            body = response.read()
        assert response.status == 200, body
        return list(json.loads(body)["outputs"][0]["data"])

    folder = tmp_path / "models"
    write(folder / "mine", 1)
    with started(tmp_path / "log.txt", settings(folder)) as (_, address):
        assert len(probabilities(address)) == 3
        write(folder / "mine", 2, classes=5)
        until(address, title("mine", "Edition 2"))
        assert len(probabilities(address)) == 5


def test_a_broken_package_is_told_by_api_metrics_and_log_without_paths_for_callers(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    write(folder / "mine", 1)
    with started(tmp_path / "log.txt", settings(folder)) as (_, address):
        caller = Caller(address, "/api/v1/classify")
        caller.ask()
        (folder / "mine" / "model.tflite").write_bytes(b"no model")
        found = until(address, lambda found: found["left_out"] != [])
        assert found["left_out"] == [{"folder": "mine", "code": "bad_package"}]
        (mine,) = found["models"]
        assert mine["state"] == "outdated"
        caller.ask()
        caller.close()
        told = get(address, "/metrics")
        assert "classifier_models_left_out 1.0" in told
        assert 'classifier_model_changes_total{model="mine",outcome="bad_package"} 1.0' in told
        assert f'classifier_model_info{{model="mine",state="outdated",version="{mine["version"]}"}} 1.0' in told
    assert not caller.failures
    assert caller.answers[0] == caller.answers[1]
    assert "goes on as it was" in (tmp_path / "log.txt").read_text()
    assert str(tmp_path) not in json.dumps(found)


def test_without_looks_only_a_signal_has_changes_read(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    write(folder / "mine", 1)
    with started(tmp_path / "log.txt", settings(folder, CLASSIFIER_RELOAD="0"), launcher=True) as (process, address):
        write(folder / "mine", 2)
        write(folder / "more", 2)
        time.sleep(1)  # nothing can be waited for: nothing is to happen
        assert title("mine", "Edition 1")(listed(address))
        process.send_signal(signal.SIGHUP)
        until(address, title("mine", "Edition 2"))
        until(address, title("more", "Edition 2"))
        assert process.poll() is None


@linux
def test_a_signal_to_all_of_a_servers_processes_is_read_as_one_to_it(tmp_path: Path) -> None:
    """As `pkill -HUP -f`, and service managers that signal a whole group, send it: decoders get it, too."""
    folder = tmp_path / "models"
    write(folder / "mine", 1)
    with started(tmp_path / "log.txt", settings(folder, CLASSIFIER_RELOAD="0")) as (process, address):
        caller = Caller(address, "/api/v1/classify")
        with asking([caller]):
            waiting.until(partial(reached, [caller], [1]), 60)
            write(folder / "mine", 2)
            fork_server, *decoders = descendants(process.pid)
            assert decoders
            for one in (process.pid, fork_server, *decoders):
                with suppress(ProcessLookupError):  # decoders end with the process that forked them
                    os.kill(one, signal.SIGHUP)
            until(address, title("mine", "Edition 2"))
        assert process.poll() is None
    assert not caller.failures
    assert len(set(caller.answers)) == 2


@pytest.mark.parametrize("launcher", [False, True], ids=["streamlit run", "classifier serve"])
def test_the_only_package_may_be_replaced_by_one_of_another_name(tmp_path: Path, launcher: bool) -> None:
    folder = tmp_path / "models"
    write(folder / "mine", 1)
    unnamed = settings(folder, CLASSIFIER_MODEL="")
    with started(tmp_path / "log.txt", unnamed, launcher=launcher) as (_, address):
        assert title("mine", "Edition 1")(listed(address))
        (folder / "mine").rename(folder / ".old")
        write(folder / "other", 2)
        until(address, title("other", "Edition 2"))
        until(address, lambda found: [(one["name"], one["state"]) for one in found["models"]] == [("other", "loaded")])


@pytest.mark.slow
def test_twenty_changes_leave_no_more_memory_taken(tmp_path: Path) -> None:
    """A model that stays would be seen: one has 20 MB."""
    mine = tmp_path / "models/mine"
    shutil.copytree(LITE0, mine)
    manifest = (mine / "model.toml").read_text("utf-8")
    with started(tmp_path / "log.txt", settings(mine.parent)) as (process, address):
        caller, taken, versions = Caller(address, "/api/v1/classify"), [], {listed(address)["models"][0]["version"]}
        for edition in range(22):
            changed = manifest.replace("temperature = 1.0 ", f"temperature = 1.{edition + 1:02} ")
            (mine / "model.toml").write_text(changed, "utf-8")
            until(address, lambda found: found["models"][0]["version"] not in versions)
            versions.add(listed(address)["models"][0]["version"])
            caller.ask()
            caller.close()  # the server would, some seconds later
            taken.append(memory_of(process.pid)[1] / 1e6)
    caller.close()
    assert not caller.failures
    assert len(set(caller.answers)) == 22
    assert max(taken) < 1.05 * taken[3], taken
    print("MB after each change:", [round(one) for one in taken])
