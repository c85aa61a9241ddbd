# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The compiled CRC; pyproject.toml says all else of the package for people without ROS."""

from setuptools import Extension, setup

# without a C compiler ros2_igtl/codec/crc.py finds another CRC
crc64 = Extension(
    'ros2_igtl.codec._crc64', ['src/crc64.c'], extra_compile_args=['-O3'], optional=True
)
setup(ext_modules=[crc64])
