"""The demo: our own templates, references recorded from the real MiniJinja, and Jinja2 posing as the port."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec

import pytest

from .conftest import ROOT, Workspace


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the demo's workspace, with the interpreter that runs the tests as its `.venv`."""
    for needed in ("jinja2", "minijinja"):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed, so the demo is not tested; pip install -e '.[demo]'")
    folder = tmp_path_factory.mktemp("demo")
    for name in ("harness.toml", "skiplist.toml"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "fixtures" / "demo", folder / "fixtures" / "demo")
    shutil.copytree(ROOT / "adapters" / "worker" / "python", folder / "adapters" / "worker" / "python")
    (folder / ".venv").symlink_to(sys.prefix)
    return Workspace(folder)


def snapshots(workspace: Workspace) -> dict[str, bytes]:
    folder = workspace.folder / "fixtures" / "demo" / "snapshots"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_demo_passes_with_its_skip_list(demo: Workspace) -> None:
    ran = demo.run("check")
    assert (ran.code, ran.out.count("\n")) == (0, 1)
    assert ran.first.startswith("PASS ")


def test_the_demo_fails_with_the_skip_list_put_aside(demo: Workspace) -> None:
    ran = demo.run("check", "--no-skips")
    assert ran.code == 1
    assert ran.first.startswith("FAIL ")
    assert len(ran.out.splitlines()) > 40


def test_the_original_passes_every_case_exactly(demo: Workspace) -> None:
    ran = demo.run("check", "--target", "minijinja")
    cases = len(list((demo.folder / "fixtures" / "demo" / "snapshots").iterdir()))
    assert cases >= 40
    assert ran.first.startswith(f"PASS {cases}/{cases} pass ·")


def test_recording_the_references_again_changes_nothing(demo: Workspace) -> None:
    before = snapshots(demo)
    ran = demo.run("record", "--update")
    assert (ran.code, ran.out) == (0, f"{len(before)} unchanged\n")
    assert snapshots(demo) == before


def test_references_that_are_lost_are_recorded_byte_by_byte(demo: Workspace) -> None:
    before = snapshots(demo)
    shutil.rmtree(demo.folder / "fixtures" / "demo" / "snapshots")
    ran = demo.run("record")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, f"{len(before)} new")
    assert snapshots(demo) == before


def test_every_line_of_the_skip_list_is_one_case_that_still_fails(demo: Workspace) -> None:
    listed = [line for line in (demo.folder / "skiplist.toml").read_text().splitlines() if line.startswith('"')]
    demo.run("check")
    shown = demo.run("list").out.splitlines()
    assert len([line for line in shown if line.split()[0] in ("todo", "accepted")]) == len(listed)
