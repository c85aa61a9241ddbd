# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The OpenIGTLink programs of the demo: the C++ programs of the reference, or our simulators."""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from places import installed_program
from reference_programs import (
    Program,
    ReferenceProgram,
    build_reference_programs,
    find_test_images,
    free_port,
)

from ros2_igtl.sim import Imager

LIFE_S = 120.0
_P = TypeVar('_P', bound='Peers')


class Peers(ABC):
    """
    A tracker, an imager and a receiver that prints; all of them listen. A context manager.

    :ivar ports: TCP port of 'tracker', 'imager' and 'receiver'.
    """

    description: str
    receiver_name: str
    transform_pattern: str  # in the receiver's output, with groups for x, y, z in millimetres
    string_pattern: str  # in the receiver's output, with a group for the text

    def __init__(self) -> None:
        self.ports = {name: free_port() for name in ('tracker', 'imager', 'receiver')}
        self._stack = contextlib.ExitStack()

    def __enter__(self: _P) -> _P:
        """Start them."""
        with contextlib.ExitStack() as stack:
            tracker, imager, self.receiver = self._programs()
            for name, program in (
                ('tracker', tracker),
                ('imager', imager),
                ('receiver', self.receiver),
            ):
                stack.enter_context(program)
                program.wait_until_listening(self.ports[name])
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End them."""
        self._stack.close()

    @abstractmethod
    def _programs(self) -> tuple[Program, Program, Program]:
        """Return the tracker, the imager and the receiver."""

    @abstractmethod
    def expected_slice(
        self, stamp_ns: int, arrived: NDArray[np.uint8]
    ) -> tuple[str, NDArray[np.uint8]] | None:
        """
        Return name and pixels of the sent image for a received one; None if it was not sent.

        :param stamp_ns: stamp of the received image, nanoseconds since 1970.
        """

    def received_transforms(self) -> list[tuple[float, float, float]]:
        """Return the translations that the receiver printed, in millimetres."""
        found = re.findall(self.transform_pattern, self.receiver.output)
        return [(float(x), float(y), float(z)) for x, y, z in found]

    def received_strings(self) -> list[str]:
        """Return the texts that the receiver printed."""
        return re.findall(self.string_pattern, self.receiver.output)

    def last_received(self) -> list[str]:
        """Return the receiver's output for the last transform and for the last text."""
        output = self.receiver.output
        return [
            matches[-1].group()
            for pattern in (self.transform_pattern, self.string_pattern)
            if (matches := list(re.finditer(pattern, output)))
        ]


class ReferencePeers(Peers):
    """TrackerServer, ImagerServer and ReceiveServer of the reference implementation."""

    description = 'the reference C++ programs'
    receiver_name = 'ReceiveServer'
    transform_pattern = (
        r'Receiving TRANSFORM data type\.\n=+\n.*, (\S+)\n.*, (\S+)\n.*, (\S+)\n0, 0, 0, 1\n'
    )
    string_pattern = r'Receiving STRING data type\.\nEncoding: \d+; String: (.*)\n'

    def __init__(self) -> None:
        """
        Compile the programs.

        :raises ReferenceProgramsUnavailableError: they cannot be built on this machine.
        """
        super().__init__()
        build_reference_programs('TrackerServer', 'ImagerServer', 'ReceiveServer')
        self._image_folder = find_test_images()
        self._files = {
            path.read_bytes(): path for path in self._image_folder.glob('igtlTestImage[1-5].raw')
        }

    def _programs(self) -> tuple[Program, Program, Program]:
        ports = self.ports
        return (
            ReferenceProgram('TrackerServer', ports['tracker'], 20, life_s=LIFE_S),
            ReferenceProgram(
                'ImagerServer', ports['imager'], 10, self._image_folder, life_s=LIFE_S
            ),
            ReferenceProgram('ReceiveServer', ports['receiver'], life_s=LIFE_S),
        )

    def expected_slice(
        self, stamp_ns: int, arrived: NDArray[np.uint8]
    ) -> tuple[str, NDArray[np.uint8]] | None:
        """Return the file with these pixels."""
        path: Path | None = self._files.get(arrived.tobytes())
        if path is None:
            return None
        return path.name, np.fromfile(path, np.uint8).reshape(256, 256)


class SimulatedPeers(Peers):
    """The simulators and the command line of this package."""

    description = 'the simulators of this package'
    receiver_name = 'igtl listen'
    number = r'(-?[\d.]+)'
    transform_pattern = (
        rf'TRANSFORM +RobotToWorld .*translation \({number}, {number}, {number}\) mm'
    )
    string_pattern = r"STRING +Greeting .* '(.*)'\n"

    def _programs(self) -> tuple[Program, Program, Program]:
        ports = self.ports
        igtl = installed_program('igtl')
        simulate = (igtl, 'simulate')
        return (
            Program(
                *(*simulate, 'tracker', '--tools', 'Tracker', '--rate', 20),
                *('--port', ports['tracker']),
                life_s=LIFE_S,
            ),
            Program(
                *(*simulate, 'imager', '--device-name', 'ImagerClient', '--rate', 10),
                *('--port', ports['imager']),
                life_s=LIFE_S,
            ),
            Program(igtl, 'listen', '127.0.0.1', ports['receiver'], '--server', life_s=LIFE_S),
        )

    def expected_slice(
        self, stamp_ns: int, arrived: NDArray[np.uint8]
    ) -> tuple[str, NDArray[np.uint8]] | None:
        """Return the slice of this stamp if it has these pixels."""
        (message,) = Imager('ImagerClient').messages_at(stamp_ns)
        pixels = message.content.pixels[0]
        if not np.array_equal(pixels, arrived):
            return None
        return f'slice at {message.content.position[2]:+.0f} mm', pixels
