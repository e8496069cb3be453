"""The nouns: frozen data, and the protocols between the parts. `docs/reference/words.md` says what each word means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias

from harness.errors import Fault, Place

if TYPE_CHECKING:
    from pathlib import Path

Json: TypeAlias = Any
"""What `json.loads` returns."""

Content: TypeAlias = str | bytes
"""Text, or the bytes of something that is not UTF-8."""

Canonical: TypeAlias = Callable[[str], str]
"""The source format's own rule of equality: two texts are equal when their canonical forms are."""


# --- what a reader finds -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reference:
    """A recorded expected output: what must come out under `name`; any of `contents` will do."""

    name: str
    contents: tuple[Content, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Case:
    """One input with its references. `input` is None where the source has references only (out of scope)."""

    suite: str
    name: str
    input: Content | None
    references: tuple[Reference, ...]
    place: Place
    params: Mapping[str, Json] = field(default_factory=dict)
    settings: Mapping[str, Json] = field(default_factory=dict)
    group: str = ""
    """Cases with one non-empty group run in order in one fresh worker."""

    @property
    def id(self) -> str:
        """`suite/name`: stable, made from file and section names, never from a position."""
        return f"{self.suite}/{self.name}"


@dataclass(frozen=True, slots=True)
class Shared:
    """Files that all cases of a suite may use; sent to a worker once. A reader yields it before any case."""

    files: Mapping[str, Content]
    paths: frozenset[str] = frozenset()
    """Where they lie, links resolved: none of them may be a reference."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know that is no fault: an unreferenced snapshot, a rule that never applied."""

    says: str
    place: Place | None = None

    def __str__(self) -> str:
        return self.says if self.place is None else f"{self.place}: {self.says}"


@dataclass(frozen=True, slots=True)
class Misfit:
    """An option of the suite that finds nothing, or the wrong thing; whoever knows the config adds the line."""

    option: str
    says: str


Found: TypeAlias = Case | Shared | Notice | Misfit | Fault


class Reader(Protocol):
    """A module of `harness/readers/`: turns one on-disk format into cases.

    `OPTIONS` is the JSON Schema (properties) of what a `[[suite]]` with this reader may say beyond the common keys.
    `read` yields faults instead of raising them, so that all of them are reported at once.
    """

    OPTIONS: Mapping[str, Json]

    def read(self, suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
        """Yield what lies under `root`, in a stable order, one case in memory at a time."""

    def canonical(self, text: str) -> str:
        """Bring a text into the form in which this format compares it."""


# --- what a worker says --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Structured:
    """An output that is JSON rather than text."""

    value: Json


Output: TypeAlias = Content | int | Structured


@dataclass(frozen=True, slots=True)
class Outputs:
    """The port answered."""

    named: Mapping[str, Output]


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """The port refused the input, in the way its API does. `fields` holds `kind` and whatever else it told."""

    fields: Mapping[str, str | int | float | bool]
    frames: tuple[str, ...] = ()

    @property
    def text(self) -> str | None:
        """The whole rendering of the error, if the port has one."""
        text = self.fields.get("text")
        return text if isinstance(text, str) else None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The port says that it does not have this yet."""

    reason: str


@dataclass(frozen=True, slots=True)
class Panic:
    """The port broke, and its kit lived to tell."""

    message: str
    frames: tuple[str, ...] = ()


Reply: TypeAlias = Outputs | ErrorReply | Unsupported | Panic


@dataclass(frozen=True, slots=True)
class Died:
    """The worker ended before it answered. `exit` is its code, or minus the signal."""

    exit: int
    said: str = ""
    """What it had begun to write."""
    at: str = ""
    """The case of its group at which the worker had ended before this one was asked."""


@dataclass(frozen=True, slots=True)
class Hung:
    """No answer within the limit, twice."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Garbage:
    """Something on stdout that is not the protocol."""

    why: str
    said: str


@dataclass(frozen=True, slots=True)
class Oversize:
    """A reply over the limit: its ends are kept, and it is never compared. Sizes in bytes."""

    size: int
    limit: int
    head: str
    tail: str


Observation: TypeAlias = Reply | Died | Hung | Garbage | Oversize


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of one case: `seconds` on the case's own clock, the worker's stderr, and whether it ran alone."""

    observation: Observation
    seconds: float
    stderr: str
    alone: bool


# --- how a target is driven ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """What one case may take: seconds, and bytes of one reply."""

    seconds: float = 10.0
    output: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """One case on its way to a worker, with what its suite shares."""

    case: Case
    shared: Mapping[str, Content]
    limits: Limits
    number: int
    """Its place in the order of reading: what reports sort by."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One process to start: `files` are laid into its own, otherwise empty, working folder."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended: exit code (or minus the signal), its stderr, its working folder."""

    exit: int
    stderr: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker came up and said who it is."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The next unanswered case has its observation."""

    observation: Reply | Oversize


Heard: TypeAlias = Ready | Answered | Garbage


class Conversation(Protocol):
    """The talk with one process, without its pipes: bytes in, bytes out. The runner owns process, pipes and clock."""

    launch: Launch

    def greeting(self) -> bytes:
        """Return the first bytes for stdin; empty when the process needs no handshake and is ready at once."""

    def request(self, job: Job) -> bytes:
        """Return what asks for this case."""

    def receive(self, data: bytes) -> list[Heard]:
        """Take a piece of stdout of any length; return what became certain by it."""

    def finish(self, end: End) -> list[Heard]:
        """Stdout has ended and the process is gone: return what the rest means."""


class Unaskable(Exception):  # noqa: N818 - what a target can not express is no fault
    """A target can not put this case: a NUL in an argument, a setting that a command has no place for."""


class Target(Protocol):
    """One way of driving an implementation; made by `make` of a module of `harness/targets/`."""

    pipelined: bool
    """Whether one process serves many cases."""

    def converse(self, job: Job) -> Conversation:
        """Begin the talk with a new process, whose first case is `job`. Raises Unaskable."""


# --- how a reply is judged -----------------------------------------------------------------------------------------


class Strength(StrEnum):
    """How much a pass is worth, strongest first."""

    EXACT = "exact"
    NORMALIZED = "normalized"
    STRUCTURAL = "structural"
    NUMERIC = "numeric"
    SIMILAR = "similar"
    FIELDS = "fields"
    ANY_ERROR = "any-error"

    @property
    def rank(self) -> int:
        """Higher is stronger; `numeric` and `similar` are equals."""
        return _RANKS[self]


_RANKS = {
    Strength.EXACT: 5,
    Strength.NORMALIZED: 4,
    Strength.STRUCTURAL: 3,
    Strength.NUMERIC: 2,
    Strength.SIMILAR: 2,
    Strength.FIELDS: 1,
    Strength.ANY_ERROR: 0,
}


@dataclass(frozen=True, slots=True)
class Match:
    """The reply equals the reference, at this strength. `used` names the loosenings that were needed or applied."""

    achieved: Strength
    used: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mismatch:
    """It does not, and why in a few words."""

    why: str


class Matcher(Protocol):
    """Decides whether a reply equals a reference; made by `make` of a module of `harness/matchers/`."""

    allowed: Strength
    """The weakest pass that it would ever give."""
    wants: Literal["output", "error"]
    loosenings: tuple[str, ...]
    """The names of what it may forgive; one that never applies in a run is reported."""

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare; raises ReferenceFault when the reference itself does not fit this matcher."""


class ReferenceFault(Exception):  # noqa: N818 - it is a fault of a file, and is turned into one where the file is known
    """A reference that its matcher can not read; the judge's caller adds the place."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which cases, outputs and references a matcher judges."""

    matcher: Matcher
    label: str
    """How reports name it: `runtime rule 2 (error)`."""
    spec: str
    """Its canonical text in the config: part of a plan's hash."""
    fits: Callable[[str, Reference], bool]
    """(case name, reference) -> whether this rule judges it."""


@dataclass(frozen=True, slots=True)
class Excuse:
    """An entry of the skip list, as far as it concerns one case."""

    status: Literal["todo", "accepted", "unsupported", "flaky"]
    reason: str
    run: bool
    key: str
    place: Place
    reply: Outputs | ErrorReply | None = None
    """What an accepted case is known to give instead."""
    of: str = ""
    """The hash of the references in whose place it was accepted."""


@dataclass(frozen=True, slots=True)
class Check:
    """One reference and the rule that judges it."""

    reference: Reference
    rule: Rule


@dataclass(frozen=True, slots=True)
class Parts:
    """Fingerprints of what is one case's own in its plan: the same on every machine, so that a lock can hold them."""

    input: str
    reference: str
    rule: str
    entry: str
    """`-`, or the status of the skip entry: `todo`, `todo/norun`, `accepted/FINGERPRINT`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that judges one case."""

    checks: tuple[Check, ...]
    excuse: Excuse | None
    canonical: Canonical
    hash: str
    parts: Parts
    content: tuple[str, str] = ("", "")
    """Hashes of the input and of the references alone: what the source project says."""

    @property
    def allowed(self) -> Strength:
        """The weakest pass that it would ever give."""
        strengths = [check.rule.matcher.allowed for check in self.checks]
        return min(strengths, key=lambda strength: strength.rank, default=Strength.EXACT)


# --- what it means -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Passed:
    """Every reference is met. `achieved` is the weakest of them; `used` the loosenings, as (rule, name)."""

    word: ClassVar[str] = "passed"
    achieved: Strength
    allowed: Strength
    used: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The reply is not what the reference says."""

    word: ClassVar[str] = "failed"
    why: str


@dataclass(frozen=True, slots=True)
class NoError:
    """An output where an error was due."""

    word: ClassVar[str] = "no_error"
    why: str


@dataclass(frozen=True, slots=True)
class Raised:
    """An error where an output was due."""

    word: ClassVar[str] = "raised"
    why: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """The port broke."""

    word: ClassVar[str] = "crashed"
    why: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The port did not answer in time, twice."""

    word: ClassVar[str] = "timed_out"
    why: str


@dataclass(frozen=True, slots=True)
class Garbled:
    """The worker said something that is not the protocol."""

    word: ClassVar[str] = "garbled"
    why: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The reply was over the limit."""

    word: ClassVar[str] = "too_large"
    why: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The port says that it does not support this."""

    word: ClassVar[str] = "unsupported"
    why: str


@dataclass(frozen=True, slots=True)
class NotRun:
    """It was not tried: `run = false`, max-fail, interrupted, the target is down."""

    word: ClassVar[str] = "not_run"
    why: str


@dataclass(frozen=True, slots=True)
class NotAttempted:
    """The target does not take this suite."""

    word: ClassVar[str] = "not_attempted"
    why: str


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """The config declares, with a reason, that this is not part of the port."""

    word: ClassVar[str] = "out_of_scope"
    why: str


Ran: TypeAlias = Passed | Failed | NoError | Raised | Crashed | TimedOut | Garbled | TooLarge | Missing
Outcome: TypeAlias = Ran | NotRun | NotAttempted | OutOfScope


@dataclass(frozen=True, slots=True)
class Result:
    """One case of one run: what came out, what it means, and what the skip list says to that."""

    job: Job
    stage: str
    plan: Plan | None
    outcome: Outcome
    observed: Observed | None
    accepted: bool = False
    """Whether a failing reply equals the one that its `accepted` entry recorded."""


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that is wrong with the books, not with the port: what a gate found. Any makes the verdict GATE."""

    says: str
    """A sentence that ends with the next step."""
    case: str = ""
    """The id of the case that it is about, if it is about one."""
    place: Place | None = None
    """The line of the config or skip list that caused it."""

    def __str__(self) -> str:
        return ": ".join(str(part) for part in (self.place, self.case, self.says) if part)


@dataclass(frozen=True, slots=True)
class Gap:
    """How the visible cases stand against the held-out ones, each as (passed, cases).

    `size`, and its 95 % interval from `low` to `high`, are shares of 1; `p` is how often chance alone does as much.
    """

    visible: tuple[int, int]
    held_out: tuple[int, int]
    size: float
    low: float
    high: float
    p: float


class Verdict(StrEnum):
    """What a run comes to, the strongest word first."""

    ERROR = "ERROR"
    TARGET = "TARGET"
    NOTHING = "NOTHING"
    FAIL = "FAIL"
    GATE = "GATE"
    PASS = "PASS"  # noqa: S105 - a verdict

    @property
    def exit_code(self) -> int:
        """What the shell gets."""
        return {"ERROR": 2, "TARGET": 5, "NOTHING": 4, "FAIL": 1, "GATE": 3, "PASS": 0}[self]


def strongest(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict that decides the exit code."""
    return min(verdicts, key=list(Verdict).index)
