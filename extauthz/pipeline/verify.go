package pipeline

import (
	"context"
	"fmt"

	"credence/store/credential"
)

// verify finds the key of the credential, cheapest question first.
//
// A key that is cached passes before the failure budget is asked, so a client
// that fails cannot lock out the others behind its address. Its checksum is
// not computed again: the text has the digest of a text whose key is known to
// be ours ([Key.Foreign] is false), and equal digests are equal texts.
// Everything else pays in the order of the design: budget, checksum, look-up.
func (p *Pipeline) verify(ctx context.Context, c *check) Reason {
	wellFormed, digest := c.digest()
	if wellFormed && p.verifyCached(c, digest) {
		return ReasonNone
	}
	if p.tooManyFailures(c) {
		return ReasonTooManyFailures
	}
	if !wellFormed {
		return p.failed(c, ReasonMalformedKey)
	}
	if !p.options.AcceptForeignKeys && !p.options.Secrets.Minted(c.text) {
		p.matches(digest, nil)
		return p.failed(c, ReasonMalformedKey)
	}
	key, source, err := p.options.Keys.Find(ctx, digest)
	if err != nil {
		c.d.Failure = fmt.Errorf("find key: %w", err)
		return ReasonUnavailable
	}
	c.d.Source = source
	if !p.matches(digest, key) {
		return p.failed(c, ReasonUnknownKey)
	}
	c.d.Key = key
	return ReasonNone
}

// digest is that of the credential, if it is well formed.
func (c *check) digest() (wellFormed bool, _ credential.Digest) {
	if c.ahead {
		return c.r.ahead.wellFormed, c.r.ahead.digest
	}
	if !credential.WellFormed(c.text) {
		return false, credential.Digest{}
	}
	return true, credential.DigestOf(c.text)
}

// verifyCached takes the key from the positive cache.
func (p *Pipeline) verifyCached(c *check, digest credential.Digest) bool {
	key := p.options.Keys.Cached(digest)
	if key == nil || key.Foreign && !p.options.AcceptForeignKeys || !p.matches(digest, key) {
		return false
	}
	c.d.Key, c.d.Source = key, KeySourceCache
	return true
}

// matches compares in constant time; without a key, with a hash that belongs
// to nobody, so that a miss takes as long as a hit.
func (p *Pipeline) matches(digest credential.Digest, key *Key) bool {
	if key == nil {
		p.options.Secrets.Matches(digest, p.noSuchHash)
		return false
	}
	return p.options.Secrets.Matches(digest, key.Hash)
}
