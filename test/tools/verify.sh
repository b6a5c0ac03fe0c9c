#!/usr/bin/env bash
# Fails when generated code or go.mod is not what its sources say. Works on a
# dirty tree too: it compares the tree before and after `go generate`.
set -euo pipefail

state() {
  git diff HEAD
  git ls-files --others --exclude-standard -z | sort -z | xargs -0 -r sha256sum
}

before=$(mktemp)
after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT
state >"$before"
go generate ./...
state >"$after"
if ! diff -u "$before" "$after"; then
  echo "verify: generated files are not up to date; run 'make generate' and commit what it writes" >&2
  exit 1
fi
go mod tidy -diff || {
  echo "verify: go.mod or go.sum is not tidy; run 'go mod tidy'" >&2
  exit 1
}
go mod verify
