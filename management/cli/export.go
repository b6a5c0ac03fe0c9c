package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/store/secretfile"
)

// exportVersion is the version of the lines below.
const exportVersion = 1

// exportLine is one line of an export.
type exportLine struct {
	Object string `json:"object"` // header, namespace, owner, plan, key_policy, key, blacklist_rule, route_policy, token, end
	Value  any    `json:"value"`
}

// exportHeader is the first line.
type exportHeader struct {
	Version    int       `json:"version"`
	ExportedAt time.Time `json:"exported_at,omitzero"`
	Actor      string    `json:"actor"`
	Namespaces []string  `json:"namespaces"` // that the export is limited to; empty: everything
	Omitted    []string  `json:"omitted"`    // kinds of objects that the token may not see
}

func export(o Options) *cobra.Command {
	c := &command{Options: o}
	var out string
	cmd := &cobra.Command{
		Use: "export --out FILE", Short: "write everything but secrets to a file",
		Long: `Writes namespaces, owners, plans, key policies, keys, blacklist rules, route
policies and admin tokens as JSON, one object a line, in the form of the API: no
key text, no token text, no hash, no secret. The first line says of which version
the lines are and what the token may not see, the last how many there are of
each; without it the file is not whole. Objects that change meanwhile are written
as they are when their turn comes.` + "\n\n" + connectHelp + "\n\n" + exitHelp(),
		Example: `  credence export --out credence.jsonl
  credence export --out - | jq -r 'select(.object == "key") | .value.key_id'`,
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write; - for standard output")
	c.connectFlags(cmd)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		switch out {
		case "":
			return usage(errors.New("--out: name the file to write, or - for standard output"))
		case "-":
			return c.exportTo(ctx, api, c.Out)
		}
		return c.exportToFile(ctx, api, out)
	})
}

// exportToFile puts the file in its place when it is whole. One that is there is
// replaced: an export is made again and again.
func (c *command) exportToFile(ctx context.Context, api *client.Client, name string) error {
	f, err := secretfile.Replacing(name)
	if err != nil {
		return usage(fmt.Errorf("--out: %w: name a file in a folder that can be written", err))
	}
	if err := c.exportTo(ctx, api, f); err != nil {
		return errors.Join(err, f.Discard())
	}
	if err := f.Keep(); err != nil {
		return err
	}
	fmt.Fprintln(c.Err, "written to", name)
	return nil
}

func (c *command) exportTo(ctx context.Context, api *client.Client, to io.Writer) error {
	who, err := api.Me(ctx, client.MeInput{})
	if err != nil {
		return err
	}
	header := exportHeader{Version: exportVersion, Actor: who.Actor, Namespaces: who.Namespaces, Omitted: omitted(who)}
	if c.Now != nil {
		header.ExportedAt = c.Now().UTC()
	}
	w := bufio.NewWriter(to)
	e := &exporter{command: c, lines: json.NewEncoder(w), counts: map[string]int{}}
	e.lines.SetEscapeHTML(false)
	err = errors.Join(
		e.lines.Encode(exportLine{"header", header}),
		exportList(ctx, e, "namespace", func(p client.PageInput) (client.List[client.Namespace], error) {
			return api.NamespaceList(ctx, client.NamespaceListInput{PageInput: p})
		}),
		exportList(ctx, e, "owner", func(p client.PageInput) (client.List[client.Owner], error) {
			return api.OwnerList(ctx, client.OwnerListInput{PageInput: p})
		}),
		exportList(ctx, e, "plan", func(p client.PageInput) (client.List[client.Plan], error) {
			return api.PlanList(ctx, client.PlanListInput{PageInput: p})
		}),
		e.keyPolicies(ctx, api),
		exportList(ctx, e, "key", func(p client.PageInput) (client.List[client.Key], error) {
			return api.KeyList(ctx, client.KeyListInput{PageInput: p})
		}),
		exportList(ctx, e, "blacklist_rule", func(p client.PageInput) (client.List[client.BlacklistRule], error) {
			return api.BlacklistList(ctx, client.BlacklistListInput{PageInput: p})
		}),
	)
	if !slices.Contains(header.Omitted, "route_policy") {
		err = errors.Join(err, exportList(ctx, e, "route_policy", func(p client.PageInput) (client.List[client.RoutePolicy], error) {
			return api.RoutePolicyList(ctx, client.RoutePolicyListInput{PageInput: p})
		}))
	}
	if !slices.Contains(header.Omitted, "token") {
		err = errors.Join(err, exportList(ctx, e, "token", func(p client.PageInput) (client.List[client.Token], error) {
			return api.TokenList(ctx, client.TokenListInput{Ended: true, PageInput: p})
		}))
	}
	c.settle()
	if err != nil {
		return err
	}
	return errors.Join(e.lines.Encode(exportLine{"end", e.counts}), w.Flush())
}

// omitted are the kinds that the caller may not see: route policies belong to
// no namespace, and tokens are for those who check or administer.
func omitted(who client.Me) []string {
	kinds := []string{}
	if len(who.Namespaces) > 0 {
		kinds = append(kinds, "route_policy")
	}
	if who.Role != "auditor" && who.Role != "admin" {
		kinds = append(kinds, "token")
	}
	return kinds
}

type exporter struct {
	*command

	lines      *json.Encoder
	counts     map[string]int
	namespaces []string // that were written
	failed     bool
}

// keyPolicies writes what holds everywhere, then what namespaces have of their
// own.
func (e *exporter) keyPolicies(ctx context.Context, api *client.Client) error {
	for _, namespace := range append([]string{""}, e.namespaces...) {
		err := exportList(ctx, e, "key_policy", func(client.PageInput) (client.List[client.KeyPolicy], error) {
			list, err := api.KeyPolicyList(ctx, client.KeyPolicyListInput{Namespace: namespace})
			list.Items = slices.DeleteFunc(list.Items, func(p client.KeyPolicy) bool { return p.Namespace != namespace })
			return list, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// exportList writes a list page by page. After a list that failed, no other is
// asked for.
func exportList[T any](ctx context.Context, e *exporter, object string, read func(client.PageInput) (client.List[T], error)) error {
	page := client.PageInput{Limit: maxPage}
	e.counts[object] += 0 // named at the end, also when there is none
	for !e.failed {
		list, err := read(page)
		for i := 0; err == nil && i < len(list.Items); i++ {
			err = e.lines.Encode(exportLine{object, list.Items[i]})
			if n, ok := any(list.Items[i]).(client.Namespace); ok {
				e.namespaces = append(e.namespaces, n.Name)
			}
			e.counts[object]++
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			e.failed = true
			return err
		}
		e.progress("%d objects of kind %s written", e.counts[object], object)
		if page.Cursor = list.NextCursor; page.Cursor == "" {
			break
		}
	}
	return nil
}
