package sqlite

// Waiting answers how many wait for their turn to write.
func Waiting(db *DB) int { return db.write.queue.Waiting() }
