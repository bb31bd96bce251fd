"""The launcher: our settings as Streamlit's, and whether a port can be had."""

from __future__ import annotations

import pytest
from streamlit import config as streamlit_config

from classifier.cli import launcher
from classifier.errors import ParameterError
from classifier.settings import Settings


def test_streamlit_knows_each_variable() -> None:
    env = launcher.environment(Settings(base_path="/demo"), {"SPACE_ID": "me/demo"})
    assert env["STREAMLIT_SERVER_BASE_URL_PATH"] == "/demo"
    known = {option.env_var for option in streamlit_config.get_config_options().values()}
    assert {name for name in env if name.startswith("STREAMLIT_")} <= known


def test_an_address_of_this_machine_is_the_one_that_is_shown() -> None:
    env = launcher.environment(Settings(host="192.168.1.5"), {})
    assert env["STREAMLIT_BROWSER_SERVER_ADDRESS"] == "192.168.1.5"


def test_what_protects_streamlits_own_paths_stays_on_in_frames_too() -> None:
    for settings, env in (
        (Settings(), {"SPACE_ID": "me/demo"}),
        (Settings(frame_ancestors=("https://a.example",)), {}),
    ):
        assert "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION" not in launcher.environment(settings, env)


def test_any_free_port_is_fine() -> None:
    assert launcher.port_problem("127.0.0.1", 0) is None
    assert launcher.port_problem("0.0.0.0", 0) is None


@pytest.mark.parametrize("port", ["65536", "9" * 5000], ids=["too large", "of thousands of digits"])
def test_a_port_of_the_platform_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(ParameterError, match="from 0 to 65535"):
        launcher.platform_port({"PORT": port})
