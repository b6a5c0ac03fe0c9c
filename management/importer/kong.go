package importer

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"credence/management/client"
)

// openKong reads the consumers and key-auth credentials of a declarative file,
// nested or beside each other. The consumer names the key, its ACL groups
// become scopes, custom id and tags become labels.
func openKong(in io.Reader) (source, error) {
	found, err := documents(in)
	if err != nil {
		return nil, err
	}
	var out readySource
	seen := false
	for _, document := range found {
		consumers, credentials := child(document, "consumers"), child(document, "keyauth_credentials")
		seen = seen || consumers != nil || credentials != nil
		k := kongFile{all: map[string]*kongConsumer{}, out: &out}
		for _, n := range elements(consumers) {
			k.consumer(n)
		}
		for _, n := range elements(child(document, "acls")) {
			if c := k.all[reference(n)]; c != nil {
				c.groups = append(c.groups, text(child(n, "group")))
			}
		}
		for _, c := range k.order {
			for _, n := range elements(child(c.node, "keyauth_credentials")) {
				k.credential(c, n)
			}
		}
		for _, n := range elements(credentials) {
			if c := k.all[reference(n)]; c != nil {
				k.credential(c, n)
			} else {
				out.add(client.KeyImportRow{}, lineError(n.Line, "consumer", "is not in the file", "add the consumer, or remove the credential"))
			}
		}
	}
	if !seen {
		return nil, errors.New("the file has neither consumers nor keyauth_credentials: write it with `deck gateway dump` or `kong config db_export`")
	}
	return &out, nil
}

type kongFile struct {
	all   map[string]*kongConsumer // by username, custom id and id
	order []*kongConsumer
	out   *readySource
}

type kongConsumer struct {
	node           *yaml.Node
	name, customID string
	tags, groups   []string
	keys           int
}

func (k *kongFile) consumer(n *yaml.Node) {
	c := &kongConsumer{node: n, customID: text(child(n, "custom_id")), tags: texts(child(n, "tags"))}
	for _, name := range []string{text(child(n, "id")), c.customID, text(child(n, "username"))} {
		if name != "" {
			c.name = name
			k.all[name] = c
		}
	}
	for _, acl := range elements(child(n, "acls")) {
		c.groups = append(c.groups, text(child(acl, "group")))
	}
	k.order = append(k.order, c)
}

// reference is the consumer that something belongs to: by name, or as an
// object with its name or id.
func reference(n *yaml.Node) string {
	to := child(n, "consumer")
	for _, name := range []string{text(to), text(child(to, "username")), text(child(to, "id"))} {
		if name != "" {
			return name
		}
	}
	return ""
}

func (k *kongFile) credential(c *kongConsumer, n *yaml.Node) {
	key := text(child(n, "key"))
	if strings.ContainsAny(key, "${}") {
		k.out.add(client.KeyImportRow{}, lineError(n.Line, "key", "is a reference or a variable, not a key text", "render the file with its values first"))
		return
	}
	c.keys++
	name := c.name
	if c.keys > 1 {
		name += " " + strconv.Itoa(c.keys)
	}
	row := client.KeyImportRow{Line: n.Line, KeyText: client.KeyText(key), KeyCreate: client.KeyCreate{Name: name, Scopes: unique(c.groups)}}
	note(&row, "custom-id", c.customID)
	note(&row, "tags", strings.Join(append(append([]string{}, c.tags...), texts(child(n, "tags"))...), ","))
	if wrong := expires(&row, n); wrong != nil {
		k.out.add(client.KeyImportRow{}, wrong)
		return
	}
	k.out.add(row, nil)
}

// expires reads the time to live, in seconds from the creation.
func expires(row *client.KeyImportRow, n *yaml.Node) *LineError {
	ttl := text(child(n, "ttl"))
	if ttl == "" || ttl == "0" {
		return nil
	}
	seconds, err := strconv.ParseInt(ttl, 10, 32)
	created, createdErr := strconv.ParseFloat(text(child(n, "created_at")), 64)
	switch {
	case err != nil || seconds < 0:
		return lineError(n.Line, "ttl", "is no number of seconds", "write a number, or leave it out and set an end with --expires")
	case createdErr != nil || created < 0 || created > 1<<40:
		return lineError(n.Line, "ttl", "counts from created_at, and there is none", "leave it out and set an end with --expires, or add created_at")
	}
	row.ExpiresAt = time.Unix(int64(created)+seconds, 0).UTC()
	return nil
}

func unique(words []string) []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, word := range words {
		if !seen[word] {
			seen[word] = true
			out = append(out, word)
		}
	}
	return out
}
