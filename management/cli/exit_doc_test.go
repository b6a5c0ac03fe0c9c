package cli_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"credence/management/cli"
)

// TestTheTableOfExitCodesInTheDocsIsTheOneOfTheProgram.
func TestTheTableOfExitCodesInTheDocsIsTheOneOfTheProgram(t *testing.T) {
	page, err := os.ReadFile("../../docs/cli.md")
	must(t, err)
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\d+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(page), -1) {
		documented[row[1]] = row[2]
	}
	help := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^  (\d+)  (.+)$`).FindAllStringSubmatch(cli.Commands(cli.Options{})[0].Long, -1) {
		help[row[1]] = row[2]
	}
	if len(help) < 8 {
		t.Fatalf("the help lists %v", help)
	}
	if diff := cmp.Diff(help, documented); diff != "" {
		t.Errorf("docs/cli.md differs from --help (-help +docs):\n%s", diff)
	}
}

// TestEveryCommandExplainsItself: what it does, and a command line to start
// from.
func TestEveryCommandExplainsItself(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if len(c.Long) <= len(c.Short) || c.Example == "" {
			t.Errorf("%s: help without an explanation that says more than %q, or without an example", c.CommandPath(), c.Short)
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	for _, c := range cli.Commands(cli.Options{}) {
		visit(c)
	}
}
