package management

import (
	"context"
	"time"

	"credence/store"
)

// overdueAfter is how long a credential of another system may outlive its end
// before somebody must know: until then it was tried to end it several times.
const overdueAfter = time.Hour

// overdue reports whether the life of a credential has been over for so long
// that it should be gone, and the system may still have it.
func (s *Service) overdue(expires time.Time, there bool) bool {
	return there && !expires.IsZero() && s.now().Sub(expires) >= overdueAfter
}

// seeOverdue makes a finding of a credential that is past its life, once while
// it lasts.
func (s *Service) seeOverdue(ctx context.Context, a Actor, namespace, subject, message string) error {
	_, _, err := transact(ctx, s, a, subject, func(ctx context.Context, t *transaction) (struct{}, error) {
		return struct{}{}, s.seeCredential(ctx, t, "credential_overdue", store.SeverityHigh, namespace, subject, message)
	})
	return err
}
