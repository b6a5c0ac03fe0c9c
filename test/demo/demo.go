package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"

	"credence/test/harness"
)

// demo is the running parts and the folder that holds all their files.
type demo struct {
	folder string
	out    io.Writer

	binary   string
	keyID    string
	credence *harness.Credence
	echo     *harness.Echo
	envoy    *harness.Envoy
}

// start builds and starts everything, in the order in which the parts need
// each other.
func (d *demo) start(ctx context.Context, gateway, admin netip.AddrPort) error {
	version, err := harness.EnvoyVersion(ctx) // a missing Envoy before a long build
	if err != nil {
		return err
	}
	fmt.Fprintln(d.out, "building credence ...")
	if d.binary, err = harness.Build(ctx, d.folder); err != nil {
		return err
	}
	fmt.Fprintln(d.out, "starting credence serve, an echo upstream and Envoy ...")
	if d.echo, err = harness.StartEcho(ctx, harness.AnyPort()); err != nil {
		return err
	}
	if d.credence, err = harness.StartCredence(ctx, d.binary, d.folder); err != nil {
		return err
	}
	config, err := harness.ShippedConfig()
	if err != nil {
		return err
	}
	err = config.Wire(harness.Wiring{
		Gateway: gateway, Admin: admin, Credence: d.credence.Check, Upstream: d.echo.Address, AccessLog: d.path("access.log"),
	})
	if err != nil {
		return err
	}
	if d.envoy, err = harness.StartEnvoy(ctx, d.folder, config); err != nil {
		return err
	}
	if err := d.envoy.AwaitHealthy(ctx, "credence", true); err != nil {
		return err
	}
	fmt.Fprintln(d.out, version)
	return d.makeKey(ctx)
}

// makeKey makes the key of the demo; its text goes to a file only.
func (d *demo) makeKey(ctx context.Context) error {
	answer, err := d.credence.CLI(ctx, nil, "keys", "create", "--name", "demo", "--scope", "orders:read",
		"--limit", "10/m", "--expires", "24h", "--key-file", d.path("key.txt"), "-o", "json")
	if err != nil {
		return err
	}
	var made struct {
		Key struct {
			KeyID string `json:"key_id"`
		} `json:"key"`
	}
	if err := json.Unmarshal([]byte(answer), &made); err != nil || made.Key.KeyID == "" {
		return fmt.Errorf("credence keys create printed no key: %q: %w", answer, err)
	}
	d.keyID = made.Key.KeyID
	return nil
}

// explain prints what there is to try. Each indented line works as it stands.
func (d *demo) explain() error {
	url := "http://" + d.envoy.Address
	key := `-H "x-api-key: $(cat ` + d.path("key.txt") + `)"`
	credence := d.binary + " "
	data := " --data-dir " + d.credence.DataDir
	_, err := fmt.Fprintf(d.out, `
Envoy listens on %[1]s and asks Credence about every request. The key %[2]s
may make 10 requests a minute; its text is in %[3]s.

With the key: 200, and the echo shows what reached the upstream (the key is gone, x-credence-* are there)

    curl -i %[4]s %[1]s/orders/1

Without it: 401

    curl -i %[1]s/orders/1

More than 10 a minute: 429

    for i in $(seq 40); do curl -s -o /dev/null -w '%%{http_code}\n' %[4]s %[1]s/orders/1; done | sort | uniq -c

Take the key back, and it is refused from the next request on: 401

    %[5]skeys revoke %[2]s --reason "demo" --yes%[6]s
    curl -i %[4]s %[1]s/orders/1

Look around: the routes of envoy/envoy.yaml (/public, /reports, /shadow, ...), the keys, Envoy's access log

    %[5]skeys list%[6]s
    tail -n 5 %[7]s

Ctrl-C ends everything and removes %[8]s.
`, url, d.keyID, d.path("key.txt"), key, credence, data, d.path("access.log"), d.folder)
	return err
}

// wait ends with ctx, or with an error when one of the parts has ended.
func (d *demo) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		fmt.Fprintln(d.out, "\nstopping ...")
		return nil
	case <-d.envoy.Done():
		return errors.New("envoy has ended by itself")
	case <-d.credence.Done():
		return errors.New("credence serve has ended by itself")
	}
}

// stop ends what was started, the client of each part before the part.
func (d *demo) stop() error {
	var err error
	if d.envoy != nil {
		err = d.envoy.Close()
	}
	if d.credence != nil {
		err = errors.Join(err, d.credence.Close())
	}
	if d.echo != nil {
		err = errors.Join(err, d.echo.Close())
	}
	return err
}

func (d *demo) path(name string) string { return filepath.Join(d.folder, name) }
