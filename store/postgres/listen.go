package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// listenHeartbeat is how long a silent connection is believed in.
	listenHeartbeat = 30 * time.Second
	// The pause before the next attempt to connect doubles from one bound to
	// the other.
	listenPause    = 250 * time.Millisecond
	listenMaxPause = 10 * time.Second
)

// listener holds the connection that hears of the changes of other processes.
// What it misses while it is not connected costs a poll interval, no more: as
// soon as it is back, everybody is told to look.
type listener struct {
	config   *pgx.ConnConfig
	timeout  time.Duration // of a statement
	instance string
	wake     func()
	logger   *slog.Logger
}

// listen connects and starts to listen. The connection is nil when a pooler is
// in between that would not keep the session.
func (l *listener) listen(ctx context.Context, trusted bool) (_ *pgx.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.config.ConnectTimeout+l.timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return nil, err
	}
	if !trusted {
		pooled, err := behindPooler(ctx, conn)
		if err != nil || pooled {
			return nil, errors.Join(err, conn.Close(ctx))
		}
	}
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}

// behindPooler reports whether the server that answers is another one than
// the one that the connection was begun with: poolers make up the process id
// that PostgreSQL gives at the start.
func behindPooler(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var pid uint32
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return false, err
	}
	return pid != conn.PgConn().PID(), nil
}

// run listens until ctx ends, and connects again whenever that breaks.
func (l *listener) run(ctx context.Context, conn *pgx.Conn) {
	for {
		err := l.follow(ctx, conn)
		// The connection may be half dead: closing it says goodbye, which has a
		// bound of its own.
		goodbye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = conn.Close(goodbye)
		cancel()
		if ctx.Err() != nil {
			return
		}
		l.logger.WarnContext(ctx, "notifications of changes interrupted, polling meanwhile", slog.Any("error", err))
		if conn = l.reconnect(ctx); conn == nil {
			return
		}
		l.logger.InfoContext(ctx, "notifications of changes back")
		l.wake()
	}
}

// follow wakes with every notification of another process until the
// connection breaks.
func (l *listener) follow(ctx context.Context, conn *pgx.Conn) error {
	for {
		wait, cancel := context.WithTimeout(ctx, listenHeartbeat)
		notification, err := conn.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil:
			if notification.Payload != l.instance { // our own have woken already
				l.wake()
			}
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) || conn.IsClosed():
			return err
		default:
			if err := l.ping(ctx, conn); err != nil {
				return err
			}
		}
	}
}

func (l *listener) ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if err := conn.Ping(ctx); err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	return nil
}

// reconnect answers nil when ctx has ended.
func (l *listener) reconnect(ctx context.Context) *pgx.Conn {
	pause := listenPause
	for {
		// Not all processes at once, when the server is back.
		timer := time.NewTimer(pause/2 + rand.N(pause/2)) //nolint:gosec // G404: a pause is no secret
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		conn, err := l.listen(ctx, true)
		if err == nil {
			return conn
		}
		l.logger.DebugContext(ctx, "connect for notifications of changes", slog.Any("error", err))
		pause = min(2*pause, listenMaxPause)
	}
}
