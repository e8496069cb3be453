"""What every worker kit keeps of the wire protocol, asked of a real worker in each language through its pipes."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KITS = ROOT / "tests" / "kits"
WORKERS = ROOT / "adapters" / "worker"
PYTHON_KIT = WORKERS / "python"
PAGE = ROOT / "docs" / "reference" / "worker-kits.md"
PATIENCE = 60  # seconds until a worker that hangs is ended, so that its test fails

HANDSHAKE: Mapping[str, object] = {"harness": 1}
OPEN: Mapping[str, object] = {"open": "s", "files": {}}


@dataclass(frozen=True, slots=True)
class Kit:
    """A conformance worker that is ready to run, and what its language can not hold."""

    language: str
    command: tuple[str, ...]
    folder: Path
    all_numbers_are_doubles: bool = False
    lone_surrogate: str | None = "\ud800"  # what stands for it; None: such an input is unsupported
    survives_overflow: bool = True

    def env(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(PYTHON_KIT)}


@dataclass(frozen=True, slots=True)
class Ended:
    """All that a worker wrote until it ended."""

    replies: list[dict[str, Any]]
    stderr: str
    code: int


@pytest.fixture(scope="session", params=["python", "go", "rust", "node", "java"])
def kit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    empty = tmp_path_factory.mktemp("empty")
    match request.param:
        case "python":
            return Kit("python", (sys.executable, str(KITS / "python" / "worker.py")), empty)
        case "node":
            return Kit("node", (tool("node"), str(KITS / "node" / "worker.mjs")), empty, all_numbers_are_doubles=True)
        case "go":
            binary = tmp_path_factory.mktemp("go") / "worker"
            subprocess.run([tool("go"), "build", "-o", binary, "."], cwd=KITS / "go", check=True)
            return Kit("go", (str(binary),), empty, lone_surrogate="\ufffd", survives_overflow=False)
        case "java":
            classes = tmp_path_factory.mktemp("java")
            sources = (WORKERS / "java" / "HarnessWorker.java", KITS / "java" / "Worker.java")
            subprocess.run([tool("javac"), "-Xlint:all", "-Werror", "-d", classes, *sources], check=True)
            return Kit("java", (tool("java"), "-cp", str(classes), "Worker"), empty)
        case _:
            target = KITS / "rust" / "target"
            build = [tool("cargo"), "build", "--release", "--quiet"]
            subprocess.run(build, cwd=KITS / "rust", check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
            binary = target / "release" / "conformance-rust"
            return Kit("rust", (str(binary),), empty, lone_surrogate=None, survives_overflow=False)


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed, so its kit is not tested")
    return found


def case(name: str, given: object = "", ident: str = "k1", **more: object) -> dict[str, object]:
    return {"id": ident, "suite": "s", "name": name, "input": given, **more}


def run(kit: Kit, *messages: Mapping[str, object] | bytes) -> Ended:
    """Send everything at once, close stdin, and wait for the end."""
    lines = [message if isinstance(message, bytes) else json.dumps(message).encode() for message in messages]
    sent = b"".join(line + b"\n" for line in lines)
    ended = subprocess.run(
        kit.command, input=sent, capture_output=True, cwd=kit.folder, env=kit.env(), timeout=PATIENCE, check=False
    )
    *replies, rest = ended.stdout.split(b"\n")
    assert rest == b""
    return Ended([parse(reply) for reply in replies], ended.stderr.decode(), ended.returncode)


def parse(line: bytes) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads(line.decode("utf-8"), parse_constant=pytest.fail)
    return reply


def answer(kit: Kit, request: Mapping[str, object]) -> dict[str, Any]:
    """Ask for one case; the worker has to end well."""
    ended = run(kit, HANDSHAKE, OPEN, request)
    assert (ended.code, ended.stderr) == (0, "")
    ready, reply = ended.replies
    assert ready["ready"] == 1
    return reply


def encoded(raw: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(raw).decode("ascii")}


def test_handshake_tells_protocol_name_and_version(kit: Kit) -> None:
    ended = run(kit, HANDSHAKE)
    assert ended.replies == [{"ready": 1, "name": f"conformance-{kit.language}", "version": "1"}]


def test_open_has_no_reply_and_blank_lines_mean_nothing(kit: Kit) -> None:
    ended = run(kit, HANDSHAKE, b"", OPEN, b"  ", case("echo", "a"), b"")
    assert [reply.get("output") for reply in ended.replies] == [None, "a"]


def test_a_thousand_pipelined_requests_are_answered_in_their_order(kit: Kit) -> None:
    names = ["echo", "panic", "error", "unsupported", "value"]
    requests = [case(names[number % len(names)], f"text {number}", f"k{number}") for number in range(1000)]
    ended = run(kit, HANDSHAKE, OPEN, *requests)
    assert [reply["id"] for reply in ended.replies[1:]] == [request["id"] for request in requests]
    assert [reply["output"] for reply in ended.replies[1::5]] == [f"text {number}" for number in range(0, 1000, 5)]


def test_a_reply_is_written_before_the_next_request_comes(kit: Kit) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(kit.command, stdin=pipe, stdout=pipe, cwd=kit.folder, env=kit.env()) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        guard = threading.Timer(PATIENCE, worker.kill)
        guard.daemon = True
        guard.start()
        for message in (HANDSHAKE, OPEN, *(case("echo", "x" * 10**size, f"k{size}") for size in range(5))):
            worker.stdin.write(json.dumps(message).encode() + b"\n")
            worker.stdin.flush()
            if message is not OPEN:
                assert parse(worker.stdout.readline()).get("id") == message.get("id")
        worker.stdin.close()
        assert worker.wait() == 0
        guard.cancel()


TEXTS = {
    "empty": "",
    "white space": " \t\r\n\x0b\x0c\x1c\x85\xa0",
    "quotes and slashes": "\"\\/'`</script>",
    "control characters": "\x00\x01\x1f\x7f",
    "astral": "\U0001f600\U0010ffff",
    "line separators": "a\u2028b\u2029c",
    "combining": "e\u0301 \u00e9 \u1100\u1161\u11a8",
    "byte order mark": "\ufeffa\ufffe\uffff",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_text_comes_back_as_it_went(kit: Kit, text: str) -> None:
    assert answer(kit, case("echo", text)) == {"id": "k1", "output": text}


def test_text_that_is_not_escaped_comes_back_as_it_went(kit: Kit) -> None:
    text = "".join(TEXTS.values())
    line = json.dumps(case("echo", text), ensure_ascii=False).encode("utf-8")
    assert run(kit, HANDSHAKE, OPEN, line).replies[1] == {"id": "k1", "output": text}


def test_a_lone_surrogate_is_answered_as_the_language_can_and_the_worker_goes_on(kit: Kit) -> None:
    ended = run(kit, HANDSHAKE, OPEN, case("echo", "\ud800"), case("echo", "c", "k2"))
    _, first, second = ended.replies
    assert first.get("output") == kit.lone_surrogate
    assert first.keys() == {"id", "unsupported" if kit.lone_surrogate is None else "output"}
    assert second == {"id": "k2", "output": "c"}


def test_a_lone_surrogate_in_a_shared_file_concerns_only_the_cases_that_need_the_file(kit: Kit) -> None:
    shared = {"open": "s", "files": {"half": "\ud800", "whole": "w"}}
    ended = run(kit, HANDSHAKE, shared, case("shared", "whole"), case("shared", "half", "k2"), case("echo", "c", "k3"))
    _, *replies = ended.replies
    assert replies[0] == {"id": "k1", "output": "w"}
    assert replies[1] == {"id": "k2", "output": kit.lone_surrogate or encoded(b"\xed\xa0\x80")}
    assert replies[2] == {"id": "k3", "output": "c"}
    assert ended.code == 0


def test_a_lone_surrogate_in_a_name_does_not_end_the_worker(kit: Kit) -> None:
    ended = run(kit, HANDSHAKE, OPEN, case("\udcff"), case("echo", "c", "k2"))
    assert [reply.get("id") for reply in ended.replies] == [None, "k1", "k2"]
    assert ended.code == 0


@pytest.mark.parametrize("raw", [b"\xff", b"\x00\xc3\x28\r\n", bytes(range(256)) * 3], ids=["one", "mixed", "all"])
def test_bytes_come_back_as_they_went(kit: Kit, raw: bytes) -> None:
    assert answer(kit, case("echo", encoded(raw))) == {"id": "k1", "output": encoded(raw)}


def test_ten_megabytes_in_one_line_come_back(kit: Kit) -> None:
    text = "0123456789abcde\u00e9" * (10 * 2**20 // 16)
    assert answer(kit, case("echo", text))["output"] == text


def test_params_settings_and_suite_reach_the_port(kit: Kit) -> None:
    params = {"list": [1, -2.5, "x", None, True, False, [], {}], "map": {"": [[{"er": "\u00e9"}]]}, "$float": 1}
    reply = answer(kit, case("value", params=params, settings={"trim": [True]}))
    assert reply == {"id": "k1", "value": {"params": params, "settings": {"trim": [True]}, "suite": "s"}}


def test_params_and_settings_that_were_left_out_are_empty(kit: Kit) -> None:
    assert answer(kit, case("value"))["value"] == {"params": {}, "settings": {}, "suite": "s"}


def test_floats_beyond_json_are_tagged_both_ways(kit: Kit) -> None:
    floats = {"nan": {"$float": "nan"}, "deep": [{"up": {"$float": "inf"}, "down": {"$float": "-inf"}}]}
    reply = answer(kit, case("value", params=floats, settings={"trim": {"$float": "inf"}}))
    assert reply["value"] == {"params": floats, "settings": {"trim": {"$float": "inf"}}, "suite": "s"}


def test_an_object_that_only_looks_like_a_tagged_float_stays_an_object(kit: Kit) -> None:
    params = {
        "$float": "inf",
        "bogus": {"$float": "bogus"},
        "digits": {"$float": "1.5"},
        "two": {"$float": "nan", "x": 1},
    }
    assert answer(kit, case("value", params=params))["value"]["params"] == params
    only = {"$float": "nan"}
    assert answer(kit, case("value", params=only))["value"]["params"] == only


def test_a_number_beyond_a_double_is_infinite_or_kept_in_digits(kit: Kit) -> None:
    line = b'{"id": "k1", "suite": "s", "name": "value", "input": "", "params": {"n": 1E400}}'
    ended = run(kit, HANDSHAKE, OPEN, line, case("echo", "c", "k2"))
    assert ended.replies[1]["value"]["params"]["n"] in ({"$float": "inf"}, float("inf"))  # 1E400 reads as the latter
    assert ended.replies[2] == {"id": "k2", "output": "c"}


@pytest.mark.parametrize("number", [0, -1, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 1.0, -0.0, 0.1, 5e-324, 1.5e300])
def test_a_number_keeps_its_value_and_its_type(kit: Kit, number: float) -> None:
    came = answer(kit, case("value", params={"n": number}))["value"]["params"]["n"]
    if kit.all_numbers_are_doubles:
        assert float(came) == float(number)
    else:
        assert (type(came), repr(came)) == (type(number), repr(number))


def test_several_outputs_are_text_bytes_and_numbers(kit: Kit) -> None:
    outputs = {"stdout": "out", "exit": 3, "files/a.bin": encoded(b"\x00\xff\x80")}
    assert answer(kit, case("outputs", "out")) == {"id": "k1", "outputs": outputs}


def test_an_error_is_told_with_its_parts(kit: Kit) -> None:
    error = {"kind": "SyntaxError", "detail": "bad", "line": 7, "name": "error", "text": "whole\n"}
    assert answer(kit, case("error")) == {"id": "k1", "error": error}


def test_a_panic_is_told_with_the_ports_frames_and_the_worker_goes_on(kit: Kit) -> None:
    ended = run(kit, HANDSHAKE, OPEN, case("panic"), case("echo", "alive", "k2"))
    panic = ended.replies[1]["panic"]
    assert ended.replies[1].keys() == {"id", "panic"}
    assert "boom" in panic["message"]
    assert panic["frames"][0].replace("blowUp", "blow_up").split("(")[0].rstrip().endswith("blow_up")
    assert not [frame for frame in panic["frames"] if "harness_worker" in frame or "harnessworker" in frame.lower()]
    assert ended.replies[2] == {"id": "k2", "output": "alive"}
    assert ended.code == 0


def test_a_panic_of_python_names_what_caused_it_and_where(kit: Kit) -> None:
    if kit.language != "python":
        pytest.skip("the other languages have no chain of exceptions, or tell it in the message")
    ended = run(kit, HANDSHAKE, OPEN, case("caused"), case("ring", "", "k2"))
    panic = ended.replies[1]["panic"]
    assert re.fullmatch(
        r"ValueError: no luck; caused by RuntimeError: boom in blow_up \(worker\.py:\d+\)", panic["message"]
    )
    assert panic["frames"][0].startswith("blame (worker.py:")
    assert ended.replies[2]["panic"]["message"].count("; caused by ") == 5


def test_a_stack_overflow_is_a_panic_where_the_language_can_survive_it(kit: Kit) -> None:
    ended = run(kit, HANDSHAKE, OPEN, case("echo", "before"), case("overflow", "", "k2"), case("echo", "alive", "k3"))
    if not kit.survives_overflow:
        assert ended.replies[1:] == [{"id": "k1", "output": "before"}]
        assert ended.code != 0
        assert "overflow" in ended.stderr
        return
    assert "descend" in ended.replies[2]["panic"]["frames"][0]
    assert len(ended.replies[2]["panic"]["frames"]) <= 50
    assert ended.replies[3] == {"id": "k3", "output": "alive"}
    assert ended.code == 0


def test_a_death_keeps_the_replies_before_it_and_adds_nothing(kit: Kit) -> None:
    ended = run(kit, HANDSHAKE, OPEN, case("echo", "before"), case("die", "", "k2"), case("echo", "after", "k3"))
    assert ended.replies[1:] == [{"id": "k1", "output": "before"}]
    assert ended.code == 3
    assert "dying" in ended.stderr


def test_stray_prints_land_on_stderr(kit: Kit) -> None:
    ended = run(kit, HANDSHAKE, OPEN, case("print"), case("echo", "next", "k2"))
    assert ended.replies[1:] == [{"id": "k1", "output": "printed"}, {"id": "k2", "output": "next"}]
    assert "stray" in ended.stderr
    assert ended.code == 0


def test_unsupported_gives_its_reason(kit: Kit) -> None:
    assert answer(kit, case("unsupported")) == {"id": "k1", "unsupported": "not yet"}


def test_an_unknown_setting_is_refused_before_the_port_runs(kit: Kit) -> None:
    reply = answer(kit, case("die", settings={"trim": True, "bogus": 1}))
    assert reply == {"id": "k1", "error": {"kind": "UnknownSetting", "detail": 'unknown setting "bogus"'}}


def test_unknown_keys_of_a_request_are_ignored(kit: Kit) -> None:
    assert answer(kit, case("echo", "a", group=7, files={"a": 1}, extra={"id": "k9"})) == {"id": "k1", "output": "a"}


def test_a_line_with_an_id_is_a_request_whatever_else_is_in_it(kit: Kit) -> None:
    first = {"open": "s", "files": {"a": "of s"}}
    ended = run(kit, HANDSHAKE, first, case("shared", "a", open="s", harness=1, files={"a": "new"}))
    assert ended.replies[1:] == [{"id": "k1", "output": "of s"}]
    assert ended.code == 0


def test_each_suite_has_its_own_shared_files(kit: Kit) -> None:
    first = {"open": "s", "files": {"refs/a.txt": "of s", "raw": encoded(b"\xff")}}
    second = {"open": "t", "files": {"refs/a.txt": "of t"}}
    requests = [
        case("shared", "refs/a.txt", "k1"),
        case("shared", "refs/a.txt", "k2", suite="t"),
        case("shared", "raw", "k3"),
        case("shared", "raw", "k4", suite="t"),
    ]
    _, *replies = run(kit, HANDSHAKE, first, second, *requests).replies
    assert [reply.get("output") for reply in replies] == ["of s", "of t", encoded(b"\xff"), None]
    assert replies[3]["error"]["kind"] == "NoSuchFile"


MALFORMED = {
    "not JSON": b'{"id": "k2", ',
    "two values": b"{} {}",
    "not an object": b"[]",
    "null": b"null",
    "not UTF-8": b'{"id": "k2", "suite": "s", "name": "echo", "input": "\xff"}',
    "no input": b'{"id": "k2", "suite": "s", "name": "echo"}',
    "no id": b'{"suite": "s", "name": "echo", "input": ""}',
    "a number as input": b'{"id": "k2", "suite": "s", "name": "echo", "input": 1}',
    "a number as id": b'{"id": 2, "open": "s", "files": {}}',
    "neither kind of line": b"{}",
    "a control character": b'{"id": "k2", "suite": "s", "name": "echo", "input": "a\tb"}',
    "params as a list": b'{"id": "k2", "suite": "s", "name": "echo", "input": "", "params": []}',
    "params as null": b'{"id": "k2", "suite": "s", "name": "echo", "input": "", "params": null}',
    "settings as a list": b'{"id": "k2", "suite": "s", "name": "echo", "input": "", "settings": ["trim"]}',
    "settings as null": b'{"id": "k2", "suite": "s", "name": "echo", "input": "", "settings": null}',
    "files as a list": b'{"open": "s", "files": []}',
    "base64 of one digit": b'{"id": "k2", "suite": "s", "name": "echo", "input": {"base64": "A"}}',
    "base64 unpadded": b'{"id": "k2", "suite": "s", "name": "echo", "input": {"base64": "AAE"}}',
    "base64 with another sign": b'{"id": "k2", "suite": "s", "name": "echo", "input": {"base64": "AA-E"}}',
    "base64 with a line break": b'{"id": "k2", "suite": "s", "name": "echo", "input": {"base64": "AAEC\\nAAEC"}}',
    "base64 broken in a file": b'{"open": "s", "files": {"a": {"base64": "A*=="}}}',
}


@pytest.mark.parametrize("line", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_line_ends_the_worker_with_code_2_and_a_message(kit: Kit, line: bytes) -> None:
    ended = run(kit, HANDSHAKE, OPEN, case("echo", "before"), line)
    assert ended.replies[1:] == [{"id": "k1", "output": "before"}]
    assert ended.code == 2
    assert ended.stderr.strip()


def test_the_end_of_stdin_ends_the_worker_well(kit: Kit) -> None:
    ended = run(kit)
    assert ended == Ended([], "", 0)


def example(language: str, folder: Path) -> tuple[str, ...]:
    """Build the page's worker as the page says; the command that starts it."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    match language:
        case "python":
            (folder / "worker.py").write_text(found[1], encoding="utf-8")
            shutil.copy(WORKERS / "python" / "harness_worker.py", folder)
            return (sys.executable, str(folder / "worker.py"))
        case "js":
            (folder / "worker.mjs").write_text(found[1], encoding="utf-8")
            shutil.copy(WORKERS / "node" / "harness_worker.mjs", folder)
            return (tool("node"), str(folder / "worker.mjs"))
        case "java":
            (folder / "Shout.java").write_text(found[1], encoding="utf-8")
            sources = (WORKERS / "java" / "HarnessWorker.java", folder / "Shout.java")
            subprocess.run([tool("javac"), "-d", folder, *sources], check=True)
            return (tool("java"), "-cp", str(folder), "Shout")
        case "go":
            needs = f"require harness/worker v0.0.0\n\nreplace harness/worker => {WORKERS / 'go'}\n"
            (folder / "go.mod").write_text(f"module shout\n\ngo 1.23\n\n{needs}", encoding="utf-8")
            (folder / "main.go").write_text(found[1], encoding="utf-8")
            subprocess.run([tool("go"), "build", "-o", "worker", "."], cwd=folder, check=True)
            return (str(folder / "worker"),)
        case _:
            (folder / "main.rs").write_text(found[1], encoding="utf-8")
            shutil.copy(WORKERS / "rust" / "harness_worker.rs", folder)
            subprocess.run([tool("rustc"), "--edition", "2021", "-o", "worker", "main.rs"], cwd=folder, check=True)
            return (str(folder / "worker"),)


@pytest.mark.parametrize("language", ["python", "go", "rust", "js", "java"])
def test_the_workers_of_the_page_are_whole_and_answer_alike(language: str, tmp_path: Path) -> None:
    page = Kit(language, example(language, tmp_path), tmp_path)
    requests = [case("a", "hey", "k1"), case("b", "hey", "k2", settings={"mark": "?"}), case("c", "", "k3")]
    ended = run(page, HANDSHAKE, OPEN, *requests, case("d", encoded(b"\xff"), "k4"))
    assert ended.replies == [
        {"ready": 1, "name": "shout", "version": "1.0"},
        {"id": "k1", "output": "HEY!"},
        {"id": "k2", "output": "HEY?"},
        {"id": "k3", "error": {"kind": "EmptyInput", "detail": "nothing to shout", "line": 1, "name": "c"}},
        {"id": "k4", "unsupported": "bytes"},
    ]
