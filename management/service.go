package management

import (
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"credence/management/anomaly"
	"credence/management/gitea"
	"credence/management/n8n"
	"credence/management/outgoing"
	"credence/store"
	"credence/store/credential"
)

// Options is what a Service needs. All fields up to Logger are required.
type Options struct {
	Store   *store.Store
	Secrets *credential.Secrets
	Random  io.Reader        // cryptographically secure
	Now     func() time.Time // the wall clock
	Logger  *slog.Logger
	// Retention is how long what is kept.
	Retention Retention
	// Anchors are the places outside that keep checkpoints of the audit log.
	Anchors []Anchor
	// AcceptForeignKeys says that the replicas look up keys that were made
	// elsewhere. Without it whoever imports such keys is warned.
	AcceptForeignKeys bool
	// Outgoing says what the control plane may call; a webhook to elsewhere is
	// refused when it is made.
	Outgoing outgoing.Options
	// ProtectedNetworks are what no blacklist rule may touch, unless forced: the
	// platform's own addresses.
	ProtectedNetworks []netip.Prefix
	// ClientSourceKnown says that somebody has said where the data plane has the
	// address of a client from. Without it no policy blacklists what guesses keys:
	// behind a load balancer that would be the balancer.
	ClientSourceKnown bool
	// Gitea and N8N are the programs whose credentials are managed; nil for none:
	// their connections cannot be made then.
	Gitea *gitea.Client
	N8N   *n8n.Client
	// Places say where networks are, for replays; nil for none.
	Places anomaly.Places
}

// Service is the use-cases of the control plane. It keeps no state of its own
// but which costly work is under way and the policy that it read last, and is safe for concurrent use.
type Service struct {
	store   *store.Store
	secrets *credential.Secrets
	random  io.Reader
	now     func() time.Time
	logger  *slog.Logger

	retention      Retention
	anchors        []Anchor
	acceptsForeign bool
	outgoing       outgoing.Options
	protected      []netip.Prefix
	sourceKnown    bool
	turns          turns
	plans          anomaly.Plans
	places         anomaly.Places                  // nil: none
	systems        map[store.ConnectionKind]System // nil: no client
	outside        map[store.System]outsideSystem
}

// New makes a Service. It answers an error that names the option that is
// missing.
func New(o Options) (*Service, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("management: option Store is missing")
	case o.Secrets == nil:
		return nil, errors.New("management: option Secrets is missing")
	case o.Random == nil:
		return nil, errors.New("management: option Random is missing")
	case o.Now == nil:
		return nil, errors.New("management: option Now is missing")
	case o.Logger == nil:
		return nil, errors.New("management: option Logger is missing")
	}
	return &Service{
		store: o.Store, secrets: o.Secrets, random: o.Random, now: o.Now, logger: o.Logger,
		retention: o.Retention, anchors: o.Anchors, acceptsForeign: o.AcceptForeignKeys, outgoing: o.Outgoing, protected: o.ProtectedNetworks,
		sourceKnown: o.ClientSourceKnown, places: o.Places,
		systems: o.systems(), outside: o.outsideSystems(),
	}, nil
}

// systems are the programs that there is a client for.
func (o *Options) systems() map[store.ConnectionKind]System {
	all := map[store.ConnectionKind]System{} //nolint:exhaustive // those there is a client for
	if o.Gitea != nil {
		all[store.ConnectionGitea] = o.Gitea
	}
	if o.N8N != nil {
		all[store.ConnectionN8N] = o.N8N
	}
	return all
}
