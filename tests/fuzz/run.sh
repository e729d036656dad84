#!/usr/bin/env bash
# Fuzzes for longer than the tests do:
#   run.sh MINUTES [TARGET]...   each of bdf_repair, config, control, recording, session (none named: all), in turn
# The targets are those of the asan build, which this brings up to date first (EMG_FUZZ_BUILD: another build tree that
# is configured so). What a target learns stays in tests/fuzz/learnt/TARGET of the build tree, where its next run goes
# on. A finding ends a target's run; the input is kept as tests/fuzz/TARGET-crash-* (or -timeout-*, -oom-*, -leak-*):
#   fuzz_TARGET FILE                                          shows it again, with the stack
#   fuzz_TARGET -minimize_crash=1 -runs=100000 FILE           makes it smaller
# Exit status: 0 when nothing was found, 1 when something was, 2 for wrong arguments.
set -eu
usage() { sed -n '2,9s/^# \?//p' "$0" >&2; exit 2; }

all="bdf_repair config control recording session"
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${EMG_FUZZ_BUILD:-$source/build/asan}
minutes=${1:-}
[ "$minutes" -gt 0 ] 2>/dev/null || usage
shift
for target in "$@"; do
  case " $all " in *" $target "*) ;; *) usage ;; esac
done
[ -f "$build/build.ninja" ] || (cd "$source" && cmake --preset asan) >/dev/null
# shellcheck disable=SC2086 # lists of words
cmake --build "$build" --target fuzz_corpus $(printf 'fuzz_%s ' ${*:-$all})

status=0
cd "$build/tests/fuzz"
# shellcheck disable=SC2086
for target in ${*:-$all}; do
  mkdir -p "learnt/$target"
  echo "run.sh: $target for $minutes min, log in $PWD/$target.log"
  if "./fuzz_$target" "learnt/$target" "corpus/$target" -max_total_time=$((60 * minutes)) -max_len=16384 -timeout=10 \
      -rss_limit_mb=1024 -dict="corpus/$target.dict" -artifact_prefix="$target-" -print_final_stats=1 >"$target.log" 2>&1; then
    echo "run.sh: $target: nothing in $(sed -n 's/^stat::number_of_executed_units: *//p' "$target.log") inputs"
  else
    echo "run.sh: $target: FOUND:"
    grep -E 'BROKEN|ERROR:|runtime error|^SUMMARY|Test unit written' "$target.log" || tail -5 "$target.log"
    status=1
  fi
done
exit $status
