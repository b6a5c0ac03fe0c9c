-- The first schema. How values are stored: see the package comment.

-- +goose Up

-- "CRDN": tells our files from those of other programs.
PRAGMA application_id = 1129464910;

CREATE TABLE namespaces (
    name        TEXT    NOT NULL PRIMARY KEY
                CHECK (length(name) BETWEEN 1 AND 63 AND name NOT GLOB '*[^a-z0-9-]*'),
    description TEXT    NOT NULL,
    key_prefix  TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO namespaces (name, description, key_prefix, environment, created_at, updated_at, version)
VALUES ('default', 'Everything that names no namespace', 'crd', 'live',
        CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000,
        CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000, 1);

CREATE TABLE owners (
    namespace   TEXT    NOT NULL REFERENCES namespaces (name),
    name        TEXT    NOT NULL CHECK (name <> ''),
    description TEXT    NOT NULL,
    contact     TEXT    NOT NULL,
    limits      TEXT    NOT NULL CHECK (json_type(limits) = 'array'),
    quotas      TEXT    NOT NULL CHECK (json_type(quotas) = 'array'),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 0),
    PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE plans (
    namespace   TEXT    NOT NULL REFERENCES namespaces (name),
    name        TEXT    NOT NULL CHECK (name <> ''),
    description TEXT    NOT NULL,
    limits      TEXT    NOT NULL CHECK (json_type(limits) = 'array'),
    quotas      TEXT    NOT NULL CHECK (json_type(quotas) = 'array'),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 0),
    PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;

-- A purged key keeps its row (the audit log refers to it) and loses the rest:
-- no hash, no owner, no plan.
CREATE TABLE api_keys (
    id            INTEGER NOT NULL PRIMARY KEY,
    key_id        TEXT    NOT NULL UNIQUE CHECK (key_id <> ''),
    namespace     TEXT    NOT NULL REFERENCES namespaces (name),
    name          TEXT    NOT NULL,
    owner         TEXT,
    key_type      TEXT    NOT NULL
                  CHECK (key_type IN ('user', 'service', 'integration', 'system', 'emergency') OR status = 'purged'),
    status        TEXT    NOT NULL
                  CHECK (status IN ('active', 'disabled', 'suspended', 'revoked', 'purged')),
    status_reason TEXT    NOT NULL,
    environment   TEXT    NOT NULL,
    plan          TEXT,
    scopes        TEXT    NOT NULL CHECK (json_type(scopes) = 'array'),
    limits        TEXT    NOT NULL CHECK (json_type(limits) = 'array'),
    quotas        TEXT    NOT NULL CHECK (json_type(quotas) = 'array'),
    networks      TEXT    NOT NULL CHECK (json_type(networks) = 'array'),
    hosts         TEXT    NOT NULL CHECK (json_type(hosts) = 'array'),
    methods       TEXT    NOT NULL CHECK (json_type(methods) = 'array'),
    paths         TEXT    NOT NULL CHECK (json_type(paths) = 'array'),
    labels        TEXT    NOT NULL CHECK (json_type(labels) = 'object'),
    not_before    INTEGER,
    expires_at    INTEGER,
    limits_id     TEXT    NOT NULL, -- whose limits it counts on; '' its own
    grace_ends_at INTEGER,
    throttle      INTEGER NOT NULL CHECK (throttle BETWEEN 0 AND 99), -- percent of its rates; 0: all
    predecessor   TEXT,
    successor     TEXT,
    rotated_at    INTEGER,
    close_when_silent INTEGER NOT NULL CHECK (close_when_silent >= 0), -- microseconds
    rotate_every  INTEGER NOT NULL CHECK (rotate_every >= 0), -- microseconds; 0: as its policy says
    key_hash      BLOB    CHECK (length(key_hash) = 32),
    was_hash      BLOB    CHECK (length(was_hash) = 32), -- of a purged key: its text is never taken over again
    pepper_id     TEXT    NOT NULL,
    checksum_id   TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    status_at     INTEGER,
    version       INTEGER NOT NULL CHECK (version >= 0),
    last_used_at  INTEGER, -- from usage; no part of the version
    last_used_ip  TEXT,
    -- For which end, and which rotation, it was announced; no part of the version.
    announced_expiry   INTEGER,
    announced_rotation INTEGER,
    announced_expiring INTEGER,
    CHECK ((key_hash IS NULL) = (status = 'purged')),
    CHECK (successor IS NULL OR grace_ends_at IS NOT NULL AND rotated_at IS NOT NULL),
    FOREIGN KEY (namespace, owner) REFERENCES owners (namespace, name),
    FOREIGN KEY (namespace, plan) REFERENCES plans (namespace, name)
) STRICT;

CREATE UNIQUE INDEX api_keys_key_hash ON api_keys (key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX api_keys_was_hash ON api_keys (was_hash) WHERE was_hash IS NOT NULL;
CREATE INDEX api_keys_namespace ON api_keys (namespace, key_id);
CREATE INDEX api_keys_owner ON api_keys (namespace, owner) WHERE owner IS NOT NULL;
CREATE INDEX api_keys_plan ON api_keys (namespace, plan) WHERE plan IS NOT NULL;
CREATE INDEX api_keys_expires_at ON api_keys (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX api_keys_announced_expiry ON api_keys (expires_at) WHERE expires_at IS NOT NULL AND announced_expiry IS NOT expires_at;
CREATE INDEX api_keys_revoked ON api_keys (status_at) WHERE status = 'revoked';
CREATE INDEX api_keys_grace_ends_at ON api_keys (grace_ends_at) WHERE grace_ends_at IS NOT NULL;
-- In the order in which a cache is warmed; NULL is the smallest value.
CREATE INDEX api_keys_last_used_at ON api_keys (last_used_at DESC, created_at DESC);

-- A policy without namespace holds where there is none for the type. Lengths
-- of time are microseconds; 0 is none.
CREATE TABLE key_policies (
    id              INTEGER NOT NULL PRIMARY KEY,
    namespace       TEXT    REFERENCES namespaces (name),
    key_type        TEXT    NOT NULL CHECK (key_type IN ('user', 'service', 'integration', 'system', 'emergency')),
    longest_life    INTEGER NOT NULL CHECK (longest_life >= 0),
    default_life    INTEGER NOT NULL CHECK (default_life >= 0),
    rotate_every    INTEGER NOT NULL CHECK (rotate_every >= 0),
    warn_before     INTEGER NOT NULL CHECK (warn_before >= 0),
    expiry_required INTEGER NOT NULL CHECK (expiry_required IN (0, 1)),
    scopes_required INTEGER NOT NULL CHECK (scopes_required IN (0, 1)),
    reason_required INTEGER NOT NULL CHECK (reason_required IN (0, 1)),
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL CHECK (version >= 0)
) STRICT;

CREATE UNIQUE INDEX key_policies_type ON key_policies (ifnull(namespace, ''), key_type);

-- Emergency keys live for hours and say what for; all others as they like.
INSERT INTO key_policies (key_type, longest_life, default_life, rotate_every, warn_before,
    expiry_required, scopes_required, reason_required, updated_at, version)
VALUES ('user', 0, 0, 0, 604800000000, 0, 0, 0, CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000, 1),
    ('service', 0, 0, 0, 604800000000, 0, 0, 0, CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000, 1),
    ('integration', 0, 0, 0, 604800000000, 0, 0, 0, CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000, 1),
    ('system', 0, 0, 0, 604800000000, 0, 0, 0, CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000, 1),
    ('emergency', 43200000000, 14400000000, 0, 604800000000, 1, 0, 1, CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000, 1);

-- A rule without namespace refuses everywhere.
CREATE TABLE ip_blacklist (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    namespace  TEXT    REFERENCES namespaces (name),
    network    TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    ends_at    INTEGER,
    created_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX ip_blacklist_network ON ip_blacklist (network, ifnull(namespace, ''));
CREATE INDEX ip_blacklist_namespace ON ip_blacklist (namespace) WHERE namespace IS NOT NULL;

-- What routes demand. They belong to the deployment: no namespace.
CREATE TABLE route_policies (
    name        TEXT    NOT NULL PRIMARY KEY
                CHECK (length(name) BETWEEN 1 AND 63 AND name NOT GLOB '*[^a-z0-9-]*'),
    description TEXT    NOT NULL,
    namespaces  TEXT    NOT NULL CHECK (json_type(namespaces) = 'array'),
    scopes      TEXT    NOT NULL CHECK (json_type(scopes) = 'array'),
    environment TEXT    NOT NULL,
    cost        INTEGER NOT NULL CHECK (cost >= 1),
    shadow      INTEGER NOT NULL CHECK (shadow IN (0, 1)),
    anonymous   INTEGER NOT NULL CHECK (anonymous IN (0, 1)),
    hosts       TEXT    NOT NULL CHECK (json_type(hosts) = 'array'),
    paths       TEXT    NOT NULL CHECK (json_type(paths) = 'array'),
    methods     TEXT    NOT NULL CHECK (json_type(methods) = 'array'),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 0)
) STRICT, WITHOUT ROWID;

-- The feed that the data plane follows. The counter is a row of its own, so
-- that pruning the feed never gives a revision twice.
CREATE TABLE changes (
    revision  INTEGER NOT NULL PRIMARY KEY CHECK (revision >= 1),
    change_id TEXT    NOT NULL UNIQUE,
    kind      TEXT    NOT NULL CHECK (kind IN ('key', 'owner', 'plan', 'namespace', 'blacklist', 'route_policy')),
    namespace TEXT    NOT NULL,
    object_id TEXT    NOT NULL,
    created   INTEGER NOT NULL CHECK (created IN (0, 1)),
    key_hash  BLOB    CHECK (length(key_hash) = 32),
    at        INTEGER NOT NULL
) STRICT;

CREATE INDEX changes_at ON changes (at);

CREATE TABLE revision_counter (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL CHECK (revision >= 0)
) STRICT;

INSERT INTO revision_counter (only_row, revision) VALUES (1, 0);

CREATE TABLE replicas (
    replica_id       TEXT    NOT NULL PRIMARY KEY CHECK (replica_id <> ''),
    name             TEXT    NOT NULL,
    address          TEXT    NOT NULL,
    version          TEXT    NOT NULL,
    applied_revision INTEGER NOT NULL CHECK (applied_revision >= 0),
    applied_id       TEXT    NOT NULL,
    started_at       INTEGER NOT NULL,
    seen_at          INTEGER NOT NULL,
    left_at          INTEGER,
    last_read        INTEGER,
    ceiling          INTEGER NOT NULL CHECK (ceiling >= 0) -- microseconds
) STRICT, WITHOUT ROWID;

-- Which control plane does what only one should do.
CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    holder     TEXT    NOT NULL CHECK (holder <> ''),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE admin_tokens (
    token_id     TEXT    NOT NULL PRIMARY KEY CHECK (token_id <> ''),
    name         TEXT    NOT NULL,
    role         TEXT    NOT NULL CHECK (role IN ('viewer', 'auditor', 'operator', 'admin')),
    namespaces   TEXT    NOT NULL CHECK (json_type(namespaces) = 'array'),
    token_hash   BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    expires_at   INTEGER,
    revoked_at   INTEGER,
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

-- One chain of entries per namespace; '' is the chain of what has none. The
-- chain outlives the namespace, so it is no foreign key.
CREATE TABLE api_key_audit_log (
    id            INTEGER NOT NULL PRIMARY KEY,
    key_id        TEXT    REFERENCES api_keys (key_id),
    action        TEXT    NOT NULL CHECK (action <> ''),
    ip_address    TEXT,
    details       BLOB,
    namespace     TEXT    NOT NULL,
    sequence      INTEGER NOT NULL CHECK (sequence >= 1),
    at            INTEGER NOT NULL,
    actor         TEXT    NOT NULL,
    object        TEXT    NOT NULL,
    request_id    TEXT    NOT NULL,
    previous_hash BLOB    NOT NULL CHECK (length(previous_hash) = 32),
    entry_hash    BLOB    NOT NULL CHECK (length(entry_hash) = 32),
    UNIQUE (namespace, sequence)
) STRICT;

-- A list is in the order of the ids, which every index of a table has at its end.
CREATE INDEX api_key_audit_log_key_id ON api_key_audit_log (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX api_key_audit_log_namespace ON api_key_audit_log (namespace);
CREATE INDEX api_key_audit_log_at ON api_key_audit_log (at);

-- What was written stays as it was written. Retention removes entries from
-- the old end of a chain, as far as a checkpoint allows; nothing rewrites one.
-- +goose StatementBegin
CREATE TRIGGER api_key_audit_log_is_append_only BEFORE UPDATE ON api_key_audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit entries are never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER api_key_audit_log_is_kept BEFORE DELETE ON api_key_audit_log
WHEN NOT EXISTS (SELECT 1 FROM audit_checkpoints AS c
    WHERE c.namespace = OLD.namespace AND c.kind = 'retention' AND c.sequence >= OLD.sequence)
BEGIN
    SELECT RAISE(ABORT, 'audit entries are removed up to a retention checkpoint only');
END;
-- +goose StatementEnd

-- Signed words on where a chain stood. They are never changed or removed: they
-- are what a chain is held against.
CREATE TABLE audit_checkpoints (
    number     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    namespace  TEXT    NOT NULL,
    sequence   INTEGER NOT NULL CHECK (sequence >= 1),
    kind       TEXT    NOT NULL CHECK (kind IN ('head', 'retention')),
    entry_hash BLOB    NOT NULL CHECK (length(entry_hash) = 32),
    at         INTEGER NOT NULL,
    signature  BLOB    NOT NULL,
    UNIQUE (namespace, kind, sequence)
) STRICT;

CREATE INDEX audit_checkpoints_namespace ON audit_checkpoints (namespace);

-- +goose StatementBegin
CREATE TRIGGER audit_checkpoints_are_kept BEFORE DELETE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'audit checkpoints are never removed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_checkpoints_are_append_only BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'audit checkpoints are never changed');
END;
-- +goose StatementEnd

-- How far each place outside that is told of checkpoints has come.
CREATE TABLE audit_anchors (
    name     TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    through  INTEGER NOT NULL CHECK (through >= 0),
    held_at  INTEGER,
    tried_at INTEGER,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    problem  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Where each chain ends, also when all its entries have been removed.
CREATE TABLE audit_heads (
    namespace  TEXT    NOT NULL PRIMARY KEY,
    sequence   INTEGER NOT NULL CHECK (sequence >= 1),
    entry_hash BLOB    NOT NULL CHECK (length(entry_hash) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE quota_counters (
    subject  TEXT    NOT NULL CHECK (subject <> ''),
    name     TEXT    NOT NULL,
    start_at INTEGER NOT NULL,
    end_at   INTEGER NOT NULL CHECK (end_at > start_at),
    used     INTEGER NOT NULL CHECK (used >= 0),
    PRIMARY KEY (subject, name, start_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX quota_counters_end_at ON quota_counters (end_at);

-- What others were told of, once for each stretch of time: quotas that come to
-- their end, limits that were exceeded. subject and name as in quota_counters.
CREATE TABLE usage_notices (
    kind     TEXT    NOT NULL CHECK (kind <> ''),
    subject  TEXT    NOT NULL CHECK (subject <> ''),
    name     TEXT    NOT NULL,
    start_at INTEGER NOT NULL,
    end_at   INTEGER NOT NULL CHECK (end_at > start_at),
    count    INTEGER NOT NULL CHECK (count >= 0),
    closed   INTEGER NOT NULL CHECK (closed IN (0, 1)),
    PRIMARY KEY (kind, subject, name, start_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_notices_end_at ON usage_notices (end_at);
CREATE INDEX usage_notices_open ON usage_notices (kind, end_at) WHERE NOT closed;

-- What the data plane counts. key_id is '' for Checks without a key and
-- 'other' for keys beyond what a replica counts one by one, so it is no
-- foreign key; a row is about the minutes from minute on, more than one where
-- a replica that could not deliver folded them.
CREATE TABLE usage_minute (
    key_id     TEXT    NOT NULL,
    minute     INTEGER NOT NULL,
    reason     TEXT    NOT NULL CHECK (reason <> ''),
    policy     TEXT    NOT NULL, -- route policy
    minutes    INTEGER NOT NULL CHECK (minutes >= 1),
    namespace  TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    plan       TEXT    NOT NULL,
    checks     INTEGER NOT NULL CHECK (checks >= 0),
    latency_us INTEGER NOT NULL CHECK (latency_us >= 0),
    addresses  BLOB    NOT NULL CHECK (length(addresses) = 128),
    PRIMARY KEY (key_id, minute, reason, policy)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_minute_minute ON usage_minute (minute);

-- The sums of minutes, and of hours. What belongs to which is in usage_rolled.
CREATE TABLE usage_hour (
    key_id     TEXT    NOT NULL,
    start_at   INTEGER NOT NULL,
    reason     TEXT    NOT NULL CHECK (reason <> ''),
    policy     TEXT    NOT NULL,
    namespace  TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    plan       TEXT    NOT NULL,
    checks     INTEGER NOT NULL CHECK (checks >= 0),
    latency_us INTEGER NOT NULL CHECK (latency_us >= 0),
    addresses  BLOB    NOT NULL CHECK (length(addresses) = 128),
    PRIMARY KEY (key_id, start_at, reason, policy)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_hour_start_at ON usage_hour (start_at);

CREATE TABLE usage_day (
    key_id     TEXT    NOT NULL,
    start_at   INTEGER NOT NULL,
    reason     TEXT    NOT NULL CHECK (reason <> ''),
    policy     TEXT    NOT NULL,
    namespace  TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    plan       TEXT    NOT NULL,
    checks     INTEGER NOT NULL CHECK (checks >= 0),
    latency_us INTEGER NOT NULL CHECK (latency_us >= 0),
    addresses  BLOB    NOT NULL CHECK (length(addresses) = 128),
    PRIMARY KEY (key_id, start_at, reason, policy)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_day_start_at ON usage_day (start_at);

-- What families of user agents came with a key: hours, as replicas count them.
CREATE TABLE usage_agents (
    key_id     TEXT    NOT NULL,
    start_at   INTEGER NOT NULL CHECK (start_at % 3600000000 = 0),
    agent      TEXT    NOT NULL CHECK (length(agent) BETWEEN 1 AND 32),
    namespace  TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    plan       TEXT    NOT NULL,
    checks     INTEGER NOT NULL CHECK (checks >= 0),
    denied     INTEGER NOT NULL CHECK (denied >= 0),
    latency_us INTEGER NOT NULL CHECK (latency_us >= 0),
    PRIMARY KEY (key_id, start_at, agent)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_agents_start_at ON usage_agents (start_at);

-- Minutes before minutes_before are in usage_hour, hours before hours_before
-- in usage_day. A batch that comes later adds to all three.
CREATE TABLE usage_rolled (
    only_row       INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    minutes_before INTEGER NOT NULL,
    hours_before   INTEGER NOT NULL
) STRICT;

INSERT INTO usage_rolled (only_row, minutes_before, hours_before) VALUES (1, 0, 0);

-- For who looks for refusals of the last minutes. Its condition is repeated
-- where it is used.
CREATE INDEX usage_minute_denied ON usage_minute (minute)
    WHERE key_id <> '' AND reason NOT IN ('allowed', 'allowed_anonymous');

-- Findings about the use of a key or an address. One that is not resolved is
-- merged with what is found of the same later.
CREATE TABLE api_key_anomalies (
    id           INTEGER NOT NULL PRIMARY KEY,
    anomaly_id   TEXT    NOT NULL UNIQUE CHECK (anomaly_id <> ''),
    key_id       TEXT    REFERENCES api_keys (key_id),
    anomaly_type TEXT    NOT NULL CHECK (anomaly_type <> ''),
    severity     TEXT    NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    state        TEXT    NOT NULL CHECK (state IN ('open', 'acknowledged', 'resolved')),
    namespace    TEXT    NOT NULL, -- '' for what has none
    subject      TEXT    NOT NULL CHECK (subject <> ''),
    details      TEXT    NOT NULL CHECK (json_type(details) = 'object'),
    first_at     INTEGER NOT NULL,
    last_at      INTEGER NOT NULL CHECK (last_at >= first_at),
    created_at   INTEGER NOT NULL,
    state_at     INTEGER,
    state_by     TEXT    NOT NULL,
    note         TEXT    NOT NULL,
    actions      TEXT    NOT NULL CHECK (json_type(actions) = 'array'),
    acted_at     INTEGER, -- when something was done about it last
    version      INTEGER NOT NULL CHECK (version >= 0)
) STRICT;

-- What detectors compare with, and what is done about what they find.
CREATE TABLE anomaly_policies (
    only_row   INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    document   TEXT    NOT NULL CHECK (json_type(document) = 'object'),
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL CHECK (version >= 0)
) STRICT;

INSERT INTO anomaly_policies (only_row, document, updated_at, version)
VALUES (1, '{}', CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000, 1);

CREATE INDEX api_key_anomalies_acted_at ON api_key_anomalies (acted_at) WHERE acted_at IS NOT NULL;
CREATE UNIQUE INDEX api_key_anomalies_lasting ON api_key_anomalies (anomaly_type, subject) WHERE state <> 'resolved';
CREATE INDEX api_key_anomalies_subject ON api_key_anomalies (anomaly_type, subject, anomaly_id);
CREATE INDEX api_key_anomalies_key_id ON api_key_anomalies (key_id) WHERE key_id IS NOT NULL;

-- Where keys were let through from; each network is a /24 or a /48. Erased
-- with the key.
CREATE TABLE key_networks (
    key_id   TEXT    NOT NULL REFERENCES api_keys (key_id),
    network  TEXT    NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL CHECK (last_at >= first_at),
    PRIMARY KEY (key_id, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX key_networks_last_at ON key_networks (last_at);
CREATE INDEX key_networks_first_at ON key_networks (first_at);

CREATE TABLE usage_failing (
    minute    INTEGER NOT NULL,
    reason    TEXT    NOT NULL CHECK (reason <> ''),
    address   TEXT    NOT NULL,
    checks    INTEGER NOT NULL CHECK (checks >= 0),
    uncertain INTEGER NOT NULL CHECK (uncertain >= 0),
    PRIMARY KEY (minute, reason, address)
) STRICT, WITHOUT ROWID;

-- Which batches of usage a replica has delivered: all up to sequence, and
-- those of usage_ahead. applied_at is the time of the newest of the former.
CREATE TABLE usage_replicas (
    replica_id  TEXT    NOT NULL PRIMARY KEY CHECK (replica_id <> ''),
    sequence    INTEGER NOT NULL CHECK (sequence >= 0),
    applied_at  INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_ahead (
    replica_id  TEXT    NOT NULL REFERENCES usage_replicas (replica_id) ON DELETE CASCADE,
    sequence    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (replica_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_gaps (
    replica_id TEXT    NOT NULL CHECK (replica_id <> ''),
    from_at    INTEGER NOT NULL,
    to_at      INTEGER NOT NULL CHECK (to_at >= from_at),
    cause      TEXT    NOT NULL CHECK (cause IN ('killed', 'lost')),
    PRIMARY KEY (replica_id, from_at, cause)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_gaps_to_at ON usage_gaps (to_at);

-- Whom to tell of events. A webhook without namespace is told of all of them.
-- The columns after version are how far deliveries have come.
CREATE TABLE webhook_endpoints (
    webhook_id      TEXT    NOT NULL PRIMARY KEY CHECK (webhook_id <> ''),
    namespace       TEXT    REFERENCES namespaces (name),
    url             TEXT    NOT NULL CHECK (url <> ''),
    description     TEXT    NOT NULL,
    events          TEXT    NOT NULL CHECK (json_type(events) = 'array'),
    rate            INTEGER NOT NULL CHECK (rate >= 1),
    secret          BLOB    NOT NULL,
    previous_secret BLOB,
    previous_until  INTEGER,
    disabled_at     INTEGER,
    disabled_reason TEXT    NOT NULL,
    created_by      TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL CHECK (version >= 0),
    sequence        INTEGER NOT NULL CHECK (sequence >= 0),
    due_at          INTEGER,
    taken_until     INTEGER,
    paused_until    INTEGER,
    failures        INTEGER NOT NULL CHECK (failures >= 0),
    failing_since   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_endpoints_namespace ON webhook_endpoints (namespace) WHERE namespace IS NOT NULL;
CREATE INDEX webhook_endpoints_due_at ON webhook_endpoints (due_at) WHERE due_at IS NOT NULL;

-- What webhooks are told. It outlives the webhook until it is old, so it is no
-- foreign key: to delete a webhook must not take long.
CREATE TABLE webhook_deliveries (
    delivery_id TEXT    NOT NULL UNIQUE CHECK (delivery_id <> ''),
    webhook_id  TEXT    NOT NULL,
    event_id    TEXT    NOT NULL CHECK (event_id <> ''),
    event_type  TEXT    NOT NULL CHECK (event_type <> ''),
    sequence    INTEGER NOT NULL CHECK (sequence >= 1),
    payload     TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts    INTEGER NOT NULL CHECK (attempts >= 0),
    next_at     INTEGER CHECK ((next_at IS NULL) = (state <> 'pending')),
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER CHECK ((ended_at IS NULL) = (state = 'pending')),
    tries       TEXT    NOT NULL CHECK (json_type(tries) = 'array'),
    PRIMARY KEY (webhook_id, sequence)
) STRICT;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at, sequence) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_created_at ON webhook_deliveries (created_at);

-- The ways to other programs whose credentials are managed here. One without
-- namespace is used by global actors only. The credential is sealed.
CREATE TABLE connections (
    connection_id  TEXT    NOT NULL PRIMARY KEY CHECK (connection_id <> ''),
    kind           TEXT    NOT NULL CHECK (kind IN ('gitea', 'n8n')),
    name           TEXT    NOT NULL CHECK (name <> ''),
    namespace      TEXT    REFERENCES namespaces (name),
    description    TEXT    NOT NULL,
    url            TEXT    NOT NULL CHECK (url <> ''),
    account        TEXT    NOT NULL,
    credential     BLOB    NOT NULL,
    ca             TEXT    NOT NULL,
    server_name    TEXT    NOT NULL,
    logins         TEXT    NOT NULL CHECK (json_type(logins) = 'array'),
    scopes         TEXT    NOT NULL CHECK (json_type(scopes) = 'array'),
    settings       TEXT    NOT NULL CHECK (json_type(settings) = 'object'),
    state          TEXT    NOT NULL CHECK (state IN ('active', 'paused')),
    state_reason   TEXT    NOT NULL,
    state_at       INTEGER NOT NULL,
    created_by     TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    version        INTEGER NOT NULL CHECK (version >= 0),
    seen_at        INTEGER,
    server_version TEXT    NOT NULL,
    UNIQUE (kind, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX connections_namespace ON connections (namespace) WHERE namespace IS NOT NULL;

-- What is known of the access tokens of Gitea users. namespace is that of the
-- connection, '' for none. The secret is sealed.
CREATE TABLE gitea_tokens (
    token_id        TEXT    NOT NULL PRIMARY KEY CHECK (token_id <> ''),
    connection_id   TEXT    NOT NULL REFERENCES connections (connection_id),
    namespace       TEXT    NOT NULL,
    gitea_token_id  INTEGER CHECK (gitea_token_id > 0),
    token_name      TEXT    NOT NULL CHECK (token_name <> ''),
    login           TEXT    NOT NULL CHECK (login <> ''),
    user_id         INTEGER NOT NULL,
    scopes          TEXT    NOT NULL CHECK (json_type(scopes) = 'array'),
    last_eight      TEXT    NOT NULL,
    secret          BLOB,
    secret_at       INTEGER,
    collected_at    INTEGER,
    owner           TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('making', 'active', 'widened', 'missing', 'stranger', 'deleting')),
    state_at        INTEGER NOT NULL,
    expires_at      INTEGER,
    rotate_every    INTEGER NOT NULL CHECK (rotate_every >= 0), -- microseconds
    overlap         INTEGER NOT NULL CHECK (overlap >= 0), -- microseconds
    predecessor     TEXT    NOT NULL,
    successor       TEXT    NOT NULL,
    created_by      TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL CHECK (version >= 0),
    listed_at       INTEGER,
    server_scopes   TEXT    NOT NULL CHECK (json_type(server_scopes) = 'array'),
    last_used_at    INTEGER,
    verified_at     INTEGER,
    outcome         TEXT    NOT NULL,
    UNIQUE (connection_id, gitea_token_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX gitea_tokens_login ON gitea_tokens (connection_id, login);

-- What is known of the API keys of n8n accounts. namespace is that of the
-- connection, '' for none. The secret is sealed.
CREATE TABLE n8n_api_keys (
    id              TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    connection_id   TEXT    NOT NULL REFERENCES connections (connection_id),
    namespace       TEXT    NOT NULL,
    n8n_key_id      TEXT    CHECK (n8n_key_id <> ''),
    label           TEXT    NOT NULL CHECK (label <> ''),
    login           TEXT    NOT NULL CHECK (login <> ''),
    user_id         TEXT    NOT NULL,
    scopes          TEXT    NOT NULL CHECK (json_type(scopes) = 'array'),
    last_four       TEXT    NOT NULL,
    secret          BLOB,
    secret_at       INTEGER,
    collected_at    INTEGER,
    owner           TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('making', 'active', 'widened', 'missing', 'stranger', 'rotating', 'deleting')),
    state_at        INTEGER NOT NULL,
    expires_at      INTEGER,
    rotate_every    INTEGER NOT NULL CHECK (rotate_every >= 0), -- microseconds
    overlap         INTEGER NOT NULL CHECK (overlap >= 0), -- microseconds
    predecessor     TEXT    NOT NULL,
    successor       TEXT    NOT NULL,
    created_by      TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL CHECK (version >= 0),
    listed_at       INTEGER,
    server_scopes   TEXT    NOT NULL CHECK (json_type(server_scopes) = 'array'),
    last_used_at    INTEGER,
    verified_at     INTEGER,
    outcome         TEXT    NOT NULL,
    UNIQUE (connection_id, n8n_key_id)
) STRICT, WITHOUT ROWID;

-- The sessions at n8n that all who use a connection share, sealed.
CREATE TABLE n8n_sessions (
    connection_id   TEXT    NOT NULL PRIMARY KEY REFERENCES connections (connection_id) ON DELETE CASCADE,
    version         INTEGER NOT NULL, -- of the connection
    session         BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    actor           TEXT    NOT NULL CHECK (actor <> ''),
    idempotency_key TEXT    NOT NULL CHECK (idempotency_key <> ''),
    request_hash    BLOB    NOT NULL CHECK (length(request_hash) = 32),
    object_id       TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (actor, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- What was written down of stretches of time, and what has it written at
-- intervals. A report without namespace is about all of them. Reports outlive
-- their schedule, so it is no foreign key.
CREATE TABLE reports (
    report_id   TEXT    NOT NULL PRIMARY KEY CHECK (report_id <> ''),
    namespace   TEXT    REFERENCES namespaces (name),
    span        TEXT    NOT NULL CHECK (span IN ('on_demand', 'daily', 'weekly', 'monthly')),
    since       INTEGER NOT NULL,
    until       INTEGER NOT NULL CHECK (until > since),
    schedule_id TEXT    NOT NULL, -- '' where somebody asked for it
    created_by  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    size        INTEGER NOT NULL CHECK (size >= 0),
    content     BLOB    NOT NULL
) STRICT;

CREATE INDEX reports_namespace ON reports (namespace) WHERE namespace IS NOT NULL;
CREATE INDEX reports_created_at ON reports (created_at);

CREATE TABLE report_schedules (
    schedule_id TEXT    NOT NULL PRIMARY KEY CHECK (schedule_id <> ''),
    namespace   TEXT    REFERENCES namespaces (name),
    every       TEXT    NOT NULL CHECK (every IN ('daily', 'weekly', 'monthly')),
    next_at     INTEGER NOT NULL,
    last_report TEXT    NOT NULL, -- '' before the first
    created_by  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX report_schedules_namespace ON report_schedules (namespace) WHERE namespace IS NOT NULL;
CREATE INDEX report_schedules_next_at ON report_schedules (next_at);

-- What the last run of each cleanup did.
CREATE TABLE cleanup_reports (
    name     TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    actor    TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    took     INTEGER NOT NULL CHECK (took >= 0), -- microseconds
    done     INTEGER NOT NULL CHECK (done >= 0),
    more     INTEGER NOT NULL CHECK (more IN (0, 1)),
    problem  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- What the database knows of the deployment it belongs to.
CREATE TABLE deployment (
    secrets_file TEXT NOT NULL PRIMARY KEY CHECK (secrets_file IN ('secrets', 'keyset')),
    fingerprint  TEXT NOT NULL CHECK (fingerprint <> '')
) STRICT;
