# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""OpenIGTLink on the ROS graph, and back; what lives in the package, lives in its rooms below."""
