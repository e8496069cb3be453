module harness/minijinja

go 1.23

require (
	github.com/mitsuhiko/minijinja/minijinja-go/v2 v2.24.0
	harness/worker v0.0.0
)

replace harness/worker => ../../worker/go
