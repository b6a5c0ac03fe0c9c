-- The first schema. How values are stored: see the package comment.

-- +goose Up

CREATE TABLE credence.namespaces (
    name        text COLLATE "C" NOT NULL PRIMARY KEY CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    description text        NOT NULL,
    key_prefix  text        NOT NULL,
    environment text        NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    version     bigint      NOT NULL CHECK (version >= 0)
);

INSERT INTO credence.namespaces (name, description, key_prefix, environment, created_at, updated_at, version)
VALUES ('default', 'Everything that names no namespace', 'crd', 'live', now(), now(), 1);

CREATE TABLE credence.owners (
    namespace   text COLLATE "C" NOT NULL REFERENCES credence.namespaces (name),
    name        text COLLATE "C" NOT NULL CHECK (name <> ''),
    description text        NOT NULL,
    contact     text        NOT NULL,
    limits      jsonb       NOT NULL CHECK (jsonb_typeof(limits) = 'array'),
    quotas      jsonb       NOT NULL CHECK (jsonb_typeof(quotas) = 'array'),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    version     bigint      NOT NULL CHECK (version >= 0),
    PRIMARY KEY (namespace, name)
);

CREATE TABLE credence.plans (
    namespace   text COLLATE "C" NOT NULL REFERENCES credence.namespaces (name),
    name        text COLLATE "C" NOT NULL CHECK (name <> ''),
    description text        NOT NULL,
    limits      jsonb       NOT NULL CHECK (jsonb_typeof(limits) = 'array'),
    quotas      jsonb       NOT NULL CHECK (jsonb_typeof(quotas) = 'array'),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    version     bigint      NOT NULL CHECK (version >= 0),
    PRIMARY KEY (namespace, name)
);

-- A purged key keeps its row (the audit log refers to it) and loses the rest:
-- no hash, no owner, no plan.
CREATE TABLE credence.api_keys (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_id        text COLLATE "C" NOT NULL UNIQUE CHECK (key_id <> ''),
    namespace     text COLLATE "C" NOT NULL REFERENCES credence.namespaces (name),
    name          text        NOT NULL,
    owner         text COLLATE "C",
    key_type      text        NOT NULL
                  CHECK (key_type IN ('user', 'service', 'integration', 'system', 'emergency') OR status = 'purged'),
    status        text        NOT NULL
                  CHECK (status IN ('active', 'disabled', 'suspended', 'revoked', 'purged')),
    status_reason text        NOT NULL,
    environment   text        NOT NULL,
    plan          text COLLATE "C",
    scopes        text[]      NOT NULL,
    limits        jsonb       NOT NULL CHECK (jsonb_typeof(limits) = 'array'),
    quotas        jsonb       NOT NULL CHECK (jsonb_typeof(quotas) = 'array'),
    networks      cidr[]      NOT NULL,
    hosts         text[]      NOT NULL,
    methods       text[]      NOT NULL,
    paths         text[]      NOT NULL,
    labels        jsonb       NOT NULL CHECK (jsonb_typeof(labels) = 'object'),
    not_before    timestamptz,
    expires_at    timestamptz,
    limits_id     text COLLATE "C" NOT NULL, -- whose limits it counts on; '' its own
    grace_ends_at timestamptz,
    throttle      smallint    NOT NULL CHECK (throttle BETWEEN 0 AND 99), -- percent of its rates; 0: all
    predecessor   text COLLATE "C",
    successor     text COLLATE "C",
    rotated_at    timestamptz,
    close_when_silent interval NOT NULL CHECK (close_when_silent >= interval '0'),
    rotate_every  interval    NOT NULL CHECK (rotate_every >= interval '0'), -- 0: as its policy says
    key_hash      bytea       CHECK (octet_length(key_hash) = 32),
    was_hash      bytea       CHECK (octet_length(was_hash) = 32), -- of a purged key: its text is never taken over again
    pepper_id     text        NOT NULL,
    checksum_id   text        NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    status_at     timestamptz,
    version       bigint      NOT NULL CHECK (version >= 0),
    last_used_at  timestamptz, -- from usage; no part of the version
    last_used_ip  inet,
    -- For which end, and which rotation, it was announced; no part of the version.
    announced_expiry   timestamptz,
    announced_rotation timestamptz,
    announced_expiring timestamptz,
    CHECK ((key_hash IS NULL) = (status = 'purged')),
    CHECK (successor IS NULL OR grace_ends_at IS NOT NULL AND rotated_at IS NOT NULL),
    FOREIGN KEY (namespace, owner) REFERENCES credence.owners (namespace, name),
    FOREIGN KEY (namespace, plan) REFERENCES credence.plans (namespace, name)
);

-- Not partial: whether `key_hash = ANY ($1)` implies IS NOT NULL must not be
-- a matter of the planner's wits.
CREATE UNIQUE INDEX api_keys_key_hash ON credence.api_keys (key_hash);
CREATE INDEX api_keys_was_hash ON credence.api_keys (was_hash) WHERE was_hash IS NOT NULL;
CREATE INDEX api_keys_namespace ON credence.api_keys (namespace, key_id);
CREATE INDEX api_keys_owner ON credence.api_keys (namespace, owner) WHERE owner IS NOT NULL;
CREATE INDEX api_keys_plan ON credence.api_keys (namespace, plan) WHERE plan IS NOT NULL;
CREATE INDEX api_keys_expires_at ON credence.api_keys (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX api_keys_announced_expiry ON credence.api_keys (expires_at)
    WHERE expires_at IS NOT NULL AND announced_expiry IS DISTINCT FROM expires_at;
CREATE INDEX api_keys_revoked ON credence.api_keys (status_at) WHERE status = 'revoked';
CREATE INDEX api_keys_grace_ends_at ON credence.api_keys (grace_ends_at) WHERE grace_ends_at IS NOT NULL;
-- In the order in which a cache is warmed.
CREATE INDEX api_keys_last_used_at ON credence.api_keys (last_used_at DESC NULLS LAST, created_at DESC);

-- A policy without namespace holds where there is none for the type.
CREATE TABLE credence.key_policies (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace       text COLLATE "C" REFERENCES credence.namespaces (name),
    key_type        text        NOT NULL CHECK (key_type IN ('user', 'service', 'integration', 'system', 'emergency')),
    longest_life    interval    NOT NULL CHECK (longest_life >= interval '0'),
    default_life    interval    NOT NULL CHECK (default_life >= interval '0'),
    rotate_every    interval    NOT NULL CHECK (rotate_every >= interval '0'),
    warn_before     interval    NOT NULL CHECK (warn_before >= interval '0'),
    expiry_required boolean     NOT NULL,
    scopes_required boolean     NOT NULL,
    reason_required boolean     NOT NULL,
    updated_at      timestamptz NOT NULL,
    version         bigint      NOT NULL CHECK (version >= 0)
);

CREATE UNIQUE INDEX key_policies_type ON credence.key_policies (coalesce(namespace, ''), key_type);

-- Emergency keys live for hours and say what for; all others as they like.
INSERT INTO credence.key_policies (key_type, longest_life, default_life, rotate_every, warn_before,
    expiry_required, scopes_required, reason_required, updated_at, version)
VALUES ('user', '0', '0', '0', '168 hours', false, false, false, now(), 1),
    ('service', '0', '0', '0', '168 hours', false, false, false, now(), 1),
    ('integration', '0', '0', '0', '168 hours', false, false, false, now(), 1),
    ('system', '0', '0', '0', '168 hours', false, false, false, now(), 1),
    ('emergency', '12 hours', '4 hours', '0', '168 hours', true, false, true, now(), 1);

-- A rule without namespace refuses everywhere.
CREATE TABLE credence.ip_blacklist (
    id         text COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    namespace  text COLLATE "C" REFERENCES credence.namespaces (name),
    network    cidr        NOT NULL,
    reason     text        NOT NULL,
    source     text        NOT NULL,
    ends_at    timestamptz,
    created_by text        NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE UNIQUE INDEX ip_blacklist_network ON credence.ip_blacklist (network, coalesce(namespace, ''));
CREATE INDEX ip_blacklist_namespace ON credence.ip_blacklist (namespace) WHERE namespace IS NOT NULL;

-- What routes demand. They belong to the deployment: no namespace.
CREATE TABLE credence.route_policies (
    name        text COLLATE "C" NOT NULL PRIMARY KEY CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    description text        NOT NULL,
    namespaces  text[]      NOT NULL,
    scopes      text[]      NOT NULL,
    environment text        NOT NULL,
    cost        bigint      NOT NULL CHECK (cost >= 1),
    shadow      boolean     NOT NULL,
    anonymous   boolean     NOT NULL,
    hosts       text[]      NOT NULL,
    paths       text[]      NOT NULL,
    methods     text[]      NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    version     bigint      NOT NULL CHECK (version >= 0)
);

-- The feed that the data plane follows. The counter is a row of its own, so
-- that pruning the feed never gives a revision twice.
CREATE TABLE credence.changes (
    revision  bigint      NOT NULL PRIMARY KEY CHECK (revision >= 1),
    change_id text COLLATE "C" NOT NULL UNIQUE,
    kind      text        NOT NULL CHECK (kind IN ('key', 'owner', 'plan', 'namespace', 'blacklist', 'route_policy')),
    namespace text        NOT NULL,
    object_id text        NOT NULL,
    created   boolean     NOT NULL,
    key_hash  bytea       CHECK (octet_length(key_hash) = 32),
    at        timestamptz NOT NULL
);

CREATE INDEX changes_at ON credence.changes (at);

-- The row is also the lock that writing transactions take one after another.
CREATE TABLE credence.revision_counter (
    only_row boolean NOT NULL PRIMARY KEY CHECK (only_row),
    revision bigint  NOT NULL CHECK (revision >= 0)
);

INSERT INTO credence.revision_counter (only_row, revision) VALUES (true, 0);

-- holder_hash tells the process that made the row from every other one.
CREATE TABLE credence.replicas (
    replica_id       text COLLATE "C" NOT NULL PRIMARY KEY CHECK (replica_id <> ''),
    name             text        NOT NULL,
    address          text        NOT NULL,
    version          text        NOT NULL,
    applied_revision bigint      NOT NULL CHECK (applied_revision >= 0),
    applied_id       text        NOT NULL,
    started_at       timestamptz NOT NULL,
    seen_at          timestamptz NOT NULL,
    left_at          timestamptz,
    last_read        timestamptz,
    ceiling          interval    NOT NULL CHECK (ceiling >= interval '0'),
    holder_hash      bytea       NOT NULL CHECK (octet_length(holder_hash) = 32)
);

-- Which control plane does what only one should do.
CREATE TABLE credence.leases (
    name       text COLLATE "C" NOT NULL PRIMARY KEY CHECK (name <> ''),
    holder     text        NOT NULL CHECK (holder <> ''),
    expires_at timestamptz NOT NULL
);

CREATE TABLE credence.admin_tokens (
    token_id     text COLLATE "C" NOT NULL PRIMARY KEY CHECK (token_id <> ''),
    name         text        NOT NULL,
    role         text        NOT NULL CHECK (role IN ('viewer', 'auditor', 'operator', 'admin')),
    namespaces   text[]      NOT NULL,
    token_hash   bytea       NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    created_by   text        NOT NULL,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz
);

-- One chain of entries per namespace; '' is the chain of what has none. The
-- chain outlives the namespace, so it is no foreign key.
CREATE TABLE credence.api_key_audit_log (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_id        text COLLATE "C" REFERENCES credence.api_keys (key_id),
    action        text        NOT NULL CHECK (action <> ''),
    ip_address    inet,
    details       bytea,
    namespace     text COLLATE "C" NOT NULL,
    sequence      bigint      NOT NULL CHECK (sequence >= 1),
    at            timestamptz NOT NULL,
    actor         text        NOT NULL,
    object        text        NOT NULL,
    request_id    text        NOT NULL,
    previous_hash bytea       NOT NULL CHECK (octet_length(previous_hash) = 32),
    entry_hash    bytea       NOT NULL CHECK (octet_length(entry_hash) = 32),
    UNIQUE (namespace, sequence)
);

-- A list is in the order of the ids.
CREATE INDEX api_key_audit_log_key_id ON credence.api_key_audit_log (key_id, id) WHERE key_id IS NOT NULL;
CREATE INDEX api_key_audit_log_namespace ON credence.api_key_audit_log (namespace, id);
CREATE INDEX api_key_audit_log_at ON credence.api_key_audit_log (at);

-- Signed words on where a chain stood. They are what a chain is held against.
CREATE TABLE credence.audit_checkpoints (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace  text COLLATE "C" NOT NULL,
    sequence   bigint      NOT NULL CHECK (sequence >= 1),
    kind       text        NOT NULL CHECK (kind IN ('head', 'retention')),
    entry_hash bytea       NOT NULL CHECK (octet_length(entry_hash) = 32),
    at         timestamptz NOT NULL,
    signature  bytea       NOT NULL,
    UNIQUE (namespace, kind, sequence)
);

CREATE INDEX audit_checkpoints_namespace ON credence.audit_checkpoints (namespace, number);

-- What was written stays as it was written. Retention removes entries from
-- the old end of a chain, as far as a checkpoint allows; nothing rewrites one.
-- +goose StatementBegin
CREATE FUNCTION credence.refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'what the audit log holds is never changed' USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION credence.refuse_audit_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM credence.audit_checkpoints AS c
        WHERE c.namespace = OLD.namespace AND c.kind = 'retention' AND c.sequence >= OLD.sequence) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit entries are removed up to a retention checkpoint only' USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER api_key_audit_log_is_append_only BEFORE UPDATE ON credence.api_key_audit_log
    FOR EACH ROW EXECUTE FUNCTION credence.refuse_audit_change();
CREATE TRIGGER api_key_audit_log_is_kept BEFORE DELETE ON credence.api_key_audit_log
    FOR EACH ROW EXECUTE FUNCTION credence.refuse_audit_removal();
CREATE TRIGGER api_key_audit_log_is_not_emptied BEFORE TRUNCATE ON credence.api_key_audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION credence.refuse_audit_change();
CREATE TRIGGER audit_checkpoints_are_append_only BEFORE UPDATE OR DELETE ON credence.audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION credence.refuse_audit_change();
CREATE TRIGGER audit_checkpoints_are_not_emptied BEFORE TRUNCATE ON credence.audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION credence.refuse_audit_change();

-- How far each place outside that is told of checkpoints has come.
CREATE TABLE credence.audit_anchors (
    name     text COLLATE "C" NOT NULL PRIMARY KEY CHECK (name <> ''),
    through  bigint      NOT NULL CHECK (through >= 0),
    held_at  timestamptz,
    tried_at timestamptz,
    failures integer     NOT NULL CHECK (failures >= 0),
    problem  text        NOT NULL
);

-- Where each chain ends, also when all its entries have been removed.
CREATE TABLE credence.audit_heads (
    namespace  text COLLATE "C" NOT NULL PRIMARY KEY,
    sequence   bigint NOT NULL CHECK (sequence >= 1),
    entry_hash bytea  NOT NULL CHECK (octet_length(entry_hash) = 32)
);

CREATE TABLE credence.quota_counters (
    subject  text COLLATE "C" NOT NULL CHECK (subject <> ''),
    name     text COLLATE "C" NOT NULL,
    start_at timestamptz NOT NULL,
    end_at   timestamptz NOT NULL CHECK (end_at > start_at),
    used     bigint      NOT NULL CHECK (used >= 0),
    PRIMARY KEY (subject, name, start_at)
);

CREATE INDEX quota_counters_end_at ON credence.quota_counters (end_at);

-- What others were told of, once for each stretch of time: quotas that come to
-- their end, limits that were exceeded. subject and name as in quota_counters.
CREATE TABLE credence.usage_notices (
    kind     text COLLATE "C" NOT NULL CHECK (kind <> ''),
    subject  text COLLATE "C" NOT NULL CHECK (subject <> ''),
    name     text COLLATE "C" NOT NULL,
    start_at timestamptz NOT NULL,
    end_at   timestamptz NOT NULL CHECK (end_at > start_at),
    count    bigint      NOT NULL CHECK (count >= 0),
    closed   boolean     NOT NULL,
    PRIMARY KEY (kind, subject, name, start_at)
);

CREATE INDEX usage_notices_end_at ON credence.usage_notices (end_at);
CREATE INDEX usage_notices_open ON credence.usage_notices (kind, end_at) WHERE NOT closed;

-- What the data plane counts. key_id is '' for Checks without a key and
-- 'other' for keys beyond what a replica counts one by one, so it is no
-- foreign key; a row is about the minutes from minute on, more than one where
-- a replica that could not deliver folded them.
CREATE TABLE credence.usage_minute (
    key_id     text COLLATE "C" NOT NULL,
    minute     timestamptz NOT NULL,
    reason     text COLLATE "C" NOT NULL CHECK (reason <> ''),
    policy     text COLLATE "C" NOT NULL, -- route policy
    minutes    integer     NOT NULL CHECK (minutes >= 1),
    namespace  text COLLATE "C" NOT NULL,
    owner      text COLLATE "C" NOT NULL,
    plan       text COLLATE "C" NOT NULL,
    -- So that the sum of an hour, and of a day, cannot overflow.
    checks     bigint      NOT NULL CHECK (checks BETWEEN 0 AND 1000000000000000),
    latency_us bigint      NOT NULL CHECK (latency_us BETWEEN 0 AND 1000000000000000),
    addresses  bit(1024)   NOT NULL,
    PRIMARY KEY (key_id, minute, reason, policy)
);

CREATE INDEX usage_minute_minute ON credence.usage_minute (minute);

-- The sums of minutes, and of hours. What belongs to which is in usage_rolled.
CREATE TABLE credence.usage_hour (
    key_id     text COLLATE "C" NOT NULL,
    start_at   timestamptz NOT NULL,
    reason     text COLLATE "C" NOT NULL CHECK (reason <> ''),
    policy     text COLLATE "C" NOT NULL,
    namespace  text COLLATE "C" NOT NULL,
    owner      text COLLATE "C" NOT NULL,
    plan       text COLLATE "C" NOT NULL,
    checks     bigint      NOT NULL CHECK (checks >= 0),
    latency_us bigint      NOT NULL CHECK (latency_us >= 0),
    addresses  bit(1024)   NOT NULL,
    PRIMARY KEY (key_id, start_at, reason, policy)
);

CREATE INDEX usage_hour_start_at ON credence.usage_hour (start_at);

CREATE TABLE credence.usage_day (
    key_id     text COLLATE "C" NOT NULL,
    start_at   timestamptz NOT NULL,
    reason     text COLLATE "C" NOT NULL CHECK (reason <> ''),
    policy     text COLLATE "C" NOT NULL,
    namespace  text COLLATE "C" NOT NULL,
    owner      text COLLATE "C" NOT NULL,
    plan       text COLLATE "C" NOT NULL,
    checks     bigint      NOT NULL CHECK (checks >= 0),
    latency_us bigint      NOT NULL CHECK (latency_us >= 0),
    addresses  bit(1024)   NOT NULL,
    PRIMARY KEY (key_id, start_at, reason, policy)
);

CREATE INDEX usage_day_start_at ON credence.usage_day (start_at);

-- What families of user agents came with a key: hours, as replicas count them.
CREATE TABLE credence.usage_agents (
    key_id     text COLLATE "C" NOT NULL,
    start_at   timestamptz NOT NULL,
    agent      text COLLATE "C" NOT NULL CHECK (octet_length(agent) BETWEEN 1 AND 32),
    namespace  text COLLATE "C" NOT NULL,
    owner      text COLLATE "C" NOT NULL,
    plan       text COLLATE "C" NOT NULL,
    checks     bigint      NOT NULL CHECK (checks BETWEEN 0 AND 1000000000000000),
    denied     bigint      NOT NULL CHECK (denied BETWEEN 0 AND 1000000000000000),
    latency_us bigint      NOT NULL CHECK (latency_us BETWEEN 0 AND 1000000000000000),
    PRIMARY KEY (key_id, start_at, agent)
);

CREATE INDEX usage_agents_start_at ON credence.usage_agents (start_at);

-- Minutes before minutes_before are in usage_hour, hours before hours_before
-- in usage_day. A batch that comes later adds to all three. Who adds a batch
-- locks the table in ROW SHARE mode, who moves the row in EXCLUSIVE mode: table
-- locks are given in the order in which they are asked for.
CREATE TABLE credence.usage_rolled (
    only_row       integer     NOT NULL PRIMARY KEY CHECK (only_row = 1),
    minutes_before timestamptz NOT NULL,
    hours_before   timestamptz NOT NULL
);

INSERT INTO credence.usage_rolled (only_row, minutes_before, hours_before) VALUES (1, '1970-01-01Z', '1970-01-01Z');

-- For who looks for refusals of the last minutes. Its condition is repeated
-- where it is used.
CREATE INDEX usage_minute_denied ON credence.usage_minute (minute)
    WHERE key_id <> '' AND reason NOT IN ('allowed', 'allowed_anonymous');

-- Findings about the use of a key or an address. One that is not resolved is
-- merged with what is found of the same later.
CREATE TABLE credence.api_key_anomalies (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    anomaly_id   text COLLATE "C" NOT NULL UNIQUE CHECK (anomaly_id <> ''),
    key_id       text COLLATE "C" REFERENCES credence.api_keys (key_id),
    anomaly_type text COLLATE "C" NOT NULL CHECK (anomaly_type <> ''),
    severity     text        NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    state        text        NOT NULL CHECK (state IN ('open', 'acknowledged', 'resolved')),
    namespace    text COLLATE "C" NOT NULL, -- '' for what has none
    subject      text COLLATE "C" NOT NULL CHECK (subject <> ''),
    details      jsonb       NOT NULL CHECK (jsonb_typeof(details) = 'object'),
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL CHECK (last_at >= first_at),
    created_at   timestamptz NOT NULL,
    state_at     timestamptz,
    state_by     text        NOT NULL,
    note         text        NOT NULL,
    actions      jsonb       NOT NULL CHECK (jsonb_typeof(actions) = 'array'),
    acted_at     timestamptz, -- when something was done about it last
    version      bigint      NOT NULL CHECK (version >= 0)
);

-- What detectors compare with, and what is done about what they find.
CREATE TABLE credence.anomaly_policies (
    only_row   boolean     NOT NULL PRIMARY KEY CHECK (only_row),
    document   json        NOT NULL CHECK (json_typeof(document) = 'object'),
    updated_at timestamptz NOT NULL,
    version    bigint      NOT NULL CHECK (version >= 0)
);

INSERT INTO credence.anomaly_policies (only_row, document, updated_at, version) VALUES (true, '{}', now(), 1);

CREATE INDEX api_key_anomalies_acted_at ON credence.api_key_anomalies (acted_at) WHERE acted_at IS NOT NULL;
CREATE UNIQUE INDEX api_key_anomalies_lasting ON credence.api_key_anomalies (anomaly_type, subject) WHERE state <> 'resolved';
CREATE INDEX api_key_anomalies_subject ON credence.api_key_anomalies (anomaly_type, subject, anomaly_id);
CREATE INDEX api_key_anomalies_key_id ON credence.api_key_anomalies (key_id) WHERE key_id IS NOT NULL;

-- Where keys were let through from; each network is a /24 or a /48. Erased
-- with the key.
CREATE TABLE credence.key_networks (
    key_id   text COLLATE "C" NOT NULL REFERENCES credence.api_keys (key_id),
    network  inet        NOT NULL,
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL CHECK (last_at >= first_at),
    PRIMARY KEY (key_id, network)
);

CREATE INDEX key_networks_last_at ON credence.key_networks (last_at);
CREATE INDEX key_networks_first_at ON credence.key_networks (first_at);

CREATE TABLE credence.usage_failing (
    minute    timestamptz NOT NULL,
    reason    text COLLATE "C" NOT NULL CHECK (reason <> ''),
    address   inet        NOT NULL,
    checks    bigint      NOT NULL CHECK (checks >= 0),
    uncertain bigint      NOT NULL CHECK (uncertain >= 0),
    PRIMARY KEY (minute, reason, address)
);

-- Which batches of usage a replica has delivered: all up to sequence, and
-- those of usage_ahead. applied_at is the time of the newest of the former.
CREATE TABLE credence.usage_replicas (
    replica_id  text COLLATE "C" NOT NULL PRIMARY KEY CHECK (replica_id <> ''),
    holder_hash bytea       CHECK (octet_length(holder_hash) = 32),
    sequence    bigint      NOT NULL CHECK (sequence >= 0),
    applied_at  timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    ended_at    timestamptz
);

CREATE INDEX usage_replicas_running ON credence.usage_replicas (received_at) WHERE ended_at IS NULL;

CREATE TABLE credence.usage_ahead (
    replica_id  text COLLATE "C" NOT NULL REFERENCES credence.usage_replicas (replica_id) ON DELETE CASCADE,
    sequence    bigint      NOT NULL,
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (replica_id, sequence)
);

CREATE INDEX usage_ahead_received_at ON credence.usage_ahead (received_at);

CREATE TABLE credence.usage_gaps (
    replica_id text COLLATE "C" NOT NULL CHECK (replica_id <> ''),
    from_at    timestamptz NOT NULL,
    to_at      timestamptz NOT NULL CHECK (to_at >= from_at),
    cause      text        NOT NULL CHECK (cause IN ('killed', 'lost')),
    PRIMARY KEY (replica_id, from_at, cause)
);

CREATE INDEX usage_gaps_to_at ON credence.usage_gaps (to_at);

-- Whom to tell of events. A webhook without namespace is told of all of them.
-- The columns after version are how far deliveries have come.
CREATE TABLE credence.webhook_endpoints (
    webhook_id      text COLLATE "C" NOT NULL PRIMARY KEY CHECK (webhook_id <> ''),
    namespace       text COLLATE "C" REFERENCES credence.namespaces (name),
    url             text        NOT NULL CHECK (url <> ''),
    description     text        NOT NULL,
    events          text[]      NOT NULL,
    rate            integer     NOT NULL CHECK (rate >= 1),
    secret          bytea       NOT NULL,
    previous_secret bytea,
    previous_until  timestamptz,
    disabled_at     timestamptz,
    disabled_reason text        NOT NULL,
    created_by      text        NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    version         bigint      NOT NULL CHECK (version >= 0),
    sequence        bigint      NOT NULL CHECK (sequence >= 0),
    due_at          timestamptz,
    taken_until     timestamptz,
    paused_until    timestamptz,
    failures        integer     NOT NULL CHECK (failures >= 0),
    failing_since   timestamptz
);

CREATE INDEX webhook_endpoints_namespace ON credence.webhook_endpoints (namespace) WHERE namespace IS NOT NULL;
CREATE INDEX webhook_endpoints_due_at ON credence.webhook_endpoints (due_at) WHERE due_at IS NOT NULL;

-- What webhooks are told. It outlives the webhook until it is old, so it is no
-- foreign key: to delete a webhook must not take long. The payload is text and
-- not jsonb: it is signed as it stands.
CREATE TABLE credence.webhook_deliveries (
    delivery_id text COLLATE "C" NOT NULL UNIQUE CHECK (delivery_id <> ''),
    webhook_id  text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL CHECK (event_id <> ''),
    event_type  text COLLATE "C" NOT NULL CHECK (event_type <> ''),
    sequence    bigint      NOT NULL CHECK (sequence >= 1),
    payload     text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts    integer     NOT NULL CHECK (attempts >= 0),
    next_at     timestamptz CHECK ((next_at IS NULL) = (state <> 'pending')),
    created_at  timestamptz NOT NULL,
    ended_at    timestamptz CHECK ((ended_at IS NULL) = (state = 'pending')),
    tries       jsonb       NOT NULL,
    PRIMARY KEY (webhook_id, sequence)
);

CREATE INDEX webhook_deliveries_due ON credence.webhook_deliveries (webhook_id, next_at, sequence) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_created_at ON credence.webhook_deliveries (created_at);

-- The ways to other programs whose credentials are managed here. One without
-- namespace is used by global actors only. The credential is sealed.
CREATE TABLE credence.connections (
    connection_id  text COLLATE "C" NOT NULL PRIMARY KEY CHECK (connection_id <> ''),
    kind           text COLLATE "C" NOT NULL CHECK (kind IN ('gitea', 'n8n')),
    name           text COLLATE "C" NOT NULL CHECK (name <> ''),
    namespace      text COLLATE "C" REFERENCES credence.namespaces (name),
    description    text        NOT NULL,
    url            text        NOT NULL CHECK (url <> ''),
    account        text        NOT NULL,
    credential     bytea       NOT NULL,
    ca             text        NOT NULL,
    server_name    text        NOT NULL,
    logins         text[]      NOT NULL,
    scopes         text[]      NOT NULL,
    settings       jsonb       NOT NULL,
    state          text        NOT NULL CHECK (state IN ('active', 'paused')),
    state_reason   text        NOT NULL,
    state_at       timestamptz NOT NULL,
    created_by     text        NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    version        bigint      NOT NULL CHECK (version >= 0),
    seen_at        timestamptz,
    server_version text        NOT NULL,
    UNIQUE (kind, name)
);

CREATE INDEX connections_namespace ON credence.connections (namespace) WHERE namespace IS NOT NULL;

-- What is known of the access tokens of Gitea users. namespace is that of the
-- connection, '' for none. The secret is sealed.
CREATE TABLE credence.gitea_tokens (
    token_id        text COLLATE "C" NOT NULL PRIMARY KEY CHECK (token_id <> ''),
    connection_id   text COLLATE "C" NOT NULL REFERENCES credence.connections (connection_id),
    namespace       text        NOT NULL,
    gitea_token_id  bigint      CHECK (gitea_token_id > 0),
    token_name      text        NOT NULL CHECK (token_name <> ''),
    login           text        NOT NULL CHECK (login <> ''),
    user_id         bigint      NOT NULL,
    scopes          text[]      NOT NULL,
    last_eight      text        NOT NULL,
    secret          bytea,
    secret_at       timestamptz,
    collected_at    timestamptz,
    owner           text        NOT NULL,
    description     text        NOT NULL,
    state           text        NOT NULL CHECK (state IN ('making', 'active', 'widened', 'missing', 'stranger', 'deleting')),
    state_at        timestamptz NOT NULL,
    expires_at      timestamptz,
    rotate_every    interval    NOT NULL CHECK (rotate_every >= interval '0'),
    overlap         interval    NOT NULL CHECK (overlap >= interval '0'),
    predecessor     text        NOT NULL,
    successor       text        NOT NULL,
    created_by      text        NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    version         bigint      NOT NULL CHECK (version >= 0),
    listed_at       timestamptz,
    server_scopes   text[]      NOT NULL,
    last_used_at    timestamptz,
    verified_at     timestamptz,
    outcome         text        NOT NULL,
    UNIQUE (connection_id, gitea_token_id)
);

CREATE INDEX gitea_tokens_login ON credence.gitea_tokens (connection_id, login);

-- What is known of the API keys of n8n accounts. namespace is that of the
-- connection, '' for none. The secret is sealed.
CREATE TABLE credence.n8n_api_keys (
    id              text COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    connection_id   text COLLATE "C" NOT NULL REFERENCES credence.connections (connection_id),
    namespace       text        NOT NULL,
    n8n_key_id      text COLLATE "C" CHECK (n8n_key_id <> ''),
    label           text        NOT NULL CHECK (label <> ''),
    login           text        NOT NULL CHECK (login <> ''),
    user_id         text        NOT NULL,
    scopes          text[]      NOT NULL,
    last_four       text        NOT NULL,
    secret          bytea,
    secret_at       timestamptz,
    collected_at    timestamptz,
    owner           text        NOT NULL,
    description     text        NOT NULL,
    state           text        NOT NULL CHECK (state IN ('making', 'active', 'widened', 'missing', 'stranger', 'rotating', 'deleting')),
    state_at        timestamptz NOT NULL,
    expires_at      timestamptz,
    rotate_every    interval    NOT NULL CHECK (rotate_every >= interval '0'),
    overlap         interval    NOT NULL CHECK (overlap >= interval '0'),
    predecessor     text        NOT NULL,
    successor       text        NOT NULL,
    created_by      text        NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    version         bigint      NOT NULL CHECK (version >= 0),
    listed_at       timestamptz,
    server_scopes   text[]      NOT NULL,
    last_used_at    timestamptz,
    verified_at     timestamptz,
    outcome         text        NOT NULL,
    UNIQUE (connection_id, n8n_key_id)
);

-- The sessions at n8n that all who use a connection share, sealed.
CREATE TABLE credence.n8n_sessions (
    connection_id   text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES credence.connections (connection_id) ON DELETE CASCADE,
    version         bigint      NOT NULL, -- of the connection
    session         bytea       NOT NULL
);

CREATE TABLE credence.idempotency_keys (
    actor           text COLLATE "C" NOT NULL CHECK (actor <> ''),
    idempotency_key text COLLATE "C" NOT NULL CHECK (idempotency_key <> ''),
    request_hash    bytea       NOT NULL CHECK (octet_length(request_hash) = 32),
    object_id       text        NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (actor, idempotency_key)
);

CREATE INDEX idempotency_keys_created_at ON credence.idempotency_keys (created_at);

-- What was written down of stretches of time, and what has it written at
-- intervals. A report without namespace is about all of them. Reports outlive
-- their schedule, so it is no foreign key.
CREATE TABLE credence.reports (
    report_id   text COLLATE "C" NOT NULL PRIMARY KEY CHECK (report_id <> ''),
    namespace   text COLLATE "C" REFERENCES credence.namespaces (name),
    span        text        NOT NULL CHECK (span IN ('on_demand', 'daily', 'weekly', 'monthly')),
    since       timestamptz NOT NULL,
    until       timestamptz NOT NULL CHECK (until > since),
    schedule_id text        NOT NULL, -- '' where somebody asked for it
    created_by  text        NOT NULL,
    created_at  timestamptz NOT NULL,
    size        bigint      NOT NULL CHECK (size >= 0),
    content     bytea       NOT NULL
);

CREATE INDEX reports_namespace ON credence.reports (namespace) WHERE namespace IS NOT NULL;
CREATE INDEX reports_created_at ON credence.reports (created_at);

CREATE TABLE credence.report_schedules (
    schedule_id text COLLATE "C" NOT NULL PRIMARY KEY CHECK (schedule_id <> ''),
    namespace   text COLLATE "C" REFERENCES credence.namespaces (name),
    every       text        NOT NULL CHECK (every IN ('daily', 'weekly', 'monthly')),
    next_at     timestamptz NOT NULL,
    last_report text        NOT NULL, -- '' before the first
    created_by  text        NOT NULL,
    created_at  timestamptz NOT NULL,
    version     bigint      NOT NULL CHECK (version >= 0)
);

CREATE INDEX report_schedules_namespace ON credence.report_schedules (namespace) WHERE namespace IS NOT NULL;
CREATE INDEX report_schedules_next_at ON credence.report_schedules (next_at);

-- What the last run of each cleanup did.
CREATE TABLE credence.cleanup_reports (
    name     text COLLATE "C" NOT NULL PRIMARY KEY CHECK (name <> ''),
    actor    text        NOT NULL,
    at       timestamptz NOT NULL,
    took     interval    NOT NULL CHECK (took >= interval '0'),
    done     bigint      NOT NULL CHECK (done >= 0),
    more     boolean     NOT NULL,
    problem  text        NOT NULL
);

-- What the database knows of the deployment it belongs to.
CREATE TABLE credence.deployment (
    secrets_file text NOT NULL PRIMARY KEY CHECK (secrets_file IN ('secrets', 'keyset')),
    fingerprint  text NOT NULL CHECK (fingerprint <> '')
);

-- The functions below are all that the role credence_data can change.
-- They run with the rights of the schema's owner, so each names what it
-- touches in full and takes no search path from its caller.
--
-- A login of the role may be in other hands. So they believe no caller: what
-- cannot be true is refused before it stands in a table where the control plane
-- would stumble over it, and nothing grows without bound. Tables and times are
-- judged by the clock of the server.

-- refuse ends a call in which something cannot be true.
-- +goose StatementBegin
CREATE FUNCTION credence.refuse(what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%', what USING ERRCODE = 'check_violation';
END
$$;
-- +goose StatementEnd

-- likely_time tells of an instant that a replica wrote down: by clocks that are
-- an hour apart at most.
-- +goose StatementBegin
CREATE FUNCTION credence.likely_time(at timestamptz) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    SELECT at IS NOT NULL AND at BETWEEN '2000-01-01Z' AND clock_timestamp() + interval '1 hour';
$$;
-- +goose StatementEnd

-- put_replica writes the row of the process that knows the token. Ids of
-- replicas are public; without the token one replica could report in another's
-- name, and complete a receipt that the other has not signed. Instants ahead of
-- the server's clock are taken back to the minute that clocks may be apart: a
-- replica with a wrong clock has to be seen, or receipts would not wait for it,
-- and none stays alive by itself.
-- +goose StatementBegin
CREATE FUNCTION credence.put_replica(
    token bytea, replica_id text, name text, address text, version text, applied_revision bigint, applied_id text,
    started_at timestamptz, seen_at timestamptz, left_at timestamptz, last_read timestamptz, ceiling interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    latest timestamptz := clock_timestamp() + interval '1 minute';
BEGIN
    IF octet_length(token) IS DISTINCT FROM 32 THEN
        PERFORM credence.refuse('the token of a replica has 32 bytes');
    ELSIF greatest(octet_length($2), octet_length($3), octet_length($4), octet_length($5), octet_length($7)) > 512 THEN
        PERFORM credence.refuse('a text about a replica has more than 512 bytes');
    ELSIF ceiling IS NULL OR ceiling > interval '30 days' THEN
        PERFORM credence.refuse('the ceiling of a replica is longer than 30 days');
    ELSIF least($8, $9, $10, $11) < '2000-01-01Z' THEN
        PERFORM credence.refuse('an instant about a replica is before the year 2000');
    ELSIF NOT EXISTS (SELECT FROM credence.replicas AS r WHERE r.replica_id = $2)
        AND (SELECT count(*) FROM credence.replicas) >= 10000 THEN
        PERFORM credence.refuse('there are 10000 replicas already: those that ended are removed with the time');
    END IF;
    INSERT INTO credence.replicas AS r (replica_id, name, address, version, applied_revision, applied_id,
        started_at, seen_at, left_at, last_read, ceiling, holder_hash)
    VALUES ($2, $3, $4, $5, $6, $7, least($8, latest), least($9, latest), CASE WHEN $10 IS NOT NULL THEN least($10, latest) END,
        CASE WHEN $11 IS NOT NULL THEN least($11, latest) END, $12, sha256($1))
    ON CONFLICT ON CONSTRAINT replicas_pkey DO UPDATE SET name = excluded.name, address = excluded.address,
        version = excluded.version, applied_revision = excluded.applied_revision, applied_id = excluded.applied_id,
        started_at = excluded.started_at, seen_at = excluded.seen_at, left_at = excluded.left_at,
        last_read = excluded.last_read, ceiling = excluded.ceiling
    WHERE r.holder_hash = excluded.holder_hash;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the replica belongs to another process' USING ERRCODE = 'unique_violation';
    END IF;
END
$$;
-- +goose StatementEnd

-- likely_quota refuses a window that cannot be one of a key or an owner. It is
-- asked for each new one, of which a subject has 4096 at most.
-- +goose StatementBegin
CREATE FUNCTION credence.likely_quota(subject text, name text, start_at timestamptz, end_at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF octet_length(name) > 512 THEN
        PERFORM credence.refuse('the name of a quota has more than 512 bytes');
    ELSIF NOT EXISTS (SELECT FROM credence.api_keys AS k WHERE k.key_id = $1)
        AND NOT EXISTS (SELECT FROM credence.owners AS o WHERE $1 = 'owner:' || o.namespace || '/' || o.name
            AND o.namespace = split_part(substr($1, 7), '/', 1) AND o.name = substr($1, strpos($1, '/') + 1)) THEN
        PERFORM credence.refuse('a quota is of a key or of an owner that is there');
    ELSIF (start_at BETWEEN '2000-01-01Z' AND clock_timestamp() + interval '1 day' AND end_at <= start_at + interval '32 days') IS NOT TRUE THEN
        PERFORM credence.refuse('a window of a quota has begun and is no longer than a month');
    ELSIF (SELECT count(*) FROM credence.quota_counters AS q WHERE q.subject = $1) >= 4096 THEN
        PERFORM credence.refuse('there are 4096 windows of the subject already');
    END IF;
END
$$;
-- +goose StatementEnd

-- reserve_quota takes min(want, budget - used) from a window. The row it
-- inserts or touches stays locked until the end, so callers take turns.
-- +goose StatementBegin
CREATE FUNCTION credence.reserve_quota(
    subject text, name text, start_at timestamptz, end_at timestamptz, want bigint, budget bigint,
    OUT granted bigint, OUT total bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF want <= 0 OR budget <= 0 THEN
        granted := 0;
        total := coalesce((SELECT q.used FROM credence.quota_counters AS q
            WHERE q.subject = $1 AND q.name = $2 AND q.start_at = $3), 0);
        RETURN;
    END IF;
    IF want > 1000000000000 THEN
        PERFORM credence.refuse('more than a million million units are asked for at once');
    END IF;
    IF NOT EXISTS (SELECT FROM credence.quota_counters AS q WHERE q.subject = $1 AND q.name = $2 AND q.start_at = $3 AND q.end_at = $4) THEN
        PERFORM credence.likely_quota(subject, name, start_at, end_at);
    END IF;
    INSERT INTO credence.quota_counters AS q (subject, name, start_at, end_at, used) VALUES ($1, $2, $3, $4, 0)
    ON CONFLICT ON CONSTRAINT quota_counters_pkey DO UPDATE SET end_at = excluded.end_at
    RETURNING q.used INTO total;
    granted := greatest(0, least(want, budget - total));
    IF granted > 0 THEN
        total := total + granted;
        UPDATE credence.quota_counters AS q SET used = reserve_quota.total
        WHERE q.subject = $1 AND q.name = $2 AND q.start_at = $3;
    END IF;
END
$$;
-- +goose StatementEnd

-- return_quota gives back what was reserved and not spent.
-- +goose StatementBegin
CREATE FUNCTION credence.return_quota(subject text, name text, start_at timestamptz, units bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE credence.quota_counters AS q SET used = greatest(0, q.used - $4)
    WHERE q.subject = $1 AND q.name = $2 AND q.start_at = $3 AND $4 > 0;
$$;
-- +goose StatementEnd

-- likely_usage refuses a batch that no replica counts: 500 rows of a kind are
-- what one sends. Sums of what it lets through stay within a bigint.
-- +goose StatementBegin
CREATE FUNCTION credence.likely_usage(batch jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind text;
BEGIN
    IF (octet_length(batch ->> 'replica') BETWEEN 1 AND 512) IS NOT TRUE THEN
        PERFORM credence.refuse('usage: the id of a replica has 1 to 512 bytes');
    ELSIF ((batch ->> 'sequence')::bigint BETWEEN 1 AND 1000000000000000) IS NOT TRUE THEN
        PERFORM credence.refuse('usage: the number of a batch is not from 1 to 10^15');
    ELSIF NOT credence.likely_time((batch ->> 'started')::timestamptz) OR NOT credence.likely_time((batch ->> 'at')::timestamptz) THEN
        PERFORM credence.refuse('usage: a batch was made before the year 2000 or more than an hour from now: compare the clocks');
    END IF;
    FOREACH kind IN ARRAY ARRAY['keys', 'used', 'failing', 'agents'] LOOP
        IF coalesce(jsonb_array_length(nullif(batch -> kind, 'null')), 0) > 10000 THEN
            PERFORM credence.refuse('usage: a batch has more than 10000 rows of a kind: ' || kind);
        END IF;
    END LOOP;
    PERFORM credence.refuse(format('usage: no replica counts %s checks in %s us over %s minutes from %s on: compare the clocks',
        t.checks, t.latency_us, t.minutes, t.minute))
    FROM jsonb_to_recordset(batch -> 'keys') AS t (key_id text, minute timestamptz, reason text, policy text, minutes integer,
        checks bigint, latency_us bigint, addresses text)
    WHERE (credence.likely_time(t.minute) AND t.minutes BETWEEN 1 AND 100000 AND t.checks BETWEEN 0 AND 1000000000000
        AND t.latency_us BETWEEN 0 AND 100000000000000 AND octet_length(t.addresses) = 256
        AND greatest(octet_length(t.key_id), octet_length(t.reason), octet_length(t.policy)) <= 512) IS NOT TRUE
    LIMIT 1;
    PERFORM credence.refuse(format('usage: no address is refused %s times, give or take %s, in the minute %s: compare the clocks',
        t.checks, t.uncertain, t.minute))
    FROM jsonb_to_recordset(batch -> 'failing') AS t (minute timestamptz, reason text, address inet, checks bigint, uncertain bigint)
    WHERE (credence.likely_time(t.minute) AND t.checks BETWEEN 0 AND 1000000000000 AND t.uncertain BETWEEN 0 AND 1000000000000
        AND octet_length(t.reason) <= 512) IS NOT TRUE
    LIMIT 1;
    PERFORM credence.refuse(format('usage: no family of user agents comes %s times, %s of them in vain, for %s us in the hour from %s on: compare the clocks',
        t.checks, t.denied, t.latency_us, t.start_at))
    FROM jsonb_to_recordset(batch -> 'agents') AS t (key_id text, start_at timestamptz, agent text, checks bigint, denied bigint, latency_us bigint)
    WHERE (credence.likely_time(t.start_at) AND t.start_at = date_trunc('hour', t.start_at, 'UTC') AND t.checks BETWEEN 0 AND 1000000000000
        AND t.denied BETWEEN 0 AND 1000000000000 AND t.latency_us BETWEEN 0 AND 100000000000000 AND octet_length(t.key_id) <= 512
        AND t.agent COLLATE "C" ~ '^[!#$%&''*+.^_`|~0-9a-z-]{1,32}$') IS NOT TRUE
    LIMIT 1;
    PERFORM credence.refuse(format('usage: a key was last used at %s, from %s networks: compare the clocks', t.at, cardinality(t.networks)))
    FROM jsonb_to_recordset(batch -> 'used') AS t (key_id text, at timestamptz, networks inet[])
    WHERE (credence.likely_time(t.at) AND coalesce(cardinality(t.networks), 0) <= 256) IS NOT TRUE
    LIMIT 1;
END
$$;
-- +goose StatementEnd

-- take_usage_turn claims the number of a batch: true the first time. The row
-- of the replica stays locked until the end, so its batches take turns. Of one
-- replica 100000 batches wait at most for one before them.
-- +goose StatementBegin
CREATE FUNCTION credence.take_usage_turn(token bytea, batch jsonb) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id   text := batch ->> 'replica';
    seq  bigint := (batch ->> 'sequence')::bigint;
    at   timestamptz := (batch ->> 'at')::timestamptz;
    done credence.usage_replicas;
BEGIN
    IF NOT EXISTS (SELECT FROM credence.usage_replicas AS r WHERE r.replica_id = id) THEN
        IF (SELECT count(*) FROM credence.usage_replicas) >= 10000 THEN
            PERFORM credence.refuse('usage: 10000 replicas have delivered already: those that ended are removed with the time');
        END IF;
        INSERT INTO credence.usage_replicas (replica_id, holder_hash, sequence, applied_at, received_at)
        VALUES (id, sha256(token), 0, (batch ->> 'started')::timestamptz, clock_timestamp()) ON CONFLICT DO NOTHING;
    END IF;
    SELECT * INTO STRICT done FROM credence.usage_replicas AS r WHERE r.replica_id = id FOR UPDATE;
    IF token IS NOT NULL AND done.holder_hash IS DISTINCT FROM sha256(token) THEN
        RAISE EXCEPTION 'the replica belongs to another process' USING ERRCODE = 'unique_violation';
    END IF;
    IF seq <= done.sequence THEN
        RETURN false;
    END IF;
    IF seq > done.sequence + 1 AND (SELECT count(*) FROM credence.usage_ahead AS a WHERE a.replica_id = id) >= 100000 THEN
        PERFORM credence.refuse('usage: 100000 batches of the replica wait for one before them');
    END IF;
    INSERT INTO credence.usage_ahead (replica_id, sequence, at, received_at) VALUES (id, seq, at, clock_timestamp())
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- Whoever delivers is alive.
    DELETE FROM credence.usage_gaps AS g WHERE g.replica_id = id AND g.cause = 'killed';
    UPDATE credence.usage_replicas AS r SET received_at = clock_timestamp(),
        ended_at = CASE WHEN coalesce((batch ->> 'final')::boolean, false) THEN at END WHERE r.replica_id = id;
    PERFORM credence.advance_usage(id, done.sequence);
    RETURN true;
END
$$;
-- +goose StatementEnd

-- advance_usage moves the number up to which all batches have come.
-- +goose StatementBegin
CREATE FUNCTION credence.advance_usage(id text, behind bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reached bigint := behind;
    last    timestamptz;
    next    timestamptz;
BEGIN
    LOOP
        DELETE FROM credence.usage_ahead AS a WHERE a.replica_id = id AND a.sequence = reached + 1 RETURNING a.at INTO next;
        EXIT WHEN NOT FOUND;
        reached := reached + 1;
        last := next;
    END LOOP;
    IF reached > behind THEN
        UPDATE credence.usage_replicas AS r SET sequence = reached, applied_at = last WHERE r.replica_id = id;
    END IF;
END
$$;
-- +goose StatementEnd

-- add_late_usage sums rows of a batch that belong to times which have been
-- rolled up into hours, or days, already.
-- +goose StatementBegin
CREATE FUNCTION credence.add_late_usage(batch jsonb, rolled credence.usage_rolled) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO credence.usage_hour AS u
        (key_id, start_at, reason, policy, namespace, owner, plan, checks, latency_us, addresses)
    SELECT t.key_id, date_trunc('hour', t.minute, 'UTC'), t.reason, t.policy, coalesce(min(k.namespace), ''),
        coalesce(min(k.owner), ''), coalesce(min(k.plan), ''), sum(t.checks), sum(t.latency_us), bit_or(('x' || t.addresses)::bit(1024))
    FROM jsonb_to_recordset(batch -> 'keys') AS t (key_id text, minute timestamptz, reason text, policy text,
        checks bigint, latency_us bigint, addresses text)
    LEFT JOIN credence.api_keys AS k ON k.key_id = t.key_id COLLATE "C"
    WHERE t.minute < rolled.minutes_before GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT ON CONSTRAINT usage_hour_pkey DO UPDATE SET checks = u.checks + excluded.checks,
        latency_us = u.latency_us + excluded.latency_us, addresses = u.addresses | excluded.addresses;
    INSERT INTO credence.usage_day AS u
        (key_id, start_at, reason, policy, namespace, owner, plan, checks, latency_us, addresses)
    SELECT t.key_id, date_trunc('day', t.minute, 'UTC'), t.reason, t.policy, coalesce(min(k.namespace), ''),
        coalesce(min(k.owner), ''), coalesce(min(k.plan), ''), sum(t.checks), sum(t.latency_us), bit_or(('x' || t.addresses)::bit(1024))
    FROM jsonb_to_recordset(batch -> 'keys') AS t (key_id text, minute timestamptz, reason text, policy text,
        checks bigint, latency_us bigint, addresses text)
    LEFT JOIN credence.api_keys AS k ON k.key_id = t.key_id COLLATE "C"
    WHERE t.minute < rolled.hours_before GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT ON CONSTRAINT usage_day_pkey DO UPDATE SET checks = u.checks + excluded.checks,
        latency_us = u.latency_us + excluded.latency_us, addresses = u.addresses | excluded.addresses;
    PERFORM credence.refuse('usage: more is added to an hour that is over than can have been')
    FROM jsonb_to_recordset(batch -> 'keys') AS t (key_id text, minute timestamptz, reason text, policy text)
    JOIN credence.usage_hour AS u ON u.key_id = t.key_id COLLATE "C" AND u.start_at = date_trunc('hour', t.minute, 'UTC')
        AND u.reason = t.reason COLLATE "C" AND u.policy = t.policy COLLATE "C"
    WHERE greatest(u.checks, u.latency_us) > 100000000000000000 LIMIT 1;
    PERFORM credence.refuse('usage: more is added to a day that is over than can have been')
    FROM jsonb_to_recordset(batch -> 'keys') AS t (key_id text, minute timestamptz, reason text, policy text)
    JOIN credence.usage_day AS u ON u.key_id = t.key_id COLLATE "C" AND u.start_at = date_trunc('day', t.minute, 'UTC')
        AND u.reason = t.reason COLLATE "C" AND u.policy = t.policy COLLATE "C"
    WHERE greatest(u.checks, u.latency_us) > 4000000000000000000 LIMIT 1;
END
$$;
-- +goose StatementEnd

-- roll_usage sums at most one minute into its hour, and then at most one hour
-- into its day, of those before the instant. It answers whether there is more.
-- +goose StatementBegin
CREATE FUNCTION credence.roll_usage(until timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rolled credence.usage_rolled;
    next   timestamptz;
    more   boolean := false;
BEGIN
    LOCK TABLE credence.usage_rolled IN EXCLUSIVE MODE;
    SELECT * INTO STRICT rolled FROM credence.usage_rolled;
    until := date_trunc('minute', until, 'UTC');
    IF rolled.minutes_before < until THEN
        SELECT min(u.minute) INTO next FROM credence.usage_minute AS u WHERE u.minute >= rolled.minutes_before AND u.minute < until;
        IF next IS NULL THEN
            rolled.minutes_before := until;
        ELSE
            INSERT INTO credence.usage_hour AS u
                (key_id, start_at, reason, policy, namespace, owner, plan, checks, latency_us, addresses)
            SELECT m.key_id, date_trunc('hour', m.minute, 'UTC'), m.reason, m.policy, min(m.namespace), min(m.owner), min(m.plan),
                sum(m.checks), sum(m.latency_us), bit_or(m.addresses)
            FROM credence.usage_minute AS m WHERE m.minute >= next AND m.minute < next + interval '1 minute'
            GROUP BY 1, 2, 3, 4
            ON CONFLICT ON CONSTRAINT usage_hour_pkey DO UPDATE SET checks = u.checks + excluded.checks,
                latency_us = u.latency_us + excluded.latency_us, addresses = u.addresses | excluded.addresses;
            rolled.minutes_before := next + interval '1 minute';
            more := true;
        END IF;
    END IF;
    until := date_trunc('hour', rolled.minutes_before, 'UTC');
    IF rolled.hours_before < until THEN
        SELECT min(u.start_at) INTO next FROM credence.usage_hour AS u WHERE u.start_at >= rolled.hours_before AND u.start_at < until;
        IF next IS NULL THEN
            rolled.hours_before := until;
        ELSE
            INSERT INTO credence.usage_day AS u
                (key_id, start_at, reason, policy, namespace, owner, plan, checks, latency_us, addresses)
            SELECT h.key_id, date_trunc('day', h.start_at, 'UTC'), h.reason, h.policy, h.namespace, h.owner, h.plan,
                h.checks, h.latency_us, h.addresses
            FROM credence.usage_hour AS h WHERE h.start_at = next
            ON CONFLICT ON CONSTRAINT usage_day_pkey DO UPDATE SET checks = u.checks + excluded.checks,
                latency_us = u.latency_us + excluded.latency_us, addresses = u.addresses | excluded.addresses;
            rolled.hours_before := next + interval '1 hour';
            more := true;
        END IF;
    END IF;
    UPDATE credence.usage_rolled SET minutes_before = rolled.minutes_before, hours_before = rolled.hours_before;
    RETURN more;
END
$$;
-- +goose StatementEnd

-- apply_usage adds a batch unless it was added before. Rows are written in one
-- order by all, so that two batches never wait for each other; keys that
-- somebody else holds are passed over, their next use will be told, too.
-- +goose StatementBegin
CREATE FUNCTION credence.apply_usage(token bytea, batch jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rolled credence.usage_rolled;
BEGIN
    PERFORM credence.likely_usage(batch);
    IF NOT credence.take_usage_turn(token, batch) THEN
        RETURN;
    END IF;
    LOCK TABLE credence.usage_rolled IN ROW SHARE MODE;
    SELECT * INTO STRICT rolled FROM credence.usage_rolled;
    IF (batch ->> 'earliest')::timestamptz < rolled.minutes_before THEN
        PERFORM credence.add_late_usage(batch, rolled);
    END IF;
    INSERT INTO credence.usage_minute AS u
        (key_id, minute, reason, policy, minutes, namespace, owner, plan, checks, latency_us, addresses)
    SELECT t.key_id, t.minute, t.reason, t.policy, max(t.minutes), coalesce(min(k.namespace), ''), coalesce(min(k.owner), ''),
        coalesce(min(k.plan), ''), sum(t.checks), sum(t.latency_us), bit_or(('x' || t.addresses)::bit(1024))
    FROM jsonb_to_recordset(batch -> 'keys') AS t (key_id text, minute timestamptz, reason text, policy text, minutes integer,
        checks bigint, latency_us bigint, addresses text)
    LEFT JOIN credence.api_keys AS k ON k.key_id = t.key_id COLLATE "C"
    GROUP BY t.key_id, t.minute, t.reason, t.policy
    ORDER BY t.key_id COLLATE "C", t.minute, t.reason COLLATE "C", t.policy COLLATE "C"
    ON CONFLICT ON CONSTRAINT usage_minute_pkey DO UPDATE SET minutes = greatest(u.minutes, excluded.minutes),
        checks = u.checks + excluded.checks, latency_us = u.latency_us + excluded.latency_us,
        addresses = u.addresses | excluded.addresses;
    INSERT INTO credence.usage_failing AS f (minute, reason, address, checks, uncertain)
    SELECT t.minute, t.reason, t.address, sum(t.checks), sum(t.uncertain)
    FROM jsonb_to_recordset(batch -> 'failing') AS t (minute timestamptz, reason text, address inet, checks bigint, uncertain bigint)
    GROUP BY t.minute, t.reason, t.address
    ORDER BY t.minute, t.reason COLLATE "C", t.address
    ON CONFLICT ON CONSTRAINT usage_failing_pkey DO UPDATE SET
        checks = f.checks + excluded.checks, uncertain = f.uncertain + excluded.uncertain;
    INSERT INTO credence.usage_agents AS u (key_id, start_at, agent, namespace, owner, plan, checks, denied, latency_us)
    SELECT t.key_id, t.start_at, t.agent, coalesce(k.namespace, ''), coalesce(k.owner, ''), coalesce(k.plan, ''), t.checks, t.denied, t.latency_us
    FROM jsonb_to_recordset(batch -> 'agents') AS t (key_id text, start_at timestamptz, agent text, checks bigint, denied bigint, latency_us bigint)
    LEFT JOIN credence.api_keys AS k ON k.key_id = t.key_id COLLATE "C"
    ORDER BY t.key_id COLLATE "C", t.start_at, t.agent COLLATE "C"
    ON CONFLICT ON CONSTRAINT usage_agents_pkey DO UPDATE SET checks = u.checks + excluded.checks,
        denied = u.denied + excluded.denied, latency_us = u.latency_us + excluded.latency_us;
    WITH latest AS (
        SELECT DISTINCT ON (t.key_id) t.key_id, t.at, t.address
        FROM jsonb_to_recordset(batch -> 'used') AS t (key_id text, at timestamptz, address inet)
        ORDER BY t.key_id, t.at DESC),
    due AS (
        SELECT k.id, t.at, t.address
        FROM latest AS t
        JOIN credence.api_keys AS k ON k.key_id = t.key_id COLLATE "C"
        WHERE k.status <> 'purged' AND (k.last_used_at IS NULL OR k.last_used_at <= t.at - interval '1 minute')
        FOR NO KEY UPDATE OF k SKIP LOCKED)
    UPDATE credence.api_keys AS k SET last_used_at = due.at, last_used_ip = due.address FROM due WHERE k.id = due.id;
    INSERT INTO credence.key_networks AS n (key_id, network, first_at, last_at)
    SELECT k.key_id, u.network, min(t.at), max(t.at)
    FROM jsonb_to_recordset(batch -> 'used') AS t (key_id text, at timestamptz, networks inet[])
    JOIN credence.api_keys AS k ON k.key_id = t.key_id COLLATE "C"
    CROSS JOIN unnest(t.networks) AS u (network)
    WHERE k.status <> 'purged' AND ((SELECT count(*) FROM credence.key_networks AS c WHERE c.key_id = k.key_id) < 256
        OR EXISTS (SELECT FROM credence.key_networks AS c WHERE c.key_id = k.key_id AND c.network = u.network))
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT ON CONSTRAINT key_networks_pkey DO UPDATE
        SET first_at = least(n.first_at, excluded.first_at), last_at = greatest(n.last_at, excluded.last_at)
        WHERE excluded.last_at >= n.last_at + interval '1 hour' OR excluded.first_at < n.first_at
            OR n.last_at = n.first_at AND excluded.last_at > n.last_at;
END
$$;
-- +goose StatementEnd

-- record_usage_gaps answers how many gaps are new. Of a replica whose later
-- batches came before the instant, what is missing in between is given up.
-- +goose StatementBegin
CREATE FUNCTION credence.record_usage_gaps(silent_since timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_gaps bigint;
    behind     credence.usage_replicas;
    first      credence.usage_ahead;
BEGIN
    WITH dead AS (
        UPDATE credence.usage_replicas AS u SET ended_at = greatest(u.applied_at, (
            SELECT coalesce(r.left_at, r.seen_at) FROM credence.replicas AS r WHERE r.replica_id = u.replica_id))
        WHERE u.ended_at IS NULL AND u.received_at < silent_since AND NOT EXISTS (
            SELECT FROM credence.replicas AS r WHERE r.replica_id = u.replica_id AND r.left_at IS NULL AND r.seen_at >= silent_since)
        RETURNING u.replica_id, u.applied_at, u.ended_at)
    INSERT INTO credence.usage_gaps (replica_id, from_at, to_at, cause)
    SELECT dead.replica_id, dead.applied_at, dead.ended_at, 'killed' FROM dead ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS found_gaps = ROW_COUNT;
    LOOP
        SELECT u.* INTO behind FROM credence.usage_replicas AS u
        WHERE u.replica_id = (SELECT a.replica_id FROM credence.usage_ahead AS a WHERE a.received_at < silent_since LIMIT 1)
        FOR UPDATE;
        EXIT WHEN NOT FOUND;
        SELECT a.* INTO STRICT first FROM credence.usage_ahead AS a
        WHERE a.replica_id = behind.replica_id ORDER BY a.sequence LIMIT 1;
        INSERT INTO credence.usage_gaps AS g (replica_id, from_at, to_at, cause)
        VALUES (behind.replica_id, behind.applied_at, greatest(behind.applied_at, first.at), 'lost')
        ON CONFLICT ON CONSTRAINT usage_gaps_pkey DO UPDATE SET to_at = greatest(g.to_at, excluded.to_at);
        found_gaps := found_gaps + 1;
        PERFORM credence.advance_usage(behind.replica_id, first.sequence - 1);
    END LOOP;
    RETURN found_gaps;
END
$$;
-- +goose StatementEnd

-- ship_usage is how a replica delivers by itself. As with put_replica, only the
-- process that knows the token delivers for its replica.
-- +goose StatementBegin
CREATE FUNCTION credence.ship_usage(token bytea, batch jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF octet_length(token) IS DISTINCT FROM 32 THEN
        PERFORM credence.refuse('the token of a replica has 32 bytes');
    END IF;
    PERFORM credence.apply_usage(token, batch);
END
$$;
-- +goose StatementEnd

-- +goose Down
-- There is no way back: an older program refuses a newer schema, and a backup
-- taken before the migration is the way to return.
SELECT 1;
