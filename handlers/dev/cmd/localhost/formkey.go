package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// formKeyFile keeps the key that signs the forms of local runs, so that a form can still be sent
// after a restart.
const formKeyFile = "form-key"

// formKey returns the key in a data folder, and makes it on the first run.
func formKey(data string) (string, error) {
	path := filepath.Join(data, formKeyFile)
	content, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(content)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the form key: %w", err)
	}
	var random [36]byte
	_, _ = rand.Read(random[:]) // never fails
	key := base64.StdEncoding.EncodeToString(random[:])
	err = replaceFile(path, []byte(key))
	if err != nil {
		return "", fmt.Errorf("keeping the form key: %w", err)
	}
	return key, nil
}
