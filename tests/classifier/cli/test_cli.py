"""The command line: what goes to which stream, in which form, and with which exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import types
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from classifier import Classifier, cli
from classifier.picture.formats import ENDINGS
from classifier.settings import Settings
from tests.support import evil
from tests.support.photos import ROOT, golden_photos, photo

LITE0 = ROOT / "model/efficientnet-lite0"
PANDA = photo("panda.webp")
COMMAND = [sys.executable, "-m", "classifier"]
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("CLASSIFIER_")},
    "CLASSIFIER_MODEL": "efficientnet-lite0",
    "CLASSIFIER_BACKEND": "litert",
    "PYTHONPATH": str(ROOT),
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [*os.environ]:
        if name.startswith("CLASSIFIER_"):
            monkeypatch.delenv(name)
    for name in ("CLASSIFIER_MODEL", "CLASSIFIER_BACKEND"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    monkeypatch.chdir(tmp_path)


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The command as a process of its own."""
    command = [*COMMAND, *map(str, arguments)]
    options = {"env": ENVIRONMENT, "capture_output": True, "timeout": 120, **options}
    return subprocess.run(command, check=False, **options)


def refused(*arguments: str) -> int | str | None:
    """The exit status with which wrong usage ends."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    return caught.value.code


def test_scores_are_those_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    paths = [one.path for one in golden_photos()[:4]]
    assert cli.main(["classify", "--json", "--top-k", "3", *map(str, paths)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["model"] == "efficientnet-lite0"
    model = Classifier.load(LITE0, settings=Settings(backend="litert"))
    for path, found in zip(paths, answer["results"], strict=True):
        expected = json.loads(json.dumps(model.classify(path, top_k=3).to_dict()))
        assert found.pop("file") == str(path)
        del found["timings"], expected["timings"]
        assert found == expected


def test_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["classify", str(PANDA), "--top-k", "2"]) == 0
    out, err = capsys.readouterr()
    head, *lines = out.splitlines()
    assert head == str(PANDA)
    assert len(lines) == 2
    assert re.fullmatch(r"  giant panda +\d\d\.\d%", lines[0])
    assert len(lines[0]) == len(lines[1])
    assert err == ""


def test_chinese_labels_keep_the_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["classify", str(PANDA), "--lang", "zh"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("  大熊猫")
    assert len({cell_len(line) for line in lines}) == 1


def test_an_unsure_answer_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    package = tmp_path / "strict"
    shutil.copytree(LITE0, package)
    manifest = (package / "model.toml").read_text("utf-8")
    text = re.sub(r"unsure_below = \S+", "unsure_below = 1.0", manifest)
    (package / "model.toml").write_text(text, "utf-8")
    assert cli.main(["classify", "--model", "./strict", str(PANDA)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{PANDA} (not sure)"


def test_csv(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["classify", "--csv", "--top-k", "2", str(PANDA), "missing"]) == 1
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == ["file", "rank", "label", "index", "score"]
    assert [row["rank"] for row in rows] == ["1", "2"]
    assert (rows[0]["label"], rows[0]["index"]) == ("giant panda", "388")
    assert 0 < float(rows[0]["score"]) <= 1
    assert err.startswith("classifier: missing: ")


def test_a_package_with_labels_in_one_language_needs_no_option(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copytree(LITE0, tmp_path / "zh")
    manifest = tmp_path / "zh/model.toml"
    manifest.write_text(manifest.read_text("utf-8").replace('en = "labels.en.txt"\n', ""), "utf-8")
    assert cli.main(["classify", "--model", "./zh", "--top-k", "1", str(PANDA)]) == 0
    assert "大熊猫" in capsys.readouterr().out


def test_files_may_stand_before_and_after_options(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["classify", str(PANDA), "--top-k", "1", "nope", "--json", str(PANDA)]
    assert cli.main(arguments) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [one["file"] for one in answer["results"]] == [str(PANDA), "nope", str(PANDA)]


def test_bad_files_are_reported_and_the_rest_go_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "half.webp").write_bytes(PANDA.read_bytes()[:5000])
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").touch()
    shutil.copy(PANDA, tmp_path / "no_ending")
    os.mkfifo(tmp_path / "pipe.jpg")
    names = ["missing.jpg", "empty.jpg", "no_ending", "text.jpg", "half.webp", "folder"]
    names += ["pipe.jpg", "/dev/zero", str(PANDA), "no_ending/inside.jpg"]
    assert cli.main(["classify", "--json", *names]) == 1
    out, err = capsys.readouterr()
    results = json.loads(out)["results"]
    assert [one["file"] for one in results] == names
    codes = [one["error"]["code"] if "error" in one else "" for one in results]
    assert codes == [
        *("missing_file", "empty_file", "", "unsupported_format", "broken_image", "no_pictures"),
        *("not_a_file", "not_a_file", "", "not_readable"),
    ]
    lines = err.splitlines()
    assert len(lines) == 8
    assert all(re.fullmatch(r"classifier: \S+: [A-Z].*\.", line) for line in lines), err
    assert lines[0] == "classifier: missing.jpg: There is no such file. Check its name and folder."
    assert lines[1] == "classifier: empty.jpg: This file is empty. Export or download the picture again."


def test_a_picture_that_ends_its_decoder_costs_one_line() -> None:
    Path("crash.jpg").write_bytes(evil.picture("crash"))
    command = [sys.executable, "-m", "tests.support.evil", "classify", "--csv", "crash.jpg", str(photo("panda.webp"))]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    said = "Decoding this picture failed, or takes too long. Export it again, or in another format."
    assert ended.stderr == f"classifier: crash.jpg: {said}\n"
    assert "giant panda" in ended.stdout


def test_a_folder_stands_for_the_pictures_in_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("b.webp", "A.WEBP", ".hidden.webp", "deep/er/c.JPG", ".git/d.webp", "notes.txt"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PANDA, photos / name)
    assert cli.main(["classify", "--csv", "--top-k", "1", "photos"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["file"] for row in rows] == [
        "photos/A.WEBP",
        "photos/b.webp",
        "photos/deep/er/c.JPG",
    ]
    assert {row["label"] for row in rows} == {"giant panda"}
    assert cli.main(["classify", "--csv", "--top-k", "1", "photos/.git"]) == 0


def test_a_folder_without_pictures_names_their_endings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli.main(["classify", "empty"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("classifier: empty: This folder holds no pictures")
    assert all(ending in err for ending in ENDINGS)


def bound_by_file_modes() -> None:
    """In a child before it becomes a program: takes from root what lets it read everything."""
    if sys.platform == "linux" and os.geteuid() == 0:
        import ctypes

        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP


def test_what_may_not_be_read_is_one_line_each(tmp_path: Path) -> None:
    shutil.copy(PANDA, tmp_path / "locked.webp")
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked.webp").chmod(0)
    (tmp_path / "locked").chmod(0)
    ended = run("classify", "--json", "locked.webp", "locked", PANDA, cwd=tmp_path, preexec_fn=bound_by_file_modes)
    (tmp_path / "locked").chmod(0o700)
    assert ended.returncode == 1
    assert ended.stderr.decode().splitlines() == [
        "classifier: locked.webp: This file may not be read: permission denied. Change its permissions.",
        "classifier: locked: This folder cannot be listed: Permission denied.",
    ]
    results = json.loads(ended.stdout)["results"]
    assert [one.get("error", {}).get("code") for one in results] == ["not_permitted", "unlisted_folder", None]


def test_standard_input() -> None:
    ended = run("classify", "--json", "-", input=PANDA.read_bytes())
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == b""  # LiteRT's own line is held back
    (result,) = json.loads(ended.stdout)["results"]
    assert (result["file"], result["predictions"][0]["index"]) == ("-", 388)


def test_standard_input_without_a_picture() -> None:
    ended = run("classify", "-", stdin=subprocess.DEVNULL)
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr == b"classifier: -: Standard input is empty. Pipe a picture in.\n"


def test_standard_input_is_read_no_further_than_the_limit() -> None:
    with open("/dev/zero", "rb") as endless:
        ended = run("classify", "-", stdin=endless, env={**ENVIRONMENT, "CLASSIFIER_MAX_BYTES": "1000"})
    assert ended.returncode == 1
    assert b"too large" in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="macOS refuses such names")
def test_names_that_are_no_text_come_through_as_they_are(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n.webp")
    shutil.copy(PANDA, tmp_path / name)
    ended = run("classify", "--json", ".", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["results"][0]["file"] == f"./{name}"
    plain = run("classify", ".", cwd=tmp_path)
    assert plain.stdout.splitlines()[0] == rb"./caf\udce9\n.webp"


def test_labels_that_the_locale_cannot_write_are_escaped() -> None:
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    ended = run("classify", "--lang", "zh", "--json", "--top-k", "1", PANDA, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["results"][0]["predictions"][0]["label"] == "大熊猫"
    assert run("classify", "--lang", "zh", PANDA, env=environment).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["classify", "--top-k", "0", "x"], "must be a whole number from 1, not '0'"),
        (["classify", "--top-k", "many", "x"], "must be a whole number from 1, not 'many'"),
        (["classify", "--json", "--csv", "x"], "not allowed with argument"),
        (["classify"], "FILE"),
        (["classify", "x", "--colour"], "unrecognized arguments: --colour"),
        (["serve", "--port", "70000"], "must be a number from 0 to 65535"),
        (["serve", "--backend", "onnx"], "invalid choice"),
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


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--model", "big"], "There is no model named 'big'. Choose from: cifar10, efficientnet-lite0, "),
        (["--model", "./nowhere"], "nowhere is not a model package"),
        (["--lang", "fr"], "has no labels in 'fr'. Choose from: en, zh."),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_what_the_model_lacks_is_said_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str, form: list[str]
) -> None:
    assert cli.main(["classify", *arguments, *form, str(PANDA)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("classifier: ")
    assert expected in err
    assert err.count("\n") == 1


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


def on_terminal(*arguments: str | Path, piped: bool = False, **variables: str) -> tuple[int, str]:
    """Runs the command with its streams, or only standard error, on a terminal of 100 columns."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=theirs,
        stdout=subprocess.DEVNULL if piped else theirs,
        stderr=theirs,
        env={**ENVIRONMENT, "TERM": "xterm-256color", **variables},
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other side is closed: that is how Linux says it
            break
        if not part:
            break
        written += part
    os.close(ours)
    return process.wait(60), written.decode()


def test_a_terminal_gets_bars_colours_and_progress() -> None:
    status, written = on_terminal("classify", PANDA, "nope", PANDA, "--lang", "zh")
    assert status == 1
    assert "Classifying" in written
    assert "3/3" in written
    assert "━" in written
    assert "\x1b[36m" in written
    assert "classifier: nope: There is no such file. Check its name and folder." in written
    assert written.endswith("\x1b[2K")  # the progress bar does not stay
    rows = [line for line in re.sub(r"\x1b\[[0-9;?]*\w", "", written).splitlines() if "%" in line]
    assert len(rows) == 10
    assert len({cell_len(row.split("\r")[-1]) for row in rows}) == 1


def test_one_file_needs_no_progress() -> None:
    status, written = on_terminal("classify", PANDA)
    assert status == 0
    assert "Classifying" not in written


def test_no_color_is_honoured() -> None:
    _, written = on_terminal("classify", PANDA, NO_COLOR="1")
    assert not re.search(r"\x1b\[(?:\d+;)*3\d", written)
    assert "giant panda" in written


def test_progress_goes_to_the_terminal_when_results_go_elsewhere() -> None:
    status, written = on_terminal("classify", PANDA, PANDA, "--csv", piped=True)
    assert status == 0
    assert "2/2" in written
    assert "giant panda" not in written


def test_json_on_a_terminal_is_nothing_but_json() -> None:
    status, written = on_terminal("classify", PANDA, PANDA, "--json")
    assert status == 0
    assert len(json.loads(written)["results"]) == 2


def test_a_reader_that_leaves_ends_it_quietly(tmp_path: Path) -> None:
    many = [str(PANDA)] * 200
    process = subprocess.Popen(
        [*COMMAND, "classify", *many], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline().decode().strip() == str(PANDA)
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_disk_is_said() -> None:
    with open("/dev/full", "wb") as full:
        ended = run("classify", PANDA, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert ended.returncode == 1
    assert ended.stderr == b"classifier: No space left on device.\n"


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_stream_is_no_crash(closed: int) -> None:
    ended = run("classify", PANDA, "-", "nope", preexec_fn=lambda: os.close(closed))
    assert ended.returncode == 1
    assert b"Traceback" not in ended.stderr
    assert (b"giant panda" in ended.stdout) == (closed != 1)
    assert (b"nope: There is no such file. Check its name and folder." in ended.stderr) == (closed != 2)


def test_ctrl_c_ends_it_with_one_line() -> None:
    many = [str(PANDA)] * 2000
    process = subprocess.Popen(
        [*COMMAND, "classify", *many], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - start < 5
    assert (err, process.returncode) == (b"classifier: interrupted\n", 130)


def test_ctrl_c_while_waiting_for_standard_input() -> None:
    process = subprocess.Popen(
        [*COMMAND, "classify", str(PANDA), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, "PYTHONFAULTHANDLER": "1"},
    )
    assert process.stdin
    process.stdin.write(b"x")
    process.stdin.flush()
    # It is reading once nothing of the first byte is left in the pipe.
    while _unread(process.stdin.fileno()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"classifier: interrupted\n")


def _unread(pipe: int) -> int:
    import fcntl
    import struct
    import termios

    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    return int(count)


def test_info_tells_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == "efficientnet-lite0"
    assert (found["backend"], found["reason"]) == ("litert", "chosen by the operator")
    assert found["device"].startswith("CPU")
    assert {"efficientnet-lite0", "efficientnet-lite2"} <= {one["name"] for one in found["models"]}
    assert found["limits"]["max_bytes"] == 20_000_000
    assert 1 <= found["cpus"] <= found["host_cpus"]
    assert cli.main(["info"]) == 0
    text = capsys.readouterr().out
    assert "litert on CPU" in text
    assert "20 MB, 50 million pixels" in text


def test_info_with_a_wrong_model_tells_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFIER_MODEL", "nothing")
    assert cli.main(["info", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["error"]["code"] == "unknown_model"
    assert found["models"]
    assert cli.main(["info"]) == 1
    assert "There is no model named 'nothing'" in capsys.readouterr().out
