package store

import (
	"context"
	"log/slog"
)

// LibraryLogger is the logger a backend gives to a library it uses: what the
// library reports of its own doings (each of its migrations, its start and
// stop) is below the level of an operator, so info becomes debug. Warnings and
// errors stay what they are.
func LibraryLogger(l *slog.Logger) *slog.Logger { return slog.New(libraryHandler{l.Handler()}) }

type libraryHandler struct{ next slog.Handler }

// Enabled implements [slog.Handler].
func (h libraryHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, lowered(l))
}

// Handle implements [slog.Handler].
func (h libraryHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lowered(r.Level)
	return h.next.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h libraryHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return libraryHandler{h.next.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h libraryHandler) WithGroup(name string) slog.Handler {
	return libraryHandler{h.next.WithGroup(name)}
}

func lowered(l slog.Level) slog.Level {
	if l < slog.LevelWarn {
		return min(l, slog.LevelDebug)
	}
	return l
}
