# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The static transforms of a node on /tf_static, and the service ~/set_registration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from tf2_msgs.msg import TFMessage

from ros2_igtl.config import RegistrationConfig
from ros2_igtl.convert import naming
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs.pose import static_transform
from ros2_igtl.nodes.qos import latched
from ros2_igtl.nodes.to_ros.frame_tree import FrameTree
from ros2_igtl.srv import SetRegistration


class Registrations:
    """
    Publishes static transforms while it is started, and lets users change them.

    Changes last as long as this object, even while it is stopped.

    :param registrations: of the mapping file, already checked.
    """

    def __init__(self, node: Node, registrations: Iterable[RegistrationConfig]) -> None:
        self._node = node
        self._transforms = {
            row.child_frame_id: static_transform(
                row.parent_frame_id, row.child_frame_id, row.translation, row.rotation
            )
            for row in registrations
        }
        self._tree = FrameTree()
        self._publisher: Any = None
        self._service: Any = None

    def enter(self, tree: FrameTree) -> None:
        """
        Claim the frames in a tree that has no frames of devices yet.

        :param tree: the frames of tf, until the next call.
        """
        self._tree = tree
        for transform in self._transforms.values():
            tree.register(transform.child_frame_id, transform.header.frame_id)

    def start(self) -> None:
        """Publish, and offer the service; call :meth:`enter` first."""
        self._publish()
        self._service = self._node.create_service(
            SetRegistration, '~/set_registration', self._called
        )

    def stop(self) -> None:
        """Destroy the publisher and the service; may be called twice."""
        if self._service is not None:
            self._node.destroy_service(self._service)
            self._service = None
        if self._publisher is not None:
            # latched transforms must end with the activation
            self._node.destroy_publisher(self._publisher)
            self._publisher = None

    def _publish(self) -> None:
        """Publish all transforms, since late joiners get only the last message."""
        if not self._transforms:
            return
        stamp = self._node.get_clock().now().to_msg()
        for transform in self._transforms.values():
            transform.header.stamp = stamp
        if self._publisher is None:
            # the StaticTransformBroadcaster of Jazzy keeps sending the first transform of a child
            # frame, even if it gets a later one (ros2/geometry2#704, #820)
            self._publisher = self._node.create_publisher(TFMessage, '/tf_static', latched(1))
        self._publisher.publish(TFMessage(transforms=list(self._transforms.values())))

    def _called(self, request: Any, response: Any) -> Any:
        response.success, response.message = self._set(request.transform)
        return response

    def _set(self, given: TransformStamped) -> tuple[bool, str]:
        """Change or add a transform; return the success, and the change or the error."""
        parent, child = given.header.frame_id, given.child_frame_id
        logger = self._node.get_logger()
        what = f"registration of '{naming.escape(child)}' in '{naming.escape(parent)}'"
        refusal = ''
        translation, rotation = given.transform.translation, given.transform.rotation
        position = translation.x, translation.y, translation.z
        orientation = rotation.x, rotation.y, rotation.z, rotation.w
        try:
            transform = static_transform(parent, child, position, orientation)
        except ConvertError as error:
            refusal = f'{error.cause}: {error}'
        else:
            wrong = [frame for frame in (parent, child) if naming.frame_id(frame) != frame]
            if wrong:
                name = naming.escape(wrong[0])
                refusal = f"frame '{name}'; allowed: a name without a space or a leading /"
            else:
                refusal = self._tree.register(child, parent)
        if refusal:
            logger.warning(f'{what} rejected: {refusal}')
            return False, refusal
        done = 'changed' if child in self._transforms else 'added'
        self._transforms[child] = transform
        self._publish()
        pose = ' '.join(f'{number:.6g}' for number in (*position, *orientation))
        logger.info(f'{what} {done}: {pose} (x y z in metres, quaternion x y z w)')
        return True, done
