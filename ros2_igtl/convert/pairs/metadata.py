# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Metadata of a message <-> ros2_igtl/Metadata; other modules convert the message itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.codec.metadata import encode_text
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.conversion import ANY_OTHER_TYPE, Conversion
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import byte_array, message_with_arrays
from ros2_igtl.msg import Metadata, MetadataEntry


def metadata_to_ros(type_name: str, context: Context) -> Metadata:
    """
    Return the metadata of a message, for the sibling topic of its conversion.

    Lost: bytes that are not UTF-8 in the device name and in keys.

    :param type_name: of the message.
    """
    return Metadata(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        type_name=type_name,
        device_name=naming.ros_text(context.device_name),
        header_version=context.header_version,
        message_id=context.message_id,
        entries=entries_from_metadata(context.metadata),
    )


def entries_from_metadata(metadata: Mapping[str, str]) -> list[MetadataEntry]:
    """
    Return the entries of metadata, with the raw bytes of values that text cannot represent.

    Lost: bytes that are not UTF-8 in a key, and the encoding 0 of an empty value.
    """
    return [_entry(key, value) for key, value in metadata.items()]


def metadata_from_entries(entries: Iterable[MetadataEntry]) -> dict[str, str]:
    """
    Return the metadata of entries.

    :raises ConvertError: ``metadata``: a key is used twice, or an encoding cannot express its
        value.
    """
    metadata: dict[str, str] = {}
    for entry in entries:
        if entry.key in metadata:
            raise ConvertError('metadata', f"key '{naming.escape(entry.key)}' is used twice")
        metadata[entry.key] = _value(entry)
    return metadata


def faults_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """
    Return the devices and tools whose pose the sender marks as invalid, with their status.

    ``TransformStatus`` refers to the message's own device; ``ProbeStatus`` and
    ``ProbeTransformStatus``, which PLUS sends, refer to the device or tool ``Probe``, and to any
    other with its child frame: :func:`faults_by_frame`. Any status other than ``OK`` is a fault.

    :returns: the status by name; the name of the message's own device is empty.
    """
    return {
        key.removesuffix('Status').removesuffix('Transform'): naming.ros_text(value)
        for key, value in metadata.items()
        if key.endswith('Status') and key != 'Status' and value != 'OK'
    }


def faults_by_frame(faults: Mapping[str, str], prefix: str = '') -> dict[str, str]:
    """
    Return the statuses of faulty devices and tools by the child frame that their name contains.

    A pose is faulty if its frame is there, whether the peer flags it as ``Probe`` or as
    ``ProbeToTracker``.

    :param faults: as :func:`faults_of` returns them.
    :param prefix: put before the frames.
    """
    return {naming.frames_of(name, '', prefix)[0]: fault for name, fault in faults.items() if name}


def _entry(key: str, value: str) -> MetadataEntry:
    text = naming.ros_text(value)
    encoding, raw = 0, b''
    if isinstance(value, codec.EncodedText):
        encoding = value.encoding
        if _bytes_of(text, encoding) != value.raw:
            raw = value.raw
    return message_with_arrays(
        MetadataEntry,
        {'raw': byte_array(raw)},
        key=naming.ros_text(key),
        value=text,
        encoding=encoding,
    )


def _bytes_of(text: str, encoding: int) -> bytes | None:
    try:
        return encode_text(text, encoding)[0]
    except codec.ValueRangeError:
        return None


def _value(entry: MetadataEntry) -> str:
    if not entry.encoding and not entry.raw:
        return str(entry.value)
    raw = bytes(entry.raw)
    if entry.value and not raw:
        try:
            raw, _ = encode_text(entry.value, entry.encoding)
        except codec.ValueRangeError as error:
            raise ConvertError('metadata', f"key '{naming.escape(entry.key)}': {error}") from None
    return codec.EncodedText(raw, entry.encoding)


METADATA = Conversion(ANY_OTHER_TYPE, 'ros2_igtl/msg/Metadata', None, None, sibling='metadata')
"""The metadata of a message of any type, published on ``<topic>/metadata``."""
