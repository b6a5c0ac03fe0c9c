#!/usr/bin/env bash
# fuzz.sh TIME runs every fuzz target of the module for TIME (30s, or 1000x),
# one after the other: go test fuzzes one target at a time.
set -euo pipefail

time=$1
count=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz PACKAGE TARGET runs one target. Now and then Go's fuzzer ends with
# "context deadline exceeded" and no failing input, when its time is up while a
# worker is still busy: nothing was found then, and it runs once more. A failing
# input is never tried again.
fuzz() {
  local try
  for try in 1 2; do
    if go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 20x "$1" 2>&1 | tee "$log"; then return 0; fi
    if [ "$try" = 2 ] || grep -q 'Failing input written' "$log" || ! grep -q 'context deadline exceeded' "$log"; then return 1; fi
    echo "fuzz: the fuzzer was cut off by its own deadline and found nothing; once more"
  done
}
while IFS= read -r file; do
  package=./$(dirname "$file")
  while IFS= read -r target; do
    printf '== fuzz %s %s (%s)\n' "$package" "$target" "$time"
    fuzz "$package" "$target"
    count=$((count + 1))
  done < <(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file")
done < <(git ls-files --cached --others --exclude-standard '*_test.go' | sort)

if [ "$count" -eq 0 ]; then
  echo "fuzz: no fuzz target found" >&2
  exit 1
fi
printf '== fuzz: %d targets\n' "$count"
