package cache

import (
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
)

// ref names something that an answer of the store can rest on: a key by its
// id, a key by its hash (then id is empty), or a plan, owner or namespace.
type ref struct {
	kind      store.ChangeKind
	namespace string // of plans and owners
	id        string
	hash      credential.Hash
}

func keyRef(keyID string) ref          { return ref{kind: store.ChangeKey, id: keyID} }
func hashRef(hash credential.Hash) ref { return ref{kind: store.ChangeKey, hash: hash} }
func namespaceRef(name string) ref     { return ref{kind: store.ChangeNamespace, id: name} }
func planRef(namespace, name string) ref {
	return ref{store.ChangePlan, namespace, name, credential.Hash{}}
}

func ownerRef(namespace, name string) ref {
	return ref{store.ChangeOwner, namespace, name, credential.Hash{}}
}

// noted is what a look-up remembers of the moment before it read.
type noted struct {
	restarts int
	revision store.Revision
}

// recent remembers at which revision things last changed: the newest of them,
// up to a number.
type recent struct {
	applied  store.Revision
	restarts int
	horizon  store.Revision // newest change that is forgotten
	last     map[ref]store.Revision
	order    []remembered // a ring, oldest at next once it is full
	next     int
	most     int
}

type remembered struct {
	ref      ref
	revision store.Revision
}

func newRecent(most int) recent { return recent{last: make(map[ref]store.Revision), most: most} }

func (r *recent) note() noted { return noted{r.restarts, r.applied} }

// add remembers a change of something.
func (r *recent) add(of ref, revision store.Revision) {
	if r.last[of] >= revision {
		return // the follower applies a batch again after an error
	}
	r.last[of] = revision
	if len(r.order) < r.most {
		r.order = append(r.order, remembered{of, revision})
		return
	}
	oldest := r.order[r.next]
	if r.last[oldest.ref] == oldest.revision {
		delete(r.last, oldest.ref)
	}
	r.horizon = max(r.horizon, oldest.revision)
	r.order[r.next] = remembered{of, revision}
	r.next = (r.next + 1) % r.most
}

// restart forgets everything; what was noted before is never settled again.
func (r *recent) restart() {
	r.restarts++
	r.applied, r.horizon, r.next = 0, 0, 0
	r.order = r.order[:0]
	clear(r.last)
}

// forgetUpTo refuses everything that was read before the revision.
func (r *recent) forgetUpTo(revision store.Revision) { r.horizon = max(r.horizon, revision) }

// knows reports whether all changes since are remembered.
func (r *recent) knows(since noted) bool {
	return since.restarts == r.restarts && since.revision >= r.horizon
}

// settled reports whether nothing that the key rests on has changed since.
func (r *recent) settled(k *pipeline.Key, hashes []credential.Hash, since noted) bool {
	return r.absentSettled(hashes, since) &&
		r.last[keyRef(k.KeyID)] <= since.revision &&
		r.last[namespaceRef(k.Namespace)] <= since.revision &&
		r.last[planRef(k.Namespace, k.Plan)] <= since.revision &&
		r.last[ownerRef(k.Namespace, k.Owner)] <= since.revision
}

// absentSettled reports whether no key with one of the hashes has changed
// since.
func (r *recent) absentSettled(hashes []credential.Hash, since noted) bool {
	if !r.knows(since) {
		return false
	}
	for _, h := range hashes {
		if r.last[hashRef(h)] > since.revision {
			return false
		}
	}
	return true
}
