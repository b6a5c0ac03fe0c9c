package limiter

// share is which part of each limit this replica keeps to.
type share struct{ rank, replicas int }

// SetShare says which of how many replicas this one is, by its rank among them
// from 0. Until it is called, limits are not shared. The order of ranks only
// has to be the same in all replicas.
func (l *Limiter) SetShare(rank, replicas int) {
	if now := l.share.Load(); now.rank != rank || now.replicas != replicas {
		l.share.Store(&share{rank, replicas})
	}
}

// Share is what SetShare said last; 0 of 1 before.
func (l *Limiter) Share() (rank, replicas int) {
	now := l.share.Load()
	return now.rank, now.replicas
}
