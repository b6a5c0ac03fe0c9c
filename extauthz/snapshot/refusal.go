package snapshot

import (
	"fmt"
	"time"
)

// Reason is why a snapshot is not used; it labels the metric.
type Reason string

// The reasons.
const (
	ReasonUnreadable Reason = "unreadable" // the system does not let us read it
	ReasonUnsafe     Reason = "unsafe"     // others may write or read it, or it is no plain file
	ReasonForeign    Reason = "foreign"    // of another deployment, or from before its snapshot key
	ReasonVersion    Reason = "version"    // of another version of the program
	ReasonDamaged    Reason = "damaged"    // cut off, or changed
	ReasonCopied     Reason = "copied"     // written elsewhere
	ReasonFuture     Reason = "future"     // from after now, or ahead of the database
	ReasonOld        Reason = "old"        // older than the ceiling
)

// Reasons lists them all.
func Reasons() []Reason {
	return []Reason{
		ReasonUnreadable, ReasonUnsafe, ReasonForeign, ReasonVersion, ReasonDamaged, ReasonCopied, ReasonFuture, ReasonOld,
	}
}

// RefusedError is a snapshot that is not used. There is nothing to be done
// about it but to have the database back; the file is replaced then.
type RefusedError struct {
	Path   string
	Reason Reason
	Detail string
	Cause  error // nil where there is none
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("snapshot %s is refused (%s): %s", e.Path, e.Reason, e.Detail)
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text + "; nothing is decided until the database can be reached, and the file is replaced then"
}

func (e *RefusedError) Unwrap() error { return e.Cause }

// ages counts how old a snapshot is by two clocks: the wall clock can be set
// back, the machine's is lost when it is started anew.
func age(s *slot, now time.Time, m Machine) time.Duration {
	age := now.Sub(time.Unix(0, s.readAt))
	if m.Boot != ([markSize]byte{}) && m.Boot == s.boot {
		age = max(age, m.Uptime-s.uptime)
	}
	return age
}
