// Package chaos runs a deployment of real processes (three data planes and a
// control plane on PostgreSQL, with and without Redis) under load while
// everything that can fail does, and holds each answer against the promises:
//
//   - after a complete receipt no replica accepts the key, and after a partial
//     one none that the receipt does not name, nor a named one after the
//     instant that the receipt tells;
//   - a replica that has been cut off from the database for a ceiling accepts
//     nothing;
//   - a key that lives is never answered 401;
//   - no process ends by itself;
//   - when the troubles are over, every live key is accepted and every revoked
//     one refused by every replica, without a restart.
//
// Only Checks that began after the fact count: what is on its way while a
// receipt arrives may be answered either way.
//
// Each part has its own schedule of troubles, drawn from the seed: replicas are
// killed, stopped, frozen; their lines to the database are cut, held up,
// slowed; PostgreSQL and Redis are restarted (Redis comes back empty), crashed,
// frozen. What interleaves how is the machine's to say, so a seed is a schedule
// and not a replay.
package chaos
