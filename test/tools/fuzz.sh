#!/usr/bin/env bash
# fuzz.sh TIME       runs every fuzz target of the module for TIME (30s, or
#                    1000x), one after the other, each time other inputs
# fuzz.sh --same N   gives every target the same N inputs on every run and every
#                    machine: what decides over a change must not depend on luck
#
# go test fuzzes one target at a time.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log

# explore PACKAGE TARGET TIME runs one target. Now and then Go's fuzzer ends with
# "context deadline exceeded" and no failing input, when its time is up while a
# worker is still busy: nothing was found then, and it runs once more. A failing
# input is never tried again.
explore() {
  local try
  for try in 1 2; do
    if go test -run '^$' -fuzz "^$2\$" -fuzztime "$3" -fuzzminimizetime 20x "$1" 2>&1 | tee "$log"; then return 0; fi
    if [ "$try" = 2 ] || grep -q 'Failing input written' "$log" || ! grep -q 'context deadline exceeded' "$log"; then return 1; fi
    echo "fuzz: the fuzzer was cut off by its own deadline and found nothing; once more"
  done
}

# overlay makes a copy of Go's fuzzer that goes on to the next input of the corpus
# after a number of calls. The original goes on after 100 ms, so that the machine
# and its load choose what is tried.
overlay() {
  local from
  from=$(go env GOROOT)/src/internal/fuzz
  sed 's/^\tworkerFuzzDuration = 100 \* time.Millisecond$/\tworkerFuzzDuration = 24 * time.Hour/' "$from/worker.go" >"$work/worker.go"
  sed '0,/input.limit = c.opts.Limit \/ int64(c.opts.Parallel)$/s//input.limit = min(c.opts.Limit, 50)/' "$from/fuzz.go" >"$work/fuzz.go"
  if cmp -s "$from/worker.go" "$work/worker.go" || cmp -s "$from/fuzz.go" "$work/fuzz.go"; then
    echo "fuzz: $(go version) fuzzes in another way than fuzz.sh knows: look at overlay in test/tools/fuzz.sh" >&2
    return 1
  fi
  printf '{"Replace": {"%s": "%s", "%s": "%s"}}\n' \
    "$from/worker.go" "$work/worker.go" "$from/fuzz.go" "$work/fuzz.go" >"$work/overlay.json"
}

# same PACKAGE TARGET N runs one target with a fixed seed, one worker, the seeds
# in the repository and nothing of what earlier runs have kept. It is built
# without coverage, since what is covered is not the same twice either.
same() {
  local binary
  binary=$work/${1//[.\/]/_}
  [ -e "$binary" ] || go test -c -overlay "$work/overlay.json" -o "$binary" "$1"
  (cd "$1" && GODEBUG=fuzzseed=1 "$binary" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "$3x" -test.parallel 1 \
    -test.fuzzminimizetime 20x -test.fuzzcachedir "$work/corpus/${1//\//_}")
}

how=explore
if [ "$1" = --same ]; then
  how=same
  shift
  overlay
fi

count=0
while IFS= read -r file; do
  package=./$(dirname "$file")
  while IFS= read -r target; do
    printf '== fuzz %s %s (%s)\n' "$package" "$target" "$1"
    "$how" "$package" "$target" "$1"
    count=$((count + 1))
  done < <(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file")
done < <(git ls-files --cached --others --exclude-standard '*_test.go' | sort)

if [ "$count" -eq 0 ]; then
  echo "fuzz: no fuzz target found" >&2
  exit 1
fi
printf '== fuzz: %d targets\n' "$count"
