//go:build unix

// A worker that behaves as the case's name says: the tests of the kits drive one such program per language.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"

	"harness/worker"
)

func main() {
	worker.Serve(worker.Worker{Name: "conformance-go", Version: "1", Settings: []string{"trim"}, Render: render})
}

func render(c worker.Case) worker.Reply {
	switch c.Name {
	case "echo":
		return worker.Output(c.Input)
	case "value":
		return worker.Value(map[string]any{"params": c.Params, "settings": c.Settings, "suite": c.Suite})
	case "outputs":
		return worker.Outputs(map[string]any{"stdout": c.Input, "exit": 3, "files/a.bin": []byte{0x00, 0xff, 0x80}})
	case "error":
		return worker.Error{Kind: "SyntaxError", Detail: "bad", Line: 7, Name: c.Name, Text: "whole\n"}
	case "panic":
		blowUp()
	case "overflow":
		debug.SetMaxStack(1 << 20) // a gigabyte is what it takes otherwise
		return worker.Output(fmt.Sprint(descend(0)))
	case "die":
		fmt.Fprintln(os.Stderr, "dying")
		os.Exit(3)
	case "print":
		fmt.Println("stray")
		if _, err := syscall.Write(1, []byte("stray\n")); err != nil {
			panic(err)
		}
		return worker.Output("printed")
	case "unsupported":
		return worker.Unsupported("not yet")
	case "shared":
		file, ok := c.Files[worker.Text(c.Input)]
		if !ok {
			return worker.Error{Kind: "NoSuchFile", Name: worker.Text(c.Input)}
		}
		return worker.Output(file)
	}
	panic("no behaviour is named " + c.Name)
}

func descend(depth int) int {
	return descend(depth+1) + 1
}

func blowUp() {
	panic("boom")
}
