//go:build unix

// Package worker speaks the wire protocol of the harness, version 1: an adapter is a Render function and a main that
// calls Serve.
package worker

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"
)

// Worker describes a port to the harness.
type Worker struct {
	Name     string
	Version  string           // of the port, not of the adapter
	Settings []string         // the names that Render knows: a case with any other setting never reaches it
	Render   func(Case) Reply // a panic in it is reported as the port's, and the next case goes on
}

// Case is one request.
type Case struct {
	Suite    string
	Name     string
	Input    Content
	Params   map[string]any // of nil, bool, int64, *big.Int (beyond int64), float64, string, []any and map[string]any
	Settings map[string]any
	Files    map[string]Content // shared by all cases of the suite: only to be read
}

// Content is text (a string) or bytes (a []byte).
type Content = any

// Text reads either kind of Content as a string, which in Go holds any bytes.
func Text(content Content) string {
	if raw, ok := content.([]byte); ok {
		return string(raw)
	}
	return content.(string)
}

// Reply is made by Output, Outputs, Value and Unsupported, or is an Error.
type Reply interface {
	wire() (key string, value any)
}

// Output is the one output of a case. A string that is not UTF-8 travels as bytes.
func Output(content Content) Reply {
	return reply{"output", wireContent(content)}
}

// Outputs are named: each is a string, a []byte or an int, such as an exit code.
func Outputs(outputs map[string]any) Reply {
	named := map[string]any{}
	for name, output := range outputs {
		if number, ok := output.(int); ok {
			named[name] = number
		} else {
			named[name] = wireContent(output)
		}
	}
	return reply{"outputs", named}
}

// Value is a structured output: whatever encoding/json can write, with NaN and the infinities allowed inside of
// map[string]any and []any.
func Value(value any) Reply {
	return reply{"value", wireValue(value)}
}

// Unsupported says that the port has no such feature yet.
func Unsupported(reason string) Reply {
	return reply{"unsupported", reason}
}

// Error says that the port refused the input, in the way its API does. Only Kind must be there; what is empty is left
// out.
type Error struct {
	Kind    string
	Message string
	Detail  string
	Name    string
	Line    int
	Text    string // the whole rendering, as the port prints it
	Frames  []string
	More    map[string]any // strings, numbers and booleans under names of the port's own, such as "column"
}

func (e Error) wire() (string, any) {
	fields := map[string]any{}
	maps.Copy(fields, e.More)
	fields["kind"] = e.Kind
	for key, text := range map[string]string{"message": e.Message, "detail": e.Detail, "name": e.Name, "text": e.Text} {
		if text != "" {
			fields[key] = text
		}
	}
	if e.Line != 0 {
		fields["line"] = e.Line
	}
	if e.Frames != nil {
		fields["frames"] = e.Frames
	}
	return "error", fields
}

type reply struct {
	key   string
	value any
}

func (r reply) wire() (string, any) { return r.key, r.value }

// Serve answers the harness until standard input ends. From its call on, standard output belongs to the protocol.
func Serve(w Worker) {
	requests := bufio.NewReader(os.Stdin)
	replies := takeStdout()
	files := map[string]map[string]Content{}

	for {
		line, end := requests.ReadBytes('\n') // not a Scanner: an input of any length is one line
		if end != nil && end != io.EOF {
			die(end)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if reply := w.answer(parse(line), files); reply != nil {
				if _, err := replies.Write(reply); err != nil {
					die(err)
				}
			}
		}
		if end == io.EOF {
			return
		}
	}
}

// answer keeps what an open brings, to which there is no reply. A line with an id is a request, whatever else is in it.
func (w Worker) answer(message map[string]any, files map[string]map[string]Content) []byte {
	switch {
	case has(message, "id"):
		suite := text(message, "suite")
		return w.try(text(message, "id"), Case{
			Suite:    suite,
			Name:     text(message, "name"),
			Input:    content(message["input"], "input"),
			Params:   values(message, "params"),
			Settings: values(message, "settings"),
			Files:    files[suite],
		})
	case has(message, "open"):
		files[text(message, "open")] = sharedFiles(message)
	case has(message, "harness"):
		return encode(map[string]any{"ready": 1, "name": w.Name, "version": w.Version})
	default:
		die(fmt.Errorf("malformed request: neither a handshake, an open nor a request"))
	}
	return nil
}

func (w Worker) try(id string, c Case) (line []byte) {
	defer func() {
		if broken := recover(); broken != nil {
			fault := map[string]any{"message": fmt.Sprint(broken), "frames": frames()}
			line = encode(map[string]any{"id": id, "panic": fault})
		}
	}()
	key, value := w.reply(c).wire()
	return encode(map[string]any{"id": id, key: value})
}

func (w Worker) reply(c Case) Reply {
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		if !slices.Contains(w.Settings, name) {
			return Error{Kind: "UnknownSetting", Detail: `unknown setting "` + name + `"`}
		}
	}
	return w.Render(c)
}

// frames lists the functions that were running when the panic began, innermost first, without Go's runtime and this
// file.
func frames() []string {
	_, kit, _, _ := runtime.Caller(0)
	counters := make([]uintptr, 64)
	stack := runtime.CallersFrames(counters[:runtime.Callers(1, counters)])
	found := []string{}
	for {
		frame, more := stack.Next()
		switch {
		case frame.File == kit && len(found) > 0:
			return found
		case frame.File != kit && !strings.HasPrefix(frame.Function, "runtime."):
			found = append(found, fmt.Sprintf("%s (%s:%d)", path.Base(frame.Function), filepath.Base(frame.File), frame.Line))
		}
		if !more {
			return found
		}
	}
}

// takeStdout keeps the harness's end of standard output for the protocol and points file descriptor 1 at standard
// error, so that neither fmt.Print, nor C code, nor a child process of the port can write into the conversation.
func takeStdout() *os.File {
	kept, err := syscall.Dup(1)
	if err != nil {
		die(err)
	}
	syscall.CloseOnExec(kept)
	if err := syscall.Close(1); err != nil {
		die(err)
	}
	// Dup takes the lowest free number, which is now 1. Dup2 would say so, but some systems do not have it.
	if stderr, err := syscall.Dup(2); err != nil || stderr != 1 {
		die(fmt.Errorf("can not move standard output away: descriptor %d, %v", stderr, err))
	}
	return os.NewFile(uintptr(kept), "protocol")
}

func die(err error) {
	fmt.Fprintln(os.Stderr, "harnessworker:", err)
	os.Exit(2)
}

func parse(line []byte) map[string]any {
	if !utf8.Valid(line) { // encoding/json would replace the bytes and go on
		die(fmt.Errorf("malformed request: not UTF-8"))
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber() // 1 and 1.0 differ
	var message map[string]any
	if err := decoder.Decode(&message); err != nil {
		die(fmt.Errorf("malformed request: %w", err))
	}
	if _, err := decoder.Token(); err != io.EOF {
		die(fmt.Errorf("malformed request: more than one JSON value in a line"))
	}
	return message
}

func has(message map[string]any, key string) bool {
	_, ok := message[key]
	return ok
}

func text(message map[string]any, key string) string {
	found, ok := message[key].(string)
	if !ok {
		die(fmt.Errorf("malformed request: %q is not a string", key))
	}
	return found
}

func sharedFiles(message map[string]any) map[string]Content {
	files := map[string]Content{}
	for name, file := range object(message, "files") {
		files[name] = content(file, "files")
	}
	return files
}

func values(message map[string]any, key string) map[string]any {
	found := map[string]any{}
	for name, value := range object(message, key) {
		found[name] = readValue(value)
	}
	return found
}

func object(message map[string]any, key string) map[string]any {
	found, ok := message[key].(map[string]any)
	if !ok && has(message, key) {
		die(fmt.Errorf("malformed request: %q is not an object", key))
	}
	return found
}

func content(value any, key string) Content {
	switch found := value.(type) {
	case string:
		return found
	case map[string]any:
		if encoded, ok := found["base64"].(string); ok && len(found) == 1 {
			raw, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil || strings.ContainsAny(encoded, "\r\n") { // which encoding/base64 skips
				die(fmt.Errorf("malformed request: %q is not base64", key))
			}
			return raw
		}
	}
	die(fmt.Errorf("malformed request: %q is neither a string nor base64", key))
	return nil
}

func wireContent(content Content) any {
	switch found := content.(type) {
	case string:
		if utf8.ValidString(found) {
			return found
		}
		return wireContent([]byte(found))
	case []byte:
		return map[string]string{"base64": base64.StdEncoding.EncodeToString(found)}
	}
	panic(fmt.Sprintf("an output is a string or a []byte, not a %T", content))
}

func readValue(value any) any {
	switch found := value.(type) {
	case json.Number:
		return readNumber(found.String())
	case []any:
		for i := range found {
			found[i] = readValue(found[i])
		}
	case map[string]any:
		if tag, ok := found["$float"].(string); ok && len(found) == 1 {
			if float, ok := tagged[tag]; ok {
				return float
			}
		}
		for key := range found {
			found[key] = readValue(found[key])
		}
	}
	return value
}

func readNumber(digits string) any {
	if strings.ContainsAny(digits, ".eE") {
		number, _ := strconv.ParseFloat(digits, 64) // what is too large for a float64 is an infinity
		return number
	}
	if number, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return number
	}
	number, _ := new(big.Int).SetString(digits, 10)
	return number
}

var tagged = map[string]float64{"nan": math.NaN(), "inf": math.Inf(1), "-inf": math.Inf(-1)}

func wireValue(value any) any {
	switch found := value.(type) {
	case float64:
		return wireFloat(found)
	case []any:
		list := make([]any, len(found))
		for i := range found {
			list[i] = wireValue(found[i])
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(found))
		for key := range found {
			object[key] = wireValue(found[key])
		}
		return object
	}
	return value
}

func wireFloat(number float64) any {
	switch {
	case math.IsNaN(number):
		return map[string]string{"$float": "nan"}
	case math.IsInf(number, 1):
		return map[string]string{"$float": "inf"}
	case math.IsInf(number, -1):
		return map[string]string{"$float": "-inf"}
	}
	digits := strconv.FormatFloat(number, 'g', -1, 64)
	if !strings.ContainsAny(digits, ".e") {
		digits += ".0" // encoding/json writes 1 for 1.0, and the reader would take it for an integer
	}
	return json.Number(digits)
}

func encode(message map[string]any) []byte {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line) // it ends the line, too
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(message); err != nil {
		panic(err)
	}
	return line.Bytes()
}
