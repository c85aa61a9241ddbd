# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""NEEDLE <-> igtl_example_interfaces/NeedleForces, and JOINTS <-> sensor_msgs/JointState."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Vector3
from igtl_example_interfaces.msg import NeedleForces
from igtl_example_messages import DriveMode, Joints, Needle
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError


def needle_to_forces(content: Needle, context: Context) -> NeedleForces:
    """Return forces in newtons, in the parent frame."""
    return NeedleForces(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        needle=content.needle,
        mode=content.mode,
        interval=content.interval,
        forces=[Vector3(x=x, y=y, z=z) for x, y, z in content.forces.tolist()],
    )


def needle_from_forces(message: NeedleForces) -> Outbound:
    """
    Return forces in newtons.

    Lost: digits that float32 does not have.

    :raises ConvertError: ``drive_mode``: there is no such mode.
    """
    try:
        mode = DriveMode(message.mode)
    except ValueError as error:
        raise ConvertError('drive_mode', str(error)) from None
    forces = np.array([(force.x, force.y, force.z) for force in message.forces])
    content = Needle(forces.reshape(-1, 3), message.needle, mode, message.interval)
    return outbound(content, message.header)


def joints_to_state(content: Joints, context: Context) -> JointState:
    """Return positions, velocities and efforts: the units are those of ROS."""
    joints = content.elements
    return JointState(
        header=Header(stamp=context.stamp),
        name=[codec.text(name) for name in joints['name'].tolist()],
        position=joints['position'].tolist(),
        velocity=joints['velocity'].tolist(),
        effort=joints['effort'].tolist(),
    )


CONVERSIONS = (
    Conversion(
        'NEEDLE',
        'igtl_example_interfaces/msg/NeedleForces',
        one(needle_to_forces),
        one(needle_from_forces),
        default=True,
        traffic='event',
    ),
    Conversion('JOINTS', 'sensor_msgs/msg/JointState', one(joints_to_state), None, default=True),
)
