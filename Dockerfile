# One static binary, no shell, no secrets, not root.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/cache \
    GOCACHE=/cache CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/credence . \
    && mkdir -p /out/data /out/secrets /out/keyset

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/credence /usr/local/bin/credence
# Volumes mounted here start with these owners, so that the process, which is
# not root, can write its files with mode 0600.
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /data
COPY --from=build --chown=65532:65532 --chmod=0700 /out/secrets /secrets
COPY --from=build --chown=65532:65532 --chmod=0700 /out/keyset /keyset
ENV CREDENCE_DATA_DIR=/data
USER 65532:65532
# check, status, management API
EXPOSE 9001 9003 8080
ENTRYPOINT ["/usr/local/bin/credence"]
CMD ["serve"]
