# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Simulated devices: OpenIGTLink peers for demonstrations and tests.

What a device says is a pure function of the time stamp, in a module a device; simulation.py says
it at a rate, through a transport server or client. No ROS.
"""

from ros2_igtl.sim.imager import Imager, VolumeImager
from ros2_igtl.sim.simulation import Simulation, Source
from ros2_igtl.sim.tracker import Tracker

__all__ = ['Imager', 'Simulation', 'Source', 'Tracker', 'VolumeImager']
