"""The bare loop: the least that any harness must do. Read the files, send them to the worker pipelined, compare.

No limits, no store, no report, and no thought for a worker that dies.
"""

import json
import os
import subprocess
import sys
from collections import deque
from threading import Thread
from typing import IO

folder, *command = sys.argv[1:]
names = sorted(name[:-3] for name in os.listdir(folder) if name.endswith(".in"))
expected: deque[str] = deque()


def read(name: str) -> str:
    with open(os.path.join(folder, name), "rb", buffering=0) as file:
        return file.read().decode()


def send(pipe: IO[bytes]) -> None:
    with pipe:
        pipe.write(b'{"harness":1}\n')
        for name in names:
            expected.append(read(f"{name}.out"))
            line = {"id": name, "suite": "bench", "name": f"{name}.in", "input": read(f"{name}.in")}
            pipe.write(json.dumps(line).encode() + b"\n")


worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert worker.stdin is not None
assert worker.stdout is not None
Thread(target=send, args=(worker.stdin,)).start()
worker.stdout.readline()
passed = sum(json.loads(line).get("output") == expected.popleft() for line in worker.stdout)
print(f"{passed}/{len(names)} pass")
