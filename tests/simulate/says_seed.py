"""A campaign that crashes, or whose world stands still, says at its end which seed shows it.

    says_seed.py PATH_OF_SIMULATE
"""
import re
import signal
import subprocess
import sys
import time

PATIENCE = 60  # seconds


def has_begun(process):
    """Whether it has its handlers by now: that of SIGALRM is its last. A sanitizer has some of its own from the start."""
    with open(f"/proc/{process.pid}/status") as told:
        caught = int(re.search(r"^SigCgt:\s*(\w+)", told.read(), re.M)[1], 16)
    return caught >> (signal.SIGALRM - 1) & 1


def end_by(program, number):
    """What a campaign says that gets this signal, and its exit code."""
    process = subprocess.Popen([program, "--seconds", str(2 * PATIENCE)], stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + PATIENCE
        while not has_begun(process):
            if time.monotonic() > deadline:
                sys.exit("the campaign does not begin")
            time.sleep(0.01)  # the pause between two looks
        process.send_signal(number)
        return process.communicate(timeout=PATIENCE)[0], process.returncode
    finally:
        process.kill()


for each, words in ((signal.SIGALRM, "stands still"), (signal.SIGABRT, "crashed"), (signal.SIGSEGV, "crashed")):
    said, code = end_by(sys.argv[1], each)
    if code != 1 or not re.fullmatch(rf"VIOLATION with --seed [1-9]\d*: it {words}, signal {int(each)}\n", said):
        sys.exit(f"{each.name}: exit code {code}, {said!r}")
