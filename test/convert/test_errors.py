# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.errors."""

import re
from pathlib import Path

from ros2_igtl.convert import errors


def test_an_error_is_a_value_error_with_a_cause_and_a_text() -> None:
    error = errors.ConvertError('non_rigid', 'a mirror')
    assert isinstance(error, ValueError)
    assert error.cause == 'non_rigid'
    assert str(error) == 'a mirror'


def test_every_cause_that_is_raised_is_explained_and_the_other_way_round() -> None:
    raised = set()
    for path in Path(errors.__file__).parent.rglob('*.py'):
        raised.update(re.findall(r"ConvertError\(\s*'(\w+)'", path.read_text()))
    explained = set(re.findall(r'^    ([a-z_0-9]+)  +\S', errors.ConvertError.__doc__ or '', re.M))
    assert raised == explained
