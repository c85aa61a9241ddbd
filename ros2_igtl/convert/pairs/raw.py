# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Any content <-> ros2_igtl/RawMessage, as bytes."""

from __future__ import annotations

from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.codec.registry import is_type_name
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import ANY_OTHER_TYPE, Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import byte_array, message_with_arrays
from ros2_igtl.convert.pairs.metadata import entries_from_metadata, metadata_from_entries
from ros2_igtl.msg import RawMessage

RAW_TYPE = 'ros2_igtl/msg/RawMessage'
"""The ROS type to and from which messages of any type can be converted."""


def content_to_raw_message(content: codec.Content, context: Context) -> RawMessage:
    """
    Return a message of any type, with its content as bytes.

    The bytes of an unknown type are those received. Those of a known type are packed again, under
    the name of the type.

    Lost: bytes that are not UTF-8 in the device name and in metadata keys, and aliases of type
    names, such as QTRANS.

    :raises ConvertError: ``encode``: the received content cannot be packed.
    """
    try:
        if isinstance(content, codec.Unknown):
            body = content.body
        else:
            body = b''.join(content.pack_parts())
    except codec.EncodeError as error:
        raise ConvertError('encode', str(error)) from None
    return message_with_arrays(
        RawMessage,
        {'body': byte_array(body)},
        header=Header(stamp=context.stamp),
        type_name=content.type_name,
        device_name=naming.ros_text(context.device_name),
        header_version=context.header_version,
        message_id=context.message_id,
        metadata=entries_from_metadata(context.metadata),
    )


def content_from_raw_message(message: RawMessage) -> Outbound:
    """
    Return the content in the bytes, with the metadata.

    If the codec knows the type, the bytes must be a valid content.

    Lost: the device name, which the mapping row sets, and the header version, which the peer
    determines.

    :raises ConvertError: ``type_name``; ``metadata``; the causes of ``codec.MessageError``.
    """
    if not is_type_name(message.type_name):
        raise ConvertError(
            'type_name',
            f"type name '{naming.escape(message.type_name)}': 1 to 12 printable characters of "
            'ASCII are allowed',
        )
    body = memoryview(message.body)
    content_class = codec.MESSAGE_TYPES.get(message.type_name)
    try:
        content = (
            codec.Unknown(message.type_name, body)
            if content_class is None
            else content_class.unpack(body)
        )
    except codec.MessageError as error:
        raise ConvertError(error.cause, str(error)) from None
    return outbound(content, message.header)._replace(
        message_id=message.message_id, metadata=metadata_from_entries(message.metadata)
    )


def is_unknown(content: codec.Content) -> bool:
    """Accept contents of types that the codec does not know."""
    return isinstance(content, codec.Unknown)


CONVERSIONS = (
    Conversion(
        ANY_OTHER_TYPE,
        RAW_TYPE,
        one(content_to_raw_message),
        one(content_from_raw_message),
        default=True,
        traffic='event',
        accepts=is_unknown,
    ),
)
