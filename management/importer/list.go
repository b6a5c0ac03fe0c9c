package importer

import (
	"io"
	"strings"

	"credence/management/client"
	"credence/store/credential"
)

// listSource is one key text a line. A line of 64 hexadecimal digits behind
// "sha256:" is a digest; a line that begins with # is a comment.
type listSource struct{ lines *lines }

func openList(in io.Reader) (source, error) {
	l, err := newLines(in)
	return &listSource{l}, err
}

func (s *listSource) next() (client.KeyImportRow, error) {
	for {
		line, err := s.lines.next()
		if err != nil {
			return client.KeyImportRow{}, err
		}
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := client.KeyImportRow{Line: s.lines.number}
		if digest, found := strings.CutPrefix(line, "sha256:"); found {
			row.SHA256 = digest
			return row, nil
		}
		if !credential.WellFormed([]byte(line)) {
			return row, lineError(s.lines.number, "key_text", "is too long, or has a character that no key text has",
				"write one key text a line, alone; fields beside it need the format csv")
		}
		row.KeyText = client.KeyText(line)
		return row, nil
	}
}
