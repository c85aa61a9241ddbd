# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from helpers.contents import assert_content_refused, content_bytes, receive_content
from ros2_igtl import codec

IMAGES = [
    (codec.ImageMeta.from_images([]), b''),
    (
        codec.ImageMeta.from_images(
            [
                {
                    'name': 'Liver',
                    'device_name': 'IMAGE_0',
                    'modality': 'CT',
                    'patient_name': 'Somebody',
                    'patient_id': '7',
                    'timestamp': 2**64 - 1,
                    'size': (512, 256, 100),
                    'scalar_type': codec.ScalarType.INT16,
                },
                {'timestamp': 1, 'reserved': 9},
            ]
        ),
        b'Liver'.ljust(64, b'\0')
        + b'IMAGE_0'.ljust(20, b'\0')
        + b'CT'.ljust(32, b'\0')
        + b'Somebody'.ljust(64, b'\0')
        + b'7'.ljust(64, b'\0')
        + b'\xff' * 8
        + b'\2\0\1\0\0\x64'
        + b'\4\0'
        + bytes(251)
        + b'\1'
        + bytes(7)
        + b'\x09',
    ),
]
LABELS = [
    (codec.LabelMeta.from_labels([]), b''),
    (
        codec.LabelMeta.from_labels(
            [
                {
                    'name': 'Tumour',
                    'device_name': 'LABEL_0',
                    'label': 255,
                    'rgba': (255, 0, 1, 2),
                    'size': (1, 2, 65535),
                    'owner': 'IMAGE_0',
                },
                {},
            ]
        ),
        b'Tumour'.ljust(64, b'\0')
        + b'LABEL_0'.ljust(20, b'\0')
        + b'\xff\0\xff\0\1\2'
        + b'\0\1\0\2\xff\xff'
        + b'IMAGE_0'.ljust(20, b'\0')
        + bytes(116),
    ),
]
CASES = [('IMGMETA', *case) for case in IMAGES] + [('LBMETA', *case) for case in LABELS]


@pytest.mark.parametrize(('type_name', 'value', 'data'), CASES)
def test_metas_pack_to_their_bytes(type_name: str, value: codec.Content, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('type_name', 'value', 'data'), CASES)
def test_metas_are_read_from_their_bytes(
    type_name: str, value: codec.Content, data: bytes
) -> None:
    assert receive_content(type_name, data) == value


def test_the_elements_are_named_after_what_they_are() -> None:
    assert receive_content('IMGMETA', IMAGES[1][1]).images['timestamp'].tolist() == [2**64 - 1, 1]
    assert receive_content('LBMETA', LABELS[1][1]).labels['label'].tolist() == [255, 0]


@pytest.mark.parametrize(('type_name', 'size'), [('IMGMETA', 260), ('LBMETA', 116)])
def test_a_broken_element_is_refused(type_name: str, size: int) -> None:
    for broken in (1, size - 1, size + 1):
        assert_content_refused(
            type_name, bytes(broken), codec.ContentSizeError, f'a multiple of {size} bytes'
        )


@pytest.mark.parametrize(
    ('field', 'size'),
    [
        ('name', 64),
        ('device_name', 20),
        ('modality', 32),
        ('patient_name', 64),
        ('patient_id', 64),
    ],
)
def test_a_name_that_fills_its_field_is_not_written(field: str, size: int) -> None:
    with pytest.raises(codec.NameTooLongError, match=f'IMGMETA {field} .* {size - 1} are allowed'):
        codec.ImageMeta.from_images([{field: 'x' * size}])


@pytest.mark.parametrize('timestamp', [-1, 2**64, 0.5])
def test_a_time_stamp_that_does_not_fit_is_not_written(timestamp: float) -> None:
    row: dict[str, Any] = {'timestamp': timestamp}
    for rows in ([row], [{'timestamp': 2**64 - 1}, row]):
        with pytest.raises(codec.ValueRangeError, match='IMGMETA timestamp'):
            codec.ImageMeta.from_images(rows)
