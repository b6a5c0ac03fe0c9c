package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz"
	"credence/store/secretfile"
)

// addressesFile says in the data folder where the process listens.
const addressesFile = "addresses.json"

// listeners are the open ports of the process, what is spoken on them and
// where it is counted. The ports the process does not have are nil.
type listeners struct {
	check, forward, status, api net.Listener
	transport                   transport
	registry                    *prometheus.Registry
}

// withListeners opens the ports that the process has, makes its data folder,
// and runs use.
func withListeners(ctx context.Context, c config, logs io.Writer, p processes, use func(*listeners, *slog.Logger) error) error {
	logger := newLogger(c, logs)
	db, err := parseStore(c, logger)
	if err != nil {
		return err
	}
	if err := db.sharedBy(c, p); err != nil {
		return err
	}
	if err := checkListeners(c, p); err != nil {
		return err
	}
	if p&inData != 0 {
		if err := checkDataPlane(c); err != nil {
			return err
		}
	}
	if p&inControl != 0 {
		if err := checkSource(c.ClientSource); err != nil {
			return err
		}
		if _, err := outgoingOptions(c.Outgoing); err != nil {
			return err
		}
		if _, err := loadIssuers(c.OIDCConfig); err != nil {
			return err
		}
	}
	if p&inData != 0 {
		tuneMemory(os.LookupEnv, cgroupLimits(), logger)
	}
	registry := newRegistry()
	spoken, err := openTransport(c, p, logger, registry)
	if err != nil {
		return err
	}
	folder := &folderLock{dir: c.DataDir}
	defer folder.release()
	if p == inServe { // before the ports, which the other one has, too
		if err := folder.takeIfThere(); err != nil {
			return err
		}
	}
	l, err := listen(ctx, c, p)
	if err != nil {
		return err
	}
	defer l.close()
	l.transport, l.registry = spoken, registry
	if err := l.bound(c, logger); err != nil {
		return err
	}
	if err := makeDataDir(c.DataDir); err != nil {
		return err
	}
	if p == inServe {
		if err := folder.take(); err != nil {
			return err
		}
	}
	return use(l, logger)
}

// checkListeners refuses plaintext listeners that others can reach: a Check
// carries key text, the API carries admin tokens.
func checkListeners(c config, p processes) error {
	for _, one := range []struct {
		in      processes
		setting string
		address string
		tls     tlsSettings
	}{
		{inData, "check-addr", c.CheckAddr, c.CheckTLS},
		{inData, "forward-addr", c.ForwardAddr, c.ForwardTLS},
		{inControl, "api-addr", c.APIAddr, c.APITLS},
	} {
		if p&one.in == 0 || isOff(one.setting, one.address) || c.InsecurePlaintext || one.tls.Cert != "" || strings.HasPrefix(one.address, "unix:") {
			continue
		}
		host, _, err := net.SplitHostPort(one.address)
		if err != nil {
			return usageError{fmt.Errorf("%s: %q is not HOST:PORT such as 127.0.0.1:9001", one.setting, one.address)}
		}
		ip, err := netip.ParseAddr(host)
		if host != "localhost" && (err != nil || !ip.IsLoopback()) {
			return usageError{fmt.Errorf("%s: %q can be reached from elsewhere and has no TLS: "+
				"name a certificate with --%s-tls-cert, listen on 127.0.0.1 or unix:PATH, "+
				"or say --insecure-plaintext when the network itself is private",
				one.setting, one.address, strings.TrimSuffix(one.setting, "-addr"))}
		}
	}
	return nil
}

func listen(ctx context.Context, c config, p processes) (*listeners, error) {
	l := &listeners{}
	for _, one := range []struct {
		in      processes
		setting string
		address string
		to      *net.Listener
	}{
		{inData, "check-addr", c.CheckAddr, &l.check},
		{inData, "forward-addr", c.ForwardAddr, &l.forward},
		{inRun, "status-addr", c.StatusAddr, &l.status},
		{inControl, "api-addr", c.APIAddr, &l.api},
	} {
		if p&one.in == 0 || isOff(one.setting, one.address) {
			continue
		}
		opened, err := extauthz.Listen(ctx, one.address)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("%s: %w", one.setting, err)
		}
		*one.to = opened
	}
	return l, nil
}

// makeDataDir makes the folder, and proves that it can be written before
// anything depends on it.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w: name one that can be made and written with --data-dir", err)
	}
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("data folder %s cannot be written: %w: change its owner or name another with --data-dir", dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// each calls do for every listener the process has.
func (l *listeners) each(do func(name string, open net.Listener)) {
	for name, one := range map[string]net.Listener{"check": l.check, "forward": l.forward, "status": l.status, "api": l.api} {
		if one != nil {
			do(name, one)
		}
	}
}

// close closes what is open; the servers have closed theirs before.
func (l *listeners) close() {
	l.each(func(_ string, open net.Listener) { _ = open.Close() }) // closed already, or nothing to be done about it
}

// announce writes the chosen addresses to the log and to addresses.json,
// which is replaced in one step so that nobody reads half of it.
func (l *listeners) announce(ctx context.Context, dir string, logger *slog.Logger) error {
	addresses := map[string]string{}
	var attrs []slog.Attr
	l.each(func(name string, open net.Listener) {
		addresses[name] = nearAddress(open)
		if name == "api" && l.transport.api != nil {
			addresses[name] = "https://" + addresses[name]
		}
		attrs = append(attrs, slog.String(name, listenAddress(open)))
	})
	content, err := json.MarshalIndent(addresses, "", "  ")
	if err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	if err := secretfile.Replace(filepath.Join(dir, addressesFile), append(content, '\n')); err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	logger.LogAttrs(ctx, slog.LevelInfo, "serving", attrs...)
	return nil
}

// nearAddress is where somebody on this machine reaches the listener: one that
// listens on every address is reached by loopback.
func nearAddress(l net.Listener) string {
	at, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil || !at.Addr().IsUnspecified() {
		return listenAddress(l)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
}

// retract takes the announcement back.
func (l *listeners) retract(dir string) error {
	err := os.Remove(filepath.Join(dir, addressesFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func listenAddress(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix:" + l.Addr().String()
	}
	return l.Addr().String()
}
