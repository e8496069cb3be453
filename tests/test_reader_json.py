"""Cases in JSON, YAML and TOML: where they lie, what they are called, and what is wrong with them."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from harness.model import Case
from harness.readers import json as json_reader
from harness.readers import toml, yaml

from .finding import cases, outputs, told, write

if TYPE_CHECKING:
    from harness.model import Json

    from .conftest import Workspace

PLAIN = {"files": "*.json", "id": "name", "input": "in", "outputs": "out"}
ONE = {"name": "a", "in": "i", "out": "o"}


def in_json(folder: Path, value: object, **options: object) -> tuple[dict[str, Case], list[str]]:
    """The cases and the complaints of one file."""
    write(folder, "t.json", json.dumps(value))
    found = list(json_reader.read("s", folder, {**PLAIN, **options}))
    return cases(iter(found)), told(iter(found))


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5), st.booleans())
def test_texts_come_out_as_they_were_written(pairs: list[tuple[str, str]], ascii_: bool) -> None:  # noqa: FBT001
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [{"in": text, "out": out} for text, out in pairs]
        write(folder, "t.json", json.dumps(rows, ensure_ascii=ascii_))
        write(folder, "t.yaml", pyyaml.safe_dump(rows, allow_unicode=not ascii_))
        for reader in (json_reader, yaml):
            options = {"files": f"t.{reader.__name__.rpartition('.')[2]}", "input": "in", "outputs": "out"}
            found = list(reader.read("s", folder, options))
            assert told(iter(found)) == []
            assert [(one.input, outputs(one)) for one in found if isinstance(one, Case)] == [
                (text, {"output": (out,)}) for text, out in pairs
            ]


def test_lone_surrogates_and_marks_of_byte_order_stay(tmp_path: Path) -> None:
    write(tmp_path, "t.json", b'\xef\xbb\xbf[{"name": "a", "in": "\\ud800\\ufeff\\u0000\\r\\n", "out": "\\udfff"}]')
    (case,) = cases(json_reader.read("s", tmp_path, PLAIN)).values()
    assert case.input == "\ud800\ufeff\x00\r\n"
    assert outputs(case) == {"output": ("\udfff",)}


def test_a_lone_surrogate_reaches_the_port_and_comes_back(workspace: Workspace) -> None:
    workspace.write("t.json", '[{"name": "a", "in": "\\\\ud800x", "out": "\\\\ud800x"}]')
    suite = '[[suite]]\nname = "s"\nreader = "json"\nfiles = "t.json"\nid = "name"\ninput = "in"\noutputs = "out"\n'
    workspace.write("harness.toml", f"format = 1\n[target.port]\n{workspace.worker(ECHO)}\n{suite}")
    assert workspace.run("check").first.startswith("PASS 1/1")


ECHO = "def render(case): return case.input"


def test_groups_nest_and_a_name_tells_of_all_the_levels(tmp_path: Path) -> None:
    tree = {
        "name": "top",
        "tests": [
            {"name": "inner", "schema": {"x": 1}, "tests": [{"name": "a", "in": 1, "out": True}]},
            {"name": "b", "in": {"k": "\u00e9"}, "out": None},
        ],
    }
    found, words = in_json(tmp_path, tree, cases="**/tests/*", id="**/name", params={"schema": "../../schema"})
    assert words == []
    assert {name: (one.input, outputs(one), one.params) for name, one in found.items()} == {
        "t.json/top/inner/a": ("1", {"output": ("true",)}, {"schema": {"x": 1}}),
        "t.json/top/b": ('{"k": "\u00e9"}', {"output": ("null",)}, {}),
    }


def test_the_keys_of_an_object_can_be_names_and_a_single_file_adds_nothing_to_them(tmp_path: Path) -> None:
    value = {"one/two": {"in": "1", "out": "2"}, "three": {"in": "3", "out": "4"}}
    found, _ = in_json(tmp_path, value, files="t.json", id="#")
    assert list(found) == ["one/two", "three"]
    found, _ = in_json(
        tmp_path, {"cases": {"x": "in1"}, "want": "w"}, cases="cases/*", id="#", input=".", outputs="/want"
    )
    assert {name: (one.input, outputs(one)) for name, one in found.items()} == {"t.json/x": ("in1", {"output": ("w",)})}
    found, _ = in_json(tmp_path, {"a/b~": {"in": 1}, "c": 2}, cases=".", id="c", input="a~1b~0/in", outputs="c")
    assert {name: one.input for name, one in found.items()} == {"t.json/2": "1"}


def test_several_values_are_alternatives_and_several_fields_too(tmp_path: Path) -> None:
    row = {"name": "a", "in": "i", "any": ["x", "y"], "old": "z", "code": 0}
    found, words = in_json(tmp_path, [row], outputs={"output": ["any/*", "old", "none"], "exit": "code"})
    assert words == ["outputs: outputs: 'none' finds nothing in any case; correct or remove it"]
    assert outputs(found["t.json/a"]) == {"output": ("x", "y", "z"), "exit": ("0",)}


@pytest.mark.parametrize(
    ("options", "row", "due"),
    [
        ({"error": "err"}, {"err": "boom"}, {"error": ("boom",)}),
        ({"error": "err"}, {"err": True}, {"error": ("",)}),
        ({"error": "err"}, {"err": {"kind": "K"}}, {"error": ('{"kind": "K"}',)}),
        ({"error": "err", "outputs": "out"}, {"err": "boom", "out": None}, {"error": ("boom",)}),
        ({"error": "err", "outputs": "out"}, {"err": False, "out": "o"}, {"output": ("o",)}),
        ({"error": "err"}, {"err": None}, {"accepted": ("",)}),
        ({"accepted": "ok"}, {"ok": True}, {"accepted": ("",)}),
        ({"accepted": "ok"}, {"ok": False}, {"error": ("",)}),
        ({"accepted": "ok", "outputs": "out"}, {"ok": True, "out": "o"}, {"output": ("o",)}),
    ],
)
def test_what_must_fail_has_one_reference_named_error(
    tmp_path: Path, options: dict[str, str], row: dict[str, Json], due: dict[str, tuple[str, ...]]
) -> None:
    write(tmp_path, "t.json", json.dumps([{"in": "i", **row}, {"in": "j", "ok": True, "err": "e"}]))
    found = cases(json_reader.read("s", tmp_path, {"files": "*.json", "input": "in", **options}))
    assert outputs(next(iter(found.values()))) == due


def test_a_text_that_stands_for_json_stays_apart_from_a_number(tmp_path: Path) -> None:
    rows = [{"name": "text", "in": "1", "out": "x"}, {"name": "number", "in": 1, "out": "x"}]
    found, _ = in_json(tmp_path, rows, as_json=["input"])
    assert [one.input for one in found.values()] == ['"1"', "1"]
    assert [outputs(one) for one in found.values()] == [{"output": ("x",)}] * 2


def test_what_stands_for_another_character_is_put_back_once(tmp_path: Path) -> None:
    found, _ = in_json(
        tmp_path, [{"name": "a", "in": "\u2192x", "out": "ab"}], spelled={"\u2192": "\t", "a": "b", "b": "c"}
    )
    assert (found["t.json/a"].input, outputs(found["t.json/a"])) == ("\tx", {"output": ("bc",)})


def rows(*texts: str, name: str | None = "n") -> list[dict[str, str]]:
    return [{**({"name": name} if name else {}), "in": text, "out": "o"} for text in texts]


def test_names_hold_no_position_so_that_a_new_case_changes_no_other_name(tmp_path: Path) -> None:
    for name in ("n", None):
        before, words = in_json(tmp_path, rows("a", "b", "c", name=name), id=["name"] if name else ["in"])
        options = {"id": "name"} if name else {}
        write(tmp_path, "t.json", json.dumps(rows("a", "b", "c", name=name)))
        plain = {"files": "*.json", "input": "in", "outputs": "out", **options}
        before = cases(json_reader.read("s", tmp_path, plain))
        write(tmp_path, "t.json", json.dumps(rows("x", "c", "a", "b", name=name)))
        after = cases(json_reader.read("s", tmp_path, plain))
        assert words == []
        assert len(before) == 3
        assert {name: one.input for name, one in before.items()}.items() <= {
            name: one.input for name, one in after.items()
        }.items()


def test_an_exact_repeat_is_counted_and_params_tell_cases_apart(tmp_path: Path) -> None:
    same = {"name": "n", "in": "a", "out": "o"}
    found, _ = in_json(tmp_path, [same, same, {**same, "p": 1}], params={"p": "p"})
    first, second, third = found
    assert second == f"{first}~2"
    assert third.startswith("t.json/n~")
    assert len({first, third}) == 2


def test_a_long_or_odd_name_becomes_one_short_line(tmp_path: Path) -> None:
    names = ["two\n lines\x00", "x" * 1000, "", "\ud800e\u0301"]
    found, _ = in_json(tmp_path, [{"name": name, "in": name or "in put!", "out": "o"} for name in names])
    assert list(found)[:2] == ["t.json/two lines", "t.json/" + "x" * 100]
    assert list(found)[2].startswith("t.json/in-put~")
    assert list(found)[3] == "t.json/\u00e9"


def test_cases_that_build_on_each_other_are_a_group(tmp_path: Path) -> None:
    value = [{"name": "g", "steps": [ONE, {**ONE, "name": "b"}]}, {"name": "h", "steps": [{**ONE, "name": "c"}]}]
    found, _ = in_json(tmp_path, value, cases="*/steps/*", id="**/name", group="../../name")
    assert [one.group for one in found.values()] == ["t.json/g", "t.json/g", "t.json/h"]
    found, _ = in_json(tmp_path, [ONE], files="t.json", group="../none")
    assert [one.group for one in found.values()] == ["."]


def test_lines_of_json_are_a_list(tmp_path: Path) -> None:
    write(tmp_path, "t.jsonl", f"{json.dumps(ONE)}\n\n{json.dumps({**ONE, 'name': 'b'})}\r\n")
    assert list(cases(json_reader.read("s", tmp_path, {**PLAIN, "files": "*.jsonl"}))) == ["t.jsonl/a", "t.jsonl/b"]
    write(tmp_path, "t.jsonl", f"{json.dumps(ONE)}\n" + "{")
    assert told(json_reader.read("s", tmp_path, {**PLAIN, "files": "*.jsonl"}))[0].startswith(
        "t.jsonl:2: the file is not JSON"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[{"name": "a",\n}]', r"t.json:2: the file is not JSON \(.*\); correct it"),
        (b'[\n"\xff"]', r"t.json:2: is not UTF-8 text; restore it, or narrow `files`"),
        (
            '[{"in": 1, "in": 2}]',
            r"t.json:1: the file holds what JSON can not \(the key 'in' twice in one object\); .*",
        ),
        ("[" * 100_000, r"t.json:1: the file is nested too deeply to be read; make it flatter"),
        ("{}", r"t.json:1: `cases` '\*' finds nothing in it; correct the path, or narrow `files`"),
        ('[\n{"name": "a"}]', r"t.json:2: this case has no input at 'in'; correct `input`, .*"),
        (
            '[{"a": [1, {"b": 2}], "in": 1, "out": 2},\n {"in": 1,\n"out": Infinity}]',
            r"t.json:2: this case has a number .*",
        ),
    ],
)
def test_a_broken_file_is_told_with_its_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    write(tmp_path, "t.json", text)
    words = told(json_reader.read("s", tmp_path, {**PLAIN, "id": "in"}))
    assert len([word for word in words if re.fullmatch(says, word)]) == 1, words


def test_a_flag_that_is_none_and_an_error_beside_an_output_are_faults(tmp_path: Path) -> None:
    _, words = in_json(tmp_path, [{**ONE, "ok": "yes"}], accepted="ok")
    assert words == ["t.json:1: this case says 'yes' at 'ok', and true or false is due; correct `accepted`"]
    _, words = in_json(tmp_path, [{**ONE, "err": "boom"}], error="err")
    assert words == ["t.json:1: this case has an error and the output 'output'; correct `error` or `outputs`"]
    _, words = in_json(tmp_path, [ONE], params="in")
    assert words == ["t.json:1: this case has no object at 'in'; correct `params`, or give it a name: { NAME = 'in' }"]


def in_yaml(folder: Path, text: str) -> tuple[dict[str, Json], list[str]]:
    write(folder, "t.yaml", text)
    options = {**PLAIN, "files": "*.yaml", "params": {"p": "p"}}
    found = list(yaml.read("s", folder, options))
    return {name: one.params.get("p") for name, one in cases(iter(found)).items()}, told(iter(found))


def test_yaml_is_what_json_could_say_and_dates_are_text(tmp_path: Path) -> None:
    one = "- {name: %s, in: i, out: o, p: %s}\n"
    found, words = in_yaml(tmp_path, one % ("a", "2001-01-01") + one % ("b", "&x [1]") + one % ("c", "*x"))
    assert (found, words) == ({"t.yaml/a": "2001-01-01", "t.yaml/b": [1], "t.yaml/c": [1]}, [])
    found, _ = in_yaml(tmp_path, "---\nname: a\nin: i\nout: o\np: 1\n---\nname: b\nin: i\nout: o\n")
    assert found == {"t.yaml/a": 1, "t.yaml/b": None}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- a: b: c\n", "t.yaml:1: the file is not YAML (mapping values are not allowed in this context); correct it"),
        ("- {in: !code x}\n", "t.yaml:1: the file is not YAML (could not determine a constructor for the tag '!code')"),
        ("-\n  in: 1\n  in: 2\n", "t.yaml:2: the file is not YAML (the key 'in' twice in one mapping); correct it"),
        ("[" * 200, "t.yaml:1: the file is nested too deeply to be read; make it flatter"),
        ("- {1: 2, '1': 3}", "t.yaml:1: the file holds what JSON can not (the key '1' twice in one object); "),
        ("- {[1]: 2}", "t.yaml:1: the file is not YAML (found unhashable key); correct it"),
        ("- !!binary aGk=", "t.yaml:1: the file holds what JSON can not (a bytes); write it out or quote it"),
        ("- {p: 1}\n- name: x\n  p: 2\n", "t.yaml:2: this case has no input at 'in'; correct `input`, or what"),
    ],
)
def test_broken_yaml_is_told_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    _, words = in_yaml(tmp_path, text)
    assert any(word.startswith(says) for word in words), words


def test_aliases_that_would_be_a_billion_values_are_refused(tmp_path: Path) -> None:
    levels = "".join(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 1}]\n" for n in range(10))
    assert in_yaml(tmp_path, levels)[1] == [
        "t.yaml:1: the file holds what JSON can not (aliases for millions of values); write it out or quote it"
    ]


def test_toml_holds_cases_too(tmp_path: Path) -> None:
    write(tmp_path, "t.toml", '[[test]]\nname = "a"\nin = "\\r\\n x "\nout = "o"\n')
    options = {**PLAIN, "files": "*.toml", "cases": "test/*"}
    assert {name: one.input for name, one in cases(toml.read("s", tmp_path, options)).items()} == {
        "t.toml/a": "\r\n x "
    }
    write(tmp_path, "t.toml", 'a = 1\nb = "\n')
    assert told(toml.read("s", tmp_path, options))[0].startswith("t.toml:2: the file is not TOML (")
    write(tmp_path, "t.toml", "a = 2001-01-01\n")
    assert told(toml.read("s", tmp_path, options)) == [
        "t.toml:1: the file holds what JSON can not (a date); write it out or quote it"
    ]
