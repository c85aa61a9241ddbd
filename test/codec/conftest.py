# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""How hypothesis looks for examples here."""

from hypothesis import settings

# A machine that does other things at the same time is not a fault of the codec.
settings.register_profile('codec', deadline=None, max_examples=60)
settings.load_profile('codec')
