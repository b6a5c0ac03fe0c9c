package store_test

import (
	"log/slog"
	"strings"
	"testing"

	"credence/store"
)

func TestALibraryIsHeardAtInfoOnlyWhenItWarns(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelInfo:  "warned failed",
		slog.LevelDebug: "traced started warned failed",
	} {
		var out strings.Builder
		own := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level}))
		library := store.LibraryLogger(own).With(slog.String("part", "queue")).WithGroup("g")
		library.Debug("traced")
		library.Info("started")
		library.Warn("warned")
		library.Error("failed")

		var got []string
		for line := range strings.Lines(out.String()) {
			if !strings.Contains(line, "part=queue") {
				t.Errorf("attribute lost: %s", line)
			}
			_, rest, _ := strings.Cut(line, "msg=")
			got = append(got, strings.Fields(rest)[0])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("at %v it says %q, want %q", level, got, want)
		}
	}
}
