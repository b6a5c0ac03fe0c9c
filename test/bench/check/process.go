package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc (USER_HZ), the same on every
// Linux that Go runs on.
const tick = time.Second / 100

// usage is what the kernel says of a process.
type usage struct {
	cpu time.Duration // user and system, of all threads, ended ones too
	rss int64         // bytes
}

// measure reads the processor time and memory of a process from /proc.
func measure(pid int) (usage, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return usage{}, fmt.Errorf("processor time of %d: %w", pid, err)
	}
	// "PID (NAME) STATE ...", proc(5): utime, stime and rss are the fields 14,
	// 15 and 24; the name may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 22 {
		return usage{}, fmt.Errorf("processor time of %d: %q has too few fields", pid, stat)
	}
	var numbers [3]int64
	for i, at := range []int{14, 15, 24} {
		if numbers[i], err = strconv.ParseInt(fields[at-3], 10, 64); err != nil {
			return usage{}, fmt.Errorf("processor time of %d: %w", pid, err)
		}
	}
	return usage{
		cpu: time.Duration(numbers[0]+numbers[1]) * tick,
		rss: numbers[2] * int64(os.Getpagesize()),
	}, nil
}

// noopProcess is a no-op server that runs.
type noopProcess struct {
	address, status string
	pid             int
	stop            func() error
}

// startNoop runs the no-op server in a process of its own.
func startNoop(ctx context.Context, tuned bool) (noopProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return noopProcess{}, fmt.Errorf("start the no-op server: %w", err)
	}
	args, env := []string{"noop"}, os.Environ()
	if tuned {
		args, env = append(args, "-tuned"), append(env, "GOGC=400")
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return noopProcess{}, fmt.Errorf("start the no-op server: %w", err)
	}
	p := noopProcess{pid: cmd.Process.Pid}
	p.stop = func() error {
		cancel()
		if err := cmd.Wait(); err != nil {
			if _, killed := errors.AsType[*exec.ExitError](err); !killed && !errors.Is(err, context.Canceled) {
				return fmt.Errorf("stop the no-op server: %w", err)
			}
		}
		return nil
	}
	line, err := bufio.NewReader(io.LimitReader(out, 256)).ReadString('\n')
	if err == nil {
		_, err = fmt.Sscan(line, &p.address, &p.status)
	}
	if err != nil {
		return noopProcess{}, errors.Join(fmt.Errorf("start the no-op server: %w", err), p.stop())
	}
	return p, nil
}
