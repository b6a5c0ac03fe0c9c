package main

import (
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

func TestTheCollectorIsTunedUnlessTheOperatorDidIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "memory.max")
	if err := os.WriteFile(file, []byte("1000000000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetGCPercent(before); debug.SetMemoryLimit(limit) })
	for _, tt := range []struct {
		name      string
		said      map[string]string
		percent   int
		memory    int64
		container []string
	}{
		{"nothing said, in a container", nil, gcPercent, 900_000_000, []string{"/does/not/exist", file}},
		{"nothing said, no container", nil, gcPercent, math.MaxInt64, nil},
		{"GOGC said", map[string]string{"GOGC": "100"}, 100, 900_000_000, []string{file}},
		{"GOMEMLIMIT said", map[string]string{"GOMEMLIMIT": "1GiB"}, gcPercent, math.MaxInt64, []string{file}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			debug.SetGCPercent(100)
			debug.SetMemoryLimit(math.MaxInt64)
			lookup := func(name string) (string, bool) { value, ok := tt.said[name]; return value, ok }
			tuneMemory(lookup, tt.container, slog.New(slog.DiscardHandler))
			if got := debug.SetGCPercent(100); got != tt.percent {
				t.Errorf("GC percent %d, want %d", got, tt.percent)
			}
			if got := debug.SetMemoryLimit(-1); got != tt.memory {
				t.Errorf("memory limit %d, want %d", got, tt.memory)
			}
		})
	}
}

func TestAContainerWithoutALimitHasNone(t *testing.T) {
	for _, text := range []string{"max\n", "9223372036854771712\n", "0\n", "rubbish"} {
		file := filepath.Join(t.TempDir(), "limit")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if limit, ok := containerMemory([]string{file}); ok {
			t.Errorf("%q: limit %d", text, limit)
		}
	}
}
