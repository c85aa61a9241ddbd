# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the measured programs in Python share: a request a line on stdin, an answer a line on stdout.

``load PATH`` takes the bytes of a message and is answered with the names of the operations that
can be timed on it, or with none. ``time OPERATION COUNT`` is answered with nanoseconds, of the
processor: what else runs on the machine counts less there than in those of the clock.
``error WHY`` answers what failed. Standard library only, so that any interpreter can run this.
bench.cxx says the same.
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

    :param load: makes the operations of a message; what it raises is the answer.
    """
    loaded: Loaded = ({}, {})
    for line in sys.stdin:
        verb, _, arguments = line.rstrip('\n').partition(' ')
        try:
            if verb == 'load':
                loaded = ({}, {})  # before the next one takes as much
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
