"""Runs several commands of ``lis`` in one process, as long as each succeeds.

    python -m tests.faults.commands_in_turn lis-arguments… -- lis-arguments…

They share the start of Python and of the JVM, which take longer than what they do on a small log.
"""

from __future__ import annotations

import sys
from itertools import groupby

from jobs.cli.main import main

if __name__ == "__main__":
    commands = [list(words) for is_end, words in groupby(sys.argv[1:], "--".__eq__) if not is_end]
    sys.exit(next((status for one in commands if (status := main(one))), 0))
