package redis

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Forms says how an address may be written, for help texts and errors.
const Forms = "HOST:PORT, redis://[USER@]HOST:PORT[/DATABASE], redis+sentinel://[USER@]HOST:PORT,.../MASTER[/DATABASE] " +
	"or redis+cluster://[USER@]HOST:PORT,... (rediss for TLS)"

// ParseAddress reads where Redis is: one of [Forms]; several HOST:PORT are
// nodes of a Cluster. The port may be left out where it is the usual one (6379,
// Sentinel 26379). secured says that the address asks for TLS. A password in
// the address is accepted; a file shows it to nobody. The error shows nothing
// of it.
func ParseAddress(text string) (o Options, secured bool, err error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "redis", text
		if strings.Contains(rest, ",") {
			scheme = "redis+cluster"
		}
	}
	kind, secured := strings.CutPrefix(scheme, "rediss")
	if !secured {
		if kind, found = strings.CutPrefix(scheme, "redis"); !found {
			return o, false, errors.New("does not begin with redis: give " + Forms)
		}
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if o.Username, o.Password, err = parseUser(rest[:at]); err != nil {
			return Options{}, false, err
		}
		rest = rest[at+1:]
	}
	hosts, path, _ := strings.Cut(rest, "/")
	port := "6379"
	switch kind {
	case "":
		err = o.parseDatabase(path)
	case "+cluster":
		o.Cluster = true
		if path != "" {
			err = errors.New("a Cluster has one database: leave out what follows the addresses")
		}
	case "+sentinel":
		port = "26379"
		master, database, _ := strings.Cut(path, "/")
		if o.MasterName = master; master == "" {
			err = errors.New("no name of a master: give redis+sentinel://HOST:PORT,.../MASTER")
		} else {
			err = o.parseDatabase(database)
		}
	default:
		err = errors.New("is none of the forms: give " + Forms)
	}
	if err == nil {
		o.Addresses, err = parseHosts(hosts, port)
	}
	if err == nil && kind == "" && len(o.Addresses) > 1 {
		err = errors.New("several addresses: say redis+cluster:// or redis+sentinel://")
	}
	if err != nil {
		return Options{}, false, err
	}
	return o, secured, nil
}

func parseUser(text string) (name, password string, err error) {
	name, password, _ = strings.Cut(text, ":")
	if name, err = url.PathUnescape(name); err == nil {
		password, err = url.PathUnescape(password)
	}
	if err != nil || strings.ContainsAny(text, "/?#@") {
		return "", "", errors.New("user or password hold characters like / ? # @ %: percent-encode them, or put the password into a file")
	}
	return name, password, nil
}

func (o *Options) parseDatabase(text string) error {
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1<<16 {
		return fmt.Errorf("database %.20q is no number from 0", text)
	}
	o.Database = n
	return nil
}

func parseHosts(text, port string) ([]string, error) {
	var all []string
	for one := range strings.SplitSeq(text, ",") {
		one = strings.TrimSpace(one)
		host, given, err := net.SplitHostPort(one)
		if err != nil { // no port, or no address
			host, given = strings.Trim(one, "[]"), port
			if strings.Contains(host, ":") && !strings.HasPrefix(one, "[") {
				return nil, fmt.Errorf("%.80q is not HOST:PORT", one)
			}
		}
		if n, err := strconv.Atoi(given); host == "" || err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("%.80q is not HOST:PORT", one)
		}
		all = append(all, net.JoinHostPort(host, given))
	}
	return all, nil
}
