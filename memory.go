package main

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	// gcPercent lets the heap grow to five times what lives before it is
	// collected, instead of twice: a Check leaves little behind, and together
	// with kept goroutines that takes a good third off what it costs
	// (docs/performance.md).
	gcPercent = 400
	// memoryShare is the part of the container's memory that Go may fill before
	// it collects harder; the rest is for stacks, buffers and SQLite.
	memoryShare = 0.9
)

// cgroupLimits are the files that may hold the container's memory limit:
// version 2 and version 1 of control groups.
func cgroupLimits() []string {
	return []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}
}

// tuneMemory sets how the garbage collector works, as far as the operator has
// not said it with GOGC and GOMEMLIMIT, and says what holds.
func tuneMemory(lookup func(string) (string, bool), limits []string, logger *slog.Logger) {
	if _, said := lookup("GOGC"); !said {
		debug.SetGCPercent(gcPercent)
	}
	if _, said := lookup("GOMEMLIMIT"); !said {
		if limit, ok := containerMemory(limits); ok {
			debug.SetMemoryLimit(int64(float64(limit) * memoryShare))
		}
	}
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 { // -1 only asks
		logger.Info("memory limit", slog.Int64("go_mem_limit_bytes", limit))
	}
}

// containerMemory is the memory limit of the container in bytes, if it has one.
func containerMemory(files []string) (int64, bool) {
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // one of two fixed names
		if err != nil {
			continue
		}
		// "max" is no limit in version 2, a number near 2^63 in version 1.
		limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		return limit, err == nil && limit > 0 && limit < 1<<50
	}
	return 0, false
}
