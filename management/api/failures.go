package api

import (
	"net/netip"
	"sync"
	"time"

	"credence/store/credential"
	"credence/store/limit"
)

const (
	// mostAddresses bounds the addresses that are remembered for their failures.
	mostAddresses = 10_000
	// mostKnown bounds the tokens that are remembered because they worked.
	mostKnown = 1_000
	// sampled addresses are compared when one has to go for room.
	sampled = 16
)

// failures is what an address may spend on tokens that are not usable. Each
// attempt is charged before the token is looked up and gets its charge back
// unless it failed, so attempts at once spend no more than attempts one by one.
// Requests that come with the same token at once are one guess: the first is
// charged ahead, the others when they have failed, so a client that begins with
// many requests at a time is not taken for one who guesses.
// When the budget is spent, only tokens that worked before are looked up, and
// those that [beyond] lets through: one who guesses behind a NAT does not lock
// out the neighbour. Nil lets all in.
type failures struct {
	rate limit.Rate
	now  func() time.Time

	mu    sync.Mutex
	debts map[netip.Addr]int64        // the state of the limit of each address
	known map[credential.Digest]int64 // tokens that worked, and when last
	asked map[guess]struct{}          // charged ahead and not settled; bounded by the requests under way
}

func newFailures(l *limit.Limit, now func() time.Time) *failures {
	if l == nil {
		return nil
	}
	return &failures{
		rate: l.Rate(), now: now,
		debts: map[netip.Addr]int64{}, known: map[credential.Digest]int64{}, asked: map[guess]struct{}{},
	}
}

// guess is one token that an address has sent.
type guess struct {
	address netip.Addr
	digest  credential.Digest
}

// attempt is one request with a guess.
type attempt struct {
	guess

	charge int64 // ahead of the look-up; 0 for one that goes along with another
}

// begin charges an attempt. A wait above zero refuses it.
func (f *failures) begin(address netip.Addr, text string) (a attempt, wait time.Duration) {
	if f == nil {
		return attempt{}, 0
	}
	a = attempt{guess: guess{counted(address), credential.DigestOf([]byte(text))}}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.known[a.digest]; ok {
		return a, 0
	}
	if _, ok := f.asked[a.guess]; ok {
		return a, 0
	}
	now, debt := f.now().UnixNano(), f.debts[a.address]
	d := f.rate.Decide(debt, now, 1)
	if !d.OK {
		return a, d.RetryAfter
	}
	a.charge = d.TAT - max(debt, now)
	f.remember(a.address, d.TAT, now)
	f.asked[a.guess] = struct{}{}
	return a, 0
}

// worked gives the charge back and lets the token in from now on.
func (f *failures) worked(a attempt) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refund(a)
	if _, ok := f.known[a.digest]; !ok && len(f.known) >= mostKnown {
		oldest, at := a.digest, int64(0)
		for digest, used := range f.known {
			if at == 0 || used < at {
				oldest, at = digest, used
			}
		}
		delete(f.known, oldest)
	}
	f.known[a.digest] = f.now().UnixNano()
}

// failed keeps the charge, and charges one that was let in without: a token
// that had worked before, or that somebody else asked about at the same time.
func (f *failures) failed(a attempt) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.known, a.digest)
	if a.charge > 0 {
		delete(f.asked, a.guess)
	} else {
		now, debt := f.now().UnixNano(), f.debts[a.address]
		f.remember(a.address, f.rate.Decide(debt, now, 1).TAT, now)
	}
}

// undecided gives the charge back: nobody knows whether the token is usable.
func (f *failures) undecided(a attempt) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refund(a)
}

// refund is of an address that is still remembered. f.mu is held.
func (f *failures) refund(a attempt) {
	if a.charge > 0 {
		delete(f.asked, a.guess)
	}
	if debt, ok := f.debts[a.address]; ok && a.charge > 0 {
		if debt -= a.charge; debt <= f.now().UnixNano() {
			delete(f.debts, a.address)
		} else {
			f.debts[a.address] = debt
		}
	}
}

// remember notes the debt of an address. For room, those go that have none
// any more, and of a sample the one with the least. f.mu is held.
func (f *failures) remember(address netip.Addr, debt, now int64) {
	if _, ok := f.debts[address]; !ok && len(f.debts) >= mostAddresses {
		least, leastDebt, seen := netip.Addr{}, int64(0), 0
		for other, owes := range f.debts { // in random order
			if owes <= now {
				delete(f.debts, other)
			} else if leastDebt == 0 || owes < leastDebt {
				least, leastDebt = other, owes
			}
			if seen++; seen == sampled {
				break
			}
		}
		if len(f.debts) >= mostAddresses {
			delete(f.debts, least)
		}
	}
	f.debts[address] = debt
}

// counted is whom an attempt is counted for: a single IPv6 host commands a
// whole /64.
func counted(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	network, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return network.Addr()
}
