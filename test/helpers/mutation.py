# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages with faults made at random, from those of ``vectors``."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from helpers.corpus import ODD, REFUSED
from helpers.vectors import GOLDEN, HAND, REFERENCE
from helpers.wire_bytes import extended_body
from ros2_igtl import codec
from ros2_igtl.codec.crc import crc64

HEADER_SIZE = 58
_SHORT = 2  # bytes of a body in which there is little to change
_LARGE = 1000  # bytes of a message that takes its time

# Numbers at which something begins, ends or wraps.
NUMBERS = tuple(
    number
    for bits in (0, 1, 7, 8, 15, 16, 31, 32, 63, 64)
    for number in (2**bits - 1, 2**bits)
    if number < 2**64
)


def seeds() -> list[bytes]:
    """Return the messages to begin with: those of ``vectors``, and two larger ones."""
    found = [vector.data for vector in (*GOLDEN, *REFERENCE, *HAND)]
    found += [case.data for case in REFUSED if len(case.data) >= HEADER_SIZE]
    found += [case.data for case in ODD]
    # a connection gives an image of this size buffers of its own
    large = codec.Message(codec.Image(bytes(40_000), (200, 200, 1)), 'Large')
    found.append(codec.pack(large))
    large.header_version, large.metadata = 2, {'key': 'value'}
    return [*found, codec.pack(large)]


def repaired(data: bytes | bytearray) -> bytes:
    """Return a message with the size and the CRC that its body has."""
    body = data[HEADER_SIZE:]
    size_and_crc = len(body).to_bytes(8, 'big') + crc64(body).to_bytes(8, 'big')
    return bytes(data[:42]) + size_and_crc + bytes(body)


_Mutate = Callable[[random.Random, bytearray, bytes], None]


def _position(rng: random.Random, body: bytearray) -> int:
    """Return a position, most often one where fields are rather than bulk data."""
    size = len(body)
    if size > 100 and rng.random() < 0.7:
        return rng.randrange(100) if rng.random() < 0.8 else size - 1 - rng.randrange(40)
    return rng.randrange(size + 1)


def _flip_bit(rng: random.Random, body: bytearray, _: bytes) -> None:
    if body:
        body[_position(rng, body) - 1] ^= 1 << rng.randrange(8)


def _set_byte(rng: random.Random, body: bytearray, _: bytes) -> None:
    if body:
        body[_position(rng, body) - 1] = rng.choice(NUMBERS) & 255


def _set_number(rng: random.Random, body: bytearray, _: bytes) -> None:
    width = rng.choice((2, 4, 4, 8))
    position = _position(rng, body)
    body[position : position + width] = (rng.choice(NUMBERS) % 256**width).to_bytes(width, 'big')


def _shift_number(rng: random.Random, body: bytearray, _: bytes) -> None:
    """Make a number, which may be a size or a count, a little larger or smaller."""
    width = rng.choice((1, 2, 4, 8))
    start = _position(rng, body) // width * width
    number = int.from_bytes(body[start : start + width], 'big')
    number = rng.choice((number + 1, number - 1, number + width, number * 2, number // 2, ~number))
    body[start : start + width] = (number % 256**width).to_bytes(width, 'big')


def _cut_out(rng: random.Random, body: bytearray, _: bytes) -> None:
    position = _position(rng, body)
    del body[position : position + rng.choice((1, 1, 2, 4, 8, 12, 70))]


def _put_in(rng: random.Random, body: bytearray, _: bytes) -> None:
    position = _position(rng, body)
    body[position:position] = rng.randbytes(rng.choice((1, 1, 2, 4, 8, 12, 70)))


def _cut_short(rng: random.Random, body: bytearray, _: bytes) -> None:
    del body[rng.randrange(len(body) + 1) :]


def _make_longer(rng: random.Random, body: bytearray, _: bytes) -> None:
    body += bytes((rng.choice((0, 1, 255)),)) * rng.choice((1, 2, 3, 8, 70, 300))


def _copy(rng: random.Random, body: bytearray, _: bytes) -> None:
    """Put a piece of the body elsewhere, over what is there or before it."""
    size = rng.choice((1, 2, 4, 8, 20, 70))
    source, target = _position(rng, body), _position(rng, body)
    body[target : target + size * rng.randrange(2)] = body[source : source + size]


def _splice(rng: random.Random, body: bytearray, other: bytes) -> None:
    """Go on with the rest of another body."""
    source = rng.randrange(len(other) + 1)
    body[rng.randrange(len(body) + 1) :] = other[source : source + 2000]


def _wrap(rng: random.Random, body: bytearray, other: bytes) -> None:
    """Put an extended header before the body and metadata behind it, with a fault in most."""

    def sometimes(numbers: Sequence[int]) -> int | None:
        return rng.choice(numbers) if rng.random() < 0.3 else None

    entries = tuple(
        (other[: rng.randrange(9)], rng.choice((3, 106, rng.randrange(2300))), rng.randbytes(5))
        for _ in range(rng.choice((0, 1, 1, 2, 3)))
    )
    body[:] = extended_body(
        bytes(body),
        entries,
        message_id=rng.randrange(9),
        extended_size=sometimes((0, 11, 13, 16, 300)) or 12,
        count=sometimes((0, 1, 2, 4, 8191, 65535)),
        header_size=sometimes((0, 1, 2, 9, 10, 11, 18, 65535)),
        metadata_size=sometimes((0, 1, 5, 6, 2**16, 2**31, 2**32 - 1)),
    )


# Those that keep the size come more often: most types refuse any other before they look closer.
_MUTATIONS: tuple[_Mutate, ...] = (
    *(_flip_bit, _set_byte, _set_number, _shift_number) * 8,
    *(_cut_out, _put_in, _cut_short, _make_longer, _copy, _splice),
)


def _is_read(data: bytes) -> bool:
    try:
        codec.unpack(data)
    except codec.DecodeError:
        return False
    return True


class Mutator:
    """
    A source of messages with faults, always the same for the same seed of its random numbers.

    :param rng: where chance comes from.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        found = seeds()
        read = [data for data in found if _is_read(data)]
        self._refused = [data for data in found if not _is_read(data)]
        self._short = [data for data in read if len(data) <= HEADER_SIZE + _SHORT]
        self._small = [data for data in read if HEADER_SIZE + _SHORT < len(data) < _LARGE]
        self._large = [data for data in read if len(data) >= _LARGE]
        self._type_names = [name.encode().ljust(12, b'\0') for name in codec.MESSAGE_TYPES]

    def _seed(self) -> bytes:
        groups = (self._refused, self._short, self._small, self._large)
        (group,) = self.rng.choices(groups, (10, 10, 79, 1))
        return self.rng.choice(group)

    def message(self) -> bytes:
        """Return the bytes of a message with one fault or more, its CRC mostly set right."""
        while True:
            seed = self._seed()
            data = self._mutated(seed)
            if data != seed:
                return data

    def _mutated(self, seed: bytes) -> bytes:
        rng = self.rng
        header, body = bytearray(seed[:HEADER_SIZE]), bytearray(seed[HEADER_SIZE:])
        other = self._seed()[HEADER_SIZE:]
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            rng.choice(_MUTATIONS)(rng, body, other)
        if rng.random() < 0.1:
            if header[1] == 1:
                _wrap(rng, body, seed)
            header[1] = rng.choice((1, 2, 2, 2, 2))
        if rng.random() < 0.04:
            header[2:14] = rng.choice(self._type_names)
        data = header + body
        if rng.random() < 0.95:
            data = bytearray(repaired(data))
        if rng.random() < 0.1:
            rng.choice((self._change_header, self._change_size))(data)
        return bytes(data)

    def _change_header(self, data: bytearray) -> None:
        """Change version, names or time stamp, which no CRC covers."""
        position = self.rng.choice(
            (0, 1, 1, self.rng.randrange(2, 14), self.rng.randrange(14, 42))
        )
        data[position] = self.rng.choice((0, 1, 2, 3, 9, 32, 65, 127, 255))

    def _change_size(self, data: bytearray) -> None:
        """Announce another size or CRC, or leave away or add bytes behind that was announced."""
        rng = self.rng
        kind = rng.randrange(4)
        if kind == 0:
            data[42:50] = rng.choice(NUMBERS).to_bytes(8, 'big')
        elif kind == 1:
            data[49] = data[49] + rng.choice((1, 255)) & 255
        elif kind == 2:
            del data[rng.randrange(len(data)) :]
        else:
            data[50:58] = rng.choice((bytes(8), rng.randbytes(8)))
