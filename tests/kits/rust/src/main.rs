//! Conformance worker: the case's name says what the kit has to get right.

#[path = "../../../../adapters/worker/rust/harness_worker.rs"]
mod harness_worker;

use std::fs::File;
use std::hint::black_box;
use std::io::{stdout, Write};
use std::os::fd::AsFd;
use std::process::exit;

use harness_worker::{serve, Case, Json, Refused, Reply};

fn render(case: &Case) -> Result<Reply, Refused> {
    match case.name.as_str() {
        "echo" => Ok(case.input.clone().into()),
        "value" => Ok(Reply::Value(Json::Object(vec![
            ("params".into(), case.params.clone()),
            ("settings".into(), case.settings.clone()),
            ("suite".into(), case.suite.as_str().into()),
        ]))),
        "outputs" => Ok(Reply::Outputs(vec![
            ("stdout".into(), case.input.clone().into()),
            ("exit".into(), 3.into()),
            ("files/a.bin".into(), vec![0x00, 0xff, 0x80].into()),
        ])),
        "error" => Err(Refused::new("SyntaxError")
            .with("detail", "bad")
            .with("line", 7)
            .with("name", case.name.as_str())
            .with("text", "whole\n")),
        "panic" => blow_up(),
        "overflow" => Ok(descend(0).to_string().into()),
        "die" => {
            eprintln!("dying");
            exit(3)
        }
        "print" => {
            println!("stray");
            let mut raw = File::from(
                stdout()
                    .as_fd()
                    .try_clone_to_owned()
                    .expect("a second descriptor"),
            );
            raw.write_all(b"stray, past the buffer\n").expect("a write");
            Ok("printed".into())
        }
        "unsupported" => Ok(Reply::Unsupported("not yet".into())),
        "shared" => match case.files.get(case.input.text()?) {
            Some(file) => Ok(file.clone().into()),
            None => Err(Refused::new("NoSuchFile")),
        },
        name => panic!("no behaviour is called {name:?}"),
    }
}

#[allow(unconditional_recursion)]
fn descend(depth: u64) -> u64 {
    black_box(descend(black_box(depth) + 1)) + 1
}

#[inline(never)]
fn blow_up() -> ! {
    panic!("boom")
}

fn main() {
    serve("conformance-rust", "1", &["trim"], render);
}
