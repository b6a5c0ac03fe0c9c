package store

import "context"

// Reader is everything the control plane reads, outside or inside a
// transaction.
type Reader interface {
	NamespaceReader
	KeyReader
	KeyCounter
	KeyHashReader
	KeySecretReader
	OwnerReader
	PlanReader
	KeyPolicyReader
	BlacklistReader
	BlacklistCounter
	RoutePolicyReader
	TokenReader
	WebhookReader
	DeliveryReader
	ConnectionReader
	ReportReader
	NoticeReader
	OutsideReader
	N8NSessionReader
	InventoryReader
	AuditReader
	CheckpointReader
	AnchorReader
	IdempotencyReader
	UsageReader
	UsageAnswerer
	OldCounter
	CleanupReportReader
	AnomalyReader
	AnomalyPolicyReader
}

// Writer is everything a transaction can change. Backends implement it; only
// [Tx] calls it.
type Writer interface {
	Reader
	NamespaceWriter
	KeyWriter
	OwnerWriter
	PlanWriter
	KeyPolicyWriter
	BlacklistWriter
	RoutePolicyWriter
	TokenWriter
	WebhookWriter
	DeliveryWriter
	ConnectionWriter
	ReportWriter
	NoticeWriter
	OutsideWriter
	N8NSessionWriter
	IdempotencyWriter
	JobWriter
	AuditWriter
	CheckpointWriter
	AnchorWriter
	CleanupReportWriter
	AnomalyWriter
	AnomalyPolicyWriter
	ChangeWriter
}

// DataPlane is everything the data plane needs of a database.
type DataPlane interface {
	KeyFinder
	UsedKeyReader
	BlacklistReader
	RoutePolicyReader
	ChangeFeed
	ReplicaRegistry
	QuotaCounters
	UsageSink
}

// Transactor runs transactions.
type Transactor interface {
	// Transact MUST run fn in one serializable transaction: commit when fn
	// answers nil, otherwise roll everything back and answer fn's error. It
	// MUST NOT run fn again by itself.
	Transact(ctx context.Context, fn func(ctx context.Context, w Writer) error) error
}

// Backend is a database.
type Backend interface {
	Reader
	DataPlane
	Transactor
	JobRunner
	Leases
	UsageIngest
	Deployment
	// Close releases everything; the backend is of no use afterwards.
	Close() error
}

// SecretsFile is one of the files of secrets that a database belongs to.
type SecretsFile string

// The files of secrets.
const (
	SecretsFileSecrets SecretsFile = "secrets" // secrets.json, held by both planes
	SecretsFileKeyset  SecretsFile = "keyset"  // keyset.json, held by the control plane
)

// Deployment is what a database knows about the deployment it belongs to.
type Deployment interface {
	// Ping MUST answer nil when the database can answer now, an error that
	// wraps ErrUnavailable otherwise.
	Ping(ctx context.Context) error
	// ClaimSecrets MUST store the fingerprint when that file has none yet
	// (answer claimed true), answer nil when it is the stored one, and
	// ErrForeignSecrets when another one is stored.
	ClaimSecrets(ctx context.Context, file SecretsFile, fingerprint string) (claimed bool, err error)
	// SecretsClaimed MUST report whether a fingerprint of that file is stored.
	SecretsClaimed(ctx context.Context, file SecretsFile) (bool, error)
}
