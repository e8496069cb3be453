//! Drives MiniJinja itself, the way its own tests do: what this worker replies is what their snapshots hold.

#[path = "../../../worker/rust/harness_worker.rs"]
mod harness_worker;

use std::error::Error as _;

use harness_worker::{serve, Case, Json, Refused, Reply};
use minijinja::machinery::{parse, tokenize, WhitespaceConfig};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Value};
use minijinja::{context, Environment, Error, UndefinedBehavior};

const SETTINGS: &[&str] = &[
    "keep_trailing_newline",
    "line_comment_prefix",
    "line_statement_prefix",
    "lstrip_blocks",
    "markers",
    "trim_blocks",
    "undefined",
];

fn main() {
    serve(
        "minijinja-rust",
        env!("CARGO_PKG_VERSION"),
        SETTINGS,
        render,
    );
}

fn render(case: &Case) -> Result<Reply, Refused> {
    match case.suite.as_str() {
        "lexer" => lexer(case),
        "parser" => parser(case),
        "runtime" => runtime(case),
        "fragments" => fragments(case),
        suite => Ok(Reply::Unsupported(format!("no suite is called {suite:?}"))),
    }
}

fn lexer(case: &Case) -> Result<Reply, Refused> {
    let source = case.input.text()?;
    let mut lines = String::new();
    for token in tokenize(source, false, syntax(case), whitespace(case)) {
        let (token, span) = token.map_err(|error| refused(&error, format!("{error:#?}")))?;
        let written = &source[span.start_offset as usize..span.end_offset as usize];
        lines.push_str(&format!("{token:?}\n  {written:?}\n"));
    }
    Ok(lines.into())
}

fn parser(case: &Case) -> Result<Reply, Refused> {
    let source = case.input.text()?;
    let tree = parse(source, &case.name, syntax(case), whitespace(case));
    let text = format!("{tree:#?}");
    match tree {
        Ok(_) => Ok(text.into()),
        Err(error) => Err(refused(&error, text)),
    }
}

fn runtime(case: &Case) -> Result<Reply, Refused> {
    let mut env = environment(case)?;
    env.add_function("get_args", |args: Rest<Value>| Value::from(args.0));
    let context = context! {
        one_shot_iterator => Value::make_one_shot_iterator(0..3),
        ..value(&case.params)
    };
    let rendered = env
        .get_template(&case.name)
        .and_then(|template| template.render(context));
    output(rendered)
}

fn fragments(case: &Case) -> Result<Reply, Refused> {
    let env = environment(case)?;
    let rendered = env
        .get_template(&case.name)
        .and_then(|template| template.render_captured(value(&case.params)))
        .and_then(|mut captured| captured.with_state_mut(|state| state.render_block("fragment")));
    output(rendered)
}

fn environment<'a>(case: &'a Case) -> Result<Environment<'a>, Refused> {
    let mut env = Environment::new();
    env.set_debug(true); // a release build leaves the source excerpts out of its errors otherwise
    env.set_undefined_behavior(match text(case, "undefined") {
        None | Some("lenient") => UndefinedBehavior::Lenient,
        Some("strict") => UndefinedBehavior::Strict,
        Some("chainable") => UndefinedBehavior::Chainable,
        Some(other) => panic!("setting 'undefined' is {other:?}"),
    });
    let WhitespaceConfig {
        keep_trailing_newline,
        lstrip_blocks,
        trim_blocks,
    } = whitespace(case);
    env.set_keep_trailing_newline(keep_trailing_newline);
    env.set_lstrip_blocks(lstrip_blocks);
    env.set_trim_blocks(trim_blocks);
    env.set_syntax(syntax(case));
    for (name, file) in case.files {
        // a panic, so that a broken shared file never passes for an error that a case waits for
        let file = file.text().expect("a shared file of text");
        env.add_template(name, file)
            .unwrap_or_else(|error| panic!("shared file {name}: {error}"));
    }
    match env.add_template(&case.name, case.input.text()?) {
        Ok(()) => Ok(env),
        Err(error) => {
            let text = format!("!!!SYNTAX ERROR!!!\n\n{error:#?}\n\n{error:#}\n");
            Err(refused(&error, text))
        }
    }
}

fn whitespace(case: &Case) -> WhitespaceConfig {
    WhitespaceConfig {
        keep_trailing_newline: flag(case, "keep_trailing_newline"),
        lstrip_blocks: flag(case, "lstrip_blocks"),
        trim_blocks: flag(case, "trim_blocks"),
    }
}

fn syntax(case: &Case) -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    if let Some(markers) = case.settings.get("markers") {
        let Json::Array(markers) = markers else {
            panic!("setting 'markers' is no list")
        };
        let markers: Vec<_> = markers.iter().map(string).collect();
        let [block, block_end, variable, variable_end, comment, comment_end] = markers[..] else {
            panic!("setting 'markers' takes 6 markers")
        };
        syntax
            .block_delimiters(block.to_string(), block_end.to_string())
            .variable_delimiters(variable.to_string(), variable_end.to_string())
            .comment_delimiters(comment.to_string(), comment_end.to_string());
    }
    if let Some(prefix) = text(case, "line_statement_prefix") {
        syntax.line_statement_prefix(prefix.to_string());
    }
    if let Some(prefix) = text(case, "line_comment_prefix") {
        syntax.line_comment_prefix(prefix.to_string());
    }
    syntax.build().expect("markers that do not clash")
}

fn flag(case: &Case, setting: &str) -> bool {
    match case.settings.get(setting) {
        None => false,
        Some(Json::Bool(flag)) => *flag,
        Some(other) => panic!("setting '{setting}' is {other}"),
    }
}

fn text<'a>(case: &'a Case, setting: &str) -> Option<&'a str> {
    case.settings.get(setting).map(string)
}

fn string(json: &Json) -> &str {
    match json {
        Json::String(string) => string,
        other => panic!("{other} is no string"),
    }
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(digits) => number(digits),
        Json::String(string) => Value::from(string),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(entries) => entries
            .iter()
            .map(|(key, item)| (key, value(item)))
            .collect(),
    }
}

fn number(digits: &str) -> Value {
    let unsigned = digits.parse::<u64>().map(Value::from);
    unsigned
        .or_else(|_| digits.parse::<i64>().map(Value::from))
        .unwrap_or_else(|_| Value::from(digits.parse::<f64>().expect("a number")))
}

fn output(rendered: Result<String, Error>) -> Result<Reply, Refused> {
    let error = match rendered {
        Ok(output) => return Ok((output + "\n").into()),
        Err(error) => error,
    };
    let mut text = format!("!!!ERROR!!!\n\n{error:#?}\n\n{error:#}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("\ncaused by: {error:#}\n"));
        cause = error.source();
    }
    Err(refused(&error, text))
}

fn refused(error: &Error, text: String) -> Refused {
    Refused::new(format!("{:?}", error.kind()))
        .with("detail", error.detail())
        .with("name", error.name())
        .with("line", error.line())
        .with("text", text)
}
