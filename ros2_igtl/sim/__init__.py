# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Simulated devices: OpenIGTLink peers for demonstrations and tests.

The messages of a device are a pure function of their time stamp, and each device has its module.
simulation.py sends them at a rate, through a transport server or client. No ROS.
"""

from ros2_igtl.sim.imager import Imager, VolumeImager
from ros2_igtl.sim.simulation import Simulation, Source
from ros2_igtl.sim.tracker import Tracker

__all__ = ['Imager', 'Simulation', 'Source', 'Tracker', 'VolumeImager']
