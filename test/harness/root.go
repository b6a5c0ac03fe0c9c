package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Root is the folder of the repository: the nearest one above the working
// folder that holds go.mod.
func Root() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		above := filepath.Dir(folder)
		if above == folder {
			return "", errors.New("find the repository: no go.mod in this folder or above it; run this from inside the repository")
		}
		folder = above
	}
}
