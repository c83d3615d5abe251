// Package functionjson reads the function.json files of a project. Each folder below the root
// that has one is a function of the folder's name.
//
// It must not know what the functions do. It imports nothing of this module.
package functionjson

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// File is one function.json as it is written. The host ignores other members, and so does this
// package.
type File struct {
	Disabled   any
	ScriptFile string
	Retry      any
	Bindings   []Binding
}

// Binding is one entry of a function.json. AuthLevel and Route are nil where they are not
// written.
type Binding struct {
	Type, Direction, Name, DataType string
	AuthLevel, Route                *string
	Methods                         []string
	QueueName, Connection           string
	Schedule                        string
	RunOnStartup                    bool
}

// Queue returns the queue that the function works with, "" if there is none.
func (f File) Queue() string {
	name := ""
	for _, binding := range f.Bindings {
		if binding.QueueName != "" {
			name = binding.QueueName
		}
	}
	return name
}

// Find returns the paths of the function.json files below the root of a project. It is an error
// if there are none.
func Find(root string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(root, "*", "function.json"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s has no folder with a function.json", root)
	}
	return paths, err
}

// Read reads the function.json of a function.
func Read(root, function string) (File, error) {
	var file File
	path := filepath.Join(root, function, "function.json")
	content, err := os.ReadFile(path)
	if err != nil {
		return File{}, err
	}
	err = json.Unmarshal(content, &file)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// ReadAll reads the function.json files below the root of a project, by the names of the
// functions.
func ReadAll(root string) (map[string]File, error) {
	paths, err := Find(root)
	if err != nil {
		return nil, err
	}
	files := map[string]File{}
	for _, path := range paths {
		function := filepath.Base(filepath.Dir(path))
		files[function], err = Read(root, function)
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}
