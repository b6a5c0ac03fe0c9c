#!/usr/bin/env bash
# Builds the programs that read what operators paste, from the Go module proxy
# into .tools/ (git-ignored). Called by make; running it twice does nothing the
# second time. Each takes minutes and a few gigabytes of build cache.
#
#   gateways.sh             all of them
#   gateways.sh NAME...     helm, kubeconform, kustomize, istioctl, egctl
#   gateways.sh --built     succeeds when all of them are there, builds nothing
#
# A program appears under its name only when it is whole, and is built again
# when the version pinned here is another one.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=$(cd "$here/../.." && pwd)/.tools
programs=(helm kubeconform kustomize istioctl egctl)
# The OpenAPI document of this Kubernetes is what manifests are held to.
kubernetes=v1.37.2
openapi=$tools/kubernetes-openapi-$kubernetes.json

say() { printf 'tools: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# source_of NAME prints the module, its version and the folder of the program.
source_of() {
  case $1 in
    helm) echo helm.sh/helm/v4 v4.3.1 cmd/helm ;;
    kubeconform) echo github.com/yannh/kubeconform v0.8.0 cmd/kubeconform ;;
    kustomize) echo sigs.k8s.io/kustomize/kustomize/v5 v5.8.2 ;;
    # Istio tags its releases in a way that the module proxy does not list:
    # the newest commit of 1.31's branch point that it has.
    istioctl) echo istio.io/istio v0.0.0-20260827124520-eed52ebb66ad istioctl/cmd/istioctl ;;
    egctl) echo github.com/envoyproxy/gateway v1.9.1 cmd/egctl ;;
    *) die "unknown program '$1': use ${programs[*]}" ;;
  esac
}

# built NAME reports whether the pinned version is there.
built() {
  local module version folder
  read -r module version folder < <(source_of "$1")
  [ -x "$tools/$1" ] && go version -m "$tools/$1" | grep -q "mod[[:space:]]$module[[:space:]]$version[[:space:]]"
}

build() {
  local module version folder dir
  if built "$1"; then return; fi
  read -r module version folder < <(source_of "$1")
  say "building $1 ($module $version) into .tools/; this takes minutes"
  dir=$(mktemp -d "$tools/gateways.XXXXXX")
  # Two compilers at a time: the largest packages take a gigabyte each.
  if ! GOBIN=$dir CGO_ENABLED=0 GOFLAGS=-trimpath go install -p 2 -ldflags='-s -w' "${module}${folder:+/$folder}@$version"; then
    rm -rf "$dir"
    die "$1 could not be built (see Go's message above); it needs the Go module proxy"
  fi
  mv "$dir/$1" "$tools/$1"
  rmdir "$dir"
}

# kubernetes_openapi takes the document out of Kubernetes' own module.
kubernetes_openapi() {
  if [ -f "$openapi" ]; then return; fi
  say "fetching the OpenAPI document of Kubernetes $kubernetes into .tools/"
  local folder
  # Outside of this module, whose go.sum it is none of.
  folder=$(cd / && go mod download -json "k8s.io/kubernetes@$kubernetes" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p')
  [ -n "$folder" ] || die "k8s.io/kubernetes $kubernetes could not be fetched; it needs the Go module proxy"
  cp "$folder/api/openapi-spec/swagger.json" "$openapi.part"
  mv "$openapi.part" "$openapi"
}

command -v go >/dev/null 2>&1 || die "Go is missing; make tools says how to get it"

if [ "${1:-}" = --built ]; then
  for name in "${programs[@]}"; do built "$name" || exit 1; done
  [ -f "$openapi" ] || exit 1
  exit 0
fi

mkdir -p "$tools"
# A lock of its own: a build of minutes must not hold up the other tools.
if command -v flock >/dev/null 2>&1; then
  exec 8>"$tools/.lock-gateways"
  flock 8
fi
# Nobody else works while we hold the lock: what lies there is ours, or was
# left behind by a run that was killed.
rm -rf "$tools"/gateways.??????
if [ $# -eq 0 ]; then
  kubernetes_openapi
  set -- "${programs[@]}"
fi
for name in "$@"; do build "$name"; done
