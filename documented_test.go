package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// documented is a command line that a person may copy.
type documented struct {
	place string // file:line, or the command whose help it is
	words []string
}

// inlineCode is a command in a sentence.
var inlineCode = regexp.MustCompile("`((?:\\./)?credence [^`]+)`")

// TestEveryCommandInTheDocumentationIsOne: it exists, takes as many arguments,
// and has the flags with such values. So do the examples of --help.
func TestEveryCommandInTheDocumentationIsOne(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join("docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks, sentences []documented
	for _, page := range append(pages, "README.md", "CONTRIBUTING.md", filepath.Join("envoy", "README.md")) {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		b, s := commandsOf(page, string(content))
		blocks, sentences = append(blocks, b...), append(sentences, s...)
	}
	everyCommand(func(c *cobra.Command) {
		b, _ := commandsOf(c.CommandPath()+" --help", "```\n"+c.Example+"\n```")
		blocks = append(blocks, b...)
	})
	for _, d := range blocks {
		if err := parsedLine(d.words, true); err != nil {
			t.Errorf("%s: %s: %v", d.place, strings.Join(d.words, " "), err)
		}
	}
	for _, d := range sentences {
		if err := parsedLine(d.words, false); err != nil {
			t.Errorf("%s: %s: %v", d.place, strings.Join(d.words, " "), err)
		}
	}
	if len(blocks) < 300 || len(sentences) < 50 {
		t.Errorf("only %d commands in blocks and %d in sentences were found", len(blocks), len(sentences))
	}
}

// commandsOf are the commands of a page in Markdown: in blocks of code, each a
// whole command line, and in sentences, where the arguments may be missing.
func commandsOf(page, content string) (blocks, sentences []documented) {
	fenced, going := false, "" // what a line that ends with \ has begun
	for n, line := range strings.Split(content, "\n") {
		place := fmt.Sprintf("%s:%d", page, n+1)
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "```") {
			fenced, going = !fenced, ""
			continue
		}
		if !fenced && !strings.HasPrefix(line, "    ") {
			for _, found := range inlineCode.FindAllStringSubmatch(line, -1) {
				sentences = append(sentences, documented{place, shellWords(found[1])})
			}
			continue
		}
		whole, goesOn := strings.CutSuffix(going+trimmed, `\`)
		if going = ""; goesOn {
			going = whole
			continue
		}
		for _, words := range commandLines(whole) {
			blocks = append(blocks, documented{place, words})
		}
	}
	return blocks, sentences
}

// commandLines are the commands of ours in a line of a shell, in words.
func commandLines(line string) (all [][]string) {
	var words []string
	end := func() {
		for len(words) > 0 && (strings.Contains(words[0], "=") || slices.Contains([]string{"$", "exec", "sudo", "command:"}, words[0])) {
			words = words[1:] // an assignment, a prompt
		}
		if len(words) > 1 && strings.TrimPrefix(words[0], "./") == "credence" {
			all = append(all, words)
		}
		words = nil
	}
	for _, word := range shellWords(line) {
		switch {
		case strings.HasPrefix(word, "#"):
			end()
			return all
		case slices.Contains([]string{"|", "||", "&&", ";", "&"}, word):
			end()
		case word == "..." && (len(words) == 0 || !strings.HasPrefix(words[len(words)-1], "-")): // more than the page is about
		default:
			words = append(words, word)
		}
	}
	end()
	return all
}

// shellWords parts a line as a shell does, as far as our pages need it.
func shellWords(line string) (words []string) {
	word, quote, begun := strings.Builder{}, rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}

// parsedLine answers what is wrong about a command line. Of one in a sentence only
// its command and the names of its flags are looked at.
func parsedLine(words []string, whole bool) error {
	for i, word := range words { // what a shell does with the rest
		if slices.Contains([]string{">", "<", ">>", "2>"}, word) {
			words = words[:i]
			break
		}
	}
	for i, word := range words { // create|list|show
		if before, after, several := strings.Cut(word, "|"); several && i > 0 && !strings.HasPrefix(words[i-1], "-") && !strings.ContainsAny(word, "[]<>") {
			for _, one := range []string{before, after} {
				again := slices.Clone(words)
				again[i] = one
				if err := parsedLine(again, whole); err != nil {
					return err
				}
			}
			return nil
		}
	}
	root := rootCommand(process{in: strings.NewReader("")})
	c, rest, err := root.Find(words[1:])
	if err != nil {
		return err
	}
	if c.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && c.RunE == nil {
		return fmt.Errorf("%s has no command %s", c.CommandPath(), rest[0])
	}
	if !whole {
		return flagsOf(c, rest)
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	if c.HasSubCommands() && c.RunE == nil {
		return nil
	}
	return c.ValidateArgs(c.Flags().Args())
}

// flagsOf answers an error for a flag that the command does not have.
func flagsOf(c *cobra.Command, words []string) (err error) {
	c.InitDefaultHelpFlag()
	for _, word := range words {
		name, long := strings.CutPrefix(word, "--")
		if name, _, _ = strings.Cut(name, "="); long && name != "" && c.Flag(name) == nil {
			err = errors.Join(err, fmt.Errorf("%s has no flag --%s", c.CommandPath(), name))
		}
	}
	return err
}
