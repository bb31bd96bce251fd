"""What `streamlit run` starts: the page with our own routes beside it, soon, or one sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.server import ROOT, running

pytestmark = pytest.mark.slow


def get(address: str, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(address + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_routes_beside_the_page(tmp_path: Path) -> None:
    with running(tmp_path / "log.txt") as address:
        assert get(address, "/healthz") == (200, '{"status":"alive"}')
        assert get(address, "/readyz") == (200, '{"status":"ready","model":"efficientnet-lite2"}')
        assert get(address, "/api/nothing")[0] == 404
        assert get(address, "/api")[0] == 404
        assert "classifier_ready 1.0" in get(address, "/metrics")[1]
        page = get(address, "/")[1]
        assert "<title>Image Classifier</title>" in page
        assert '<html lang="en">' in page
        assert '<html lang="zh-CN">' in get(address, "/", **{"Accept-Language": "zh-CN,zh;q=0.9"})[1]
        for script in re.findall(r'<script[^>]* src="\.?/?([^"]+)"', page):
            assert get(address, f"/{script}")[0] == 200, script


def test_a_wrong_setting_ends_the_server_and_is_all_it_says() -> None:
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", "0"]
    environment = {**os.environ, "CLASSIFIER_QUEUE": "-1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr == "CLASSIFIER_QUEUE=-1: Input should be greater than or equal to 0.\n"


def test_a_browser_gets_the_page_before_the_libraries_are_imported() -> None:
    code = "import sys, streamlit_app; print(*{name.partition('.')[0] for name in sys.modules})"
    names = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "starlette" in names.split()
    assert not {"fastapi", "pydantic", "numpy", "PIL", "ai_edge_litert", "prometheus_client"} & set(names.split())
