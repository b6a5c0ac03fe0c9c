package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// fromDefault is the origin of a value that nobody set.
const fromDefault = "default"

// origin says where a value came from.
type origin struct {
	setting setting
	value   string
	from    string
}

// loadConfig merges defaults < file < environment < flags. file is the path
// given with --config; "" reads ./credence.yaml when there is one.
func loadConfig(flags *pflag.FlagSet, file string, environ []string) (config, []origin, error) {
	v := viper.New()
	path, err := readConfigFile(v, file)
	if err != nil {
		return config{}, nil, err
	}
	variables := environment(environ)
	if err := unknownNames(v, path, variables); err != nil {
		return config{}, nil, err
	}
	var c config
	var origins []origin
	var problems []error
	for _, s := range settings() {
		o := resolve(v, s, path, variables, flags)
		if err := s.apply(&c, o.value); err != nil {
			problems = append(problems, fmt.Errorf("%s (from %s): %w", s.name, o.from, err))
		}
		origins = append(origins, o)
	}
	c.KeysetVariable, err = keysetVariable(c.Keyset, environ)
	if err != nil {
		problems = append(problems, err)
	}
	c.ClientSourceSaid = said(origins, "client-source")
	if (c.AddressLimit != nil || c.FailureLimit != nil) && !c.ClientSourceSaid {
		problems = append(problems, errUnsaidSource)
	}
	if len(problems) > 0 {
		return config{}, nil, usageError{errors.Join(problems...)}
	}
	return c, origins, nil
}

// errUnsaidSource refuses limits that count by address while nobody has said
// where the address comes from: behind a load balancer every client would
// share the default's one.
var errUnsaidSource = errors.New("client-source: not set: address-limit and failure-limit count by client address, " +
	"so say where it comes from: peer (Envoy is at the edge), header:NAME or xff")

// said reports whether somebody has said what the setting is, and be it the
// default.
func said(origins []origin, name string) bool {
	return slices.ContainsFunc(origins, func(o origin) bool {
		return o.setting.name == name && o.from != fromDefault
	})
}

// checkSource refuses what is no client source. The data plane checks more,
// for it reads addresses; who asks this has only to know the answer.
func checkSource(source string) error {
	name, header := strings.CutPrefix(source, "header:")
	if source == "peer" || source == "xff" || header && name != "" {
		return nil
	}
	return usageError{fmt.Errorf("client-source: %q is none of peer, header:NAME, xff; give what the data plane was given", source)}
}

func readConfigFile(v *viper.Viper, file string) (string, error) {
	path := file
	if path == "" {
		path = "credence.yaml"
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, os.ErrNotExist) && file == "" {
		return "", nil
	}
	if err != nil {
		return "", usageError{fmt.Errorf("config: %w: give --config a file that can be read", err)}
	}
	v.SetConfigType("yaml")
	if err := v.ReadConfig(bytes.NewReader(raw)); err != nil {
		return "", usageError{fmt.Errorf("config %s: %w", path, err)}
	}
	return path, nil
}

// resolve finds the value that wins and says where it stands.
func resolve(v *viper.Viper, s setting, path string, variables map[string]string, flags *pflag.FlagSet) origin {
	if f := flags.Lookup(s.name); f != nil && f.Changed {
		return origin{s, f.Value.String(), "flag --" + s.name}
	}
	if value, ok := variables[s.variable()]; ok {
		return origin{s, value, "variable " + s.variable()}
	}
	if path != "" && v.InConfig(s.fileKey()) {
		value := v.GetString(s.fileKey())
		if items := v.GetStringSlice(s.fileKey()); value == "" && len(items) > 0 {
			value = strings.Join(items, ",")
		}
		return origin{s, value, "file " + path}
	}
	return origin{s, s.fallback, fromDefault}
}

// environment is the CREDENCE_ part of environ.
func environment(environ []string) map[string]string {
	found := map[string]string{}
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok && strings.HasPrefix(name, "CREDENCE_") {
			found[name] = value
		}
	}
	return found
}

// unknownNames refuses file keys and variables that set nothing: a
// misspelled one must not be taken for a set one.
func unknownNames(v *viper.Viper, path string, variables map[string]string) error {
	keys, names := map[string]bool{}, map[string]bool{}
	for _, s := range settings() {
		keys[s.fileKey()], names[s.variable()] = true, true
	}
	var problems []error
	for _, k := range slices.Sorted(slices.Values(v.AllKeys())) {
		if !keys[k] {
			problems = append(problems, fmt.Errorf("config %s: unknown key %q%s", path, k, didYouMean(k, keys)))
		}
	}
	for _, n := range slices.Sorted(mapKeys(variables)) {
		if !names[n] && !clientVariable(n) && !kubernetesVariable(n) {
			problems = append(problems, fmt.Errorf("environment: unknown variable %s%s", n, didYouMean(n, names)))
		}
	}
	if len(problems) > 0 {
		return usageError{errors.Join(problems...)}
	}
	return nil
}

// clientVariable are the variables that the CLI and the tests read.
func clientVariable(name string) bool {
	return slices.Contains([]string{
		"CREDENCE_SERVER", "CREDENCE_TOKEN", "CREDENCE_CONFIG", "CREDENCE_CONTEXT", "CREDENCE_CONTEXTS",
		"CREDENCE_TLS_CA", "CREDENCE_TLS_CERT", "CREDENCE_TLS_KEY", "CREDENCE_TLS_SERVER_NAME",
	}, name) ||
		strings.HasPrefix(name, "CREDENCE_TEST_")
}

// kubernetesVariable recognises what Kubernetes adds to every pod for a
// Service whose name starts with credence (service links).
func kubernetesVariable(name string) bool {
	return regexp.MustCompile(`^CREDENCE_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_\w+)?)$`).MatchString(name)
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// didYouMean names the nearest known name when it is near enough to be meant.
func didYouMean(name string, known map[string]bool) string {
	best, distance := "", 4
	for k := range known {
		if d := editDistance(name, k); d < distance || d == distance && k < best {
			best, distance = k, d
		}
	}
	if best == "" {
		return "; `credence config print` lists all"
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

func configCommand(p process) *cobra.Command {
	parent := &cobra.Command{
		Use: "config", Short: "look at the configuration",
		Long:    "Looks at the configuration as a process would read it: from a file, from variables and from flags.",
		Example: "  credence config print",
	}
	group(parent)
	var output string
	show := configured(p, inAll, &cobra.Command{
		Use:   "print",
		Short: "print every setting, its value and where it came from",
		Long: `Prints every setting, its value and where it came from. Later wins:
defaults, the file (--config or ./credence.yaml), variables (CREDENCE_NAME),
flags (--name). Passwords in addresses are masked.`,
		Example: `  CREDENCE_CACHE_SIZE=500000 credence config print
  credence config print --config /etc/credence/credence.yaml -o json`,
	}, func(_ *cobra.Command, _ config, origins []origin) error {
		if output != "table" && output != "json" {
			return usageError{fmt.Errorf("--output %q: give table or json", output)}
		}
		return printConfig(p.out, origins, output)
	})
	show.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	parent.AddCommand(show)
	return parent
}

// printConfig writes every setting, its value and where it came from.
func printConfig(out io.Writer, origins []origin, output string) error {
	sort.Slice(origins, func(i, j int) bool { return origins[i].setting.name < origins[j].setting.name })
	rows := make([]settingRow, 0, len(origins))
	for _, o := range origins {
		rows = append(rows, settingRow{Setting: o.setting.fileKey(), Value: maskURL(o.value), From: o.from})
	}
	if output == "json" {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(map[string][]settingRow{"items": rows})
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.Setting, cmp.Or(r.Value, "-"), r.From)
	}
	return w.Flush()
}

// settingRow is a setting as config print shows it: its value without secrets.
type settingRow struct {
	Setting string `json:"setting"`
	Value   string `json:"value"`
	From    string `json:"from"`
}
