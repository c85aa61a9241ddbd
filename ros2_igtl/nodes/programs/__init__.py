# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The programs igtl_client, igtl_server and igtl_bridge: an entry point each."""
