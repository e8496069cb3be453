module harness/worker

go 1.23
