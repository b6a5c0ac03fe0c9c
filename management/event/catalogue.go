package event

import "time"

// Type is the name of a kind of event, "family.what_happened".
type Type string

// The types.
const (
	KeyCreated         Type = "key.created"
	KeyUpdated         Type = "key.updated"
	KeyRotated         Type = "key.rotated"
	KeyRevoked         Type = "key.revoked"
	KeyDisabled        Type = "key.disabled"
	KeyEnabled         Type = "key.enabled"
	KeySuspended       Type = "key.suspended"
	KeyExpired         Type = "key.expired"
	KeyPurged          Type = "key.purged"
	KeyExpiring        Type = "key.expiring"
	LimitExceeded      Type = "limit.exceeded"
	QuotaNear          Type = "quota.near"
	QuotaExhausted     Type = "quota.exhausted"
	PlanChanged        Type = "plan.changed"
	BlacklistChanged   Type = "blacklist.changed"
	AnomalyOpened      Type = "anomaly.opened"
	AnomalyResolved    Type = "anomaly.resolved"
	GiteaTokenCreated  Type = "gitea_token.created"
	GiteaTokenRotated  Type = "gitea_token.rotated"
	GiteaTokenDeleted  Type = "gitea_token.deleted"
	GiteaTokenStranger Type = "gitea_token.stranger"
	GiteaTokenMissing  Type = "gitea_token.missing"
	GiteaTokenWidened  Type = "gitea_token.widened"
	GiteaTokenInvalid  Type = "gitea_token.invalid"
	N8NKeyCreated      Type = "n8n_key.created"
	N8NKeyRotated      Type = "n8n_key.rotated"
	N8NKeyDeleted      Type = "n8n_key.deleted"
	N8NKeyStranger     Type = "n8n_key.stranger"
	N8NKeyMissing      Type = "n8n_key.missing"
	N8NKeyWidened      Type = "n8n_key.widened"
	N8NKeyInvalid      Type = "n8n_key.invalid"
	ConnectionPaused   Type = "connection.paused"
	ConnectionResumed  Type = "connection.resumed"
	ReportReady        Type = "report.ready"
	WebhookDisabled    Type = "webhook.disabled"
	WebhookTest        Type = "webhook.test"
)

// Definition is a row of the catalogue.
type Definition struct {
	Type    Type
	Version int    // of the schema of its data
	When    string // it is sent
	Example any    // of its data; its Go type is the schema
}

// Catalogue answers all types there are, in the order of the documentation.
func Catalogue() []Definition {
	active, revoked := exampleKey("active"), exampleKey("revoked")
	person := "token:tok_06f5x0q3v4g7mt1qvb6k2n8c9d"
	return append([]Definition{
		{KeyCreated, 1, "A key was made: new, imported, or as the successor of another.", KeyChange{Key: active, Actor: person}},
		{KeyUpdated, 1, "What a key is called, what it may do or how long it lives was changed.", KeyUpdate{
			Key: active, Changed: []string{"limits", "name"}, Actor: person,
		}},
		{KeyRotated, 1, "Another key takes over from this one, which works until its grace ends.", KeyRotation{
			Key: active, Successor: "key_06f5x6tkdm3qf7h0rb5y1c2w8e", GraceEndsAt: exampleTime.Add(24 * time.Hour), Actor: person,
		}},
		{KeyRevoked, 1, "A key was revoked for good: by a person, by a filter, or because its successor has taken over.", KeyChange{
			Key: revoked, Actor: person, Reason: "left the company",
		}},
		{KeyDisabled, 1, "A person had a key refused until it is enabled again.", KeyChange{
			Key: exampleKey("disabled"), Actor: person, Reason: "looked at by security",
		}},
		{KeyEnabled, 1, "A disabled or suspended key is let in again.", KeyChange{Key: active, Actor: person}},
		{KeySuspended, 1, "A key is refused on suspicion until it is enabled again.", KeyChange{
			Key: exampleKey("suspended"), Actor: person, Reason: "used from 400 addresses",
		}},
		{KeyExpired, 1, "The life of a key has ended. Checks refuse it from that instant on; this is told when the cleanup comes by.", KeyChange{
			Key: active, Actor: "job:cleanup",
		}},
		{KeyPurged, 1, "The content of a revoked or expired key was erased; only its id is left.", KeyErased{
			KeyID: active.KeyID, Namespace: active.Namespace, Actor: person,
		}},
		{KeyExpiring, 1, "The life of a key ends within a week. Not told of keys that were made for no longer than that.", KeyChange{
			Key: active, Actor: "job:cleanup",
		}},
		{LimitExceeded, 1, "A key met a limit. Told at once when that is first seen in an hour, and, if it went on, once more when the hour is over, with the sum.", LimitMet{
			KeyID: active.KeyID, Namespace: active.Namespace, Owner: active.Owner, Phase: "summary",
			Since: exampleTime.Truncate(time.Hour), Until: exampleTime.Truncate(time.Hour).Add(time.Hour), Refused: 4180,
		}},
		{QuotaNear, 1, "Four fifths of a quota are used. Told once in its day or month.", QuotaUse{
			KeyID: active.KeyID, Namespace: active.Namespace, Owner: active.Owner, Quota: "monthly", Used: 81_200, Limit: 100_000,
			RefillsAt: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
		}},
		{QuotaExhausted, 1, "All of a quota is given out. What replicas have left of it is let through, then Checks are refused until it refills. Told once in its day or month.", QuotaUse{
			Namespace: active.Namespace, Owner: active.Owner, Quota: "monthly", Used: 100_000, Limit: 100_000,
			RefillsAt: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
		}},
		{PlanChanged, 1, "A plan was made, changed or deleted. Keys under it are limited by what it is now.", PlanChange{
			Plan: "basic", Namespace: "payments", Action: "updated", Limits: []string{"100/m"}, Quotas: []string{"10000/day"}, Actor: person,
		}},
		{BlacklistChanged, 1, "A network is refused from now on, or no longer. Rules without a namespace are told to webhooks without one.", BlacklistChange{
			RuleID: "blk_06f5x7c4h2m1v9s3w6n0p5t8qk", Namespace: "payments", Action: "added", Network: "203.0.113.0/24",
			Reason: "key scan", EndsAt: exampleTime.Add(time.Hour), Actor: person,
		}},
		{
			AnomalyOpened, 1, "Use of a key or an address is not as it should be. While it lasts this is told once; findings about addresses are told to webhooks without a namespace.",
			AnomalyChange{Anomaly: exampleAnomaly("open"), Actor: "job:anomalies"},
		},
		{AnomalyResolved, 1, "A person has ended a finding. When it goes on, there is a new one.", AnomalyChange{
			Anomaly: exampleAnomaly("resolved"), Actor: person, Note: "load test",
		}},
	}, outside(person)...)
}

// outside are the types about what leads outside: other programs, and webhooks.
func outside(person string) []Definition {
	return []Definition{
		{GiteaTokenCreated, 1, "An access token of a Gitea user was made.", GiteaTokenChange{Token: exampleGiteaToken("active"), Actor: person}},
		{GiteaTokenRotated, 1, "Another access token takes over from this one, which is deleted when the overlap is over. When its secret waits, fetch it: credence gitea tokens collect.", GiteaTokenRotation{
			Token: exampleGiteaToken("active"), Successor: exampleGiteaToken("active"), EndsAt: exampleTime.Add(24 * time.Hour), Waits: true, Actor: "job:gitea_token",
		}},
		{GiteaTokenDeleted, 1, "An access token of a Gitea user was deleted, on the server and here.", GiteaTokenChange{
			Token: exampleGiteaToken("deleting"), Actor: "job:gitea_token", Reason: "expired",
		}},
		{GiteaTokenInvalid, 1, "An access token was tried out, and the server does not accept it any more.", GiteaTokenChange{
			Token: exampleGiteaToken("active"), Actor: person,
		}},
		{GiteaTokenStranger, 1, "A Gitea user has an access token that was not made here: adopt it or delete it.", GiteaTokenChange{
			Token: exampleGiteaToken("stranger"), Actor: "job:gitea_token",
		}},
		{GiteaTokenMissing, 1, "The server has an access token no more that is known here.", GiteaTokenChange{Token: exampleGiteaToken("missing"), Actor: "job:gitea_token"}},
		{GiteaTokenWidened, 1, "The server states more scopes of an access token than it was given.", GiteaTokenChange{
			Token: exampleGiteaToken("widened"), Actor: "job:gitea_token",
		}},
		{N8NKeyCreated, 1, "An API key was made at n8n.", N8NKeyChange{Key: exampleN8NKey("active"), Actor: person}},
		{N8NKeyRotated, 1, "Another API key takes over from this one, which is deleted at n8n when the overlap is over; or the same key got another secret, then successor is the key itself. When the secret waits, fetch it: credence n8n keys collect.", N8NKeyRotation{
			Key: exampleN8NKey("active"), Successor: exampleN8NKey("active"), EndsAt: exampleTime.Add(24 * time.Hour), Waits: true, Actor: "job:n8n_key",
		}},
		{N8NKeyDeleted, 1, "An API key was deleted, at n8n and here.", N8NKeyChange{
			Key: exampleN8NKey("deleting"), Actor: "job:n8n_key", Reason: "expired",
		}},
		{N8NKeyStranger, 1, "An n8n account has an API key that was not made here: adopt it or delete it.", N8NKeyChange{Key: exampleN8NKey("stranger"), Actor: "job:n8n_key"}},
		{N8NKeyMissing, 1, "n8n has an API key no more that is known here.", N8NKeyChange{Key: exampleN8NKey("missing"), Actor: "job:n8n_key"}},
		{N8NKeyWidened, 1, "n8n states more scopes of an API key than it was given.", N8NKeyChange{Key: exampleN8NKey("widened"), Actor: "job:n8n_key"}},
		{N8NKeyInvalid, 1, "An API key was tried out, and n8n does not accept it any more.", N8NKeyChange{
			Key: exampleN8NKey("active"), Actor: person,
		}},
		{ConnectionPaused, 1, "A connection to another program is not used until it is mended: its credential was not accepted there, or a person said so.", ConnectionChange{
			Kind: "gitea", Name: "main", Namespace: "payments", Reason: "credential_rejected", Actor: "system",
		}},
		{ConnectionResumed, 1, "A connection to another program is used again.", ConnectionChange{
			Kind: "gitea", Name: "main", Namespace: "payments", Actor: person,
		}},
		{ReportReady, 1, "A report was made, by a schedule or because somebody asked for it, and can be downloaded.", Report{
			ReportID: "rpt_06f5x9b2n7q4w1d6k3t8m0v5yc", Namespace: "payments", Span: "weekly", Since: exampleTime.AddDate(0, 0, -7),
			Until: exampleTime, ScheduleID: "rsc_06f5x9d8h1m5r2y7c4p0s6w3tb", Actor: "job:report_make",
		}},
		{WebhookDisabled, 1, "A webhook is no longer called, by decision of a person or because it failed for days. What it would have been told is kept for it.", WebhookChange{
			WebhookID: "whk_06f5x8r6y0d4k2q7b1j9m3v5tz", Namespace: "payments",
			Reason: "the receiver answered 410 Gone", Actor: "job:webhook_deliver",
		}},
		{WebhookTest, 1, "Somebody tried a webhook. It is sent to that webhook alone, whatever its filter.", WebhookTrial{
			WebhookID: "whk_06f5x8r6y0d4k2q7b1j9m3v5tz", Message: "This is a test.", Actor: person,
		}},
	}
}

var exampleTime = time.Date(2026, 5, 4, 12, 30, 0, 0, time.UTC) //nolint:gochecknoglobals // the instant of every example

func exampleAnomaly(state string) Anomaly {
	key := exampleKey("active")
	return Anomaly{
		AnomalyID: "ano_06f5x9b2n7v4h0s8c3k6m1q5rw", Type: "rate_change", Severity: "high", State: state, Namespace: key.Namespace,
		KeyID: key.KeyID, Subject: "key:" + key.KeyID, Message: "key " + key.KeyID + " made 5000 requests in the hour from 2026-05-04 11:00; in that hour of the week it made about 100, and never more than 130 in 28 days",
		Observed: 5000, Expected: 100, FirstAt: exampleTime.Add(-90 * time.Minute), LastAt: exampleTime.Add(-30 * time.Minute),
	}
}

func exampleGiteaToken(state string) GiteaToken {
	return GiteaToken{
		TokenID: "gtk_06f5x9v3q7b2n6c0m4k8d1w5tz", Namespace: "payments", GiteaTokenID: 17, Name: "ci-bot-7f3a9c2e51d0", Login: "ci-bot",
		Scopes: []string{"read:user", "write:repository"}, LastEight: "2d10ccc9", Owner: "team-a", State: state,
		CreatedAt: exampleTime.Add(-72 * time.Hour), ExpiresAt: exampleTime.Add(720 * time.Hour),
	}
}

func exampleN8NKey(state string) N8NKey {
	return N8NKey{
		ID: "n8k_06f5x9v3q7b2n6c0m4k8d1w5tz", Namespace: "payments", N8NKeyID: "xrpyu8abvKEpVlv7", Label: "ci-bot-7f3a9c2e51d0", Login: "owner@example.com",
		Scopes: []string{"workflow:list", "workflow:read"}, LastFour: "dN-0", Owner: "team-a", State: state,
		CreatedAt: exampleTime.Add(-72 * time.Hour), ExpiresAt: exampleTime.Add(720 * time.Hour),
	}
}

func exampleKey(status string) Key {
	return Key{
		KeyID: "key_06f5x2m8w1c5j9r3n7t0q4v6bd", Namespace: "payments", Name: "orders", Owner: "team-a", KeyType: "service",
		Status: status, Environment: "live", Plan: "basic", Scopes: []string{"orders:read"}, Labels: map[string]string{"cost_centre": "42"},
		CreatedAt: exampleTime.Add(-72 * time.Hour), ExpiresAt: exampleTime.Add(720 * time.Hour),
	}
}

// VersionOf answers the version of a type's schema; 0 for a type that is not
// in the catalogue.
func VersionOf(t Type) int {
	for _, d := range Catalogue() {
		if d.Type == t {
			return d.Version
		}
	}
	return 0
}
