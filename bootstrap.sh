#!/usr/bin/env bash
# Everything that a bare Debian 12 needs, in one command:
#   ./bootstrap.sh demo                 install, build, and run emgd on a simulated treadmill run, with the dashboard for a browser
#   ./bootstrap.sh demo --seconds N     the same in this terminal, for N seconds
#   ./bootstrap.sh test                 install, build with gcc and clang under the sanitizers, and run all tests
#   ./bootstrap.sh build                install and build only; the programs are in build/release/bin
# As root, or as a user who may use sudo. Packages come from Debian, and for the page from npm as clients/web/package-lock.json names them.
set -eu
cd "$(dirname "$0")"

build_packages="gcc libc6-dev cmake ninja-build pkg-config
  libfftw3-dev libzmq3-dev libjansson-dev libconfuse-dev libsndfile1-dev libedf-dev libsoundio-dev libpulse-dev libwebsockets-dev libncurses-dev"
test_packages="$build_packages git clang clang-format clang-tidy cppcheck libclang-rt-14-dev llvm-14 libcmocka-dev python3
  python3-zmq python3-jsonschema python3-numpy python3-scipy python3-mne pulseaudio pulseaudio-utils libasound2-plugins alsa-utils util-linux
  python3-mypy python3-pip python3-venv python3-setuptools python3-wheel python3-matplotlib chromium time tmux valgrind
  libjack-jackd2-dev libsoxr-dev libliquid-dev"

fail() { echo "bootstrap.sh: $*" >&2; exit 1; }

usage() { sed -n '2,7s/^# \?//p' "$0"; }

# Installs those of the named packages that are not there yet.
install() {
  local missing="" package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  local as_root=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "these packages are missing, and there is no sudo to install them with:$missing"
    as_root=sudo
  fi
  echo "bootstrap.sh: installing$missing"
  # shellcheck disable=SC2086 # a list of words
  { $as_root apt-get -qq update && $as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get -qq -y install --no-install-recommends $missing >/dev/null; } || fail "apt-get could not install$missing"
}

# npm bundles emgweb's page. A node from elsewhere brings its own npm, with which Debian's does not go together.
install_node() {
  command -v npm >/dev/null || install nodejs npm
}

build() { # PRESET [CMAKE OPTION]...
  local preset=$1
  shift
  cmake --preset "$preset" "$@" >"build-$preset.log" 2>&1 || { cat "build-$preset.log" >&2; fail "configuring $preset failed"; }
  cmake --build --preset "$preset" >"build-$preset.log" 2>&1 || { cat "build-$preset.log" >&2; fail "building $preset failed"; }
  rm -f "build-$preset.log"
}

demo() {
  local seconds=0
  while [ $# -gt 0 ]; do
    case $1 in
      --seconds)
        [ $# -ge 2 ] && [ "$2" -gt 0 ] 2>/dev/null || fail "--seconds needs a whole number above 0"
        seconds=$2
        shift 2 ;;
      *) fail "demo: what is '$1' for? $(usage)" ;;
    esac
  done
  # shellcheck disable=SC2086
  install $build_packages
  install_node
  build release -DBUILD_TESTING=OFF
  local bin=build/release/bin
  echo "bootstrap.sh: a SIMULATED treadmill run (synth:treadmill); Ctrl-C ends it"
  "$bin/emgd" --source synth:treadmill &
  local daemon=$! web="" status=0
  trap 'kill "$daemon" $web 2>/dev/null; wait "$daemon" 2>/dev/null' EXIT
  trap 'exit 0' INT TERM
  sleep 0.5 # a port in use has shown by then
  kill -0 "$daemon" 2>/dev/null || { wait "$daemon" || status=$?; exit $status; }
  if [ "$seconds" != 0 ]; then
    "$bin/emgtop" --seconds "$seconds" || status=$?
    kill -0 "$daemon" 2>/dev/null || [ $status != 0 ] || { wait "$daemon" || status=$?; }
    exit $status
  fi
  "$bin/emgweb" &
  web=$!
  echo "bootstrap.sh: the dashboard is at the address below; $bin/emgtop shows the same in another terminal"
  if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null; then
    sleep 0.5
    xdg-open http://127.0.0.1:8080/ >/dev/null 2>&1 &
  fi
  wait "$web" || status=$?
  exit $status
}

run_tests() {
  # shellcheck disable=SC2086
  install $test_packages
  install_node
  local preset
  mkdir -p build/all
  : >build/all/CTestTestfile.cmake
  for preset in release asan tsan; do
    echo "bootstrap.sh: building $preset"
    build "$preset" -DEMG_WERROR=ON -DBUILD_TESTING=ON
    echo "subdirs(\"../$preset\")" >>build/all/CTestTestfile.cmake
  done
  ctest --test-dir build/all --output-on-failure -j "$(nproc)"
}

case ${1:-} in
  demo) shift; demo "$@" ;;
  test) [ $# = 1 ] || fail "test takes no arguments"; run_tests ;;
  build) [ $# = 1 ] || fail "build takes no arguments"; install $build_packages; install_node; build release -DBUILD_TESTING=OFF ;;
  --help | -h) usage ;;
  *) usage >&2; exit 2 ;;
esac
