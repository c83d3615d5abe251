package bicep

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed grammar.mjs
var grammarScript string

// grammarHome is where "make setup" puts the grammar, seen from the folder of go.mod.
const grammarHome = ".local/bicep"

// Grammar asks the tree-sitter grammar of Bicep about files, and returns what it does not understand. It is a second opinion: nobody who
// wrote [Parse] wrote it. root is the folder of go.mod; paths are relative to it.
//
// The error says what to do if node or the grammar is not installed.
func Grammar(ctx context.Context, root string, paths ...string) ([]Fault, error) {
	home, err := filepath.Abs(filepath.Join(root, grammarHome))
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(filepath.Join(home, "node_modules", "tree-sitter-bicep"))
	if err != nil {
		return nil, fmt.Errorf("the Bicep grammar is not installed, run make setup: %w", err)
	}
	args := append([]string{"--input-type=module", "-e", grammarScript, "--", home}, paths...)
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = root
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	output, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("node is not on the PATH: install Node.js 20 or newer")
	}
	if err != nil {
		return nil, fmt.Errorf("reading Bicep files by the grammar: %w: %s", err, complaint.Bytes())
	}
	var faults []Fault
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var one struct {
			Path         string
			Line, Column int
		}
		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			return faults, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading what the grammar says: %w", err)
		}
		faults = append(faults, Fault{one.Path, Pos{one.Line, one.Column}, "the grammar does not understand this"})
	}
}
