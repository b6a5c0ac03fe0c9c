package probe

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

	"github.com/spf13/pflag"

	"credence/store/certfile"
	"credence/store/credential"
)

const (
	defaultAddress = "127.0.0.1:9001"
	defaultDataDir = "credence-data"
	addressesFile  = "addresses.json"
	maxAddresses   = 64 << 10
)

// Connection is what the flags and the environment say about how a Check
// server is called. The two fields are set before [Connection.AddFlags].
type Connection struct {
	DataDir string // CREDENCE_DATA_DIR
	// TLS are CREDENCE_TLS_CA, CREDENCE_TLS_CERT, CREDENCE_TLS_KEY and
	// CREDENCE_TLS_SERVER_NAME.
	TLS certfile.ClientOptions

	name           string // of the flag for the address
	address        string
	tls            bool
	files          certfile.ClientOptions
	callSecretFile string
	plaintext      bool
	flags          *pflag.FlagSet
}

// AddFlags makes the flags; the one for the address gets that name.
func (c *Connection) AddFlags(f *pflag.FlagSet, name string) {
	c.name, c.flags = name, f
	f.StringVar(&c.address, name, "", "Check address, host:port or unix:PATH")
	f.StringVar(&c.DataDir, "data-dir", c.DataDir, "`folder` of a local credence serve to take the address from")
	f.BoolVar(&c.plaintext, "insecure-plaintext", false, "send the key unencrypted to hosts beyond this one")
	f.BoolVar(&c.tls, "tls", false, "speak TLS; each flag below says so too, and for --"+name+" a variable; --tls=false never")
	f.StringVar(&c.files.CAFile, "tls-ca", "", "PEM file of the authorities to trust instead of the system's (CREDENCE_TLS_CA)")
	f.StringVar(&c.files.CertFile, "tls-cert", "", "PEM file of the certificate to show to a server that asks for one (CREDENCE_TLS_CERT)")
	f.StringVar(&c.files.KeyFile, "tls-key", "", "PEM file of its private key (CREDENCE_TLS_KEY)")
	f.StringVar(&c.files.ServerName, "tls-server-name", "", "name that the server's certificate must bear, if not the one in --"+name+" (CREDENCE_TLS_SERVER_NAME)")
	f.StringVar(&c.callSecretFile, "call-secret-file", "", "file with the secret by which proxies prove themselves, on its first line")
}

// Target finds the address and reads the files that the flags name. withKey
// says that key text will be sent. The error is [ErrUnanswered] when no
// address is found, else [ErrUsage].
func (c *Connection) Target(withKey bool) (t Target, err error) {
	if t.Address, err = c.findAddress(); err != nil {
		return t, fmt.Errorf("%w: %w", ErrUnanswered, err)
	}
	speak, err := c.speaksTLS()
	if err == nil && speak {
		t.TLS, err = c.tlsFiles().Config()
	}
	if err != nil {
		return t, usageError{fmt.Errorf("TLS: %w (flags --tls-ca, --tls-cert, --tls-key)", err)}
	}
	if c.callSecretFile != "" {
		secrets, err := credential.LoadCallSecrets(c.callSecretFile)
		if err != nil {
			return t, usageError{fmt.Errorf("--call-secret-file: %w", err)}
		}
		t.CallSecret = secrets[0]
	}
	if (withKey || !t.CallSecret.Empty()) && t.TLS == nil && !c.plaintext && !local(t.Address) {
		return t, usageError{fmt.Errorf("--%s %s: a secret would cross the network unencrypted: "+
			"say --tls, run the command on that host, or add --insecure-plaintext", c.name, t.Address)}
	}
	return t, nil
}

// speaksTLS: any flag about TLS asks for it. The environment asks for it where
// the caller named a host; what a process on the data folder speaks, and a
// socket on this machine, is not for variables that several commands share.
func (c *Connection) speaksTLS() (bool, error) {
	if c.flags.Changed("tls") && !c.tls {
		if c.files.Given() {
			return false, errors.New("--tls=false, but files for TLS are named: leave out one of them")
		}
		return false, nil
	}
	return c.tls || c.files.Given() || c.TLS.Given() && c.address != "" && !strings.HasPrefix(c.address, "unix:"), nil
}

// tlsFiles are the flags, and the environment for those not given.
func (c *Connection) tlsFiles() certfile.ClientOptions {
	o := c.files
	o.CAFile, o.ServerName = first(o.CAFile, c.TLS.CAFile), first(o.ServerName, c.TLS.ServerName)
	if o.CertFile == "" && o.KeyFile == "" { // they belong together
		o.CertFile, o.KeyFile = c.TLS.CertFile, c.TLS.KeyFile
	}
	return o
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// StatusAddress is where the process on the data folder has its status port,
// if the Check address comes from there too; "" when nobody knows.
func (c *Connection) StatusAddress() string {
	if c.address != "" {
		return ""
	}
	found, err := announced(filepath.Join(first(c.DataDir, defaultDataDir), addressesFile))
	if err != nil {
		return ""
	}
	return reachable(found.Status)
}

// findAddress is the flag, or where the process on the data folder listens.
func (c *Connection) findAddress() (string, error) {
	if c.address != "" {
		return c.address, nil
	}
	file := filepath.Join(first(c.DataDir, defaultDataDir), addressesFile)
	found, err := announced(file)
	if errors.Is(err, fs.ErrNotExist) && c.DataDir == "" {
		return defaultAddress, nil
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("find the server: %w: is `credence serve` running there? Name another with --data-dir or --%s", err, c.name)
	}
	if err != nil || found.Check == "" {
		return "", fmt.Errorf("find the server: %s names no Check address: give it with --%s", file, c.name)
	}
	return reachable(found.Check), nil
}

// addresses is what a process writes about itself into its data folder.
type addresses struct {
	Check  string `json:"check"`
	Status string `json:"status"`
}

func announced(file string) (found addresses, err error) {
	f, err := os.Open(file) //nolint:gosec // the caller names the folder
	if err != nil {
		return found, err
	}
	err = json.NewDecoder(io.LimitReader(f, maxAddresses)).Decode(&found)
	return found, errors.Join(err, f.Close())
}

// reachable turns the address of a listener on all interfaces into one that
// can be dialled on this machine.
func reachable(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsUnspecified() {
		return address
	}
	if at.Addr().Is4() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), at.Port()).String()
}

// local reports whether the address is on this machine, where plaintext gives
// nobody a key.
func local(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
