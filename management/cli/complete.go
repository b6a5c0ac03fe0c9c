package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
)

const (
	// completionPatience bounds how long a shell waits for words.
	completionPatience = 2 * time.Second
	// completionWords bounds how many it gets.
	completionWords = 200
)

// words are what can stand somewhere: known here, or asked from the server.
type words struct {
	known []string
	ask   asking
}

// asking asks the server. namespace is that of the flag, or "".
type asking func(ctx context.Context, api *client.Client, namespace string) ([]cobra.Completion, error)

// wordsFor are the words for the argument of a noun's verbs, by the noun and
// the name of the argument in the usage line.
func wordsFor(noun, argument string) (w words, ok bool) {
	switch argument {
	case "KEY_ID":
		return words{ask: keyWords}, true
	case "TOKEN_ID":
		return words{ask: tokenWords}, true
	case "TYPE":
		return fixed("user", "service", "integration", "system", "emergency"), true
	}
	switch noun + " " + argument {
	case "plans NAME":
		return words{ask: planWords}, true
	case "owners NAME":
		return words{ask: ownerWords}, true
	case "namespaces NAME":
		return words{ask: namespaceWords}, true
	case "route-policies NAME":
		return words{ask: routePolicyWords}, true
	case "blacklist ID":
		return words{ask: blacklistWords}, true
	}
	return words{}, false
}

// flagWords are the words for flags, by name.
func flagWords() map[string]words {
	return map[string]words{
		"namespace": {ask: namespaceWords}, "plan": {ask: planWords}, "owner": {ask: ownerWords}, "output": fixed(outputs()...),
		"status": fixed("active", "disabled", "suspended", "revoked", "purged", "expired"),
		"type":   fixed("user", "service", "integration", "system", "emergency"),
		"role":   fixed("viewer", "auditor", "operator", "admin"),
	}
}

// completed gives a verb its words: for its argument, unless it makes what has
// no name yet, and for its flags.
func (c *command) completed(parent, cmd *cobra.Command) {
	fields := strings.Fields(cmd.Use)
	if len(fields) > 1 && cmd.ValidArgsFunction == nil && cmd.Name() != "create" && cmd.Name() != "add" {
		if from, ok := wordsFor(parent.Name(), strings.Trim(fields[1], "[]")); ok {
			cmd.ValidArgsFunction = c.argument(from)
		} else if parent.Name() == "context" {
			cmd.ValidArgsFunction = c.contextWords
		}
	}
	for name, from := range flagWords() {
		if cmd.Flags().Lookup(name) != nil || parent.PersistentFlags().Lookup(name) != nil && name == "output" {
			// An error says that there are words already.
			_ = cmd.RegisterFlagCompletionFunc(name, c.complete(from))
		}
	}
}

// argument completes the first argument only.
func (c *command) argument(from words) cobra.CompletionFunc {
	all := c.complete(from)
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return all(cmd, args, begun)
	}
}

// complete answers the words that begin so. Whatever goes wrong, the shell gets
// none: a person who types wants no error there.
func (c *command) complete(from words) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		found := from.known
		if from.ask != nil {
			var err error
			if found, err = c.asked(cmd, from.ask); err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
		}
		matching := []cobra.Completion{}
		for _, word := range found {
			if strings.HasPrefix(word, begun) {
				matching = append(matching, word)
			}
		}
		return matching, cobra.ShellCompDirectiveNoFileComp
	}
}

func (c *command) asked(cmd *cobra.Command, ask asking) ([]cobra.Completion, error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	api, err := c.connect(0)
	if err != nil {
		return nil, err
	}
	defer api.Close()
	namespace := ""
	if flag := cmd.Flags().Lookup("namespace"); flag != nil && flag.Value.Type() == "string" {
		namespace = flag.Value.String()
	}
	return ask(ctx, api, namespace)
}

func (c *command) contextWords(_ *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	if all, err := c.readContexts(); err == nil && len(args) == 0 {
		for name := range all.Contexts {
			if strings.HasPrefix(name, begun) {
				names = append(names, name)
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// fixed are words that need no server.
func fixed(all ...string) words { return words{known: all} }

// listed makes words of a list: each item's name, and what helps to choose it.
func listed[T any](list client.List[T], err error, word func(T) (name, about string)) ([]cobra.Completion, error) {
	found := make([]cobra.Completion, 0, len(list.Items))
	for _, item := range list.Items {
		name, about := word(item)
		found = append(found, cobra.CompletionWithDesc(printable(name), printable(about)))
	}
	return found, err
}

func somePage() client.PageInput { return client.PageInput{Limit: completionWords} }

func keyWords(ctx context.Context, api *client.Client, namespace string) ([]cobra.Completion, error) {
	list, err := api.KeyList(ctx, client.KeyListInput{PageInput: somePage(), KeyFilter: client.KeyFilter{Namespace: namespace}})
	return listed(list, err, func(k client.Key) (string, string) { return k.KeyID, k.Name + ", " + keyStatus(k) })
}

func tokenWords(ctx context.Context, api *client.Client, _ string) ([]cobra.Completion, error) {
	list, err := api.TokenList(ctx, client.TokenListInput{PageInput: somePage()})
	return listed(list, err, func(t client.Token) (string, string) { return t.TokenID, t.Name + ", " + t.Role })
}

func planWords(ctx context.Context, api *client.Client, namespace string) ([]cobra.Completion, error) {
	list, err := api.PlanList(ctx, client.PlanListInput{PageInput: somePage(), Namespace: namespace})
	return listed(list, err, func(p client.Plan) (string, string) { return p.Name, first(p.Description, p.Namespace) })
}

func ownerWords(ctx context.Context, api *client.Client, namespace string) ([]cobra.Completion, error) {
	list, err := api.OwnerList(ctx, client.OwnerListInput{PageInput: somePage(), Namespace: namespace})
	return listed(list, err, func(o client.Owner) (string, string) { return o.Name, first(o.Description, o.Namespace) })
}

func namespaceWords(ctx context.Context, api *client.Client, _ string) ([]cobra.Completion, error) {
	list, err := api.NamespaceList(ctx, client.NamespaceListInput{PageInput: somePage()})
	return listed(list, err, func(n client.Namespace) (string, string) { return n.Name, n.Description })
}

func routePolicyWords(ctx context.Context, api *client.Client, _ string) ([]cobra.Completion, error) {
	list, err := api.RoutePolicyList(ctx, client.RoutePolicyListInput{PageInput: somePage()})
	return listed(list, err, func(p client.RoutePolicy) (string, string) { return p.Name, p.Description })
}

func blacklistWords(ctx context.Context, api *client.Client, namespace string) ([]cobra.Completion, error) {
	list, err := api.BlacklistList(ctx, client.BlacklistListInput{PageInput: somePage(), Namespace: namespace})
	return listed(list, err, func(r client.BlacklistRule) (string, string) { return r.ID, r.Network + ", " + r.Reason })
}
