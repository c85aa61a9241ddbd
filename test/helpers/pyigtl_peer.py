# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
pyigtl, an independent implementation in Python, as a peer: a process of its own.

Where it lives is in bench/pyigtl_environment.py. What it cannot do: it checks no CRC, listens on
127.0.0.1 only, serves one client, keeps the newest message a device, loses images of more than
about 4 MB when it sends, sends no text beyond ASCII, and stops at an encoding other than US-ASCII
and UTF-8 and at a part of a volume.
"""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyigtl_environment
import pytest


def find_pyigtl_python(folder: Path = pyigtl_environment.FOLDER) -> Path:
    """Return the interpreter that has pyigtl, installed if need be; skip the test if it fails."""
    try:
        return pyigtl_environment.find_pyigtl_python(folder)
    except pyigtl_environment.PyigtlUnavailableError as error:
        pytest.skip(f'no pyigtl: {error}')


class PyigtlPeer:
    """
    A pyigtl client or server in a process of its own: a context manager that ends it.

    :param mode: 'server' or 'client'.
    :param port: where it listens (0: any, see `port` once it runs), or where it dials.
    """

    def __init__(self, mode: str, port: int = 0) -> None:
        self.mode = mode
        self.port = port

    def __enter__(self) -> PyigtlPeer:
        """Start it; a server listens when this returns."""
        python = find_pyigtl_python()
        script = Path(__file__).with_name('pyigtl_process.py')
        self._process = subprocess.Popen(
            [str(python), str(script), self.mode, str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=pyigtl_environment.environment(),
            text=True,
        )
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read_answers, daemon=True)
        self._reader.start()
        self.port = self._next_answer(20.0)['port']
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdin is not None  # PIPE above
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def send(
        self,
        type_name: str,
        device_name: str,
        *,
        timestamp: float = 0.0,
        header_version: int = 1,
        message_id: int = 0,
        metadata: dict[str, str] | None = None,
        **content: Any,
    ) -> None:
        """
        Queue a message, built by pyigtl's class of that type.

        :param timestamp: seconds since 1970.
        :param content: the class's own arguments, for example matrix=numpy.eye(4); arrays arrive
            as arrays.
        """
        answer = self._ask(
            {
                'do': 'send',
                'type_name': type_name,
                'device_name': device_name,
                'timestamp': timestamp,
                'header_version': header_version,
                'message_id': message_id,
                'metadata': metadata or {},
                'content': content,
            },
            20.0,
        )
        assert answer['queued'], f'pyigtl refused the {type_name}'

    def receive(self, device_name: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """
        Return the newest message it got from the device, in pyigtl's words.

        :returns: type_name, device_name, timestamp (s), header_version, message_id, metadata and
            content: a dictionary by pyigtl's attribute names, with numpy arrays.
        """
        request = {'do': 'receive', 'device_name': device_name, 'timeout_s': timeout_s}
        message = self._ask(request, timeout_s + 20.0)['message']
        assert message is not None, f'pyigtl got nothing from {device_name!r} in {timeout_s} s'
        return dict(message)

    def _ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        assert self._process.stdin is not None  # PIPE above
        self._process.stdin.write(json.dumps(request, default=_array_to_json) + '\n')
        self._process.stdin.flush()
        return self._next_answer(timeout_s)

    def _next_answer(self, timeout_s: float) -> dict[str, Any]:
        line = self._answers.get(timeout=timeout_s)
        assert line, 'the process of pyigtl has ended; its traceback is in the captured stderr'
        return dict(json.loads(line, object_hook=_array_from_json))

    def _read_answers(self) -> None:
        assert self._process.stdout is not None  # PIPE above
        with self._process.stdout as stream:
            for line in stream:
                self._answers.put(line)
        self._answers.put('')


def _array_to_json(value: object) -> dict[str, Any]:
    array = np.asarray(value)
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {'dtype': array.dtype.str, 'shape': array.shape, 'data': data}


def _array_from_json(value: dict[str, Any]) -> Any:
    if value.keys() == {'dtype', 'shape', 'data'}:
        array = np.frombuffer(base64.b64decode(value['data']), dtype=value['dtype'])
        return array.reshape(value['shape'])
    return value
