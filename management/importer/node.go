package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// The formats that are YAML are read as a tree of nodes, JSON too, which is
// YAML: nodes know their line, and an error about one never shows its value.

// documents reads the documents of a file.
func documents(in io.Reader) ([]*yaml.Node, error) {
	content, err := readFile(in)
	if err != nil {
		return nil, err
	}
	var all []*yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		err := d.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the file is neither YAML nor JSON%s", place(err))
		}
		if len(document.Content) == 1 {
			all = append(all, document.Content[0])
		}
	}
}

var yamlLine = regexp.MustCompile(`line \d+`)

// place is where the decoder stopped; its own words may quote the content.
func place(err error) string {
	if at := yamlLine.FindString(err.Error()); at != "" {
		return ": see " + at
	}
	return ""
}

// resolved follows an alias to what it stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// child is the member of a mapping; nil when there is none.
func child(n *yaml.Node, name string) *yaml.Node {
	for key, value := range members(n) {
		if key.Value == name {
			return value
		}
	}
	return nil
}

// members are the members of a mapping, none for anything else.
func members(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(*yaml.Node, *yaml.Node) bool) {
		n = resolved(n)
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], resolved(n.Content[i+1])) {
				return
			}
		}
	}
}

// elements are the elements of a list, none for anything else.
func elements(n *yaml.Node) []*yaml.Node {
	n = resolved(n)
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]*yaml.Node, len(n.Content))
	for i := range n.Content {
		out[i] = resolved(n.Content[i])
	}
	return out
}

// text is a scalar as it is written; "" for null, for nothing, and for what is
// no scalar.
func text(n *yaml.Node) string {
	n = resolved(n)
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// texts are the scalars of a list.
func texts(n *yaml.Node) []string {
	var out []string
	for _, element := range elements(n) {
		if value := text(element); value != "" {
			out = append(out, value)
		}
	}
	return out
}
