# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The codec, the transport and the igtl command for people without ROS; setup.cfg says it all."""

from setuptools import setup

setup()
