#!/bin/sh
# The linters over the tree. Arguments: which (format, cppcheck, tidy or web), the source tree, the build tree with compile_commands.json.
set -eu
cd "$2"
case $1 in
  format) find dsp daemon clients tests fixtures -name '*.[ch]' ! -name 'golden_*' ! -path '*/node_modules/*' -exec clang-format --dry-run -Werror {} + ;;
  cppcheck) cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem -i clients/examples/node_modules -I. dsp daemon clients tests ;;
  # The tests are compiled with every warning; the deeper look is for what runs on somebody's leg.
  tidy) find dsp daemon clients -name '*.c' ! -path '*/node_modules/*' -print0 | xargs -0 -n 4 clang-tidy -p "$3" --quiet ;;
  # The types of the page, beside the packages that the build brought.
  web) rm -rf "$3/web/src" && cp -R clients/web/src clients/web/tsconfig.json "$3/web/" && cd "$3/web" && node_modules/.bin/tsc -p . ;;
esac
