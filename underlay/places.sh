# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
# Where ROS 2 and what is built of this project are. Sourced by with-ros and underlay/setup.sh, which set root.
# Sets: name (of the place), venv (empty if a ROS 2 is sourced), build, prefix.

# A sourced ROS 2 is one that has rclpy, and is not the wheels of this checkout (with-ros in with-ros).
sourced=''
IFS=:
for entry in ${AMENT_PREFIX_PATH:-}; do
  case $entry in "$root"/*) continue ;; esac
  if [ -e "$entry/share/ament_index/resource_index/packages/rclpy" ]; then
    sourced=$entry
  fi
done
unset IFS entry

if [ -n "$sourced" ]; then
  name=${ROS_DISTRO:-ros}
  venv=''
else
  case ${UNDERLAY:=jazzy} in
    jazzy) venv=$root/.venv ;;
    kilted) venv=$root/.venv-kilted ;;
    *)
      echo "UNDERLAY is '$UNDERLAY', and can be jazzy or kilted" >&2
      exit 1
      ;;
  esac
  name=wheels-$UNDERLAY
fi
build=$root/.build/$name
prefix=$build/install
