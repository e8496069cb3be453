"""The bare loop: the least that any harness must do. Read the files, send them to a worker pipelined, compare.

No limits, no store, no report, no thought for a worker that dies. While the worker is at one batch, the next is read
and sent: of the simple ways the fastest. A thread that writes costs a fifth more, sending all at once a quarter.
"""

import json
import os
import subprocess
import sys

BATCH = 64
folder, *command = sys.argv[1:]


def read(name: str) -> str:
    with open(os.path.join(folder, name), "rb", buffering=0) as file:
        return file.read().decode()


def line(**message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


names = sorted(name[:-3] for name in os.listdir(folder) if name.endswith(".in"))
worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert worker.stdin is not None
assert worker.stdout is not None
worker.stdin.write(line(harness=1) + line(open="bench", files={}))
worker.stdin.flush()
worker.stdout.readline()

passed = 0
in_flight: list[str] = []
for start in range(0, len(names) + BATCH, BATCH):
    batch = names[start : start + BATCH]
    for name in batch:
        worker.stdin.write(line(id=name, suite="bench", name=f"{name}.in", input=read(f"{name}.in")))
    worker.stdin.flush()
    expected = [read(f"{name}.out") for name in batch]
    passed += sum(json.loads(worker.stdout.readline())["output"] == text for text in in_flight)
    in_flight = expected
worker.stdin.close()
worker.wait()
print(f"{passed}/{len(names)} pass")
