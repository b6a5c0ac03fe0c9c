# One static binary, no shell, no secrets, not root.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# What `credence version`, logs and `credence replicas list` say. The history, from
# which go build knows it otherwise, is no part of the image:
#   docker build --build-arg VERSION=$(git describe --tags --always) .
ARG VERSION
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/cache \
    GOCACHE=/cache CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X main.stamped=$VERSION" -o /out/credence . \
    && mkdir -p /out/data /out/secrets /out/keyset

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/credence /usr/local/bin/credence
# By itself the image serves on loopback, with its data in the container: mount
# /data and say which addresses (docs/deployment.md has the line).
# Volumes mounted here start with these owners, so that the process, which is
# not root, can write its files with mode 0600.
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /data
COPY --from=build --chown=65532:65532 --chmod=0700 /out/secrets /secrets
COPY --from=build --chown=65532:65532 --chmod=0700 /out/keyset /keyset
ENV CREDENCE_DATA_DIR=/data
VOLUME /data
USER 65532:65532
# check, status, management API
EXPOSE 9001 9003 8080
ENTRYPOINT ["/usr/local/bin/credence"]
CMD ["serve"]
