#!/usr/bin/env bash
# The long run: run.sh MINUTES [TARGET]... gives each fuzz target so many minutes (all of them when none is named),
# one after the other, and keeps what it finds in build/asan/tests/fuzz. Needs the asan build.
set -eu
cd "$(dirname "$0")/../../build/asan/tests/fuzz"
minutes=$1
shift
dictionary() { case $1 in config) echo config ;; control | session) echo control ;; *) echo recording ;; esac; }
for target in "${@:-config recording control session bdf_repair}"; do
  for name in $target; do
    mkdir -p "long/$name"
    ./fuzz_"$name" "long/$name" "corpus/$name" -max_total_time=$((60 * minutes)) -max_len=65536 -timeout=20 -rss_limit_mb=2048 \
      -dict="../../../../tests/fuzz/$(dictionary "$name").dict" -artifact_prefix="long-$name-" -print_final_stats=1
  done
done
