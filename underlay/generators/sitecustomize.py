# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Let each interface be parsed once in a build, and not by each of the generators again.

Python imports this first where this folder is on its path, as it is while setup.sh builds. The
parser takes a second for eight interfaces, and seven generators read all of them.
"""

import hashlib
import os
import pickle
import sys
from pathlib import Path

if 'PARSED_INTERFACES' in os.environ and 'rosidl_' in ''.join(sys.orig_argv[1:2]):
    from rosidl_parser import parser

    folder = Path(os.environ['PARSED_INTERFACES'])
    parse = parser.parse_idl_string

    def parse_once(text, png_file=None):
        """Return the definitions in a text, from what an earlier generator left if it has."""
        parsed = folder / hashlib.sha256(text.encode()).hexdigest()
        if parsed.exists():
            return pickle.loads(parsed.read_bytes())
        content = parse(text, png_file)
        new = parsed.with_name(f'{parsed.name}.{os.getpid()}')
        new.write_bytes(pickle.dumps(content))
        new.replace(parsed)  # whole, since two generators run at once
        return content

    parser.parse_idl_string = parse_once
