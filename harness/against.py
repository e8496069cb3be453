"""What a workspace was at a git revision, for `check --against`.

Only what may have changed is read there: where no file of a suite differs, the cases are those of now. What lies
outside of the repository has no past but what the lock of that revision says.
"""

from __future__ import annotations

import json
import os
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harness import allow, skiplist
from harness import config as configs
from harness.books import Watch, common, within
from harness.errors import InputError, UsageError
from harness.gates import lock as locks
from harness.gates.lock import Lock, Row
from harness.model import Breach, Notice
from harness.patterns import fixed_folder, is_glob
from harness.plan import entry, plan
from harness.reading import Reading, Selection
from harness.session import load_skiplist, read_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from git import Repo

    from harness.books import Before
    from harness.config import TargetConfig
    from harness.gates.holdout import Kept
    from harness.gates.lock import Common
    from harness.model import Case, Content, Json
    from harness.session import Suite, Workspace
    from harness.skiplist import SkipList

_STEP = "have a person --allow it"
_LINK = "120000"
# What would let a changed file look unchanged is put back to what git does by itself, and no hook runs.
_GIT = ("core.trustctime=true", "core.checkStat=default", "core.fsmonitor=false", "core.hooksPath=/dev/null")


@contextmanager
def against(workspace: Workspace, target: TargetConfig, ref: str) -> Iterator[Watch]:
    """Hold a run against what the workspace was at a revision. Raises UsageError where there is none to find."""
    from git import InvalidGitRepositoryError, Repo  # noqa: PLC0415 - 90 ms, and only when asked for

    try:
        repo = Repo(workspace.folder, search_parent_directories=True)
    except InvalidGitRepositoryError as problem:
        raise UsageError(f"--against {ref}: the workspace is in no git repository; leave the option out") from problem
    with repo, TemporaryDirectory(prefix="harness-") as folder:
        try:
            yield _watch(_Revision(repo, _resolve(repo, ref), ref, Path(folder), workspace), target)
        except InputError as problem:
            says = str(problem).replace(os.path.relpath(folder), ref).replace(folder, ref)
            raise UsageError(f"--against {ref}: the harness there can not be read: {says}") from problem


def event_base(environment: Mapping[str, str]) -> str:
    """Return what a CI job says that its changes are based on: GitHub's event, or GitLab's variables.

    A new branch has no commit before it: then it is the default branch. Raises UsageError outside of those two.
    """
    if event := environment.get("GITHUB_EVENT_PATH"):
        told: Json = json.loads(Path(event).read_bytes())
        base, default = (
            told.get("pull_request", {}).get("base", {}).get("sha"),
            told.get("repository", {}).get("default_branch"),
        )
        before = base or told.get("before")
    else:
        before = environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA") or environment.get("CI_COMMIT_BEFORE_SHA")
        default = environment.get("CI_DEFAULT_BRANCH")
    if before and before.strip("0"):
        return str(before)
    if not default:
        raise UsageError("--against auto: neither GitHub nor GitLab says what the base is; name a revision")
    return f"origin/{default}"


def _resolve(repo: Repo, ref: str) -> str:
    """Find the commit; what was typed never becomes an option."""
    from git import GitCommandError  # noqa: PLC0415 - see above

    try:
        return str(repo.git.rev_parse("--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"))
    except GitCommandError as problem:
        shallow = repo.git.rev_parse("--is-shallow-repository") == "true"
        step = f"git fetch --depth=1 origin {ref}" if shallow else "name a commit, a branch or a tag"
        why = "is not in this shallow clone" if shallow else "is no revision of this repository"
        raise UsageError(f"--against {ref}: {why}; {step}") from problem


@dataclass(frozen=True, slots=True)
class _Revision:
    """A commit, and the folder into which what is needed of it is laid."""

    repo: Repo
    sha: str
    ref: str
    tree: Path
    workspace: Workspace

    @property
    def top(self) -> str:
        """The repository's folder, links resolved."""
        return os.path.realpath(str(self.repo.working_tree_dir))

    def path(self, file: Path) -> str | None:
        """Return a path as git names it, or None for what lies outside of the repository."""
        found = os.path.relpath(os.path.realpath(file), self.top)
        return None if found.startswith("..") else found

    def git(self, **options: Json) -> Json:
        """Return git, to be asked."""
        return self.repo.git(c=list(_GIT), literal_pathspecs=True, **options)

    def holds(self, path: str | None) -> bool:
        """Whether there was such a file or folder."""
        return path is not None and bool(self.git().ls_tree("--name-only", "-z", self.sha, "--", path))

    def text(self, file: Path) -> str | None:
        """Return what a file of the workspace was; None where there was none."""
        path = self.path(file)
        if not self.holds(path):
            return None
        return str(self.git().show(f"{self.sha}:{path}", strip_newline_in_stdout=False))

    def changed(self) -> set[str]:
        """List what may differ from now: a link, and a file that git was told not to look at, always may."""
        found = self.git().diff(
            "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", self.sha
        )
        every = (one.split(" ", 3) for one in self.git().ls_files("-v", "-s", "-z").split("\0") if one)
        hidden = {rest.partition("\t")[2] for tag, mode, _, rest in every if tag != "H" or mode == _LINK}
        return hidden | {one for one in found.split("\0") if one}

    def untracked(self, *folders: str) -> set[str]:
        """List what is in folders and git does not know; of the whole repository, what it is not told to ignore."""
        words = ["--exclude-standard"] if "." in folders else []
        return {one for one in self.git().ls_files("-o", "-z", *words, "--", *folders).split("\0") if one}

    def lay(self, *paths: str) -> Path:
        """Lay files and folders as they were into our own folder; returns the workspace in there."""
        files = self.tree / "files"
        files.mkdir(exist_ok=True)
        with self.repo.git.custom_environment(GIT_INDEX_FILE=str(self.tree / "index")):
            self.git(work_tree=str(files), git_dir=str(self.repo.git_dir)).checkout(self.sha, "--", *paths)
        return files / (self.path(self.workspace.folder) or "")


def _watch(revision: _Revision, target: TargetConfig) -> Watch:
    workspace, ref = revision.workspace, revision.ref
    folder = workspace.folder
    watch = Watch(ref, _STEP, lambda _case, now: now, lambda: iter(()), {}, closed=False)
    watch.allowed = allow.load(folder, target.name)
    watch.notices += allow.news(watch.allowed, revision.text(folder / allow.NAME), target.name, ref)
    if revision.text(folder / configs.NAME) is None:
        watch.notices.append(Notice(f"{ref} has no {configs.NAME} here: there is nothing to hold this run against"))
        return watch
    agreed = _agreed(revision, watch)
    changed = revision.changed()
    then = _books(revision, changed)
    old = next((one for one in then.config.targets if one.name == target.name), None)
    if old is None:
        watch.notices.append(Notice(f"{ref} has no target {target.name!r}: there is nothing to hold this run against"))
        return watch
    root = revision.path(then.config.root)
    if not revision.holds(root):
        root = None
        says = f"the source's files are no part of this repository, and read as they are now, not as at {ref}"
        watch.notices.append(Notice(says + ("" if agreed else "; harness lock would hold them fast")))
    if _suites(then) == _suites(workspace) and (root is None or not _touched(revision, then, root, changed)):
        skips = load_skiplist(then, old)
        watch.before = _as_now(workspace, then, skips, agreed, outside=root is None)
        watch.common = _common(revision, then, old, changed, {suite.config.name: {} for suite in then.suites})
        for parts in watch.common.values():
            parts.pop("shared", None)
        if root is None and agreed is not None:
            for name, parts in agreed.common.items():
                watch.common.get(name, {}).update({key: parts[key] for key in ("held", "heldas") if key in parts})
            watch.unseen = lambda: agreed.unseen(target.name)
        if then.config.holdout is not None and then.suites is not workspace.suites:
            watch.held = _kept_back(then, old, skips)
    else:
        here = revision.path(folder) or "."
        laid = revision.lay(here, *([root] if root is not None else []))
        source = then.config.root if root is None else revision.tree / "files" / root
        then = replace(then, config=replace(then.config, folder=laid, root=source))
        lock, watch.held = _read(revision, then, old, changed, agreed)
        watch.before, watch.common = within(lock), lock.common
        watch.unseen = lambda: lock.unseen(target.name)
    return watch


def _kept_back(then: Workspace, target: TargetConfig, skips: SkipList) -> Mapping[str, Kept]:
    """Read how held-out cases of now were judged then: a pass of its own, since the run's keeps no case of them."""
    reading = Reading(then, target, skips, Selection())
    for _ in reading.entries():
        pass
    return reading.kept_back


def _agreed(revision: _Revision, watch: Watch) -> Lock | None:
    """Read the lock of that revision."""
    path = revision.workspace.folder / locks.NAME
    text = revision.text(path)
    if text is None:
        return None
    if not path.exists():
        watch.breaches.append(Breach(f"{locks.NAME} is gone (against {revision.ref}); restore it"))
    return locks.parse(text, f"{revision.ref}:{locks.NAME}")


def _books(revision: _Revision, changed: set[str]) -> Workspace:
    """Make the workspace that the config and the skip list of that revision describe."""
    workspace = revision.workspace
    folder = workspace.folder
    names = [configs.NAME, skiplist.NAME, *_accepted(revision.text(folder / skiplist.NAME))]
    paths = [path for name in names if (path := revision.path(folder / name)) is not None]
    if changed.isdisjoint(paths) and not revision.untracked(*paths):
        return workspace
    laid = revision.lay(*(path for path in paths if revision.holds(path)))
    then = workspace
    if revision.path(folder / configs.NAME) in changed:
        then = read_workspace(configs.load(laid / configs.NAME, folder))
    return replace(then, config=replace(then.config, folder=laid))


def _accepted(text: str | None) -> list[str]:
    entries: Mapping[str, Json] = tomllib.loads(text or "").get("accepted", {})
    tables = [one for said in entries.values() for one in (said if isinstance(said, list) else [said])]
    return [one["reference"] for one in tables]


def _suites(workspace: Workspace) -> Json:
    """Say what decides which cases there are."""
    return workspace.config.root, {one.config.name: (one.config.reader, one.config.options) for one in workspace.suites}


def _touched(revision: _Revision, workspace: Workspace, root: str, changed: set[str]) -> bool:
    """Whether any of the changed files may belong to a suite: a link may lead to anything."""
    folders = {os.path.normpath(os.path.join(root, one)) for suite in workspace.suites for one in _folders(suite)}
    changed = changed | revision.untracked(*folders)
    return any(folder == "." or f"{path}/".startswith(f"{folder}/") for path in changed for folder in folders)


def _folders(suite: Suite) -> Iterator[str]:
    """Guess the folders from the options: what looks like a path is one, and what may be one is the root."""
    waiting: list[Json] = [suite.config.options]
    while waiting:
        match waiting.pop():
            case dict() as table:
                waiting += table.values()
            case list() as items:
                waiting += items
            case str() as text if "/" in text:
                yield fixed_folder(text)
            case str() as text if is_glob(text) or "." in text:
                yield ""
            case _:
                pass


def _as_now(now: Workspace, then: Workspace, skips: SkipList, agreed: Lock | None, *, outside: bool) -> Before:
    """Judge the cases of now as they were judged then."""
    suites = {suite.config.name: suite for suite in then.suites}
    same = then.suites is now.suites

    def before(case: Case, row: Row) -> Row | None:
        excuse = skips.find(case.id)
        if same:  # nearly always: then the entry is all that can differ
            was = replace(row, outcome="-", achieved="-", parts=replace(row.parts, entry=entry(excuse)))
        else:
            suite = suites[case.suite]
            judged = plan(case, suite.rules, excuse, suite.reader.canonical, b"")
            was = Row(case.id, row.target, "-", "-", judged.allowed, judged.parts)
        return _with(was, agreed, files=outside)

    return before


def _with(row: Row, agreed: Lock | None, *, files: bool) -> Row:
    """Add what the lock of that revision knows of a case: what it came to and, where git has no past, its files."""
    known = agreed.find(row) if agreed is not None else None
    if known is None:
        return row
    parts = replace(row.parts, input=known.parts.input, reference=known.parts.reference) if files else row.parts
    return replace(row, outcome=known.outcome, achieved=known.achieved, parts=parts)


def _read(
    revision: _Revision, then: Workspace, target: TargetConfig, changed: set[str], agreed: Lock | None
) -> tuple[Lock, Mapping[str, Kept]]:
    """Read every case as it was."""
    lines: list[str] = []
    shared: dict[str, Mapping[str, Content]] = {}
    reading = Reading(then, target, load_skiplist(then, target), Selection())
    for one in reading.entries():
        case, was = one.job.case, one.plan
        shared[case.suite] = one.job.shared
        row = Row(case.id, target.name, "-", "-", was.allowed, was.parts)
        lines.append(str(_with(row, agreed, files=False)))
    lines.sort()
    lock = Lock(lines, _common(revision, then, target, changed, shared), bytearray(len(lines)))
    return lock, reading.kept_back


def _common(
    revision: _Revision,
    then: Workspace,
    target: TargetConfig,
    changed: set[str],
    shared: Mapping[str, Mapping[str, Content]],
) -> Common:
    """Fingerprint what cases shared then; protecting more cases than then is no matter."""
    now = revision.workspace
    modules = {
        path: revision.sha if revision.path(now.folder / path) in changed else found
        for path, found in then.modules.items()
    }
    found = common(replace(then, modules=modules), target, shared)
    if _protected(then) <= _protected(now):
        found["target", target.name, "-"].pop("protect")
    return found


def _protected(workspace: Workspace) -> set[str]:
    return {glob for one in workspace.config.protected for glob in one.cases}
