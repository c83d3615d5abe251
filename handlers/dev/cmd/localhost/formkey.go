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

// formKeyFile keeps the key by which the local run's forms are signed, so that a form that was opened before a restart can be sent after it.
const formKeyFile = "form-key"

// formKey returns the key of a data folder, made at the first run.
func formKey(data string) (string, error) {
	path := filepath.Join(data, formKeyFile)
	content, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(content)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the key of forms: %w", err)
	}
	var random [36]byte
	_, err = rand.Read(random[:])
	if err != nil {
		return "", err
	}
	key := base64.StdEncoding.EncodeToString(random[:])
	err = os.WriteFile(path+".new", []byte(key+"\n"), 0o600)
	if err != nil {
		return "", fmt.Errorf("keeping the key of forms: %w", err)
	}
	return key, os.Rename(path+".new", path)
}
