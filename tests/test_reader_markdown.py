"""Cases in fenced blocks: sections and what they inherit, info strings, named files, broken fences."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.readers import markdown

from .finding import cases, outputs, told, write

OPTIONS = {
    "files": "*.md",
    "input": "py",
    "outputs": "out",
    "params": {"config": "toml", "files": "*.pyi"},
}
PAGE = """\
# Top

```toml
x = 1
```

## One

```py
# no heading
a
```
text
~~~py ignored words
```
~~~

`used.pyi`:

```py
stub
```

```out
O
```

## Two ##
````py
```py
````
```toml
x = 2
```
```out
```

## Prose
```sh
ls
```

## Two
  ```py
    indented
  ```
```out
P
```
"""


def test_a_section_is_a_case_and_inherits_what_stands_above(tmp_path: Path) -> None:
    write(tmp_path, "t.md", PAGE)
    found = list(cases(markdown.read("s", tmp_path, OPTIONS)).values())
    assert [
        (one.name.partition("~")[0], one.input, outputs(one)["output"], one.params, one.place.line) for one in found
    ] == [
        (
            "t.md/Top/One",
            "# no heading\na\n```\n",
            ("O\n",),
            {"config": "x = 1\n", "files": {"used.pyi": "stub\n"}},
            10,
        ),
        ("t.md/Top/Two", "```py\n", ("",), {"config": "x = 2\n"}, 30),
        ("t.md/Top/Two", "  indented\n", ("P\n",), {"config": "x = 1\n"}, 45),
    ]
    assert len({one.name for one in found}) == 3


def test_a_block_can_be_a_case_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, "t.md", "```in\n1\n```\n```out\na\n```\n```in\n2\n```\n```error\nE\n```\n")
    options = {"files": "t.md", "case": "block", "input": "in", "outputs": "out", "error": "error"}
    found = cases(markdown.read("s", tmp_path, options)).values()
    assert [(one.input, outputs(one)) for one in found] == [
        ("1\n", {"output": ("a\n",)}),
        ("2\n", {"error": ("E\n",)}),
    ]


def test_a_whole_info_string_can_be_meant(tmp_path: Path) -> None:
    write(tmp_path, "t.md", "# A\n```js in\n1\n```\n```js out\n2\n```\n")
    (case,) = cases(markdown.read("s", tmp_path, {"files": "t.md", "input": "js in", "outputs": "js out"})).values()
    assert (case.name, case.input, outputs(case)) == ("A", "1\n", {"output": ("2\n",)})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# A\n\n```py\nnever closed\n``\n", "t.md:3: the block that begins with '```' has no end; close it"),
        ("# A\n", "t.md:1: no block in it is 'py'; correct `input`, or narrow `files`"),
        (b"# A\n\xff", "t.md:2: is not UTF-8 text; restore it, or narrow `files`"),
    ],
)
def test_what_can_not_be_read_is_told_with_its_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    write(tmp_path, "t.md", text)
    assert told(markdown.read("s", tmp_path, OPTIONS)) == [says]


@given(st.text(), st.text())
def test_every_byte_between_the_fences_comes_back(given_: str, due: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fence = "`" * 1 + "`" * max(3, given_.count("`") + due.count("`"))
        write(folder, "t.md", f"{fence}in\n{given_}\n{fence}\n{fence}out\r\n{due}\n{fence}\r\n")
        (case,) = cases(markdown.read("s", folder, {"files": "t.md", "input": "in", "outputs": "out"})).values()
        assert (case.input, outputs(case)) == (f"{given_}\n", {"output": (f"{due}\n",)})
