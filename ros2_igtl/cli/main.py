# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The command `igtl`: runs a verb, and reports errors as one line and an exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from ros2_igtl.cli import check, config, dump, listen, pack, pairs, send, simulate, types
from ros2_igtl.cli.errors import UsageError
from ros2_igtl.codec import CodecError

VERBS: dict[str, ModuleType] = {
    'listen': listen,
    'send': send,
    'dump': dump,
    'pack': pack,
    'simulate': simulate,
    'types': types,
    'pairs': pairs,
    'check': check,
    'config': config,
}

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as in shells


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run `igtl` and return its exit code.

    0: success; 1: failure, or a message was rejected; 2: wrong usage; 130: interrupted.
    """
    arguments = make_parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a peer's text may contain characters that the terminal's encoding lacks
        sys.stdout.reconfigure(errors='backslashreplace')
    try:
        exit_code: int = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # `igtl listen ... | head`: the reader has closed the pipe. The interpreter flushes stdout
        # again at its end, which must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    except UsageError as error:
        print(f'igtl {arguments.verb}: {error}', file=sys.stderr)
        return EXIT_USAGE
    except (CodecError, OSError) as error:
        print(f'igtl {arguments.verb}: {error}', file=sys.stderr)
        return EXIT_FAILURE
    return exit_code


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    parser = argparse.ArgumentParser(
        prog='igtl',
        description='Print, send and simulate OpenIGTLink messages, and check mapping files. '
        'Lengths are in millimetres, as on the wire.',
    )
    verbs = parser.add_subparsers(dest='verb', metavar='VERB', required=True)
    for name, module in VERBS.items():
        verb = verbs.add_parser(name, help=module.HELP, description=module.DESCRIPTION)
        module.add_arguments(verb)
        verb.set_defaults(run=module.run)
    return parser


if __name__ == '__main__':
    sys.exit(main())
