//! Worker kit for ports written in Rust: speaks the wire protocol, version 1.
//!
//! Needs only std: Rust 1.82 or newer, edition 2021 or newer.
//! A worker hands `serve` one function and leaves the rest to the kit:
//!
//! ```ignore
//! mod harness_worker;
//! use harness_worker::{serve, Case, Refused, Reply};
//!
//! fn render(case: &Case) -> Result<Reply, Refused> {
//!     match mylib::render(case.input.text()?) {
//!         Ok(output) => Ok(output.into()),
//!         Err(error) => Err(Refused::new("SyntaxError").with("line", error.line())),
//!     }
//! }
//!
//! fn main() {
//!     serve("mylib", "1.0.0", &[], render);
//! }
//! ```

#![allow(dead_code)] // a worker uses the part of the kit that it needs

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::{self, Write as _};
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process;

const MAX_DEPTH: usize = 1000; // deeper could overflow the stack, and the port would get the blame
const MAX_FRAMES: usize = 50; // a runaway recursion has thousands, all alike

/// What the cases of a suite share: file name -> content.
pub type Files = BTreeMap<String, Content>;

/// One case: what is to be rendered, under which name, and what its suite shares.
pub struct Case<'a> {
    pub suite: String,
    pub name: String,
    pub input: Content,
    /// An object, empty when the request has none.
    pub params: Json,
    /// An object, empty when the request has none; it holds no name that the worker did not list.
    pub settings: Json,
    pub files: &'a Files,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Text(String),
    Bytes(Vec<u8>),
}

/// What the port made of a case.
pub enum Reply {
    Output(Content),
    /// Several named outputs, such as `stdout`, `exit` and `files/out.css`.
    Outputs(Vec<(String, Output)>),
    /// One structured output.
    Value(Json),
    /// The port has no such feature yet: the reason.
    Unsupported(String),
}

pub enum Output {
    Content(Content),
    Integer(i64),
}

/// The port refused the input, in the way its API does: a `kind`, and whatever else is known.
#[derive(Clone, Debug)]
pub struct Refused(Vec<(String, Json)>);

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    /// As it was written, or `inf`, `-inf`, `nan`: parsed as the type that the port has, no digit
    /// is lost.
    Number(String),
    String(String),
    Array(Vec<Json>),
    /// In the order of the request.
    Object(Vec<(String, Json)>),
}

/// Answers the harness until stdin ends. `settings` are the names that `render` knows; any other is
/// refused here.
pub fn serve(
    name: &str,
    version: &str,
    settings: &[&str],
    render: impl FnMut(&Case) -> Result<Reply, Refused>,
) {
    if let Err(fault) = converse(name, version, settings, render) {
        eprintln!("harness_worker: {fault}");
        process::exit(2);
    }
}

fn converse(
    name: &str,
    version: &str,
    settings: &[&str],
    mut render: impl FnMut(&Case) -> Result<Reply, Refused>,
) -> Result<(), Box<dyn Error>> {
    let (requests, mut replies) = take_stdio()?;
    let mut requests = BufReader::new(requests);
    remember_frames_of_panics();
    let mut suites = HashMap::new();
    let mut line = Vec::new();
    while requests.read_until(b'\n', &mut line)? > 0 {
        let message = Message::read(&line).map_err(|fault| {
            let shown = String::from_utf8_lossy(&line[..line.len().min(200)]);
            format!("malformed line: {fault}: {shown:?}")
        })?;
        line.clear();
        let reply = match message {
            Message::Blank => continue,
            Message::Open(suite, files) => {
                suites.insert(suite, files);
                continue;
            }
            Message::Handshake => object([
                ("ready", 1.into()),
                ("name", name.into()),
                ("version", version.into()),
            ]),
            Message::Request(request) => {
                let id = request.id.clone();
                let (key, body) = reply(request, &suites, settings, &mut render);
                io::stdout().flush()?; // or a `print!` would come out with a later case
                object([("id", id.into()), (key, body)])
            }
            Message::HalfAPair(id) => {
                let reason = "the request holds half a surrogate pair, which no string of Rust can";
                object([("id", id.into()), ("unsupported", reason.into())])
            }
        };
        replies.write_all(format!("{reply}\n").as_bytes())?;
        replies.flush()?;
    }
    Ok(())
}

fn reply(
    request: Request,
    suites: &HashMap<String, Files>,
    settings: &[&str],
    render: &mut impl FnMut(&Case) -> Result<Reply, Refused>,
) -> (&'static str, Json) {
    for (setting, _) in request.settings.entries() {
        if !settings.contains(&setting.as_str()) {
            let detail = format!("unknown setting \"{setting}\"");
            let refused = Refused::new("UnknownSetting").with("detail", detail);
            return ("error", Json::Object(refused.0));
        }
    }
    let nothing = Files::new();
    let case = Case {
        files: suites.get(&request.suite).unwrap_or(&nothing),
        suite: request.suite,
        name: request.name,
        input: request.input,
        params: request.params,
        settings: request.settings,
    };
    FRAMES.take();
    match panic::catch_unwind(AssertUnwindSafe(|| call_port(render, &case))) {
        Ok(Ok(Reply::Output(content))) => ("output", content.into()),
        Ok(Ok(Reply::Outputs(outputs))) => {
            let outputs = outputs.into_iter().map(|(name, it)| (name, it.into()));
            ("outputs", Json::Object(outputs.collect()))
        }
        Ok(Ok(Reply::Value(value))) => ("value", value),
        Ok(Ok(Reply::Unsupported(reason))) => ("unsupported", reason.into()),
        Ok(Err(refused)) => ("error", Json::Object(refused.0)),
        Err(payload) => {
            let message = message(&*payload).into();
            let frames = Json::Array(FRAMES.take().into_iter().map(Json::String).collect());
            ("panic", object([("message", message), ("frames", frames)]))
        }
    }
}

// Where the port's frames begin: never inlined and never a tail call, so that a backtrace of any
// build shows it.
#[inline(never)]
fn call_port(
    render: &mut impl FnMut(&Case) -> Result<Reply, Refused>,
    case: &Case,
) -> Result<Reply, Refused> {
    let outcome = render(case);
    black_box(());
    outcome
}

/// Keeps the protocol's two pipes for the kit; the port and its children find an empty stdin, and
/// stderr as stdout.
#[cfg(unix)]
fn take_stdio() -> io::Result<(impl Read, impl Write)> {
    use std::fs::File;
    use std::os::fd::{AsFd, AsRawFd};

    unsafe extern "C" {
        safe fn dup2(from: i32, to: i32) -> i32; // std can not say it
    }
    let requests = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let replies = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let nothing = File::open("/dev/null")?;
    for (from, to) in [(nothing.as_raw_fd(), 0), (2, 1)] {
        if dup2(from, to) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok((requests, replies))
}

#[cfg(not(unix))]
fn take_stdio() -> io::Result<(impl Read, impl Write)> {
    Ok((io::stdin(), io::stdout()))
}

thread_local! {
    static FRAMES: Cell<Vec<String>> = const { Cell::new(Vec::new()) };
}

fn remember_frames_of_panics() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let mut frames = frames(&Backtrace::force_capture().to_string());
        if let (true, Some(place)) = (frames.is_empty(), panic.location()) {
            // all of it was inlined into the kit, or the names were stripped
            frames.push(format!("{}:{}", base_name(place.file()), place.line()));
        }
        FRAMES.set(frames);
        print(panic);
    }));
}

/// The port's own frames in a printed backtrace, which has lines such as `11: mylib::parse`, each
/// perhaps with `at src/parser.rs:120:9` below. None where the binary has no names.
fn frames(backtrace: &str) -> Vec<String> {
    let mut lines = backtrace.lines().map(str::trim).peekable();
    let mut frames = Vec::new();
    while let Some(line) = lines.next() {
        let (_, name) = line.split_once(": ").unwrap_or(("", line));
        let place = lines.next_if(|line| line.starts_with("at ")).unwrap_or("");
        if name.contains("call_port") {
            frames.truncate(MAX_FRAMES);
            return frames;
        }
        if is_library(name, place) || is_kit(name, place) {
            continue;
        }
        frames.push(match place.rsplit_once(':') {
            Some((place, _column)) => format!("{name} ({})", base_name(place)),
            None => name.into(),
        });
    }
    Vec::new()
}

fn is_library(name: &str, place: &str) -> bool {
    let name = name.trim_start_matches(['<', '&']);
    let crates = ["std::", "core::", "alloc::", "__rust"];
    crates.iter().any(|library| name.starts_with(library))
        || place.contains("/rustc/")
        || place.contains("/rustlib/src/")
}

fn is_kit(name: &str, place: &str) -> bool {
    name.contains(module_path!()) || place.contains(base_name(file!()))
}

fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

enum Message {
    Blank,
    Handshake,
    Open(String, Files),
    Request(Request),
    HalfAPair(String),
}

struct Request {
    id: String,
    suite: String,
    name: String,
    input: Content,
    params: Json,
    settings: Json,
}

impl Message {
    fn read(line: &[u8]) -> Result<Message, String> {
        let text = std::str::from_utf8(line).map_err(|fault| fault.to_string())?;
        if text.trim().is_empty() {
            return Ok(Message::Blank);
        }
        let mut parser = Parser {
            text,
            at: 0,
            depth: 0,
            half_a_pair: false,
        };
        let mut message = parser.document()?;
        if message.get("id").is_some() {
            let id = message.take_string("id")?;
            if parser.half_a_pair {
                return Ok(Message::HalfAPair(id));
            }
            return Ok(Message::Request(Request {
                id,
                suite: message.take_string("suite")?,
                name: message.take_string("name")?,
                input: message.take("input").ok_or("no 'input'")?.into_content()?,
                params: message.take_object("params")?,
                settings: message.take_object("settings")?,
            }));
        }
        if message.get("open").is_some() {
            let suite = message.take_string("open")?;
            let Json::Object(files) = message.take_object("files")? else {
                unreachable!("take_object gives objects")
            };
            let files = files
                .into_iter()
                .map(|(name, file)| Ok((name, file.into_content()?)));
            return Ok(Message::Open(suite, files.collect::<Result<_, String>>()?));
        }
        match message.get("harness") {
            Some(_) => Ok(Message::Handshake),
            None => Err("neither a handshake, an open nor a request".into()),
        }
    }
}

impl Content {
    /// Bytes that are no text are refused, as by a port that takes `&str`.
    pub fn text(&self) -> Result<&str, Refused> {
        match self {
            Content::Text(text) => Ok(text),
            Content::Bytes(bytes) => std::str::from_utf8(bytes)
                .map_err(|fault| Refused::new("Utf8Error").with("detail", fault.to_string())),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Content::Text(text) => text.as_bytes(),
            Content::Bytes(bytes) => bytes,
        }
    }
}

impl Refused {
    pub fn new(kind: impl Into<String>) -> Refused {
        Refused(vec![("kind".into(), Json::String(kind.into()))])
    }

    /// Adds `detail`, `message`, `line`, `name`, `text` (the whole rendering of the error, as the
    /// source project would print it), or a key of your own. What is None is left out.
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Refused {
        match value.into() {
            Json::Null => {}
            value => self.0.push((key.into(), value)),
        }
        self
    }
}

impl Json {
    /// The value of an object's key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.entries()
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// The keys and values of an object; of anything else, none.
    pub fn entries(&self) -> &[(String, Json)] {
        match self {
            Json::Object(entries) => entries,
            _ => &[],
        }
    }

    fn take(&mut self, key: &str) -> Option<Json> {
        let Json::Object(entries) = self else {
            return None;
        };
        let at = entries.iter().position(|(name, _)| name == key)?;
        Some(entries.swap_remove(at).1)
    }

    fn take_string(&mut self, key: &str) -> Result<String, String> {
        match self.take(key) {
            Some(Json::String(string)) => Ok(string),
            _ => Err(format!("'{key}' is no string")),
        }
    }

    fn take_object(&mut self, key: &str) -> Result<Json, String> {
        match self.take(key) {
            None => Ok(Json::Object(Vec::new())),
            Some(object @ Json::Object(_)) => Ok(object),
            Some(Json::Number(tag)) if is_not_finite(&tag) => Ok(object([("$float", tag.into())])),
            Some(_) => Err(format!("'{key}' is no object")),
        }
    }

    fn into_content(self) -> Result<Content, String> {
        if let Json::String(text) = self {
            return Ok(Content::Text(text));
        }
        match self.entries() {
            [(key, Json::String(digits))] if key == "base64" => Ok(Content::Bytes(
                from_base64(digits).ok_or("what is called base64 is not")?,
            )),
            _ => Err("content is neither a string nor {\"base64\": ...}".into()),
        }
    }
}

impl From<String> for Content {
    fn from(text: String) -> Content {
        Content::Text(text)
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Content {
        Content::Text(text.into())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Content {
        Content::Bytes(bytes)
    }
}

impl<T: Into<Content>> From<T> for Reply {
    fn from(content: T) -> Reply {
        Reply::Output(content.into())
    }
}

impl<T: Into<Content>> From<T> for Output {
    fn from(content: T) -> Output {
        Output::Content(content.into())
    }
}

impl From<i64> for Output {
    fn from(integer: i64) -> Output {
        Output::Integer(integer)
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Json {
        value.map_or(Json::Null, Into::into)
    }
}

impl From<bool> for Json {
    fn from(flag: bool) -> Json {
        Json::Bool(flag)
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Json {
            fn from(integer: $integer) -> Json {
                Json::Number(integer.to_string())
            }
        }
    )*};
}

integers!(i32 i64 u32 u64 usize);

impl From<f64> for Json {
    fn from(float: f64) -> Json {
        match float.is_nan() {
            true => Json::Number("nan".into()),
            false => Json::Number(format!("{float:?}")),
        }
    }
}

impl From<String> for Json {
    fn from(string: String) -> Json {
        Json::String(string)
    }
}

impl From<&str> for Json {
    fn from(string: &str) -> Json {
        Json::String(string.into())
    }
}

impl From<Content> for Json {
    fn from(content: Content) -> Json {
        match content {
            Content::Text(text) => Json::String(text),
            Content::Bytes(bytes) => object([("base64", to_base64(&bytes).into())]),
        }
    }
}

impl From<Output> for Json {
    fn from(output: Output) -> Json {
        match output {
            Output::Content(content) => content.into(),
            Output::Integer(integer) => integer.into(),
        }
    }
}

fn object<const N: usize>(entries: [(&str, Json); N]) -> Json {
    let entries = entries.into_iter().map(|(key, value)| (key.into(), value));
    Json::Object(entries.collect())
}

impl fmt::Display for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => out.write_str("null"),
            Json::Bool(flag) => write!(out, "{flag}"),
            Json::Number(number) if is_not_finite(number) => {
                write!(out, "{{\"$float\":\"{number}\"}}")
            }
            Json::Number(number) => out.write_str(number),
            Json::String(string) => quote(string, out),
            Json::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    write!(out, "{}{item}", if at == 0 { "[" } else { "," })?;
                }
                out.write_str(if items.is_empty() { "[]" } else { "]" })
            }
            Json::Object(entries) => {
                for (at, (key, value)) in entries.iter().enumerate() {
                    out.write_char(if at == 0 { '{' } else { ',' })?;
                    quote(key, out)?;
                    write!(out, ":{value}")?;
                }
                out.write_str(if entries.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

fn is_not_finite(number: &str) -> bool {
    matches!(number, "inf" | "-inf" | "nan")
}

fn quote(text: &str, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    out.write_char('"')?;
    let mut rest = text;
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
    {
        out.write_str(&rest[..at])?;
        match rest.as_bytes()[at] {
            b'\n' => out.write_str("\\n")?,
            control @ ..b' ' => write!(out, "\\u{control:04x}")?,
            mark => write!(out, "\\{}", char::from(mark))?,
        }
        rest = &rest[at + 1..];
    }
    out.write_str(rest)?;
    out.write_char('"')
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    half_a_pair: bool,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Json, String> {
        let document = self.value()?;
        match self.peek() {
            None => Ok(document),
            Some(_) => Err(self.fault("the end of the line")),
        }
    }

    fn value(&mut self) -> Result<Json, String> {
        match self.peek() {
            Some(b'{') => self.nested(Parser::object),
            Some(b'[') => self.nested(Parser::array),
            Some(b'"') => Ok(match String::from_utf8(self.string()?) {
                Ok(text) => Json::String(text),
                // as what it is here: bytes, so that a shared file fails the cases that need its text
                Err(half) => object([("base64", to_base64(half.as_bytes()).into())]),
            }),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Json, String>) -> Result<Json, String> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fault(&format!("a nesting of at most {MAX_DEPTH}")));
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Json, String> {
        let mut entries = Vec::new();
        while !self.skip(b'}') {
            if !entries.is_empty() {
                self.expect(b',')?;
            }
            let key = self.string()?;
            self.expect(b':')?;
            entries.push((String::from_utf8_lossy(&key).into(), self.value()?));
        }
        Ok(match &entries[..] {
            [(key, Json::String(number))] if key == "$float" && is_not_finite(number) => {
                Json::Number(number.clone())
            }
            _ => Json::Object(entries),
        })
    }

    fn array(&mut self) -> Result<Json, String> {
        let mut items = Vec::new();
        while !self.skip(b']') {
            if !items.is_empty() {
                self.expect(b',')?;
            }
            items.push(self.value()?);
        }
        Ok(Json::Array(items))
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, String> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.fault(word));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Json, String> {
        let rest = &self.text[self.at..];
        let end = rest.find(|letter| !matches!(letter, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
        let number = &rest[..end.unwrap_or(rest.len())];
        if number.parse::<f64>().is_err() {
            return Err(self.fault("a value"));
        }
        self.at += number.len();
        Ok(Json::Number(number.into()))
    }

    // UTF-8, but for half a surrogate pair: that is written as if it were a letter
    fn string(&mut self) -> Result<Vec<u8>, String> {
        self.expect(b'"')?;
        let mut string = Vec::new();
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | ..b' '));
            let plain = plain.ok_or_else(|| self.fault("the end of this string"))?;
            string.extend_from_slice(&rest[..plain]);
            self.at += plain;
            if rest[plain] < b' ' {
                return Err(self.fault("an escape in the place of a control character"));
            }
            self.at += 1;
            if rest[plain] == b'"' {
                return Ok(string);
            }
            let point = self.escaped()?;
            match char::from_u32(point) {
                Some(letter) => string.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
                None => string.extend([
                    0xed,
                    0x80 | (point >> 6 & 63) as u8,
                    0x80 | (point & 63) as u8,
                ]),
            }
        }
    }

    fn escaped(&mut self) -> Result<u32, String> {
        let mark = self.text.as_bytes().get(self.at).copied();
        self.at += 1;
        Ok(match mark {
            Some(b'n') => 0x0a,
            Some(b't') => 0x09,
            Some(b'r') => 0x0d,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(mark @ (b'"' | b'\\' | b'/')) => mark.into(),
            Some(b'u') => self.unicode()?,
            _ => {
                self.at -= 1;
                return Err(self.fault("an escape"));
            }
        })
    }

    fn unicode(&mut self) -> Result<u32, String> {
        let first = self.unit(self.at)?;
        self.at += 4;
        let second = match self.text[self.at..].starts_with("\\u") {
            true => self.unit(self.at + 2)?,
            false => 0,
        };
        match char::decode_utf16([first, second]).next() {
            Some(Ok(letter)) => {
                self.at += if letter.len_utf16() == 2 { 6 } else { 0 };
                Ok(letter.into())
            }
            _ => {
                self.half_a_pair = true;
                Ok(first.into())
            }
        }
    }

    fn unit(&self, at: usize) -> Result<u16, String> {
        let unit = self
            .text
            .get(at..at + 4)
            .and_then(|digits| u16::from_str_radix(digits, 16).ok());
        unit.ok_or_else(|| self.fault("four hex digits"))
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn skip(&mut self, mark: u8) -> bool {
        let found = self.peek() == Some(mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: u8) -> Result<(), String> {
        match self.skip(mark) {
            true => Ok(()),
            false => Err(self.fault(&format!("'{}'", char::from(mark)))),
        }
    }

    fn fault(&self, wanted: &str) -> String {
        format!("column {}: expected {wanted}", self.at + 1)
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * at)) as usize & 63];
            digits.push(if at > chunk.len() { '=' } else { digit.into() });
        }
    }
    digits
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if !matches!((digits.len() % 4, padding), (0, 0) | (2, 2) | (3, 1)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for digit in digits.bytes() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}
