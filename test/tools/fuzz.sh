#!/usr/bin/env bash
# fuzz.sh TIME runs every fuzz target of the module for TIME (30s, or 1000x),
# one after the other: go test fuzzes one target at a time.
set -euo pipefail

time=$1
count=0
while IFS= read -r file; do
  package=./$(dirname "$file")
  while IFS= read -r target; do
    printf '== fuzz %s %s (%s)\n' "$package" "$target" "$time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
    count=$((count + 1))
  done < <(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file")
done < <(git ls-files --cached --others --exclude-standard '*_test.go' | sort)

if [ "$count" -eq 0 ]; then
  echo "fuzz: no fuzz target found" >&2
  exit 1
fi
printf '== fuzz: %d targets\n' "$count"
