# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The type support of messages in C++, as programs in C++ load it by name."""

from __future__ import annotations

import ctypes
from pathlib import Path


class TypeSupport(ctypes.Structure):
    """The begin of rosidl_message_type_support_t of ``rosidl_runtime_c``."""


TypeSupport._fields_ = [
    ('identifier', ctypes.c_char_p),
    ('data', ctypes.c_void_p),
    (
        'find',
        ctypes.CFUNCTYPE(
            ctypes.POINTER(TypeSupport), ctypes.POINTER(TypeSupport), ctypes.c_char_p
        ),
    ),
]


def has_cpp(prefix: Path) -> bool:
    """Return whether the package below a prefix was built with C++."""
    return _library(prefix, 'rosidl_typesupport_cpp').exists()


def check_cpp_type_support(prefix: Path, name: str) -> None:
    """
    Check that rosbag2 finds the type support of a message of the package.

    It opens the library of a package, and asks it for the other one.
    """
    found = {}
    for support in ('rosidl_typesupport_cpp', 'rosidl_typesupport_introspection_cpp'):
        library = ctypes.CDLL(str(_library(prefix, support)))
        get = library[f'{support}__get_message_type_support_handle__ros2_igtl__msg__{name}']
        get.restype = ctypes.POINTER(TypeSupport)
        found[support] = get().contents
        assert found[support].identifier.decode() == support
    dispatcher = found['rosidl_typesupport_cpp']
    introspection = dispatcher.find(dispatcher, b'rosidl_typesupport_introspection_cpp')
    assert introspection.contents.identifier == b'rosidl_typesupport_introspection_cpp'
    assert introspection.contents.data == found['rosidl_typesupport_introspection_cpp'].data


def _library(prefix: Path, support: str) -> Path:
    return prefix / 'lib' / f'libros2_igtl__{support}.so'
