"""`numeric`: near numbers in equal texts, and nothing else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.matchers import numeric
from harness.model import Match, Mismatch, ReferenceFault, Strength

if TYPE_CHECKING:
    from .conftest import Workspace

NEAR = Match(Strength.NUMERIC, ("numeric",))
LONG = 100_000


def compared(reference: str, got: str, **options: object) -> Match | Mismatch:
    return numeric.make(options).match(reference, got, str)


@pytest.mark.parametrize(
    ("one", "other", "options"),
    [
        ("x = 1.0\n", "x = 1.05\n", {"absolute": 0.05}),
        ("x=1.0,-2.5e3;", "x=1.00,-2500.0;", {"absolute": 0}),
        ("1000.0 m", "1001.0 m", {"relative": 0.001}),
        ("1.0", "1.0000000000000002", {"ulps": 1}),
        ("-0.0", "5e-324", {"ulps": 1}),
        ("-5e-324", "5e-324", {"ulps": 2}),
        ("0.0", "-0.0", {"ulps": 1}),
        ("is 1.5.", "is 1.6.", {"absolute": 0.2}),
        ("5.0", "5", {"absolute": 0}),
        ("5", "6", {"absolute": 1, "integers": True}),
    ],
)
def test_near_numbers_pass(one: str, other: str, options: dict[str, object]) -> None:
    assert compared(one, other, **options) == NEAR


@pytest.mark.parametrize(
    ("one", "other", "options"),
    [
        ("x = 1.0", "x = 1.06", {"absolute": 0.05}),
        ("1000.0", "1001.1", {"relative": 0.001}),
        ("0.0", "1e-300", {"relative": 0.5}),
        ("1.0", "-1.0", {"relative": 0.9}),
        ("1.0", "1.0000000000000004", {"ulps": 1}),
        ("3 errors", "4 errors", {"absolute": 5}),
        ("is 3.", "is 4.", {"absolute": 5}),
        ("1.0", "x", {"absolute": 5}),
        ("1.0", "nan", {"absolute": 5}),
        ("nan", "1.0", {"absolute": 5}),
        ("1e308", "1e999", {"absolute": 5, "relative": 0.9, "ulps": 1000}),
        ("1.7976931348623157e308", "1e999", {"ulps": 1000}),
        ("1.0", "1.0 1.0", {"absolute": 5}),
        ("1.0 2.0", "1.0", {"absolute": 5}),
        ("a 1.0", "b 1.0", {"absolute": 5}),
        ("1.0", " 1.0", {"absolute": 5}),
        ("1.0\n", "1.0", {"absolute": 5}),
        ("v1.2.3", "v1.2.4", {"absolute": 5}),
        ("v1.5", "v1.6", {"absolute": 5}),
        ("1.5ms", "1.6ms", {"absolute": 5}),
        ("a1.5", "a1.6", {"absolute": 5}),
        ("10:30.5x", "10:30.6x", {"absolute": 5}),
        ("0x1.5", "0x1.6", {"absolute": 5}),
        ("\u0661.\u0665", "\u0661.\u0666", {"absolute": 5}),
    ],
)
def test_what_is_farther_or_no_number_by_itself_does_not(one: str, other: str, options: dict[str, object]) -> None:
    assert isinstance(compared(one, other, **options), Mismatch)


TABLE = "name  x    n\na     1.5  3\nb     2.5  4\n"


@pytest.mark.parametrize(
    ("got", "options", "passes"),
    [
        ("name x n\na 1.51 3\nb 2.5 4\n", {}, True),
        ("name x n\na 1.6 3\nb 2.5 4\n", {}, False),
        ("name x n\na 1.5 3.0\nb 2.5 4\n", {}, False),
        ("name x n\na 1.5 3.0\nb 2.5 4\n", {"columns": [2, 3]}, True),
        ("name y n\na 1.5 3\nb 2.5 4\n", {}, False),
        ("name x n\na 1.5 3\n", {}, False),
        ("name x n\na 1.5\nb 2.5 4\n", {}, False),
        ("name x n\na 1.5x 3\nb 2.5 4\n", {}, False),
        ("name x n\nb 2.5 4\na 1.5 3\n", {}, False),
    ],
)
def test_columns_are_told_apart(got: str, options: dict[str, object], *, passes: bool) -> None:
    matched = compared(TABLE, got, **{"absolute": 0.02, "columns": [2], **options})
    assert isinstance(matched, Match) is passes


def test_a_separator_is_kept_and_blanks_count_with_it() -> None:
    options = {"absolute": 0.1, "columns": [2], "separator": ","}
    assert compared("a b,1.0,x", "a b,1.05,x", **options) == NEAR
    assert compared("a b,1.0,x", "a  b,1.05,x", **options) == Mismatch("line 1 column 1: 'a b', got 'a  b'")
    assert compared("a,1.0", "a,1.0,", **options) == Mismatch("line 1: 2 columns, got 3")


def test_equal_texts_are_exact_and_a_mismatch_says_which_number() -> None:
    assert compared("1.0 2.0", "1.0 2.0", absolute=1) == Match(Strength.EXACT)
    assert compared("a 1.0 b 2.0", "a 1.0 b 2.5", absolute=0.1) == Mismatch("number 2 is 2.0, got 2.5")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("columns = [1]", "says no tolerance"),
        ('absolute = 1\nseparator = ","', "`separator` is for `columns`"),
        ("relative = 1", "relative"),
        ("absolute = inf", "inf is not a number"),
        ("absolute = -1", "absolute"),
        ("absolute = 1\ncolumns = [0]", "columns"),
        ("ulps = 0", "ulps"),
    ],
)
def test_a_rule_that_says_nothing_or_everything_is_refused(workspace: Workspace, options: str, why: str) -> None:
    workspace.pair("a", "1", "1")
    rules = f'[[suite.rule]]\nmatcher = "numeric"\n{options}\n'
    workspace.config(workspace.worker("def render(case): return case.input"), rules=rules)
    ran = workspace.run("check")
    assert ran.code == 2
    assert why in ran.err


def test_only_text_has_numbers() -> None:
    with pytest.raises(ReferenceFault):
        numeric.make({"absolute": 1}).match(b"\xff", "", str)
    assert isinstance(numeric.make({"absolute": 1}).match("1", b"\xff", str), Mismatch)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(FLOATS, st.integers(1, 5))
def test_ulps_count_the_doubles_between(number: float, steps: int) -> None:
    other = number
    for _ in range(steps):
        other = math.nextafter(other, math.inf)
    if math.isfinite(other):
        assert isinstance(compared(repr(number), repr(other), ulps=steps), Match)
        exact = steps == 1 or not isinstance(compared(repr(number), repr(other), ulps=steps - 1), Match)
        assert exact or repr(number) == repr(other)


@pytest.mark.parametrize("piece", ["1", "1.", ".1", "1e", "-", "1 ", "1,", "e1"])
def test_long_runs_are_no_trouble(piece: str) -> None:
    for options in ({}, {"columns": [1]}):
        assert isinstance(compared(piece * LONG + "x", piece * LONG + "y", absolute=1, **options), Mismatch)


def test_the_audit_finds_what_is_no_number_and_a_change_beyond_the_tolerance(workspace: Workspace) -> None:
    workspace.pair("a", "mean 1.5 of 3\nmax 2.5\n", "mean 1.50 of 3\nmax 2.5\n")
    rule = '[[suite.rule]]\nmatcher = "numeric"\nabsolute = '
    for tolerance, survivors in (("0.01", 0), ("100.0", 2)):
        workspace.config(workspace.worker("def render(case): return case.input"), rules=rule + tolerance)
        assert workspace.run("check").first.startswith("PASS 1/1 pass (1 numeric)")
        assert workspace.run("audit", "--full").out.count("survives") == survivors
