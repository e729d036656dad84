#!/bin/sh
# A source in dsp/ without its test must not configure. Arguments: the source tree, the cmake program.
set -eu
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$1/CMakeLists.txt" "$1/dsp" "$1/daemon" "$1/clients" "$1/tests" "$1/fixtures" "$copy/"
"$2" -G Ninja -S "$copy" -B "$copy/build" >"$copy/log" 2>&1 || { cat "$copy/log"; echo "the unchanged tree does not configure"; exit 1; }
echo 'int orphan;' >"$copy/dsp/orphan.c"
if "$2" -G Ninja -S "$copy" -B "$copy/build" >"$copy/log" 2>&1; then
  echo "a source without a test was let through"
  exit 1
fi
grep -q "dsp/orphan.c has no test" "$copy/log" || { cat "$copy/log"; exit 1; }
echo "dsp/orphan.c was refused"
