package certfile

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"credence/store/secretfile"
)

// ClientOptions say how a client makes sure of the server, and what it shows.
// The zero value trusts the system's authorities and shows nothing.
type ClientOptions struct {
	CAFile     string // PEM: the authorities to trust instead of the system's
	AndSystem  bool   // trust the system's authorities as well as those of CAFile
	CertFile   string // PEM: what the server is shown, where it asks (mTLS)
	KeyFile    string // PEM: its private key; mode 0640 or narrower
	ServerName string // the name the server must bear, if not the one it is called by
}

// Given reports whether anything was said.
func (o ClientOptions) Given() bool { return o != ClientOptions{} }

// Config reads the files. The error names the file, its problem and the
// remedy. Whether the client's certificate is valid at the time is the
// server's to say.
func (o ClientOptions) Config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites(), ServerName: o.ServerName}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("a certificate and its private key belong together: name the files of both, or none")
	}
	if o.CAFile != "" {
		content, err := readPEM(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("authorities: %w", err)
		}
		authorities, err := parse(content)
		if err != nil {
			return nil, fmt.Errorf("authorities: %s: %w", o.CAFile, err)
		}
		config.RootCAs = x509.NewCertPool()
		if o.AndSystem {
			if config.RootCAs, err = x509.SystemCertPool(); err != nil {
				return nil, fmt.Errorf("authorities of the system: %w", err)
			}
		}
		for _, one := range authorities {
			config.RootCAs.AddCert(one)
		}
	}
	if o.CertFile != "" {
		chain, err := readPEM(o.CertFile)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		private, err := secretfile.Read(o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("private key: %w", err)
		}
		pair, _, err := pairOf(o.CertFile, chain, o.KeyFile, private)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
