package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"credence/extauthz/doctor"
	"credence/extauthz/probe"
)

// everyCommand visits the whole program, cobra's own commands included.
func everyCommand(visit func(*cobra.Command)) {
	var down func(*cobra.Command)
	down = func(c *cobra.Command) {
		visit(c)
		for _, sub := range c.Commands() {
			down(sub)
		}
	}
	down(rootCommand(process{in: strings.NewReader("")}))
}

func TestHelpOfEveryCommandHasAnExplanationAndAnExample(t *testing.T) {
	everyCommand(func(c *cobra.Command) {
		if c.Short == "" || len(c.Long) <= len(c.Short) {
			t.Errorf("%s --help explains nothing beyond %q", c.CommandPath(), c.Short)
		}
		if strings.TrimSpace(c.Example) == "" {
			t.Errorf("%s --help has no example", c.CommandPath())
		}
	})
}

// TestWhatAFlagTakesIsOneWordInTheHelp: a text in backquotes in what a flag is
// for becomes the name of its value.
func TestWhatAFlagTakesIsOneWordInTheHelp(t *testing.T) {
	everyCommand(func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if name, _ := pflag.UnquoteUsage(f); strings.Contains(name, " ") {
				t.Errorf("%s --%s takes %q", c.CommandPath(), f.Name, name)
			}
		})
	})
}

// TestEveryCommandIsInAScript of test/script, where the real program runs it
// against a real server.
func TestEveryCommandIsInAScript(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("test", "script", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var scripts strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		scripts.Write(content)
	}
	everyCommand(func(c *cobra.Command) {
		if c.HasSubCommands() && c.Parent() == nil {
			return
		}
		if c.HasSubCommands() && c.Name() != "usage" { // prints its help, as the root does
			return
		}
		run := regexp.MustCompile(`(?m)^!? ?exec ` + regexp.QuoteMeta(c.CommandPath()) + `( |$)`)
		if !run.MatchString(scripts.String()) {
			t.Errorf("no script in test/script runs `%s`: add it to one", c.CommandPath())
		}
	})
}

// TestTheExitCodesOfCheckAndDoctorAreInTheDocs, beside those of the CLI.
func TestTheExitCodesOfCheckAndDoctorAreInTheDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?m)^\\| `credence (check|doctor)` \\| (\\d+) \\|").FindAllStringSubmatch(string(page), -1)
	var documented []string
	for _, row := range found {
		documented = append(documented, row[1]+" "+row[2])
	}
	want := []string{}
	for _, code := range []int{probe.ExitAllowed, probe.ExitRefused, probe.ExitUsage, probe.ExitUnanswered} {
		want = append(want, fmt.Sprint("check ", code))
	}
	want = append(want, fmt.Sprint("doctor ", doctor.ExitProblems))
	if strings.Join(documented, ",") != strings.Join(want, ",") {
		t.Errorf("docs/cli.md has %v, the program %v", documented, want)
	}
}
