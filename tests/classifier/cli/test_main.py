"""The command itself: usage, help, settings, and what it lacks."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import types

import pytest

from classifier import cli
from tests.support.command import ENVIRONMENT, refused
from tests.support.photos import ROOT

pytestmark = pytest.mark.usefixtures("lite0")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["classify", "--top-k", "0", "x"], "must be a whole number from 1, not '0'"),
        (["classify", "--top-k", "many", "x"], "must be a whole number from 1, not 'many'"),
        (["classify", "--json", "--csv", "x"], "not allowed with argument"),
        (["classify"], "FILE"),
        (["classify", "x", "--colour"], "unrecognized arguments: --colour"),
        (["serve", "--port", "70000"], "must be a number from 0 to 65535"),
        (["serve", "--backend", "caffe"], "invalid choice"),
        (["info", "extra"], "unrecognized arguments: extra"),
        (["paint"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_wrong_usage_is_explained(capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str) -> None:
    assert refused(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err


@pytest.mark.parametrize("command", [["classify", "x"], ["serve"], ["info"]])
def test_a_wrong_setting_is_one_line_that_names_the_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("CLASSIFIER_MAX_BYTES", "20 MB")
    assert cli.main(command) == 2
    err = capsys.readouterr().err
    assert err.startswith("classifier: CLASSIFIER_MAX_BYTES=20 MB: ")
    assert err.count("\n") == 1


def test_version_is_the_projects(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused("--version") == 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert capsys.readouterr().out == f"classifier {project['version']}\n"


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.NAME)
def test_each_command_says_what_it_does(capsys: pytest.CaptureFixture[str], command: cli.Command) -> None:
    assert refused(command.NAME, "--help") == 0
    assert f"{command.ABOUT}." in " ".join(capsys.readouterr().out.split())


def test_the_help_names_a_file_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused("--help") == 0
    (file,) = re.findall(r"docs/\S+\.md", capsys.readouterr().out)
    assert "CLASSIFIER_MODEL" in (ROOT / file).read_text("utf-8")


def test_a_command_is_added_by_its_module_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = types.SimpleNamespace(
        NAME="paint",
        ABOUT="Paint pictures",
        add_arguments=lambda parser: parser.add_argument("colour"),
        run=lambda args: len(args.colour),
    )
    monkeypatch.setattr(cli, "COMMANDS", (*cli.COMMANDS, extra))
    assert cli.main(["paint", "red"]) == 3
    assert refused("--help") == 0
    assert re.search(r"paint +paint pictures", capsys.readouterr().out)


@pytest.mark.parametrize("command", [["--help"], ["serve", "--help"], ["import", "--help"]], ids=" ".join)
def test_help_needs_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys; from classifier.cli import main\n"
        f"try: main({command})\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'PIL', 'pydantic', 'rich', 'streamlit', 'inspect', 'json', 'importlib.metadata'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, env=ENVIRONMENT)
    assert ended.returncode == 0, ended.stderr
    assert b"usage: classifier" in ended.stdout


def test_a_missing_dependency_leads_to_the_doctor() -> None:
    code = "import sys; sys.modules['PIL'] = None; from classifier.cli import main; "
    command = [sys.executable, "-c", code + "sys.exit(main(['classify', 'x']))"]
    ended = subprocess.run(command, capture_output=True, env=ENVIRONMENT)
    assert ended.returncode == 2
    assert b"classifier doctor" in ended.stderr
    assert ended.stderr.count(b"\n") == 1
