// Package functionjson reads the function.json files of a project, as far as the program, its
// deployment and the command line depend on them. The simulated host reads them by its own, stricter
// rules.
package functionjson

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// File is one function.json.
type File struct {
	Bindings []Binding
}

// Binding is one entry of a function.json.
type Binding struct {
	Type, Direction, Name, DataType, QueueName, Connection, Schedule string
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

// Find returns the paths of the function.json files below the root of a project. It is an error if
// there are none.
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

// ReadAll reads the function.json files below the root of a project, by the names of the functions.
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
