# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The protocol of the measured programs: requests are lines on stdin, answers are lines on stdout.

``load PATH`` loads the bytes of a message; the answer lists the operations that can be timed on
it, if any. ``time OPERATION COUNT`` runs an operation; the answer is its processor time in
nanoseconds, which other programs on the machine disturb less than the time of the clock. The
answer to a failed request is ``error REASON``. This module uses only the standard library, so that
any interpreter can run it. bench.cxx implements the same protocol.
"""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

Loaded = tuple[dict[str, str], dict[str, Any]]
"""The statement of each operation, and the names that the statements use."""


def serve(load: Callable[[bytes], Loaded]) -> None:
    """
    Answer requests until stdin ends.

    :param load: returns the operations of a message; an exception becomes an error answer.
    """
    loaded: Loaded = ({}, {})
    for line in sys.stdin:
        verb, _, arguments = line.rstrip('\n').partition(' ')
        try:
            if verb == 'load':
                loaded = ({}, {})  # frees the memory before loading the next message
                loaded = load(Path(arguments).read_bytes())
                answer = ' '.join(loaded[0])
            else:
                operation, count = arguments.split()
                statements, names = loaded
                timer = timeit.Timer(
                    statements[operation], timer=time.thread_time_ns, globals=names
                )
                answer = str(timer.timeit(int(count)))
        except Exception as error:
            answer = f'error {type(error).__name__}: {error}'.replace('\n', ' ')
        print(answer, flush=True)
