"""What a user installs: the wheel, from nothing but it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from .conftest import ROOT

OFFLINE = re.compile(
    r"Could not find a version that satisfies|NewConnectionError|ConnectTimeout|No matching distribution"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = ["wheel", "--no-deps", "--quiet", "--disable-pip-version-check", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0 and OFFLINE.search(done.stderr):
        pytest.skip("the build backend can not be fetched here, so the wheel is not tested")
    assert done.returncode == 0, done.stderr
    return next(folder.glob("port_harness-*.whl"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel, and the dependencies that are here already; its bin folder."""
    venv = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", str(wheel)], check=True)
    site = sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)})
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return venv / "bin"


def harness(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTHONPATH")}
    argv = [str(installed / "harness"), *words]
    return subprocess.run(argv, cwd=folder, env=clean, capture_output=True, encoding="utf-8", timeout=60, check=False)


def test_its_top_level_is_the_package_alone(names: list[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"harness"}
    assert len(tops) == 2


def test_it_holds_every_module_and_every_schema(names: list[str]) -> None:
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "harness").rglob("*.py")}
    schemas = {str(path.relative_to(ROOT)) for path in (ROOT / "harness" / "schemas").iterdir()}
    assert "harness/schemas/config.json" in schemas
    assert sources | schemas <= set(names)


def test_it_holds_the_kit_of_each_language_and_no_build_output(names: list[str]) -> None:
    kits = {name.removeprefix("harness/kits/") for name in names if name.startswith("harness/kits/")}
    assert {
        "python/harness_worker.py",
        "go/harnessworker.go",
        "go/go.mod",
        "rust/harness_worker.rs",
        "node/harness_worker.mjs",
        "java/HarnessWorker.java",
    } <= kits
    assert {name.partition("/")[0] for name in kits} == {"python", "go", "rust", "node", "java"}
    assert not [name for name in names if re.search(r"__pycache__|\.pyc$|/target/|node_modules|/bin/|\.harness", name)]


def test_it_says_what_it_is(installed: Path, tmp_path: Path) -> None:
    assert re.fullmatch(r"port-harness \d+\.\d+\.\d+\n", harness(installed, tmp_path, "--version").stdout)


def test_a_python_target_works_from_there(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "port.py").write_text(
        "from harness_worker import Case\ndef render(case: Case) -> str: return case.input.upper()\n"
    )
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "a.in").write_text("hello\n")
    (tmp_path / "cases" / "a.out").write_text("HELLO\n")
    (tmp_path / "harness.toml").write_text("""\
format = 1
[target.port]
protocol = "python"
callable = "port:render"
[[suite]]
name = "s"
reader = "pairs"
inputs = "cases/*.in"
outputs = "cases/{stem}.out"
""")
    done = harness(installed, tmp_path, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PASS 1/1 pass ")
    repro = harness(installed, tmp_path, "repro", "a.in").stdout
    assert f"{installed.parent}/lib" in repro
    assert str(ROOT) not in repro
