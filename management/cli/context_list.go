package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"credence/management/client"
)

// contextShown is a context as list and show answer it. Tokens are not in it:
// the file that holds one is.
type contextShown struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	place
}

func contextList(c *command) *cobra.Command {
	return c.local(&cobra.Command{
		Use: "list", Short: "list the contexts, by name",
		Long:    "Lists the servers that were remembered with context add, and says which of them is meant when nothing else is said.",
		Example: "  credence context list\n  credence context list -o json",
	}, 0, func([]string) error {
		all, err := c.readContexts()
		if err != nil {
			return err
		}
		list := client.List[contextShown]{Items: []contextShown{}}
		for _, name := range slices.Sorted(maps.Keys(all.Contexts)) {
			list.Items = append(list.Items, contextShown{name, name == all.Current, all.Contexts[name]})
		}
		return showList(c, list, "NAME\tSTATE\tSERVER\tTOKEN FILE", func(s contextShown) []string {
			state := ""
			if s.Current {
				state = "current"
			}
			return []string{s.Name, state, s.Server, s.TokenFile}
		})
	})
}
