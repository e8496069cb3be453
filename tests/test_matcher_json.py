"""`json`: what counts as the same value, and what must not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.matchers import json as matcher
from harness.model import ErrorReply, Match, Mismatch, ReferenceFault, Strength, Structured

if TYPE_CHECKING:
    from harness.model import Json, Output

    from .conftest import Workspace


def compared(reference: str, got: Output | ErrorReply, **options: object) -> Match | Mismatch:
    return matcher.make(options).match(reference, got, str)


def same_value(one: str, other: str, **options: object) -> bool:
    there, back = compared(one, other, **options), compared(other, one, **options)
    assert isinstance(there, Match) is isinstance(back, Match)
    return isinstance(there, Match)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}\n'),
        ('"\\u00e9\\/"', '"é/"'),
        ('"\\ud83d\\ude00"', '"😀"'),
        ("1.50", "15e-1"),
        ("1e2", "100.0"),
        ("[]", " [ ] "),
        ('{"a": NaN}', '{ "a": NaN }'),
        ('\ufeff{"a": 1}', '{"a":1}'),
    ],
)
def test_only_the_writing_differs(one: str, other: str) -> None:
    assert compared(one, other) == compared(other, one) == Match(Strength.STRUCTURAL)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("1", "true"),
        ("1", '"1"'),
        ("0", "false"),
        ("0.0", "-0.0"),
        ("null", '"null"'),
        ("null", "false"),
        ("[]", "{}"),
        ("[]", "null"),
        ("[1, 2]", "[2, 1]"),
        ("[1]", "[[1]]"),
        ("[1]", "[1, 1]"),
        ('{"a": 1}', '{"a": 1, "a": 1}'),
        ('{"a": 1, "a": 2}', '{"a": 2, "a": 1}'),
        ('{"a": 1}', '{"A": 1}'),
        ('{"a": null}', "{}"),
        ("9007199254740993", "9007199254740992"),
        ("123456789012345678901234567890123", "123456789012345678901234567890124"),
        ("0.1", "0.10000000000000001"),
        ("1e400", "1e401"),
        ("NaN", "null"),
        ("Infinity", "-Infinity"),
        ('"a"', '"a "'),
        ('"é"', '"e\u0301"'),
        ('"\\\\n"', '"\\n"'),
    ],
)
def test_another_value_does_not_pass(one: str, other: str) -> None:
    assert not same_value(one, other)
    assert compared(one, Structured(json.loads(other))) != Match(Strength.EXACT)


def test_equal_texts_are_exact_and_a_value_is_structural() -> None:
    assert compared('{"a": 1}', '{"a": 1}') == Match(Strength.EXACT)
    assert compared('{"a": [1, 2.5, null, true]}', Structured({"a": [1, 2.5, None, True]})) == Match(
        Strength.STRUCTURAL
    )
    assert compared("3", 3) == Match(Strength.EXACT)


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "[1,]", "{} {}", "hello", "[" * 300 + "]" * 300])
def test_what_is_not_json_does_not_pass_and_is_a_fault_as_a_reference(text: str) -> None:
    assert isinstance(compared("{}", text), Mismatch)
    for got in ("{}", ""):
        with pytest.raises(ReferenceFault):
            compared(text, got)


def test_bytes_and_errors_do_not_pass() -> None:
    assert isinstance(compared("{}", b"\xff"), Mismatch)
    assert isinstance(compared("{}", ErrorReply({"kind": "{}"})), Mismatch)


def test_a_mismatch_says_where_the_first_difference_is() -> None:
    assert compared('{"a": [1, {"b/c": "x"}]}', '{"a": [1, {"b/c": "y"}]}') == Mismatch('at a/1/b~1c: "x", got "y"')
    assert compared("[1]", "[1, 2]") == Mismatch("at 1: nothing, got 2")
    long = compared(json.dumps("x" * 10**6), json.dumps("y" * 10**6))
    assert isinstance(long, Mismatch)
    assert len(long.why) < 200


# --- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "passes"),
    [
        ("1", "1.0", {"absolute": 0}, True),
        ("1", "1.01", {"absolute": 0.01}, True),
        ("1", "1.010001", {"absolute": 0.01}, False),
        ("1000000", "1000001", {"relative": 1e-6}, True),
        ("1000000", "1000002", {"relative": 1e-6}, False),
        ("0", "1e-300", {"relative": 0.5}, False),
        ("1", "-1", {"relative": 0.9}, False),
        ("1", '"1"', {"absolute": 5}, False),
        ("1", "true", {"absolute": 5}, False),
        ("1", "null", {"absolute": 5}, False),
        ("NaN", "1", {"absolute": 5}, False),
        ("NaN", "NaN", {"absolute": 5}, True),
        ("Infinity", "1e308", {"absolute": 5, "relative": 0.9}, False),
        ("1e999999999999", "1", {"absolute": 5, "relative": 0.9}, False),
        ("1" + "0" * 100, "1" + "0" * 99 + "1", {"absolute": 0.5}, False),
        ("1" + "0" * 100, "1" + "0" * 99 + "1", {"absolute": 1}, True),
        ('"1.0"', '"1.00"', {"absolute": 1}, False),
    ],
)
def test_a_tolerance_is_for_numbers_alone_and_counted_from_the_reference(
    one: str, other: str, tolerance: dict[str, float], *, passes: bool
) -> None:
    got = compared(one, other, numbers=tolerance)
    assert isinstance(got, Match) is passes
    if passes and one != other:
        assert got == Match(Strength.NUMERIC, ("numbers",))


def test_a_tolerance_that_was_not_needed_is_not_counted() -> None:
    assert compared("[1, 2]", "[1,2]", numbers={"absolute": 1}) == Match(Strength.STRUCTURAL)
    assert matcher.make({"numbers": {"absolute": 1}}).allowed is Strength.NUMERIC


@pytest.mark.parametrize("far", [float("inf"), float("nan"), -1.0])
def test_a_tolerance_that_forgives_everything_is_refused(workspace: Workspace, far: float) -> None:
    workspace.pair("a", "1", "1")
    rule = f'[[suite.rule]]\nmatcher = "json"\nnumbers = {{ absolute = {far} }}\n'
    workspace.config(workspace.worker("def render(case): return case.input"), rules=rule)
    ran = workspace.run("check")
    assert ran.code == 2
    assert "suite.rule.numbers.absolute: " in ran.err


# --- paths ---------------------------------------------------------------------------------------------------------

DOCUMENT = '{"id": 7, "at": "2024-01-01", "rows": [{"at": "x", "v": 1}, {"v": 2}]}'


@pytest.mark.parametrize(
    ("options", "got", "passes"),
    [
        ({"ignore": ["**/at"]}, '{"id": 7, "at": null, "rows": [{"v": 1}, {"v": 2, "at": 9}]}', True),
        ({"ignore": ["at"]}, '{"id": 7, "rows": [{"at": "y", "v": 1}, {"v": 2}]}', False),
        ({"ignore": ["**/at"]}, '{"id": 7, "at": "", "rows": [{"v": 1}, {"v": 3}]}', False),
        ({"ignore": ["rows/0"]}, '{"id": 7, "at": "2024-01-01", "rows": [[], {"v": 2}]}', True),
        ({"ignore": ["rows/0"]}, '{"id": 7, "at": "2024-01-01", "rows": [{"v": 2}]}', False),
        ({"redact": ["**/at"]}, '{"id": 7, "at": "2025-09-09", "rows": [{"at": "y", "v": 1}, {"v": 2}]}', True),
        ({"redact": ["**/at"]}, '{"id": 7, "at": 20250909, "rows": [{"at": "y", "v": 1}, {"v": 2}]}', False),
        ({"redact": ["**/at"]}, '{"id": 7, "rows": [{"at": "y", "v": 1}, {"v": 2}]}', False),
        ({"redact": ["id"]}, '{"id": null, "at": "2024-01-01", "rows": [{"at": "x", "v": 1}, {"v": 2}]}', False),
        ({"unordered": ["rows"]}, '{"id": 7, "at": "2024-01-01", "rows": [{"v": 2}, {"v": 1, "at": "x"}]}', True),
        ({"unordered": ["rows"]}, '{"id": 7, "at": "2024-01-01", "rows": [{"v": 2}, {"v": 2}]}', False),
        ({"unordered": ["rows"]}, '{"id": 7, "at": "2024-01-01", "rows": [{"v": 2}]}', False),
        ({"unordered": ["other"]}, '{"id": 7, "at": "2024-01-01", "rows": [{"v": 2}, {"v": 1, "at": "x"}]}', False),
    ],
)
def test_what_a_path_forgives(options: dict[str, list[str]], got: str, *, passes: bool) -> None:
    matched = compared(DOCUMENT, got, **options)
    assert isinstance(matched, Match) is passes
    if passes:
        (kind, (glob,)), partial = next(iter(options.items())), "unordered" not in options
        worth = Strength.FIELDS if partial else Strength.STRUCTURAL
        assert matched == Match(worth, (f"{kind} {glob}",))
        assert matcher.make(options).allowed is worth


def test_near_numbers_are_paired_in_an_unordered_list() -> None:
    options = {"unordered": ["**"], "numbers": {"absolute": 0.01}}
    got = compared("[1.0, 10.0, 2.0]", "[2.001, 0.999, 10.0]", **options)
    assert got == Match(Strength.NUMERIC, ("unordered **", "numbers"))
    assert isinstance(compared("[1.0, 2.0]", "[2.001, 2.001]", **options), Mismatch)


@pytest.mark.parametrize("glob", ["**", "*", "**/*", "*/**", "?*"])
def test_a_path_that_fits_everything_is_refused(glob: str) -> None:
    with pytest.raises(ValueError, match="fits everything"):
        matcher.make({"ignore": [glob]})


@pytest.mark.parametrize("options", [{"ignore": ["{id,at,rows}"]}, {"redact": ["[a-z]*"]}, {"ignore": ["{*,x}"]}])
def test_paths_that_leave_nothing_of_a_reference_are_a_fault_before_anything_runs(
    workspace: Workspace, options: dict[str, list[str]]
) -> None:
    with pytest.raises(ReferenceFault, match="leave nothing of it to compare"):
        compared(DOCUMENT, "{}", **options)
    ((key, globs),) = options.items()
    workspace.pair("a", DOCUMENT, DOCUMENT)
    rule = f'[[suite.rule]]\nmatcher = "json"\n{key} = {json.dumps(globs)}\n'
    workspace.config(workspace.worker("import os; os._exit(1)"), rules=rule)
    ran = workspace.run("check")
    assert ran.code == 2
    assert "a.out:1: pairs rule 1 (json): `ignore` and `redact` leave nothing of it to compare" in ran.err


VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_two_values_pass_when_they_are_the_same_and_never_else(one: Json, other: Json) -> None:
    def written(value: Json) -> str:
        return json.dumps(value, sort_keys=True)

    assert isinstance(compared(json.dumps(one, indent=1), Structured(one)), Match)
    assert same_value(json.dumps(one), json.dumps(other)) is (written(one) == written(other))


# --- audit ---------------------------------------------------------------------------------------------------------


def audited(workspace: Workspace, rule: str, port: str) -> str:
    document = {"name": "Ann", "size": 12.5, "rows": [1, -2], "ok": True, "none": None}
    workspace.pair("a", json.dumps(document), json.dumps(document, indent=2))
    workspace.config(workspace.worker(port), rules=f'[[suite.rule]]\nmatcher = "json"\n{rule}\n')
    assert workspace.run("check").code == 0
    return workspace.run("audit", "--full").out


@pytest.mark.parametrize("reply", ["case.input", "Value(json.loads(case.input))"])
def test_every_mutation_of_a_value_is_seen(workspace: Workspace, reply: str) -> None:
    out = audited(workspace, "", f"import json\ndef render(case): return {reply}")
    for mutator in ("digit", "sign", "number", "letter case", "drop", "type", "truth", "truncate"):
        assert f"of 1  {mutator}" not in out


def test_a_tolerance_without_measure_shows_in_the_audit(workspace: Workspace) -> None:
    port = "import json\ndef render(case): return Value(json.loads(case.input))"
    out = audited(workspace, "numbers = { absolute = 1e9 }", port)
    assert "survives x1 of 1  digit" in out


def test_the_port_may_answer_with_a_value(workspace: Workspace) -> None:
    workspace.pair("a", "x", '{"b": [1, 2],\n "a": null}\n')
    rule = '[[suite.rule]]\nmatcher = "json"\n'
    workspace.config(workspace.worker("def render(case): return Value({'a': None, 'b': [1, 2]})"), rules=rule)
    assert workspace.run("check").first.startswith("PASS 1/1 pass (1 structural) ")
    any_json: Any = json.loads('{"a": null, "b": [1, 2]}')
    assert compared('{"b": [1, 2], "a": null}', Structured(any_json)) == Match(Strength.STRUCTURAL)
