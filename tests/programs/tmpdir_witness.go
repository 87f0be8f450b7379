// Witness: which directory Go takes for temporary files, and that it can be used.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	folder, err := os.MkdirTemp("", "go")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	file, err := os.CreateTemp("", "go")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(os.TempDir())
	fmt.Println(filepath.Dir(folder))
	fmt.Println(filepath.Dir(file.Name()))
}
