# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Fuzz the codec for some seconds: ``python test/fuzz/start.py 300``.

atheris has an environment of its own in ``.build``. Beside it, in ``.build/fuzz``, are the inputs
that reached something new, from which the next run goes on, and what broke the promise: the files
``crash-...``, ``timeout-...`` and ``oom-...``. To ask of one again::

    .build/atheris-venv/bin/python test/fuzz/fuzz_codec.py .build/fuzz/crash-...
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ('test', 'demo', 'bench')]

from own_environment import EnvironmentUnavailableError, environment, find_python
from places import BUILD_FOLDER

from helpers.mutation import seeds
from ros2_igtl import codec

FOLDER = BUILD_FOLDER / 'fuzz'
HARNESS = Path(__file__).with_name('fuzz_codec.py')

# atheris has wheels for one or two versions of CPython in each of its own versions.
WANTED = (
    *('-c', str(ROOT / 'underlay' / 'requirements-tools.txt')),
    *('--only-binary', 'atheris'),
    *('fastcrc', 'numpy', 'pytest'),
    "atheris==2.3.0; python_version < '3.11'",
    "atheris==3.0.0; python_version == '3.11'",
    "atheris==3.1.0; python_version >= '3.12'",
)
LARGEST = 8192  # bytes of an input; what is larger takes its time and reaches nothing new
OPTIONS = (
    f'-max_len={LARGEST}',
    '-timeout=10',  # seconds for one input, where the dearest takes a hundredth of one
    '-rss_limit_mb=1024',
    '-print_final_stats=1',
)


def write_corpus(folder: Path) -> None:
    """Write the messages of ``vectors`` as files named after what is in them."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in seeds():
        if len(data) <= LARGEST:
            (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def write_dictionary(path: Path) -> None:
    """Write what nobody finds by chance: the type names as they stand in a header."""
    names = [f'"{name}{chr(92)}x00"' for name in codec.MESSAGE_TYPES]
    path.write_text('\n'.join(names) + '\n')


def main() -> int:
    """Return 0 if the promise was kept for as many seconds as asked for."""
    seconds = int(sys.argv[1])
    try:
        python = find_python(FOLDER.with_name('atheris-venv'), *WANTED)
    except EnvironmentUnavailableError as error:
        print(f'no atheris: {error}', file=sys.stderr)
        return 1
    corpus, dictionary = FOLDER / 'corpus', FOLDER / 'type_names.dict'
    write_corpus(corpus)
    write_dictionary(dictionary)
    where = (f'-artifact_prefix={FOLDER}/', f'-dict={dictionary}', str(corpus))
    command = [str(python), str(HARNESS), f'-max_total_time={seconds}', *OPTIONS, *where]
    return subprocess.run(command, env=environment()).returncode


if __name__ == '__main__':
    sys.exit(main())
