package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"credence/management/client"
	"credence/store/certfile"
	"credence/store/credential"
)

const defaultDataDir = "credence-data"

const connectHelp = `The server is --server, CREDENCE_SERVER, that of the context, or the one that
runs on the data folder; the token is --token-file, CREDENCE_TOKEN, that of the
context, or admin.token in the data folder; the context is --context,
CREDENCE_CONTEXT or the current one; the data folder is --data-dir,
CREDENCE_DATA_DIR or ./credence-data.`

// connect finds server and token and makes the client, whose calls may take
// that much longer. It sends nothing.
func (c *command) connect(wait time.Duration) (*client.Client, error) {
	at, name, err := c.chosenContext()
	if err != nil {
		return nil, err
	}
	if name != "" {
		return c.connectTo(at, name, wait)
	}
	dir := first(c.dataDir, c.DataDir)
	server, named := first(c.server, c.Server), true
	if server == "" {
		var err error
		named = false
		if server, err = localServer(first(dir, defaultDataDir)); err != nil {
			return nil, err
		}
		if dir == "" { // nobody said that the folder here is theirs
			if err := ownFolder(defaultDataDir, server); err != nil {
				return nil, err
			}
		}
	}
	// The token in the default folder is for the server in the default folder.
	if dir == "" && !named {
		dir = defaultDataDir
	}
	token, err := c.findToken(dir)
	if err != nil {
		return nil, err
	}
	return c.client(client.Options{Server: server, Token: token, TLS: c.tlsFiles(server), AllowPlaintext: c.plaintext}, wait)
}

// connectTo makes the client of a context. Its token is sent to its server and
// to no other.
func (c *command) connectTo(at place, name string, wait time.Duration) (*client.Client, error) {
	var token credential.Text
	var err error
	switch {
	case c.tokenFile != "" || c.Token != "" && (c.context == "" || at.TokenFile == ""):
		token, err = c.findToken("")
	case at.TokenFile == "":
		err = noTokenError{fmt.Errorf("context %s has no token: add --token-file FILE or CREDENCE_TOKEN, or add the context again with one", name)}
	default:
		if token, err = tokenIn(at.TokenFile); err == nil {
			err = onlyMine(at.TokenFile)
		}
		if err != nil {
			err = noTokenError{fmt.Errorf("token of context %s: %w", name, err)}
		}
	}
	if err != nil {
		return nil, err
	}
	o := client.Options{Server: at.Server, Token: token, TLS: at.tls(c.tls), AllowPlaintext: c.plaintext || at.Plaintext}
	return c.client(o, wait)
}

func (c *command) client(o client.Options, wait time.Duration) (*client.Client, error) {
	o.Timeout = client.DefaultTimeout + wait
	api, err := c.NewClient(o)
	if err != nil {
		return nil, usage(fmt.Errorf("%w (flags --server, --tls-ca, --tls-cert, --tls-key, --insecure-plaintext)", err))
	}
	return api, nil
}

// tlsFiles are the flags, and the environment for those not given. What only
// the environment says is not for a server without TLS.
func (c *command) tlsFiles(server string) certfile.ClientOptions {
	if !c.tls.Given() && strings.HasPrefix(server, "http:") {
		return certfile.ClientOptions{}
	}
	o := certfile.ClientOptions{
		CAFile: first(c.tls.CAFile, c.TLS.CAFile), ServerName: first(c.tls.ServerName, c.TLS.ServerName),
		CertFile: c.tls.CertFile, KeyFile: c.tls.KeyFile,
	}
	if o.CertFile == "" && o.KeyFile == "" { // they belong together
		o.CertFile, o.KeyFile = c.TLS.CertFile, c.TLS.KeyFile
	}
	return o
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// localServer reads where the process on the data folder listens.
func localServer(dir string) (string, error) {
	file := filepath.Join(dir, "addresses.json")
	raw, err := readSmall(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", explained{
			fmt.Errorf("%w: no server given, and none is running on the data folder: %s does not exist", client.ErrUnreachable, file),
			"Start `credence serve`, or say where it is with --server or --data-dir.",
		}
	}
	if err != nil {
		return "", fmt.Errorf("find the server: %w", err)
	}
	var addresses struct {
		API string `json:"api"`
	}
	if err := json.Unmarshal(raw, &addresses); err != nil || addresses.API == "" {
		return "", explained{
			fmt.Errorf("find the server: %s names no management API", file),
			"Say where it is with --server.",
		}
	}
	if strings.Contains(addresses.API, "://") {
		return addresses.API, nil
	}
	return "http://" + reachable(addresses.API), nil
}

// reachable turns the address of a listener on all interfaces into one that
// can be dialled on this machine.
func reachable(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsUnspecified() {
		return address
	}
	host := "127.0.0.1"
	if at.Addr().Is6() {
		host = "::1"
	}
	_, port, _ := net.SplitHostPort(address)
	return net.JoinHostPort(host, port)
}

func (c *command) findToken(dir string) (credential.Text, error) {
	switch {
	case c.tokenFile != "":
		token, err := tokenIn(c.tokenFile)
		if err != nil {
			return token, noTokenError{fmt.Errorf("--token-file: %w", err)}
		}
		return token, nil
	case c.Token != "":
		token, err := readToken(strings.NewReader(c.Token))
		if err != nil {
			return token, noTokenError{fmt.Errorf("CREDENCE_TOKEN: %w", err)}
		}
		return token, nil
	case dir == "":
		return credential.Text{}, noTokenError{errors.New("no admin token for the server given: add --token-file FILE, CREDENCE_TOKEN, or --data-dir DIR")}
	}
	token, err := tokenIn(filepath.Join(dir, "admin.token"))
	if err != nil {
		return token, noTokenError{explained{
			fmt.Errorf("no admin token in the data folder: %w", err),
			"Give one with --token-file FILE or CREDENCE_TOKEN, or name the folder with --data-dir DIR.",
		}}
	}
	return token, nil
}

func tokenIn(file string) (credential.Text, error) {
	f, err := os.Open(file) //nolint:gosec // the caller names the file
	if err != nil {
		return credential.Text{}, err
	}
	defer f.Close() //nolint:errcheck // only read
	token, err := readToken(f)
	if err != nil {
		return token, fmt.Errorf("%s: %w", file, err)
	}
	return token, nil
}

// readSmall reads a file that is small when it is what it should be.
func readSmall(file string) ([]byte, error) {
	f, err := os.Open(file) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return io.ReadAll(io.LimitReader(f, 64<<10))
}
