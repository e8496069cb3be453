"""The main line and its clones: everything that is git. Nothing in here is run inside a clone that an agent has had.

An agent's `.git` may hold hooks, filters and helpers of its own making, so its work is read with the main
repository's git folder, an index and an object store of our own.
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git import Actor, Git, GitCommandError, InvalidGitRepositoryError, NoSuchPathError, Repo

from harness.errors import HarnessError, UsageError
from harness.loop.scratch import remove

if TYPE_CHECKING:
    from collections.abc import Sequence

_AUTHOR = Actor("harness loop", "harness-loop@localhost")


@dataclass(frozen=True, slots=True)
class Line:
    """The branch that kept work lands on. `inside` is where in the repository the workspace lies, "" or `path/`."""

    root: Path
    branch: str
    inside: str


@dataclass(frozen=True, slots=True)
class Touched:
    """A path that was added, changed or deleted; `mode` is git's, before and after."""

    path: str
    modes: tuple[str, str]


def find_line(folder: Path) -> tuple[Line, str]:
    """Find the repository of a workspace, and the commit that it is at. Raises UsageError."""
    try:
        repo = Repo(folder, search_parent_directories=True)
    except (InvalidGitRepositoryError, NoSuchPathError) as problem:
        raise UsageError(f"{folder}: is in no git repository; git init, and commit the workspace") from problem
    with closing(repo):
        root = Path(str(repo.working_tree_dir)).resolve()
        inside = os.path.relpath(folder, root)
        if repo.head.is_detached:
            raise UsageError(f"{root}: is on no branch, and kept work lands on one; git switch to one")
        if not repo.head.is_valid():
            raise UsageError(f"{root}: has no commit yet; commit the workspace")
        return Line(root, repo.active_branch.name, "" if inside == "." else inside + "/"), repo.head.commit.hexsha


def see_clean(line: Line) -> None:
    """Agents start from what is committed: raises UsageError where something is not."""
    with closing(Repo(line.root)) as repo:
        dirty = repo.git.status("--porcelain").splitlines()
    if dirty:
        raise UsageError(
            f"{line.root}: {dirty[0][3:]} is not committed, and agents start from commits; commit or stash it"
        )


def head_of(line: Line) -> str:
    """Return the commit that the branch is at."""
    with closing(Repo(line.root)) as repo:
        return str(repo.git.rev_parse(f"refs/heads/{line.branch}"))


def tree_of(line: Line, commit: str) -> str:
    """Return the contents of a commit, as git names them."""
    with closing(Repo(line.root)) as repo:
        return str(repo.git.rev_parse(f"{commit}^{{tree}}"))


def clone_for_agent(line: Line, to: Path) -> None:
    """Make a clone without history, hooks or a way back."""
    with closing(Repo(line.root)) as repo:
        repo.git.clone(
            "--depth=1", "--single-branch", "--no-tags", "--template=", "--quiet",
            f"--branch={line.branch}", f"file://{line.root}", str(to),
        )  # fmt: skip
    with closing(Repo(to)) as clone:
        clone.git.remote("remove", "origin")


def forget_history(clone: Path) -> None:
    """Begin a clone's history anew with what is in its work tree: what was removed from it is nowhere in it."""
    remove(clone / ".git")
    Git(clone).init("--template=", "--quiet")
    with closing(Repo(clone)) as repo:
        repo.git.add("--all")
        repo.index.commit("The port, as it is", author=_AUTHOR, committer=_AUTHOR, skip_hooks=True)


def checkout(line: Line, commit: str, to: Path) -> None:
    """Make a clean checkout to judge in; it borrows the main repository's objects."""
    with closing(Repo(line.root)) as repo:
        repo.git.clone("--shared", "--no-checkout", "--template=", "--quiet", str(line.root), str(to))
    with closing(Repo(to)) as clone:
        clone.git.checkout("--quiet", "--detach", commit)


def work_of(line: Line, base: str, clone: Path, scratch: Path, withheld: Sequence[str]) -> tuple[bytes, list[Touched]]:
    """Read what an agent has changed: as a patch, and path by path. What was withheld from it is as it was.

    Raises GitCommandError for what git can not read.
    """
    with closing(Repo(line.root)) as repo:
        common = Path(str(repo.common_dir)).resolve()
        (scratch / "objects").mkdir()
        repo.git.update_environment(
            GIT_DIR=str(common),
            GIT_WORK_TREE=str(clone),
            GIT_INDEX_FILE=str(scratch / "index"),
            GIT_OBJECT_DIRECTORY=str(scratch / "objects"),
            GIT_ALTERNATE_OBJECT_DIRECTORIES=str(common / "objects"),
        )
        repo.git.execute(["git", "read-tree", base])
        repo.git.execute(["git", "-C", str(clone), "add", "--all", "."])
        if withheld:
            repo.git.execute(["git", "--literal-pathspecs", "reset", "--quiet", base, "--", *withheld])
        diff = ["git", "diff-index", "--cached", "--no-renames", "--no-ext-diff", "--no-textconv"]
        patch: bytes = repo.git.execute(
            [*diff, "--binary", base], stdout_as_string=False, strip_newline_in_stdout=False
        )
        raw: bytes = repo.git.execute([*diff, "--raw", "-z", base], stdout_as_string=False)
    fields = [field.decode("utf-8", "surrogateescape") for field in raw.split(b"\0") if field]
    touched = [
        Touched(path, (said.split()[0].lstrip(":"), said.split()[1]))
        for said, path in zip(fields[::2], fields[1::2], strict=True)
    ]
    return patch, touched


def apply(folder: Path, patch: Path) -> str:
    """Apply a patch to a checkout; returns what is in the way, or nothing."""
    with closing(Repo(folder)) as repo:
        try:
            repo.git.apply("--index", "--3way", "--whitespace=nowarn", str(patch))
        except GitCommandError as problem:
            return " ".join(str(problem.stderr).split())[:300]
    return ""


def commit(folder: Path, paths: Sequence[str], message: str) -> tuple[str, str]:
    """Commit what was applied, and the named files of ours; returns the commit and its tree."""
    with closing(Repo(folder)) as repo:
        if paths:
            repo.git.add("--", *paths)
        made = repo.index.commit(message, author=_AUTHOR, committer=_AUTHOR, skip_hooks=True)
        return made.hexsha, made.tree.hexsha


def bring(line: Line, folder: Path) -> None:
    """Bring a checkout's commit into the main repository, where no branch holds it yet."""
    with closing(Repo(line.root)) as repo:
        repo.git.fetch("--quiet", "--no-tags", "--no-write-fetch-head", str(folder), "HEAD")


def land(line: Line, commit_: str, parent: str) -> None:
    """Put a commit on the branch, and its files into the work tree. May be done again, however far it came.

    Raises HarnessError when the branch is neither at the commit nor at its parent.
    """
    with closing(Repo(line.root)) as repo:
        git = repo.git
        git.update_environment(GIT_LITERAL_PATHSPECS="1")
        at = git.rev_parse(f"refs/heads/{line.branch}")
        if at not in (commit_, parent):
            raise HarnessError(
                f"{line.root}: {line.branch} is at {at[:12]}, and the loop left it at {parent[:12]}: somebody else has"
                " committed; end this loop with harness loop stop, and begin another"
            )
        if at == parent:
            git.update_ref("-m", "harness loop", f"refs/heads/{line.branch}", commit_, parent)
        changed = git.execute(
            ["git", "diff-tree", "-r", "-z", "--no-renames", "--name-status", parent, commit_], stdout_as_string=False
        )
        fields = [os.fsdecode(field) for field in changed.split(b"\0") if field]
        pairs = list(zip(fields[::2], fields[1::2], strict=True))
        if kept := [path for status, path in pairs if status != "D"]:
            git.checkout("--force", "--quiet", commit_, "--", *kept)
        if deleted := [path for status, path in pairs if status == "D"]:
            git.rm("--force", "--quiet", "--ignore-unmatch", "--", *deleted)


def unlock(line: Line) -> None:
    """Remove what a git that was killed while it landed work has left locked."""
    with closing(Repo(line.root)) as repo:
        folder, common = Path(str(repo.git_dir)), Path(str(repo.common_dir))
    for lock in (folder / "index.lock", folder / "HEAD.lock", common / f"refs/heads/{line.branch}.lock"):
        with suppress(FileNotFoundError):
            lock.unlink()
