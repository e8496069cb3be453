module harness/conformance

go 1.23

require harness/worker v0.0.0

replace harness/worker => ../../../adapters/worker/go
