# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The node igtl_bridge: any number of connections, from a mapping file."""

from __future__ import annotations

import sys

from ros2_igtl.nodes.programs.process import run


def main(args: list[str] | None = None) -> int:
    """Run the node."""
    return run('igtl_bridge', None, args)


if __name__ == '__main__':
    sys.exit(main())
