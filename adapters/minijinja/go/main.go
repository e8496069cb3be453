//go:build unix

// A worker that drives MiniJinja's Go port on the suite `runtime`: MiniJinja's own templates, each rendered with the
// context and the settings of its header.
package main

import (
	"fmt"
	"reflect"

	"github.com/mitsuhiko/minijinja/minijinja-go/v2"
	"github.com/mitsuhiko/minijinja/minijinja-go/v2/value"

	"harness/worker"
)

func main() {
	worker.Serve(worker.Worker{
		Name:     "minijinja-go",
		Version:  minijinja.Version,
		Settings: []string{"undefined"},
		Render:   render,
	})
}

func render(c worker.Case) worker.Reply {
	env := minijinja.NewEnvironment()
	env.SetDebug(true) // the references come from a debug build, where the original has it on
	env.AddFunction("get_args", getArgs)
	// Lazily, so that a shared template that does not parse fails only the cases that use it.
	env.SetLoader(func(name string) (string, error) {
		source, ok := c.Files[name]
		if !ok {
			return "", minijinja.NewError(minijinja.ErrTemplateNotFound, name) // as the port says it without a loader
		}
		return worker.Text(source), nil
	})
	if wanted, ok := c.Settings["undefined"]; ok {
		behavior, ok := undefinedBehaviors[wanted]
		if !ok {
			return worker.Error{Kind: "UnknownSetting", Detail: fmt.Sprintf("undefined = %v", wanted)}
		}
		env.SetUndefinedBehavior(behavior)
	}

	if err := env.AddTemplate(c.Name, worker.Text(c.Input)); err != nil {
		return refusal(err)
	}
	template, err := env.GetTemplate(c.Name)
	if err != nil {
		return refusal(err)
	}
	c.Params["one_shot_iterator"] = value.MakeOneShotIterator(upToThree)
	output, err := template.Render(c.Params)
	if err != nil {
		return refusal(err)
	}
	return worker.Output(output)
}

var undefinedBehaviors = map[any]minijinja.UndefinedBehavior{
	"lenient":   minijinja.UndefinedLenient,
	"chainable": minijinja.UndefinedChainable,
	"strict":    minijinja.UndefinedStrict,
}

// getArgs and one_shot_iterator are the two host objects that the original's tests define.
func getArgs(_ *minijinja.State, args []value.Value, kwargs map[string]value.Value) (value.Value, error) {
	if len(kwargs) > 0 {
		args = append(args, value.FromMap(kwargs))
	}
	return value.FromSlice(args), nil
}

func upToThree(yield func(value.Value) bool) {
	for number := range int64(3) {
		if !yield(value.FromInt(number)) {
			return
		}
	}
}

// kinds are the names that the references have for the port's kinds.
var kinds = map[minijinja.ErrorKind]string{
	minijinja.ErrSyntax:           "SyntaxError",
	minijinja.ErrUndefinedVar:     "UndefinedError",
	minijinja.ErrUnknownFilter:    "UnknownFilter",
	minijinja.ErrUnknownTest:      "UnknownTest",
	minijinja.ErrUnknownFunction:  "UnknownFunction",
	minijinja.ErrInvalidOperation: "InvalidOperation",
	minijinja.ErrTemplateNotFound: "TemplateNotFound",
	minijinja.ErrBadEscape:        "BadEscape",
	minijinja.ErrUnknownBlock:     "UnknownBlock",
	minijinja.ErrMissingArgument:  "MissingArgument",
	minijinja.ErrTooManyArguments: "TooManyArguments",
	minijinja.ErrBadInclude:       "BadInclude",
	minijinja.ErrOutOfFuel:        "OutOfFuel",
	minijinja.ErrEvalBlock:        "EvalBlock",
}

func refusal(err error) worker.Reply {
	if refused, ok := err.(*minijinja.Error); ok {
		line := 0
		if refused.Span != nil {
			line = int(refused.Span.StartLine)
		}
		text := fmt.Sprintf("%#v", refused)
		return worker.Error{Kind: kinds[refused.Kind], Detail: refused.Message, Name: refused.Name, Line: line, Text: text}
	}
	if fmt.Sprintf("%T", err) == "*parser.Error" { // of an internal package: only its fields can be named here
		fields := reflect.ValueOf(err).Elem()
		return worker.Error{
			Kind:   fields.FieldByName("Kind").String(),
			Detail: fields.FieldByName("Detail").String(),
			Name:   fields.FieldByName("Name").String(),
			Line:   int(fields.FieldByName("Line").Uint()),
			Text:   err.Error(),
		}
	}
	return worker.Error{Kind: "GoError", Detail: err.Error(), Text: err.Error()} // knows neither a kind nor a place
}
