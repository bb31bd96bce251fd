"""Behind a proxy with a login, as docs/access.md shows it: strangers see nothing of the page, visitors all of it."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support.oidc import SECRET, provider
from tests.support.pages import DOCS, blocks
from tests.support.photos import photo
from tests.support.server import running
from tests.support.steps import best, opened, upload
from tests.support.waiting import until
from tests.support.wire import Answer, head, send

APACHE = shutil.which("apache2", path="/usr/sbin")
MODULES = Path("/usr/lib/apache2/modules")
USED = ("mpm_event", "authn_core", "authz_core", "authz_user", "headers", "proxy", "proxy_http", "auth_openidc")
KEY = "k" * 32
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not APACHE or not (MODULES / "mod_auth_openidc.so").exists(),
        reason="needs Debian's packages apache2-bin and libapache2-mod-auth-openidc",
    ),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the proxy."""
    folder = tmp_path_factory.mktemp("login")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = f"http://127.0.0.1:{port}"
    (folder / "keys").write_text(f"program {KEY}\n")
    settings = {"CLASSIFIER_API_KEYS_FILE": str(folder / "keys"), "CLASSIFIER_TRUSTED_PROXIES": "127.0.0.1"}
    with running(folder / "log.txt", settings) as server, provider(f"{site}/oidc") as login:
        (shown,) = blocks(DOCS / "access.md", "apache")
        for there, here in {
            "https://login.example.org": login,
            "https://demo.example.org": site,
            "what your provider gave you": SECRET,
            "http://127.0.0.1:8501": server,
        }.items():
            assert there in shown
            shown = shown.replace(there, here)
        modules = [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in USED]
        own = [f"ServerName 127.0.0.1:{port}", f"Listen 127.0.0.1:{port}", f"PidFile {folder}/pid"]
        own += [f"ErrorLog {folder}/error.log", f"DefaultRuntimeDir {folder}"]
        (folder / "apache.conf").write_text("\n".join([*modules, *own, shown]))
        assert APACHE
        process = subprocess.Popen([APACHE, "-X", "-f", str(folder / "apache.conf")])
        try:
            until(lambda: process.poll() is not None or _listens(port), 20)
            assert process.poll() is None, (folder / "error.log").read_text()
            yield site
        finally:
            process.terminate()
            process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def stranger(site: str, path: str, method: str = "GET", **headers: str) -> Answer:
    """Asks for a path as it is written here, without logging in."""
    host = site.removeprefix("http://").encode()
    return send(site, head(path, method, **headers).replace(b"Host: localhost", b"Host: " + host))


def test_a_stranger_gets_nothing(site: str) -> None:
    for path in (
        "/",
        "/app-static/page.js",
        "/healthz",
        "/metrics",
        "/api",
        "/api/../",
        "/api/%2e%2e/",
        "//",
        "/api/..//",
    ):
        got = stranger(site, path, Accept="text/html")
        assert got.status in (302, 400, 404), path
        assert got.status != 302 or "/authorize?" in got.headers["location"]
        assert b"app-static" not in got.body, path
    for path in ("/_stcore/health", "/_stcore/host-config", "/api/../_stcore/health"):
        assert stranger(site, path, "GET", Content_Length="0").status == 401, path
    for path in ("/page/classify?sample=koala", "/page/preview", "/api/../page/classify?sample=koala"):
        got = stranger(site, path, "POST", Content_Length="0", Sec_Fetch_Site="same-origin")
        assert got.status in (302, 401), path
    with pytest.raises(InvalidStatus, match="401"):
        connect(f"{site.replace('http', 'ws', 1)}/_stcore/stream")


def test_programs_come_with_keys_and_need_no_login(site: str) -> None:
    send(site, head("/api/v1/models", "GET")).problem(401, "unauthorized")
    assert send(site, head("/api/v1/models", "GET", Authorization=f"Bearer {KEY}")).status == 200


def test_whoever_logs_in_gets_the_page_until_they_log_out(site: str, english: BrowserContext) -> None:
    page = english.new_page()
    page.goto(site)
    expect(page).to_have_title("Login")
    expect(page.locator("#page")).to_have_count(0)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#page[data-ready]")).to_be_visible(timeout=60_000)
    upload(page, photo("bison.webp"))
    assert best(page) == "bison"
    opened(page, f"{site}/?model=efficientnet-lite0")  # also later, without another login
    page.goto(f"{site}/oidc?logout={site.replace(':', '%3A').replace('/', '%2F')}%2F")
    expect(page).to_have_title("Login")
    assert page.evaluate("fetch('/_stcore/health').then((answer) => answer.status, () => 0)") != 200
    page.goto(f"{site}/_stcore/health")
    expect(page.locator("body")).not_to_have_text("ok")
    page.close()
