package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Process is a running program.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read after done
	stop sync.Once
}

// start runs cmd in its own process group. The kernel ties a parent-death
// signal to the thread that started the child, so one goroutine keeps its
// thread from start to end.
func start(name string, cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	p := &Process{name: name, cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- fmt.Errorf("start %s: %w", name, err)
			return
		}
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// Freeze stops the process where it stands and waits until it does: its
// connections stay open and nothing answers.
func (p *Process) Freeze(ctx context.Context) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return Until(ctx, 10*time.Second, p.name+" stops", func() error { return frozen(p.PID()) })
}

// Thaw lets a frozen process go on.
func (p *Process) Thaw() error { return p.Signal(syscall.SIGCONT) }

// Kill ends the process at once, as a crash would.
func (p *Process) Kill() {
	p.stop.Do(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
}

// Stop asks the process to end and kills it when it has not within patience.
func (p *Process) Stop(patience time.Duration) error {
	var err error
	p.stop.Do(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(patience):
			_ = p.cmd.Process.Kill()
			<-p.done
			err = fmt.Errorf("%s did not end within %s of SIGTERM and was killed", p.name, patience)
		}
	})
	return err
}

// Done is closed when the process has ended, for whatever reason.
func (p *Process) Done() <-chan struct{} { return p.done }

// alive answers an error when the process has ended.
func (p *Process) alive() error {
	select {
	case <-p.done:
		return &EndedError{Name: p.name, Cause: p.err}
	default:
		return nil
	}
}

// await is [Until] that gives up as soon as the process has ended.
func (p *Process) await(ctx context.Context, what string, check func() error) error {
	patience := patienceOf(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return Until(ctx, patience, what, func() error {
		if ended := p.alive(); ended != nil {
			cancel()
			return ended
		}
		return check()
	})
}

// EndedError says that a process ended which should have gone on.
type EndedError struct {
	Name  string
	Cause error // nil when it ended with exit code 0
}

func (e *EndedError) Error() string {
	if e.Cause == nil {
		return e.Name + " ended by itself"
	}
	return e.Name + " ended by itself: " + e.Cause.Error()
}

func (e *EndedError) Unwrap() error { return e.Cause }

// tail answers the end of a log file, for error messages.
func tail(path string) string {
	const most = 4096
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "(no log)"
	}
	if err != nil {
		return err.Error()
	}
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(text)
}
