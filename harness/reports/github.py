"""`--format github`: what GitHub Actions makes annotations and a job summary of. Pure: text in, text out."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.errors import Place

MOST = 10
"""GitHub shows no more errors of one step."""
_SUMMARY_LETTERS = 200_000
"""GitHub refuses a summary of more than a MiB."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark on a line of a file, or on the job where the file is none of the repository's."""

    says: str
    title: str
    place: Place | None


def command(annotation: Annotation, root: str) -> str:
    """Write an annotation as a workflow command; `root` is the repository's folder."""
    properties = {"title": annotation.title}
    place = annotation.place
    if place is not None:
        path = os.path.relpath(os.path.realpath(place.path), os.path.realpath(root))
        if path.split(os.sep)[0] != os.pardir:
            properties = {"file": path, "line": str(place.line or 1), **properties}
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::error {told}::{_data(annotation.says)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def shielded(text: str) -> str:
    """Wrap lines so that none is taken for a workflow command, whatever a port has put into them."""
    word = secrets.token_hex(16)
    return f"::stop-commands::{word}\n{text}::{word}::\n"


def summary(digest: str, verdicts: str) -> str:
    """Write a digest as Markdown: behind a fence that is longer than any in it."""
    shown = digest
    if len(shown) > _SUMMARY_LETTERS:
        shown = shown[: shown.rindex("\n", 0, _SUMMARY_LETTERS) + 1] + "... the rest is in the log\n"
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", shown))])
    return f"### harness: {verdicts}\n\n{fence}text\n{shown}{fence}\n\n"
