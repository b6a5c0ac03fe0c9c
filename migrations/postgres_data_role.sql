-- What the data plane may do. `credence migrate` runs this file every time,
-- after the numbered ones, in one transaction: it is the whole truth about the
-- role, also after a backup was restored into a server that did not know it.
--
-- The role is a group: nobody logs in as it. An operator makes a login and
-- grants it: CREATE ROLE replicas LOGIN PASSWORD '...' IN ROLE credence_data;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'credence_data') THEN
        CREATE ROLE credence_data NOLOGIN;
    END IF;
EXCEPTION
    -- Roles belong to the server: a migration of another database was faster.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

-- Everything is taken away first, so that what an earlier version granted is
-- gone. Functions are everybody's unless that is taken back, also River's.
REVOKE ALL ON SCHEMA credence FROM PUBLIC, credence_data;
REVOKE ALL ON ALL TABLES IN SCHEMA credence FROM PUBLIC, credence_data;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA credence FROM PUBLIC, credence_data;
REVOKE ALL ON ALL ROUTINES IN SCHEMA credence FROM PUBLIC, credence_data;

GRANT USAGE ON SCHEMA credence TO credence_data;

-- To find a key with the limits of its plan and its owner.
GRANT SELECT (key_id, namespace, name, owner, key_type, status, status_reason, environment, plan, scopes, limits, quotas,
    networks, hosts, methods, paths, labels, not_before, expires_at, limits_id, grace_ends_at, throttle, key_hash, pepper_id, checksum_id, created_at, updated_at,
    status_at, version, last_used_at) ON credence.api_keys TO credence_data;
GRANT SELECT (namespace, name, limits, quotas) ON credence.plans TO credence_data;
GRANT SELECT (namespace, name, limits, quotas) ON credence.owners TO credence_data;

-- To follow the blacklist, the route policies and the feed.
GRANT SELECT (id, namespace, network, reason, source, ends_at, created_by, created_at) ON credence.ip_blacklist TO credence_data;
GRANT SELECT (name, description, namespaces, scopes, environment, cost, shadow, anonymous, hosts, paths, methods, created_at,
    updated_at, version) ON credence.route_policies TO credence_data;
GRANT SELECT (revision, change_id, kind, namespace, object_id, created, key_hash, at) ON credence.changes TO credence_data;

-- To see that the database answers, is of this version and of these secrets.
GRANT SELECT (only_row, revision) ON credence.revision_counter TO credence_data;
GRANT SELECT (secrets_file, fingerprint) ON credence.deployment TO credence_data;
GRANT SELECT (version_id, is_applied) ON credence.goose_db_version TO credence_data;
GRANT SELECT (version, line) ON credence.river_migration TO credence_data;

-- To count the live replicas, and to report as one of them.
GRANT SELECT (replica_id, name, address, version, applied_revision, applied_id, started_at, seen_at, left_at, last_read, ceiling)
    ON credence.replicas TO credence_data;
GRANT EXECUTE ON FUNCTION credence.put_replica TO credence_data;

-- To reserve blocks of quotas and give back the rest.
GRANT EXECUTE ON FUNCTION credence.reserve_quota TO credence_data;
GRANT EXECUTE ON FUNCTION credence.return_quota TO credence_data;

-- To deliver what it has counted.
GRANT EXECUTE ON FUNCTION credence.ship_usage TO credence_data;
