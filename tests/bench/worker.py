"""The port behind the worker kit. The argument is how many seconds it sleeps over each case."""

import sys
import time

from harness_worker import Case, serve

from tests.bench.port import render

PAUSE = float(sys.argv[1])


def answer(case: Case) -> str:
    if PAUSE:
        time.sleep(PAUSE)
    assert isinstance(case.input, str)
    return render(case.input)


serve(answer, name="bench", version="1")
