// Command generate writes the page about events and their JSON schemas from
// the catalogue. `go generate ./management/event` runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"credence/management/event"
)

func main() {
	out := flag.String("out", "", "folder to write to")
	flag.Parse()
	page, err := event.Page()
	if err == nil {
		err = os.WriteFile(filepath.Join(*out, "events.md"), page, 0o644) //nolint:gosec // G306: a page of documentation
	}
	var schemas []byte
	if err == nil {
		schemas, err = event.Schemas()
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(*out, "events.schema.json"), schemas, 0o644) //nolint:gosec // G306: as above
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate events:", err)
		os.Exit(1) //nolint:forbidigo // this is a main package too
	}
}
